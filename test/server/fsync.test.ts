/**
 * A disk that fails to flush (protocol part 3): nobody knows what is on it then, so nothing is acknowledged any more and the process ends.
 * The error is real to the process: strace puts it in place of what the kernel answers to fsync and fdatasync.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { STORE_FILE } from '../../src/store/sqlite.ts';
import {
  type Exchange,
  eventually,
  MAIN,
  startExchange,
  suite,
  type TestClient,
  temporaryFolder,
  within,
} from '../harness.ts';
import { ask, askAll, friends, ids, idsOf, KeyedUser, MANY, question, takeMail } from './keyed.ts';

const test = suite('a disk that fails to flush');

/** EX_IOERR of sysexits.h. */
const EXIT_IO = 74;
const LAST_WORDS =
  /^magi-exchange: the store "[^"\n]+" has failed: the disk fails or is full \(SQLITE_IOERR\w*\)\. Nothing that was acknowledged is lost; [^\n]+\n$/;
const INJECT = ['-e', 'inject=fsync,fdatasync:error=EIO'];
/** What is said to sockets and to standard output. */
const CALLS = 'fsync,fdatasync,write,writev,sendto,sendmsg';

interface Tracer {
  /** The system calls, from the first flush that failed to the end of the process. */
  afterFailure(): Promise<string[]>;
}

/** From now on every flush of the process fails; or every one of this file. */
async function failFlushes({ process: { pid } }: Exchange, path?: string): Promise<Tracer> {
  if (process.platform !== 'linux') throw new Error('A flush is made to fail by strace: run this test on Linux.');
  const file = join(temporaryFolder(), 'calls');
  const args = ['-f', '-p', String(pid), '-s', '4096', '-o', file, '-e', `trace=${CALLS}`, ...INJECT];
  if (path !== undefined) args.push('-P', path);
  const tracer = spawn('strace', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.on('exit', () => tracer.kill('SIGKILL'));
  let said = '';
  const ended = once(tracer, 'close').catch((error: Error) => {
    said += error.message;
  });
  const attached = new Promise<void>((resolve) => {
    tracer.stderr.on('data', (text) => {
      said += text;
      if (said.includes(' attached')) resolve();
    });
  });
  const refused = ended.then(() => {
    throw new Error(
      `This test needs strace (apt-get install strace), allowed to trace another process: ${said.trim()}`,
    );
  });
  refused.catch(() => {});
  await within(Promise.race([attached, refused]), 'strace to attach');
  return {
    async afterFailure() {
      await within(ended, 'strace to end');
      const calls = readFileSync(file, 'utf8').split('\n');
      const failedAt = calls.findIndex((call) => call.includes('EIO') && call.includes('(INJECTED)'));
      assert.ok(failedAt >= 0, 'no flush was asked for');
      return calls.slice(failedAt + 1);
    },
  };
}

const started: Exchange[] = [];
async function startOn(folder: string): Promise<Exchange> {
  const exchange = await startExchange({ ...MANY, DATA_DIR: folder });
  started.push(exchange);
  return exchange;
}
test.afterEach(async () => {
  for (const exchange of started.splice(0)) await exchange.stop('SIGKILL');
});

/** Ann, and Bob who is away; what he is sent needs the disk. */
async function setOut(folder: string): Promise<{ exchange: Exchange; ann: KeyedUser; bob: KeyedUser; a: TestClient }> {
  const exchange = await startOn(folder);
  const [ann, bob] = [new KeyedUser('ann'), new KeyedUser('bob')];
  const [a, b] = await friends(exchange, ann, bob);
  await b.close();
  await a.next('friend_away');
  await askAll(a, bob, ids('before', 20), 'queued');
  return { exchange, ann, bob, a };
}

/** The flush into the database, a second after the last commit, must not be the first that fails: whoever is still here would not hear. */
async function emptied(folder: string): Promise<void> {
  await eventually(() => statSync(join(folder, `${STORE_FILE}-wal`)).size === 0, 'the log to be emptied');
}

async function assertEnded(exchange: Exchange): Promise<void> {
  assert.is(await within(exchange.ended, 'the exchange to end'), EXIT_IO);
  assert.match(exchange.stderr(), LAST_WORDS);
}

test('the flush of a commit fails: the end at once, nothing acknowledged after it, and all that was is there', async () => {
  const folder = temporaryFolder();
  const { exchange, ann, bob, a } = await setOut(folder);
  const here = await friends(exchange, new KeyedUser('cleo'), new KeyedUser('dan'));
  await emptied(folder);
  const tracer = await failFlushes(exchange);
  // Those who are here need no disk, until somebody needs it.
  here[0].send({ type: 'ask', id: 'here', content: 'still?' });
  await takeMail(here[1], 1);
  assert.is((await here[0].next('question_sent')).status, 'delivered');
  for (const id of ids('late', 50)) a.send(question(bob, id));
  await assertEnded(exchange);
  await a.whenClosed();
  assert.equal(a.inbox, [], 'nobody was told anything, neither well nor badly');
  const after = await tracer.afterFailure();
  assert.equal(
    after.filter((call) => /_sent|receipt|storage_failed/.test(call)),
    [],
  );

  const again = await startOn(folder);
  const sender = await ann.come(again);
  const { client, identified } = await bob.arrive(again);
  const pending = identified.pending as number;
  assert.ok(pending >= 20, `${pending}`);
  const mail = idsOf(await takeMail(client, pending));
  // What was in the transaction that failed may be there or not, but whole and behind the rest.
  const late = ids('late', 50);
  assert.equal(mail.slice(0, 20), ids('before', 20));
  assert.equal(mail.slice(20), late.slice(0, pending - 20));
  await sender.next('friend_online');
  await client.close();
  while ((await sender.next()).type !== 'friend_away');
  // Behind the receipts for what Bob has.
  sender.send(question(bob, 'after'));
  let sent = await sender.next();
  while (sent.type === 'receipt') sent = await sender.next();
  assert.equal([sent.id, sent.status], ['after', 'queued']);
  assert.is(again.stderr(), '');
});

test('the flush of the log into the database fails, while nobody asks for anything: the same end', async () => {
  const folder = temporaryFolder();
  const { exchange, bob, a } = await setOut(folder);
  await emptied(folder);
  const tracer = await failFlushes(exchange, join(folder, STORE_FILE));
  // The log is flushed as ever.
  assert.is(await ask(a, bob, 'last'), 'queued');
  await assertEnded(exchange);
  await a.whenClosed();
  await tracer.afterFailure();
  const again = await startOn(folder);
  const { client, identified } = await bob.arrive(again);
  assert.is(identified.pending, 21);
  assert.equal(idsOf(await takeMail(client, 21)), [...ids('before', 20), 'last']);
});

test('a disk that fails while the exchange starts stops the start with one line, and harms nothing', async () => {
  const folder = temporaryFolder();
  const { exchange, bob } = await setOut(folder);
  await exchange.stop('SIGKILL');
  const traced = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', ...INJECT];
  const refusal = await startExchange({ ...MANY, DATA_DIR: folder }, [...traced, process.execPath, MAIN]).then(
    (started) => started.stop('SIGKILL').then(() => 'it started'),
    (error: Error) => error.message,
  );
  assert.match(refusal, /^the exchange ended with [1-9]\d* before it listened: magi-exchange: DATA_DIR is [^\n]+\n$/);
  const again = await startOn(folder);
  assert.equal(idsOf(await takeMail(await bob.come(again), 20)), ids('before', 20));
});

test.run();
