/** What the store on disk costs: CPU of the whole process for each message, commits, flushes and the emptying of the log included. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WaitingMessage } from '../src/exchange/ports.ts';
import type { LocalStore } from '../src/store/rules.ts';
import { openSqlite } from '../src/store/sqlite.ts';

const folder = mkdtempSync(join(tmpdir(), 'magi-bench-'));
const names = Array.from({ length: 8 }, (_, index) => `user number ${index}`);
/** The median of so many rounds counts: other processes disturb single ones. */
const ROUNDS = 5;
let seq = 1;
let files = 0;

function open(path = join(folder, `${files++}.sqlite`)): LocalStore {
  return openSqlite(path, {
    fatal(line) {
      throw new Error(line);
    },
  });
}

async function opened(): Promise<LocalStore> {
  const store = open();
  for (const key of names)
    await store.bindUser({ key, username: key, nickname: key, publicKey: key.padEnd(43), usedAt: 1 });
  return store;
}

function message(recipient: string, length: number): WaitingMessage {
  const id = `${seq.toString(36)}-${Math.random().toString(36).slice(2)}`;
  const from = { sender: 'a sender', username: 'A Sender', nickname: 'Sender' };
  const content = 'x'.repeat(length);
  const rest = { type: 'question', replyTo: undefined, content, bytes: length, takenAt: 1.75e12 + seq } as const;
  return { seq: seq++, recipient, ...from, id, ...rest };
}

const nameOf = (index: number) => names[index % names.length] as string;

/** Puts `count` messages, each by a call of its own, `perTurn` in a turn of the event loop. */
async function put(store: LocalStore, count: number, perTurn: number, length = 200): Promise<void> {
  for (let done = 0; done < count; done += perTurn)
    await Promise.all(
      Array.from({ length: Math.min(perTurn, count - done) }, (_, index) =>
        store.putMessages([message(nameOf(done + index), length)]),
      ),
    );
}

/** CPU time of this process, in microseconds a message. */
async function cpu(count: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}

async function row(title: string, round: () => Promise<number>): Promise<void> {
  const figures: number[] = [];
  for (let index = 0; index <= ROUNDS; index++) figures.push(await round());
  // The first is to warm up.
  const sorted = figures.slice(1).sort((one, other) => one - other);
  const [least, median, most] = [0, ROUNDS >> 1, ROUNDS - 1].map((index) => (sorted[index] ?? 0).toFixed(1));
  console.log(`${title.padEnd(64)} ${median?.padStart(8)}   (${least} to ${most})`);
}

/** As clients do: 64 acknowledgements of several users come in a turn, of one message each. */
async function acknowledge(store: LocalStore, mailboxes: Map<string, number[]>): Promise<void> {
  const all = [...mailboxes].flatMap(([key, seqs]) => seqs.map((seq) => [key, seq] as const));
  all.sort(([, one], [, other]) => one - other);
  for (let done = 0; done < all.length; done += 64)
    await Promise.all(all.slice(done, done + 64).map(([key, seq]) => store.acknowledge(key, [seq], [])));
}

async function waiting(store: LocalStore): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>();
  for (const key of names)
    found.set(
      key,
      (await store.nextMessages(key, 0, 1e6, 1e12)).map(({ seq }) => seq),
    );
  return found;
}

async function drain(store: LocalStore, key: string): Promise<void> {
  let after = 0;
  for (;;) {
    const some = await store.nextMessages(key, after, 64, 262_144);
    const last = some.at(-1);
    if (last === undefined) return;
    const seqs = some.map(({ seq }) => seq);
    await store.acknowledge(key, seqs, []);
    after = last.seq;
  }
}

const MANY = 12_800;

console.log('The store on disk: CPU µs a message (least and most of the rounds)');
const store = await opened();
await row('put 64 a turn', () => cpu(MANY, () => put(store, MANY, 64)));
await row('acknowledge 64 a turn, and put again', async () => {
  await put(store, MANY, 64);
  const mailboxes = await waiting(store);
  const count = [...mailboxes.values()].reduce((sum, seqs) => sum + seqs.length, 0);
  return await cpu(count, () => acknowledge(store, mailboxes));
});
await row('put 64 a turn where others were', () => cpu(MANY / ROUNDS, () => put(store, MANY / ROUNDS, 64)));
await row('put 1 a turn', () => cpu(500, () => put(store, 500, 1)));
await row('nextMessages 64', () =>
  cpu(6_400, async () => {
    for (let index = 0; index < 100; index++) await store.nextMessages(nameOf(index), 0, 64, 262_144);
  }),
);
await row('put 64 a turn, 2,000 bytes', () => cpu(3_200, () => put(store, 3_200, 64, 2_000)));
await row('put 16 a turn, 32 KiB', () => cpu(320, () => put(store, 320, 16, 32_768)));
await store.close();

await row('drain of 1,000, 64 at a time', async () => {
  const store = await opened();
  await put(store, 8_000, 64);
  const figure = await cpu(1_000, () => drain(store, nameOf(3)));
  await store.close();
  return figure;
});

const path = join(folder, 'many.sqlite');
const many = open(path);
for (const key of names)
  await many.bindUser({ key, username: key, nickname: key, publicKey: key.padEnd(43), usedAt: 1 });
await put(many, 100_000, 512);
await many.close();
await row('open with 100,000 waiting, milliseconds in all', () => cpu(1_000, async () => await open(path).close()));
rmSync(folder, { recursive: true });
