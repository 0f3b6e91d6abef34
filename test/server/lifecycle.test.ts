/** Protocol parts 5 and 6: starting, settings, draining, and the command line. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  httpRequest,
  runMain,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
  withExchange,
} from '../harness.ts';

const test = suite('lifecycle');

/** One line on stderr, which is what an operator sees of a start that failed. */
const ONE_LINE = /^[^\n]+\n$/;

/** An exchange that runs in a folder with this `.env` file. */
function startIn(dotenv: string, env: Record<string, string> = {}): Promise<Exchange> {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '.env'), dotenv);
  return startExchange(env, undefined, folder);
}

/** What readyz says, or `closed` once nobody listens. */
async function readiness(exchange: Exchange): Promise<number | 'closed'> {
  return await httpRequest(exchange, '/readyz').then(
    ({ status }) => status,
    () => 'closed' as const,
  );
}

test('SIGTERM: not ready, then restarting to every client, 1012, and a clean end', async () => {
  const exchange = await startExchange();
  const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
  const unidentified = await TestClient.unidentified(exchange);
  const viewer = await TestClient.open(exchange, { path: '/live' });
  assert.is(await readiness(exchange), 200);

  exchange.process.kill('SIGTERM');
  const seen = await eventually(async () => {
    const status = await readiness(exchange);
    return status !== 200 && { status };
  }, 'readyz to change');
  assert.is(seen.status, 503);
  // Draining is not dead: health stays, and who is here may go on for the moment.
  const health = await httpRequest(exchange, '/healthz').catch(() => undefined);
  assert.ok(health === undefined || health.status === 200);

  for (const client of [ann, bob, unidentified]) {
    const { retryAfterMs, ...restarting } = await client.next();
    assert.equal(restarting, { type: 'restarting' });
    assert.ok(Number.isInteger(retryAfterMs), `retryAfterMs ${retryAfterMs}`);
    assert.ok((retryAfterMs as number) >= 0 && (retryAfterMs as number) <= 10_000);
    assert.is(await client.whenClosed(), 1012);
    // That friends went in the same moment may be said, but nothing after it.
    assert.ok(client.inbox.every(({ type }) => type === 'friend_disconnected'));
  }
  await viewer.whenClosed();
  assert.is(await exchange.ended, 0);
  assert.is(exchange.stderr(), '');
});

test('retryAfterMs is spread: a crowd does not come back as one', async () => {
  const exchange = await startExchange({ CLIENTS_PER_ADDRESS: '0' });
  const clients = await Promise.all(Array.from({ length: 20 }, () => TestClient.unidentified(exchange)));
  exchange.process.kill('SIGTERM');
  const waits: number[] = [];
  for (const client of clients) waits.push((await client.next('restarting')).retryAfterMs as number);
  assert.ok(new Set(waits).size > 10, `${waits}`);
  assert.ok(Math.max(...waits) - Math.min(...waits) > 1_000, `${waits}`);
  assert.is(await exchange.ended, 0);
});

test('SIGTERM to an exchange that nobody uses ends it, and SIGINT does the same', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const exchange = await startExchange();
    assert.is(await exchange.stop(signal), 0, signal);
  }
});

test('a second exchange on the same port is told so in one line, and the first is not disturbed', async () => {
  await withExchange({}, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    const second = await runMain([], { PORT: String(exchange.port) });
    assert.ok(second.code !== 0 && second.code !== null, `ended with ${second.code}`);
    assert.match(second.stderr, ONE_LINE);
    assert.match(second.stderr, new RegExp(String(exchange.port)));
    for (let n = 0; n < 5; n += 1) await TestClient.unidentified(exchange);
    await ann.request({ type: 'ask', content: 'still there?' }, 'question_sent');
    await bob.next('question');
  });
});

const BAD: [string, string][] = [
  ...['http', '-1', '65536', '80.5'].map((value): [string, string] => ['PORT', value]),
  ...['ten', '-1', 'Infinity'].map((value): [string, string] => ['QUESTIONS_PER_MINUTE', value]),
  ...['not-an-address', '127.0.0.1:80', '999.1.1.1'].map((value): [string, string] => ['HOST', value]),
  ['WRONG_CODES_PER_ADDRESS', 'many'],
  ['LOG_FILE_BYTES', '1000000000'],
  ['CLIENTS_PER_ADDRESS', '-5'],
  ['BACKPRESSURE_BYTES', '1 MiB'],
  ['INVITE_MINUTES', '1441'],
  ['IDLE_MINUTES', 'soon'],
  ['TRUST_PROXY', '-1'],
  ['PUBLIC_HOSTS', 'http://x/'],
  ['ALLOWED_ORIGINS', 'example.org'],
  ['LOG_LEVEL', 'loud'],
  ['LOG_FORMAT', 'xml'],
  ['PLAIN', 'maybe'],
];

