/** Protocol part 3: the order of messages on every path, and how a mailbox drains. */
import * as assert from 'uvu/assert';
import { type Json, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, drain, durableWorld, restarted, stored, takeAll } from './talk.ts';
import { type Guest, keyOf, proofFor, SECOND, START, type World } from './world.ts';

const test = suite('mailbox order');

const KIB = 1_024;

function ids(messages: readonly Json[]): unknown[] {
  return messages.filter(({ type }) => type === 'question' || type === 'answer').map(({ id }) => id);
}

function numbered(from: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `q${from + n}`);
}

async function askAll(
  world: World,
  guest: Guest,
  names: readonly string[],
  to: string,
  content?: string,
): Promise<void> {
  for (const id of names) await world.says(guest, ask(id, to, content));
}

test('questions and answers come in the order in which they were taken: live, held, queued and drained', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const heard: unknown[] = [];
  await askAll(world, ann, ['q1', 'q2'], 'bob');
  heard.push(...ids(await takeAll(world, bob)));
  await askAll(world, ann, ['q3'], 'bob');
  await world.says(ann, answer('x', 'bob', 'a4'));
  await world.close(bob);
  await askAll(world, ann, ['q5', 'q6'], 'bob');
  await world.says(ann, answer('x', 'bob', 'a7'));
  const back = await world.keyed('bob');
  await askAll(world, ann, ['q8', 'q9'], 'bob');
  heard.push(...ids(await drain(world, back)));
  await askAll(world, ann, ['q10'], 'bob');
  heard.push(...ids(await drain(world, back)));
  assert.equal(heard, ['q1', 'q2', 'q3', 'a4', 'q5', 'q6', 'a7', 'q8', 'q9', 'q10']);
  await takeAll(world, ann);
  for (const id of heard) assert.is((await world.request(ann, ask(id as string, 'bob'))).status, 'delivered');
});

test('while a mailbox is not empty everything new goes behind it, whoever sends it', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const cy = await world.keyed('cy');
  await world.connect(bob, cy);
  await world.close(bob);
  await askAll(world, ann, numbered(0, 70), 'bob');
  const back = await world.keyed('bob');
  assert.is(back.identified.pending, 70);
  cy.take();
  await world.says(cy, ask('late', 'bob'));
  assert.equal(brief(cy.take()), ['question_sent queued late']);
  assert.is((await stored(store, 'bob')).at(-1), 'late');
  assert.equal(ids(await drain(world, back)), [...numbered(0, 70), 'late']);
  // Empty again: what is new goes straight to the friend.
  store.isHolding = true;
  await world.says(cy, ask('live', 'bob'));
  assert.equal(ids(await takeAll(world, back)), ['live']);
  assert.ok(brief(cy.take()).includes('question_sent delivered live'));
});

test('a message is in the mailbox only with or after every earlier one of the two that is not acknowledged', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let n = 0; n < 8; n++) {
    await world.says(ann, ask(`q${n}`, 'bob'));
    await world.tick(START + (n + 1) * SECOND);
    const kept = await stored(store, 'bob');
    assert.equal(kept, numbered(0, kept.length), `after ${n + 1} s`);
  }
  const said = brief(ann.take());
  assert.equal(
    said.map((reply) => reply.split(' ').at(-1)),
    numbered(0, said.length),
    'replies come in order, too',
  );
  assert.ok(said.length >= 4);
  const [q0, ...others] = bob.take();
  await acknowledge(world, bob, others);
  await acknowledge(world, bob, [q0 as Json]);
  assert.equal(await stored(store, 'bob'), []);
});

test('at most 64 messages of a user are unacknowledged; each one acknowledged makes room for the next', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  await askAll(world, ann, numbered(0, 130), 'bob');
  const back = await world.keyed('bob');
  const first = back.take();
  assert.equal(ids(first), numbered(0, 64));
  await world.tick(world.now + 60 * SECOND);
  assert.equal(back.take(), []);
  await acknowledge(world, back, first.slice(0, 1));
  const next = back.take();
  assert.equal(ids(next), ['q64']);
  await acknowledge(world, back, [...first.slice(1), ...next]);
  const rest = back.take();
  assert.equal(ids(rest), numbered(65, 64));
  await acknowledge(world, back, rest);
  assert.equal(ids(await drain(world, back)), ['q129']);
});

test('nor more than 256 KiB of their content', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  await askAll(world, ann, numbered(0, 20), 'bob', 'x'.repeat(32 * KIB));
  const back = await world.keyed('bob');
  const first = back.take();
  assert.equal(ids(first), numbered(0, 8));
  await acknowledge(world, back, first.slice(0, 3));
  const second = back.take();
  assert.equal(ids(second), numbered(8, 3));
  await acknowledge(world, back, [...first.slice(3), ...second]);
  assert.equal(ids(await drain(world, back)), numbered(11, 9));
});

