/**
 * What a person at a command line waits for: `npm run bench -- --only client`. A cold `status`; a question and its answer between two clients, each
 * with its folder on disk, the other one answering at once; an inbox of 100,000 messages. The exchange is the bundle, with a store on disk.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, openClient } from '../src/client/client.ts';
import { openDatabase } from '../src/client/home.ts';
import { Inbox } from '../src/client/inbox.ts';
import { serve } from './people.ts';
import { BUNDLE, start } from './process.ts';

const COLD_RUNS = 20;
const QUESTIONS = 2_000;
const WARM_QUESTIONS = 300;
const MESSAGES = 100_000;
const LISTED = 20;
const LISTINGS = 50;

const [mode, home = '', server = ''] = process.argv.slice(2);
if (mode === 'answer') await answer(openClient({ home, server, username: 'grace' }));
else await measure();

/** The other side: a process of its own, which answers at once. */
async function answer(client: Client): Promise<void> {
  for await (const question of client.questions()) void question.answer(question.text);
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'magi-bench-cli-'));
  const exchange = await serve();
  try {
    const url = `http://127.0.0.1:${exchange.port}`;
    const [ada, grace] = [join(folder, 'ada'), join(folder, 'grace')];
    await befriend(url, ada, grace);
    cold('a cold `status`', ['status'], url, ada, 'ada', 'asked: within 300 ms');
    await asks(url, ada, grace);
    await lists(url, join(folder, 'full'));
  } finally {
    await exchange.cleanUp();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function befriend(server: string, one: string, other: string): Promise<void> {
  const ada = openClient({ home: one, server, username: 'ada' });
  const grace = openClient({ home: other, server, username: 'grace' });
  await grace.connect((await ada.createInvite()).code);
  await ada.identify();
  await Promise.all([ada.close(), grace.close()]);
}

/** The command as a person types it, from the start of its process to its end. */
function cold(what: string, args: readonly string[], server: string, home: string, username: string, asked = ''): void {
  const { PATH = '', HOME = '' } = process.env;
  const env = { PATH, HOME, MAGI_HOME: home, MAGI_SERVER: server, MAGI_USERNAME: username };
  const times = Array.from({ length: COLD_RUNS }, () => {
    const startedAt = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [BUNDLE, ...args], { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
    return performance.now() - startedAt;
  });
  const bare = Array.from({ length: COLD_RUNS }, () => {
    const startedAt = performance.now();
    spawnSync(process.execPath, ['-e', '0'], { env });
    return performance.now() - startedAt;
  });
  print(what, times, `${asked === '' ? '' : `${asked}; `}Node alone: ${at(bare, 0.5)} ms`);
}

async function asks(server: string, home: string, other: string): Promise<void> {
  const answering = start([import.meta.filename, 'answer', other, server], {}, 1);
  const client = openClient({ home, server, username: 'ada' });
  for (let asked = 0; asked < WARM_QUESTIONS; asked++) await client.ask('grace', `warm ${asked}`);
  const times: number[] = [];
  for (let asked = 0; asked < QUESTIONS; asked++) {
    const startedAt = performance.now();
    await client.ask('grace', `What is ${asked} and ${asked}?`);
    times.push(performance.now() - startedAt);
  }
  await client.close();
  answering.kill();
  print('`ask` to the answer, both folders on disk', times, 'asked: p50 under 3 ms');
}

async function lists(server: string, home: string): Promise<void> {
  const database = openDatabase(home);
  await database.write(() => {
    database.run(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MESSAGES})
       INSERT INTO inbox (friend, username, kind, id, news, content, at, state)
       SELECT 'grace', 'grace', 'question', 'id-' || i, '', 'What is number ' || i || '?', i, 'answered' FROM n`,
    );
  });
  database.close();
  const times = Array.from({ length: LISTINGS }, () => {
    const startedAt = performance.now();
    const opened = openDatabase(home);
    const { length } = new Inbox(opened).list({ limit: LISTED });
    if (length !== LISTED) throw new Error(`${length} listed`);
    opened.close();
    return performance.now() - startedAt;
  });
  print(
    `the newest ${LISTED} of ${MESSAGES.toLocaleString('en')}, opening the store included`,
    times,
    'asked: within 50 ms',
  );
  cold('a cold `inbox --all` of them', ['inbox', '--all'], server, home, 'full');
}

function at(times: readonly number[], part: number): string {
  const sorted = [...times].sort((one, other) => one - other);
  return (sorted[Math.floor(sorted.length * part)] ?? Number.NaN).toFixed(1);
}

function print(what: string, times: readonly number[], more: string): void {
  console.log(
    `${what}: p50 ${at(times, 0.5)} ms, p95 ${at(times, 0.95)} ms, of ${times.length}${more && ` (${more})`}`,
  );
}