test('a bad value stops the start with one line: the setting, what it got, what it takes', async () => {
  const check = async ([name, value]: [string, string]) => {
    const { code, stderr } = await runMain([], { PORT: '0', [name]: value });
    assert.is(code, 78, `${name}=${value}`);
    assert.match(stderr, ONE_LINE, `${name}=${value}`);
    assert.match(stderr, new RegExp(`\\b${name}\\b`));
    assert.ok(stderr.includes(value), `${name}=${value}: ${stderr}`);
  };
  for (let at = 0; at < BAD.length; at += 4) await Promise.all(BAD.slice(at, at + 4).map(check));
});

test('a .env file in the working directory is read; the environment goes before it', async () => {
  const exchange = await startIn('# a comment\n\nINVITE_MINUTES=1\nINVITES_LIVE="2"\nUNRELATED=ignored\n');
  const maker = await TestClient.identified(exchange, 'maker');
  assert.is((await maker.request({ type: 'create_invite' }, 'invite_created')).expiresIn, '1 minute');
  await exchange.stop();
  assert.not.match(JSON.stringify(exchange.logs), /UNRELATED/);

  const overridden = await startIn('INVITE_MINUTES=1\n', { INVITE_MINUTES: '30' });
  const other = await TestClient.identified(overridden, 'maker');
  assert.is((await other.request({ type: 'create_invite' }, 'invite_created')).expiresIn, '30 minutes');
  await overridden.stop();
});

test('a .env file that was written on Windows is read', async () => {
  const exchange = await startIn('INVITES_LIVE=2\r\nINVITE_MINUTES=1\r\n');
  const maker = await TestClient.identified(exchange, 'maker');
  assert.is((await maker.request({ type: 'create_invite' }, 'invite_created')).expiresIn, '1 minute');
  await exchange.stop();
});

test('a bad value in .env stops the start too', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, '.env'), 'IDLE_MINUTES=never\n');
  const { code, stderr } = await runMain([], { PORT: '0' }, folder);
  assert.is(code, 78);
  assert.match(stderr, ONE_LINE);
  assert.match(stderr, /\bIDLE_MINUTES\b/);
});

test('a near miss of a setting in .env is warned of, anything else is not', async () => {
  const exchange = await startIn('QUESTION_PER_MINUTE=3\nADMIN_PASWORD=near-miss-value\nSHELL_THEME=dark\nEDITOR=vi\n');
  await exchange.stop();
  const warnings = exchange.logs.filter(({ level }) => level === 'warn').map((entry) => JSON.stringify(entry));
  assert.is(warnings.filter((text) => text.includes('QUESTION_PER_MINUTE')).length, 1);
  assert.is(warnings.filter((text) => text.includes('ADMIN_PASWORD')).length, 1);
  // A near miss of a secret may be one.
  const printed = JSON.stringify(exchange.logs) + exchange.stderr();
  assert.not.match(printed, /SHELL_THEME|EDITOR|near-miss-value/);
});

test('DATA_DIR=memory keeps nothing; a folder that is missing is made', async () => {
  const folder = temporaryFolder();
  const inMemory = await startExchange({ DATA_DIR: 'memory' }, undefined, folder);
  await inMemory.stop();
  assert.not.ok(existsSync(join(folder, 'data')) || existsSync(join(folder, 'memory')));

  const nested = join(folder, 'new', 'folder');
  const kept = await startExchange({ DATA_DIR: nested });
  await kept.stop();
  assert.ok(existsSync(nested), 'a folder that is missing is made');
});

test('a DATA_DIR that cannot be used stops the start and is named', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  const { code, stderr } = await runMain([], { PORT: '0', DATA_DIR: join(folder, 'file') });
  assert.ok(code !== 0 && code !== null);
  assert.match(stderr, ONE_LINE);
  assert.match(stderr, /DATA_DIR/);
});

test('--version, --help and an unknown flag', async () => {
  const version = await runMain(['--version']);
  assert.is(version.code, 0);
  assert.match(version.stdout, /^[^\n]*\b\d+\.\d+\.\d+\b[^\n]*\n$/);
  const help = await runMain(['--help']);
  assert.is(help.code, 0);
  for (const word of ['--version', 'serve', 'users', 'DATA_DIR']) assert.ok(help.stdout.includes(word), word);
  assert.is(help.stderr, '');
  for (const flags of [['--nonsense'], ['-z'], ['users', '--nonsense']]) {
    const unknown = await runMain(flags);
    assert.is(unknown.code, 2, flags.join(' '));
    assert.match(unknown.stderr, ONE_LINE);
  }
});

test('the exchange runs from any working directory', async () => {
  const exchange = await startExchange({}, undefined, temporaryFolder());
  await TestClient.unidentified(exchange);
  await exchange.stop();
});

test.run();
