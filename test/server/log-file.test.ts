/** LOG_FILE on the running exchange: the log goes there, and no trouble with it ever reaches a client. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  httpRequest,
  type Json,
  MAIN,
  seededChance,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
  UNLIMITED,
  within,
} from '../harness.ts';
import { freePort } from '../torture/victims.ts';
import { smallDisk } from './disk.ts';

const test = suite('LOG_FILE');

const ONE_LINE = /^magi-exchange: LOG_FILE is "[^"\n]+": it cannot be [^\n]+\n$/;

function entries(file: string): Json[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  assert.is(lines.pop(), '', 'the file ends with a whole line');
  return lines.map((line) => JSON.parse(line) as Json);
}

/** Two who talk: as many questions as asked for, each of which reaches the other. */
async function talk(exchange: { port: number }, name: string, questions: number): Promise<void> {
  const [one, other] = await TestClient.pair(exchange, `${name} one`, `${name} other`);
  for (let n = 0; n < questions; n++) {
    await one.request({ type: 'ask', content: `question ${n}` }, 'question_sent');
    assert.is((await other.next('question')).content, `question ${n}`);
  }
  await Promise.all([one.close(), other.close()]);
}

async function isReady(port: number): Promise<boolean> {
  return await httpRequest({ port }, '/readyz').then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function linesDropped(exchange: Exchange): Promise<number> {
  const { text } = await httpRequest(exchange, '/metrics');
  const value = /^magi_log_\w*dropped\w* (\d+)$/m.exec(text)?.[1];
  assert.ok(value !== undefined, 'a metric of dropped lines');
  return Number(value);
}

test('the log goes to the file from the first line to the last, rotated, and not to standard output', async () => {
  const folder = join(temporaryFolder(), 'logs');
  const file = join(folder, 'server.log');
  const exchange = await startExchange({ ...UNLIMITED, LOG_FILE: file, LOG_FILE_BYTES: '20000', LOG_FILES: '3' });
  assert.is(entries(file)[0]?.event, 'started');
  // Lines are gathered for a moment, and one writing is never cut in two: so there are several.
  for (let round = 0; readdirSync(folder).length < 3; round++) await talk(exchange, `round ${round}`, 100);
  assert.is(await exchange.stop(), 0);
  assert.equal(readdirSync(folder).sort(), ['server.log', 'server.log.1', 'server.log.2']);
  for (const name of readdirSync(folder)) assert.ok(entries(join(folder, name)).length > 0);
  assert.is(entries(file).at(-1)?.event, 'stopped');
  assert.equal(exchange.logs, []);
  assert.is(exchange.stderr(), '');
});

test('a file that cannot be had does not stop the start; it is told once, and used as soon as it can be', async () => {
  const file = join(temporaryFolder(), 'server.log');
  mkdirSync(file);
  // Nobody learns of the port from the log, so it has to be known.
  const port = await freePort(seededChance('port'));
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH ?? '', PORT: String(port), DATA_DIR: 'memory', LOG_FILE: file },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, ended] = [text(child.stdout), text(child.stderr), once(child, 'exit')];
  try {
    await eventually(() => isReady(port), 'the exchange to listen');
    await talk({ port }, 'without a log', 5);
    rmdirSync(file);
    await eventually(async () => {
      await (await TestClient.open({ port })).close();
      return existsSync(file) && statSync(file).size > 0;
    }, 'the file to be used');
  } finally {
    child.kill('SIGTERM');
    assert.equal(await within(ended, 'the exchange to end'), [0, null]);
  }
  assert.match(await stderr, ONE_LINE);
  assert.is(await stdout, '');
});

test('on a full disk everybody talks on; when there is room, it is logged again', async () => {
  const disk = await smallDisk(1);
  try {
    const { exchange, file } = await disk.startLogging(UNLIMITED);
    try {
      await talk(exchange, 'before', 5);
      disk.fill();
      let round = 0;
      while ((await linesDropped(exchange)) === 0) await talk(exchange, `full ${round++}`, 20);
      assert.is((await httpRequest(exchange, '/readyz')).status, 200);
      assert.match(exchange.stderr(), ONE_LINE);
      assert.match(exchange.stderr(), /cannot be written \(ENOSPC\)/);
      const before = entries(file).length;
      disk.free();
      await eventually(async () => {
        await talk(exchange, `after ${round++}`, 1);
        return entries(file).length > before;
      }, 'the log to go on');
      assert.match(exchange.stderr(), ONE_LINE);
    } finally {
      await exchange.stop('SIGKILL');
    }
  } finally {
    await disk.remove();
  }
});

test('the password is shown on the terminal, and is in no log file', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'server.log');
  // A terminal of its own, which `script` makes.
  const env = { PATH: process.env.PATH ?? '', PORT: '0', DATA_DIR: join(folder, 'data'), LOG_FILE: file };
  const command = `'${process.execPath}' '${MAIN}' & until grep -qs started '${file}'; do sleep 0.1; done; kill $!; wait`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env,
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const password = readFileSync(join(folder, 'data', 'admin-password'), 'utf8').trim();
  assert.ok(stdout.includes(password), stdout);
  assert.not.match(stdout, /"event"/);
  assert.is(entries(file)[0]?.event, 'started');
  assert.not.ok(readFileSync(file, 'utf8').includes(password));
});

test.run();
