/** The same random operations on two stores have the same answers. The store in memory is the one that is obviously right. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Store } from '../../src/exchange/ports.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { LocalStore } from '../../src/store/rules.ts';
import { bind, connect, connection, counter, EVERYTHING, invite, message, NOW, receipt, user } from './samples.ts';

/** Sequence numbers: given when it is asked, or when it is done. */
interface Seqs {
  readonly asked: () => number;
  readonly done: () => number;
}

type Ask = (store: Store, seqs: Seqs) => Promise<unknown>;

const NAMES = ['ann', 'bob', 'cy'] as const;
const name = fc.constantFrom(...NAMES);
const code = fc.constantFrom('AAAAAA', 'BBBBBB');
const id = fc.constantFrom('x', 'y', 'z');
const time = fc.nat(9).map((later) => NOW + later);
const two = fc.tuple(id, name, name, time).filter(([, one, other]) => one !== other);
const seqs = fc.array(fc.nat(60), { maxLength: 9 });

const invites: fc.Arbitrary<Ask>[] = [
  fc.tuple(code, name, time, time).map(([code, userKey, expiresAt, now]) => (store) => {
    return store.addInvite(invite(code, { userKey, durable: code === 'AAAAAA', expiresAt }), now);
  }),
  fc.tuple(code, time).map(
    ([code, now]) =>
      (store) =>
        store.findInvite(code, now),
  ),
  fc.tuple(code, time, fc.option(two, { nil: undefined })).map(([code, now, made]) => (store) => {
    return store.redeemInvite(code, now, made && connection(...made));
  }),
  fc.array(code).map((codes) => (store) => store.removeInvites(codes)),
  fc.tuple(name, time).map(
    ([key, now]) =>
      async (store) =>
        sorted(await store.invitesOf(key, 'pk-ann', now)),
  ),
];

const users: fc.Arbitrary<Ask>[] = [
  name.map((key) => (store) => store.findUser(key)),
  fc.tuple(name, time).map(
    ([key, usedAt]) =>
      (store) =>
        store.bindUser(user(key, { usedAt })),
  ),
  fc.tuple(name, time).map(
    ([key, usedAt]) =>
      (store) =>
        store.touchUser(key, `nick ${usedAt}`, usedAt),
  ),
  name.map((key) => (store) => store.forgetUser(key)),
  name.map((key) => (store) => store.connectionsOf(key)),
  two.map((made) => (store) => connect(store, connection(...made))),
  fc.tuple(id, time).map(([id, now]) => async (store, { done }) => {
    const all = (await Promise.all(NAMES.map((key) => store.connectionsOf(key)))).flat();
    const [leaver, other] = all.find((row) => row.connection.id === id)?.connection.userKeys ?? ['ann', 'bob'];
    return (await store.endConnection(id, leaver, other, done, now)).map(({ seq: _, ...told }) => told);
  }),
];

const put: fc.Arbitrary<Ask> = fc
  .array(fc.tuple(name, name, time, fc.nat(9_000)), { maxLength: 4 })
  .map((rows) => (store, { asked }) => {
    const content = (length: number) => 'é'.repeat(length);
    return store.putMessages(
      rows.map(([to, from, takenAt, length]) => message(asked(), to, from, { takenAt, content: content(length) })),
    );
  });

const mailboxes: fc.Arbitrary<Ask>[] = [
  put,
  name.map((key) => (store) => store.waiting(key)),
  fc.tuple(name, fc.nat(60), fc.nat(5), fc.nat(9_000)).map(([key, ...bounds]) => (store) => {
    return store.nextMessages(key, ...bounds);
  }),
  fc.tuple(name, seqs, name, id).map(([key, seqs, friend, id]) => (store, { asked }) => {
    return store.acknowledge(key, seqs, [receipt(asked(), friend, key, { id })]);
  }),
  fc.array(fc.tuple(name, name, id), { maxLength: 4 }).map((rows) => (store, { asked }) => {
    return store.putReceipts(rows.map(([to, friend, id]) => receipt(asked(), to, friend, { id })));
  }),
  fc.tuple(name, seqs).map(
    ([key, seqs]) =>
      (store) =>
        store.removeReceipts(key, seqs),
  ),
  fc.tuple(time, fc.boolean(), time).map(([now, lapse, takenBefore]) => async (store, { done }) => {
    const { messages } = await store.expire(now, lapse ? now : 0, takenBefore, done);
    return sorted(messages.map(({ seq }) => seq));
  }),
];

/** Rows in an order that no one has promised. */
function sorted<T>(rows: readonly T[]): T[] {
  return [...rows].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
}

/** Asks for the things of a turn at once, so that they share a transaction, of which parts fail. */
async function answers(store: LocalStore, turns: readonly (readonly Ask[])[]): Promise<unknown[]> {
  const seqs = { asked: counter(1), done: counter(100_000) };
  const answers: unknown[] = [];
  await bind(store, ...NAMES);
  for (const turn of turns) {
    const results = await Promise.allSettled(turn.map((ask) => ask(store, seqs)));
    answers.push(results.map((result) => ('value' in result ? result.value : 'refused')));
  }
  for (const key of NAMES)
    answers.push(
      await store.nextMessages(key, 0, ...EVERYTHING),
      await store.connectionsOf(key),
      sorted((await store.receiptsFor(key)).map(({ seq: _, ...told }) => told)),
    );
  answers.push(store.counts(), store.totalBytes);
  return answers;
}

/** `open` opens an empty store, each time another one. */
export async function compareWithMemory(open: (index: number) => LocalStore): Promise<void> {
  const many = { minLength: 4, maxLength: 12 };
  const ask = fc.oneof(...invites, ...users, ...mailboxes, put, put, put);
  const next = counter(1);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(ask, many), many), async (turns) => {
      const store = open(next());
      const found = await answers(store, turns).finally(() => store.close());
      assert.equal(found, await answers(memoryStore(1), turns));
    }),
    { numRuns: 40 },
  );
}
