/** The outbox: what nobody has taken over yet, in its order, and what is remembered of the rest. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Database } from '../../src/client/database.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { type Draft, newId, Outbox } from '../../src/client/outbox.ts';
import { suite, temporaryFolder } from '../harness.ts';
import { refusal } from './people.ts';

const test = suite('client outbox');
const DAY_MS = 86_400_000;

function draft(id: string, more: Partial<Draft> = {}): Draft {
  return {
    id,
    kind: 'question',
    to: 'Grace',
    content: `content of ${id}`,
    at: 1,
    owner: 'me',
    state: 'waiting',
    ...more,
  };
}

function open(path?: string) {
  const database = new Database(path);
  const outbox = new Outbox(database);
  const add = (...drafts: Draft[]) => Promise.all(drafts.map((one) => database.write(() => outbox.add(one))));
  /** What was left for later is done. */
  const settled = () => database.write(() => {});
  return { database, outbox, add, settled };
}

const ids = (some: readonly { id: string }[]) => some.map(({ id }) => id);

test('keeps what nobody has taken over, in order, also after a restart', async () => {
  const path = join(temporaryFolder(), 'file');
  const { outbox, add, database } = open(path);
  const added = add(draft('m1'), draft('m2'), draft('m3', { kind: 'answer', replyTo: 'q1' }), draft('m4'));
  assert.equal(outbox.waiting(), [], 'nothing is sent that is not safe');
  await added;
  outbox.taken('m2', 'delivered');
  outbox.refused('m4', 'no_connection', 'You have no connection with grace.');
  database.close();
  const again = open(path);
  assert.equal(ids(again.outbox.waiting()), ['m1', 'm3']);
  assert.is(again.outbox.size, 2);
  const { state, to, content, at, replyTo, kind, owner, outcome } = again.outbox.waiting()[1] ?? {};
  assert.equal(
    { state, to, content, at, replyTo, kind, owner, outcome },
    {
      state: 'waiting',
      to: 'Grace',
      content: 'content of m3',
      at: 1,
      replyTo: 'q1',
      kind: 'answer',
      owner: 'me',
      outcome: undefined,
    },
  );
  assert.is(again.outbox.find('m2')?.state, 'delivered');
  const refused = again.outbox.find('m4');
  assert.equal(
    [refused?.state, refused?.code, refused?.reason],
    ['refused', 'no_connection', 'You have no connection with grace.'],
  );
  again.database.close();
});

test('an id is used once', async () => {
  const { add, outbox } = open();
  await add(draft('m1'));
  assert.is(await refusal(add(draft('m1', { content: 'other words' }))), 'storage_failed');
  assert.is(outbox.find('m1')?.content, 'content of m1');
});

test('what has been settled does not change its mind', async () => {
  const { add, outbox, settled } = open();
  await add(draft('m1'), draft('m2'));
  outbox.taken('m1', 'queued');
  outbox.refused('m1', 'mailbox_full', 'Full.');
  outbox.refused('m2', 'mailbox_full', 'Full.');
  outbox.taken('m2', 'delivered');
  await settled();
  assert.equal(
    ['m1', 'm2'].map((id) => outbox.find(id)?.state),
    ['queued', 'refused'],
  );
});

test('a question is open again when nobody takes the answer to it, and only then', async () => {
  const { add, outbox, settled, database } = open();
  const inbox = new Inbox(database);
  for (const [id, from] of [
    ['q1', 'grace'],
    ['q2', 'grace'],
    ['q1', 'eve'],
  ] as const) {
    const entry = await inbox.put(
      { type: 'question', id, from, fromNickname: from, content: id, deliveryId: `${id} ${from}` },
      0,
    );
    await database.write(() => inbox.finish(entry?.number ?? 0, 'me', 'answered', 0));
  }
  await add(draft('a1', { kind: 'answer', replyTo: 'q1' }), draft('a2', { kind: 'answer', replyTo: 'q2' }));
  outbox.taken('a2', 'delivered');
  outbox.refused('a2', 'mailbox_full', 'Full.');
  outbox.refused('a1', 'mailbox_full', 'Full.');
  await settled();
  assert.equal(
    [1, 2, 3].map((number) => inbox.find(number)?.state),
    ['open', 'answered', 'answered'],
  );
  assert.is((await inbox.claimNext('another', ['hold'], 0))?.number, 1, 'at once, not after 10 minutes');
});

test('a draft is not sent before the owner agrees, and not at all otherwise', async () => {
  const { add, outbox, settled, database } = open();
  await add(draft('d1', { state: 'draft' }), draft('m1'), draft('d2', { state: 'draft' }));
  assert.equal([ids(outbox.waiting()), ids(outbox.drafts()), outbox.size], [['m1'], ['d1', 'd2'], 1]);
  outbox.taken('d1', 'delivered');
  await settled();
  assert.is(await database.write(() => outbox.approve('d1', 'another', 5)), true);
  assert.is(await database.write(() => outbox.approve('d1', 'another', 6)), false);
  assert.is(await database.write(() => outbox.approve('m1', 'another', 6)), false);
  assert.is(await database.write(() => outbox.discard('m1')), false);
  assert.is(await database.write(() => outbox.discard('d2')), true);
  assert.equal([ids(outbox.waiting()), outbox.drafts()], [['d1', 'm1'], []]);
  assert.equal([outbox.find('d1')?.owner, outbox.find('d1')?.at], ['another', 5]);
});

test('what is settled is remembered for 30 days, what waits longer', async () => {
  const { add, outbox, settled } = open();
  await add(draft('old', { at: 0 }), draft('new', { at: DAY_MS }), draft('waits', { at: 0 }));
  await add(draft('draft', { at: 0, state: 'draft' }));
  outbox.taken('old', 'delivered');
  outbox.taken('new', 'delivered');
  outbox.forgetOld(30 * DAY_MS);
  await settled();
  assert.ok(outbox.find('old'));
  outbox.forgetOld(30 * DAY_MS + 1);
  await settled();
  assert.equal(ids(['old', 'new', 'waits', 'draft'].flatMap((id) => outbox.find(id) ?? [])), ['new', 'waits', 'draft']);
});

test('the newest questions of this user, and the same one asked again', async () => {
  const { add, outbox, settled } = open();
  await add(draft('m1', { at: 10 }), draft('m2', { at: 20 }), draft('a1', { kind: 'answer' }), draft('m3', { at: 30 }));
  assert.equal(ids(outbox.questions(2)), ['m3', 'm2']);
  assert.is(outbox.findOpen('grace', 'content of m2', 20)?.id, 'm2');
  assert.is(outbox.findOpen('grace', 'content of m2', 21), undefined);
  assert.is(outbox.findOpen('eve', 'content of m2', 0), undefined);
  outbox.refused('m2', 'no_connection', 'No.');
  await settled();
  assert.is(outbox.findOpen('grace', 'content of m2', 0), undefined);
});

test('an id is nothing that a command line could take for an option', () => {
  const ids = Array.from({ length: 2_000 }, newId);
  assert.equal(
    ids.filter((id) => !/^[A-Za-z0-9][A-Za-z0-9_-]{21}$/.test(id)),
    [],
  );
  assert.is(new Set(ids).size, ids.length);
});

test.run();