test('the window holds for a friend who is here and does not acknowledge: what is beyond it waits on disk', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (const id of numbered(0, 100)) await world.says(ann, ask(id, 'bob'));
  const first = bob.take();
  assert.equal(ids(first), numbered(0, 64));
  const kept = await stored(store, 'bob');
  assert.equal(kept, numbered(100 - kept.length, kept.length));
  assert.equal(kept, numbered(0, 100), 'those beyond are kept, hence every earlier one is');
  await acknowledge(world, bob, first);
  assert.equal(ids(await drain(world, bob)), numbered(64, 36));
  assert.equal(await stored(store, 'bob'), []);
  const statuses = ann
    .take()
    .filter(({ type }) => type === 'question_sent')
    .map(({ id, status }) => `${id} ${status}`);
  assert.equal(
    statuses,
    numbered(0, 100).map((id) => `${id} queued`),
  );
});

test('several clients of a user share one window, and one acknowledgement is enough', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  await askAll(world, ann, numbered(0, 80), 'bob');
  const one = await world.keyed('bob');
  const first = one.take();
  const two = await world.keyed('bob');
  assert.equal(two.take(), first, 'the second one is sent what is unacknowledged, with the same deliveryIds');
  assert.equal(one.take(), []);
  await acknowledge(world, two, first.slice(0, 10));
  assert.equal(ids(one.take()), numbered(64, 10));
  assert.equal(ids(two.take()), numbered(64, 10));
  await acknowledge(world, one, first.slice(0, 20));
  assert.equal(ids(one.take()), numbered(74, 6));
  assert.equal(ids(two.take()), numbered(74, 6));
});

test('a second client is sent what is held, oldest first, and then hears what is new', async () => {
  const { world } = durableWorld();
  const [ann, one] = await world.keyedPair('ann', 'bob');
  await askAll(world, ann, ['q0', 'q1'], 'bob');
  const two = await world.keyed('bob');
  assert.equal(two.take(), one.take());
  await askAll(world, ann, ['q2'], 'bob');
  assert.equal([ids(one.take()), ids(two.take())], [['q2'], ['q2']]);
  await world.close(one);
  assert.equal(two.take(), [], 'it has had everything');
  assert.equal(brief(ann.take()), []);
});

test('what a client took with it unread comes again to the next one, before what is new', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await askAll(world, ann, numbered(0, 3), 'bob');
  const [, q1] = bob.take();
  await acknowledge(world, bob, [q1 as Json]);
  await world.close(bob);
  await askAll(world, ann, ['q3'], 'bob');
  const back = await world.keyed('bob');
  await askAll(world, ann, ['q4'], 'bob');
  assert.equal(ids(await drain(world, back)), ['q0', 'q2', 'q3', 'q4']);
});

test('while the store writes nothing overtakes: not to the friend who comes back, nor in the replies', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await askAll(world, ann, ['q0'], 'bob');
  store.isHolding = true;
  await world.close(bob);
  await askAll(world, ann, ['q1'], 'bob');
  const back = world.open();
  await world.says(back, { type: 'identify', ...proofFor(back, 'bob', keyOf('bob')) });
  await askAll(world, ann, ['q2'], 'bob');
  store.isHolding = false;
  while (store.held.length > 0) {
    store.held.shift()?.answer();
    await world.settled();
  }
  await askAll(world, ann, ['q3'], 'bob');
  assert.equal(ids(await drain(world, back)), numbered(0, 4));
  const replies = ann.take().filter(({ type }) => type === 'question_sent');
  assert.equal(ids(replies.map((reply) => ({ ...reply, type: 'question' }))), numbered(0, 4));
});

test('an exchange that starts anew drains in the same order', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  await askAll(world, ann, numbered(0, 90), 'bob');
  const next = restarted(world, store);
  const again = await next.keyed('ann');
  await askAll(next, again, numbered(90, 10), 'bob');
  const back = await next.keyed('bob');
  assert.equal(ids(await drain(next, back)), numbered(0, 100));
});

test('a message that is alone larger than what is left of the window waits, and does not stop the rest for good', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  const sizes = [32, 32, 32, 32, 32, 32, 32, 31, 2, 1];
  for (const [n, size] of sizes.entries()) await world.says(ann, ask(`q${n}`, 'bob', 'x'.repeat(size * KIB)));
  const back = await world.keyed('bob');
  const first = back.take();
  assert.equal(ids(first), numbered(0, 8), 'a small one does not overtake');
  await acknowledge(world, back, first.slice(0, 1));
  assert.equal(ids(back.take()), numbered(8, 2));
});

test.run();
