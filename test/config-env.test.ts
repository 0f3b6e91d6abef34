/** Where settings come from: the environment and `.env`; names that look like a setting and are none; the help. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { type Config, OperatorError, readConfig, settingsHelp } from '../src/config.ts';
import { suite, temporaryFolder } from './harness.ts';

const test = suite('config, environment');

const before = process.cwd();
test.before(() => process.chdir(temporaryFolder()));
test.afterEach(() => rmSync('.env', { recursive: true, force: true }));
test.after(() => process.chdir(before));

const read = (environment: Record<string, string>): Config => readConfig(environment, false);

/** The one line with which the start is refused. */
function refusal(): string {
  try {
    read({});
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    assert.is(error.exitCode, 78);
    assert.not.match(error.message, /[\n\r]/);
    return error.message;
  }
  throw new Error(`it was not refused`);
}

test('.env is read, and the environment goes before it', () => {
  writeFileSync('.env', '# ours\nPORT=9000\nINVITE_MINUTES="5"\nexport LOG_LEVEL=warn\n\nNODE_ENV=production\n');
  const { PORT, INVITE_MINUTES, LOG_LEVEL, warnings } = read({ PORT: '9001' });
  assert.equal([PORT, INVITE_MINUTES, LOG_LEVEL, warnings], [9_001, 5, 'warn', []]);
  // Some editors begin a file with a byte-order mark, and end its lines in their own way.
  writeFileSync('.env', '\ufeffPORT=9002\r\nLOG_LEVEL=error\r\n');
  assert.equal([read({}).PORT, read({}).LOG_LEVEL, read({}).warnings], [9_002, 'error', []]);
  writeFileSync('.env', 'PORT=nine thousand\n');
  assert.is(refusal(), 'PORT is "nine thousand": it takes a whole number from 0 to 65535.');
});

test('a .env that cannot be read stops the start', () => {
  mkdirSync('.env');
  assert.match(refusal(), /^\.env cannot be read \(EISDIR\)/);
});

test('a near miss of a setting is warned of: any in .env, in the environment only that of a long name', () => {
  const near = {
    WRONG_CODE_PER_USER: 'WRONG_CODES_PER_USER',
    LOG_LEVELS: 'LOG_LEVEL',
    invite_minutes: 'INVITE_MINUTES',
  };
  for (const [name, meant] of Object.entries(near)) {
    assert.equal(read({ [name]: '1' }).warnings, [
      `${name} is not a setting: did you mean ${meant}? It changes nothing.`,
    ]);
    writeFileSync('.env', `${name}=1\n`);
    assert.is(read({}).warnings.length, 1);
    rmSync('.env');
  }
  const short = { HOSTS: 'HOST', PORTS: 'PORT' };
  assert.equal(
    read({ HOSTS: 'x', PORTS: '1', SHELL: '/bin/sh', PATH: '/bin', LANG: 'C', NODE_ENV: 'production' }).warnings,
    [],
  );
  writeFileSync('.env', 'HOSTS=x\nPORTS=1\nSOMETHING_ELSE=1\n');
  assert.equal(
    read({}).warnings,
    Object.entries(short).map(
      ([name, meant]) => `${name} is not a setting: did you mean ${meant}? It changes nothing.`,
    ),
  );
});

test('a setting that this version does not have yet is warned of', () => {
  assert.equal(read({ NATS_URL: '1' }).warnings, [
    'NATS_URL is set, but this version does not have it yet: it changes nothing.',
  ]);
  assert.equal(read({ NATS_URL: '' }).warnings, []);
});

test('the help has one line for each setting, with its default', () => {
  const lines = settingsHelp().split('\n');
  assert.equal(
    lines.map((line) => line.trim().split(' ')[0]),
    Object.keys(read({})).filter((name) => name === name.toUpperCase()),
  );
  assert.match(lines[1] ?? '', /^ {2}PORT +the port to listen on; 0: any free one \(8082\)$/);
});

test.run();
