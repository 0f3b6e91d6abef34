/** The store on disk among other processes, killed, and on a disk that takes no more. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { Store } from '../../src/exchange/ports.ts';
import { eventually, suite, within } from '../harness.ts';
import { rejects } from './contract.ts';
import { inFolder, stored } from './folder.ts';
import { bind, invite, mailbox, message, NOW, user } from './samples.ts';

const CHILD = fileURLToPath(import.meta.resolve('./child.ts'));

const test = suite('store: sqlite on a real disk');
const add = inFolder(test);

// --- other processes

/** A process of child.ts. `lines` grows with what it says. */
function start(what: string, path: string, limit: string[] = []) {
  const [program = process.execPath, ...args] = [...limit, process.execPath, '--disable-warning=ExperimentalWarning'];
  const child: ChildProcess = spawn(program, [...args, CHILD, what, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  const closed = once(child, 'close');
  return { child, lines, closed: within(closed, 'the process to end', 20_000) };
}

add('one process serves from the file; an operator may work beside it', async (folder) => {
  const store = folder.open();
  const { lines, closed } = start('open', folder.file);
  await closed;
  assert.match(lines.join('\n'), /^refused the store ".*" cannot be used: an exchange serves from it; [^\n]*$/);
  assert.match(folder.refusal(), /an exchange serves from it/);

  await bind(store, 'ann', 'bob');
  await store.putMessages([message(1, 'ann', 'bob'), message(2, 'bob', 'ann')]);
  const operator = folder.open({ serving: false });
  assert.ok(operator.epoch > store.epoch);
  await operator.forgetUser('ann');
  assert.is(await store.findUser('ann'), undefined);
  assert.equal(store.counts(), { messages: 1, bytes: 'content 2'.length, oldestAt: NOW });
  await rejects(store.putMessages([message(3, 'ann', 'bob')]));
  await store.putMessages([message(4, 'bob', 'ann')]);
  assert.is((await mailbox(operator, 'bob')).length, 2);
});

add('killed twenty times: what it was promised is there, what it was not is whole or not there', async (folder) => {
  const owed = new Set<number>();
  /** Its deletion was asked for, but not confirmed: it may be there or not. */
  const doubtful = new Set<number>();
  let promised = 0;
  for (let cycle = 0; cycle < 20; cycle++) {
    const { child, lines, closed } = start('write', folder.file);
    const enough = 8 + ((cycle * 37) % 90);
    while (lines.length < enough && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill('SIGKILL');
    await closed;
    assert.match(lines[0] ?? '', /^open/);
    for (const line of lines) {
      const [what, seq] = [line.split(' ')[0], Number(line.split(' ')[1])];
      if (what === 'put') owed.add(seq);
      if (what === 'acknowledging') doubtful.add(seq);
      if (what === 'acknowledged' && doubtful.delete(seq)) owed.delete(seq);
    }
    const store = folder.open();
    const waiting = await mailbox(store, 'ann');
    const there = new Set(waiting.map(({ seq }) => seq));
    for (const seq of owed) assert.ok(there.has(seq) || doubtful.has(seq), `${seq} is lost in cycle ${cycle}`);
    for (const { seq, content } of waiting) assert.is(content, `content ${seq}`);
    for (const seq of waiting.filter(({ seq }) => !owed.has(seq)).map(({ seq }) => seq))
      assert.not(lines.includes(`acknowledged ${seq}`), `${seq} is back`);
    promised += owed.size;
    await store.acknowledge('ann', [...there], []);
    owed.clear();
    doubtful.clear();
    await folder.closeAll();
  }
  assert.ok(promised > 300, `${promised}`);
});

// --- a disk that takes no more

add('a full file refuses who writes, serves who reads, and goes on when there is room', async (folder) => {
  const store = folder.open({ pagesMax: 120 });
  await bind(store, 'ann', 'bob');
  await store.addInvite(invite('GUEST1', { durable: false }), NOW);
  const large = (seq: number) => message(seq, 'ann', 'bob', { content: 'x'.repeat(20_000) });
  let seq = 0;
  while (await stored(store.putMessages([large(seq + 1)]))) seq++;
  assert.ok(seq > 5, `${seq}`);

  const before = store.counts();
  const results = await Promise.allSettled([
    store.bindUser(user('eve')),
    store.addInvite(invite('GUEST2', { durable: false }), NOW),
    store.redeemInvite('GUEST1', NOW),
    store.putMessages([large(seq + 2)]),
    mailbox(store, 'ann'),
    store.waiting('ann'),
    store.findUser('eve'),
    store.findInvite('GUEST1', NOW),
    store.findInvite('GUEST2', NOW),
  ]);
  assert.equal(
    results.map(({ status }) => status === 'fulfilled'),
    [false, true, false, false, true, true, true, true, true],
  );
  const [waiting, heads, eve, first, second] = results.slice(4).map((result) => 'value' in result && result.value);
  assert.is((waiting as unknown[]).length, seq);
  assert.is((heads as unknown[]).length, seq);
  assert.is(eve, undefined, 'it was refused');
  assert.ok(first && second, 'what is in memory alone went back, or was kept, with the answers');
  assert.equal(store.counts(), before);

  await store.acknowledge('ann', [1, 2], []);
  assert.ok(await stored(store.putMessages([large(seq + 3)])), 'there is room again');
  await folder.closeAll();
  assert.is((await mailbox(folder.open(), 'ann')).length, seq - 1);
});

const mounted = mountSmallDisk();
if (mounted !== undefined)
  add('a full disk refuses who writes, serves who reads, and goes on when there is room', async (folder) => {
    Object.assign(folder, { file: join(mounted, 'exchange.db') });
    const ballast = join(mounted, 'ballast');
    writeFileSync(ballast, Buffer.alloc(600_000));
    const store = folder.open();
    await bind(store, 'ann');
    const promised: number[] = [];
    const put = async (seq: number) => {
      const done = await stored(store.putMessages([message(seq, 'ann', 'bob', { content: 'x'.repeat(9_000) })]));
      if (done) promised.push(seq);
      return done;
    };
    let seq = 1;
    for (let refused = 0; refused < 5; seq++) if (!(await put(seq))) refused++;
    const there = async (from: Store) => (await mailbox(from, 'ann')).map(({ seq }) => seq);
    assert.equal(await there(store), promised);
    rmSync(ballast);
    await eventually(() => put(seq++), 'the store to take messages again');
    await folder.closeAll();
    const later = folder.open();
    assert.equal(await there(later), promised);
    await later.acknowledge('ann', promised, []);
    await folder.closeAll();
  });
process.on('exit', () => {
  if (mounted === undefined) return;
  execFileSync('/bin/umount', [mounted]);
  rmSync(mounted, { recursive: true });
});

/** A disk of one MiB, where this may be made. Where not, the full file above is the test. */
function mountSmallDisk(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined;
  const path = mkdtempSync(join(tmpdir(), 'magi-disk-'));
  if (spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]).status === 0) return path;
  rmSync(path, { recursive: true });
  return undefined;
}

if (process.platform !== 'win32')
  add('a disk that fails a write is fatal: what was promised before is there', async (folder) => {
    // A write beyond the limit of a file's size fails like one on a broken disk: with an error that is not "full".
    const { lines, closed } = start('fill', folder.file, ['sh', '-c', 'ulimit -f 2048; exec "$0" "$@"']);
    const [code] = await closed;
    assert.is(code, 3);
    assert.match(
      lines.at(-1) ?? '',
      /^fatal the store ".*" has failed: the disk fails or is full \(SQLITE_IOERR\w*\)$/,
    );
    const promised = lines.filter((line) => line.startsWith('put ')).map((line) => Number(line.slice(4)));
    assert.ok(promised.length > 20, `${promised.length}`);
    const waiting = (await mailbox(folder.open(), 'ann')).map(({ seq }) => seq);
    assert.equal(waiting.slice(0, promised.length), promised);
  });

test.run();
