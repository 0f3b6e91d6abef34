/** Protocol part 3: what a store that fails means for what was sent. Nothing is said to be safe that is not, and nothing is lost. */
import * as assert from 'uvu/assert';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { assertError, type Json, suite } from '../harness.ts';
import type { HeldStore } from './held-store.ts';
import { acknowledge, ask, brief, drain, durableWorld, stored, takeAll } from './talk.ts';
import { keyOf, proofFor, SECOND, START, type World } from './world.ts';

const test = suite('mailbox failures');

const FULL = new StorageFailed('the disk is full');

/** A world in which the store may fail, and two friends. */
async function failing() {
  const { world, store } = durableWorld({}, { expectsFailures: true });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  return { world, store, ann, bob };
}

/** Lets every call that waits fail, until none does. */
async function failAll(world: World, store: HeldStore): Promise<void> {
  while (store.held.length > 0) {
    store.held.shift()?.fail(FULL);
    await world.settled();
  }
}

async function answerAll(world: World, store: HeldStore): Promise<void> {
  while (store.held.length > 0) {
    store.held.shift()?.answer();
    await world.settled();
  }
}

function replies(told: readonly Json[]): string[] {
  return brief(told.filter(({ type }) => type === 'question_sent' || type === 'error'));
}

test('what the store does not take is storage_failed with its id; sent again it is taken', async () => {
  const { world, store, ann, bob } = await failing();
  await world.close(bob);
  ann.take();
  store.isHolding = true;
  await world.says(ann, ask('q1', 'bob'));
  assert.equal(ann.take(), []);
  store.next('putMessages').fail(FULL);
  await world.settled();
  assertError(ann.takeOne(), 'storage_failed', { request: 'ask', id: 'q1' });
  assert.ok(world.failures.length >= 1, 'the operator learns of it');
  store.isHolding = false;
  assert.equal(brief([await world.request(ann, ask('q1', 'bob'))]), ['question_sent queued q1']);
  assert.equal(await stored(store, 'bob'), ['q1']);
  assert.equal(brief(await drain(world, await world.keyed('bob'))), ['question q1']);
});

test('several that fail are each told; sent again in order they arrive in order, once', async () => {
  const { world, store, ann, bob } = await failing();
  await world.close(bob);
  ann.take();
  store.isHolding = true;
  const names = ['q1', 'q2', 'q3', 'q4'];
  for (const id of names) await world.says(ann, ask(id, 'bob'));
  await failAll(world, store);
  assert.equal(
    replies(ann.take()),
    names.map((id) => `error storage_failed ${id}`),
  );
  store.isHolding = false;
  for (const id of names) await world.says(ann, ask(id, 'bob'));
  assert.equal(
    replies(ann.take()),
    names.map((id) => `question_sent queued ${id}`),
  );
  assert.equal(
    brief(await drain(world, await world.keyed('bob'))),
    names.map((id) => `question ${id}`),
  );
});

test('a failure of one write says nothing about what was written before, which is delivered as ever', async () => {
  const { world, store, ann, bob } = await failing();
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob'));
  store.isHolding = true;
  await world.says(ann, ask('q2', 'bob'));
  await failAll(world, store);
  store.isHolding = false;
  assert.equal(replies(ann.take()), ['question_sent queued q1', 'error storage_failed q2']);
  await world.says(ann, ask('q3', 'bob'));
  await world.says(ann, ask('q2', 'bob'));
  assert.equal(replies(ann.take()), ['question_sent queued q3', 'question_sent queued q2']);
  assert.equal(brief(await drain(world, await world.keyed('bob'))), ['question q1', 'question q3', 'question q2']);
});

test('a friend who is here and slow: when the write fails nobody is told that it is safe, and sending again leads to it', async () => {
  const { world, store, ann, bob } = await failing();
  await world.says(ann, ask('q1', 'bob'));
  store.isHolding = true;
  await world.tick(START + 5 * SECOND);
  await failAll(world, store);
  store.isHolding = false;
  const said = replies(ann.take());
  assert.equal(
    said.filter((reply) => reply.startsWith('question_sent')),
    [],
  );
  await world.says(ann, ask('q1', 'bob'));
  await takeAll(world, bob);
  await world.tick(START + 30 * SECOND);
  const after = replies(ann.take());
  assert.ok(
    after.length >= 1 && after.every((reply) => /^question_sent (delivered|queued) q1$/.test(reply)),
    after.join(', '),
  );
  await world.close(bob);
  const back = await world.keyed('bob');
  assert.equal([back.identified.pending, brief(back.take())], [0, []]);
});

test('an acknowledgement of one whose write failed meanwhile is believed', async () => {
  const { world, store, ann, bob } = await failing();
  await world.says(ann, ask('q1', 'bob'));
  store.isHolding = true;
  await world.tick(START + 5 * SECOND);
  await acknowledge(world, bob, bob.take());
  await failAll(world, store);
  store.isHolding = false;
  const said = replies(ann.take());
  assert.not(said.includes('question_sent queued q1'), said.join(', '));
  await world.says(ann, ask('q1', 'bob'));
  await takeAll(world, bob);
  assert.ok(replies(ann.take()).concat(said).includes('question_sent delivered q1'));
});

test('the last client goes while the disk is full: storage_failed, and nothing was promised', async () => {
  const { world, store, ann, bob } = await failing();
  for (const id of ['q1', 'q2']) await world.says(ann, ask(id, 'bob'));
  store.isHolding = true;
  await world.close(bob);
  await failAll(world, store);
  store.isHolding = false;
  assert.equal(replies(ann.take()), ['error storage_failed q1', 'error storage_failed q2']);
  for (const id of ['q1', 'q2']) await world.says(ann, ask(id, 'bob'));
  assert.equal(replies(ann.take()), ['question_sent queued q1', 'question_sent queued q2']);
  assert.equal(brief(await drain(world, await world.keyed('bob'))), ['question q1', 'question q2']);
});

test('a delivered message whose deletion fails is not lost, not unsaid, and in the end deleted', async () => {
  const { world, store, ann, bob } = await failing();
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob'));
  assert.equal(replies(ann.take()), ['question_sent queued q1']);
  const back = await world.keyed('bob');
  const told = back.take();
  store.isHolding = true;
  await acknowledge(world, back, told);
  await failAll(world, store);
  store.isHolding = false;
  for (let second = 1; second <= 120; second++) await world.tick(START + second * SECOND);
  assert.equal(await stored(store, 'bob'), []);
  const receipts = brief((await takeAll(world, ann)).filter(({ type }) => type === 'receipt'));
  assert.equal(receipts, ['receipt delivered q1']);
  assert.equal(back.take(), []);
  await world.close(back);
  assert.is((await world.keyed('bob')).identified.pending, 0);
});

test('while an acknowledgement is being written a new client is not sent it again', async () => {
  const { world, store, ann, bob } = await failing();
  await world.close(bob);
  for (const id of ['q1', 'q2']) await world.says(ann, ask(id, 'bob'));
  const back = await world.keyed('bob');
  const [q1] = back.take();
  store.isHolding = true;
  await acknowledge(world, back, [q1 as Json]);
  await answerAll(world, store);
  store.isHolding = false;
  const other = await world.keyed('bob');
  assert.equal(brief(other.take()), ['question q2']);
});

test('an identify that the store refuses is storage_failed, and may be tried again', async () => {
  const { world, store, ann, bob } = await failing();
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob'));
  const back = world.open();
  const identify = { type: 'identify', ...proofFor(back, 'bob', keyOf('bob')) };
  store.isHolding = true;
  await world.says(back, identify);
  await failAll(world, store);
  const [first] = back.take();
  store.isHolding = false;
  if (first?.type === 'error') {
    assertError(first, 'storage_failed', { request: 'identify' });
    await world.says(back, identify);
    assert.is(back.told[0]?.type, 'identified', JSON.stringify(back.told));
  }
  for (let second = 1; second <= 60; second++) await world.tick(START + second * SECOND);
  assert.equal(
    (await drain(world, back)).flatMap(({ type, id }) => (type === 'question' ? id : [])),
    ['q1'],
  );
});

test('forget_me that the store refuses forgets nothing', async () => {
  const { world, store, ann, bob } = await failing();
  store.isHolding = true;
  await world.says(ann, { type: 'forget_me' });
  await failAll(world, store);
  store.isHolding = false;
  assertError(ann.takeOne(), 'storage_failed', { request: 'forget_me' });
  assert.equal(bob.take(), []);
  await world.says(bob, ask('q1', 'ann'));
  assert.equal(brief(await takeAll(world, ann)), ['question q1']);
  assert.equal(brief(bob.take()), ['question_sent delivered q1']);
  assert.is(((await world.keyed('ann')).identified.connections as Json[]).length, 1);
});

test('disconnect that the store refuses leaves the two connected', async () => {
  const { world, store, ann, bob } = await failing();
  store.isHolding = true;
  await world.says(ann, { type: 'disconnect', to: 'bob' });
  await failAll(world, store);
  store.isHolding = false;
  assertError(ann.takeOne(), 'storage_failed', { request: 'disconnect' });
  assert.equal(bob.take(), []);
  await world.says(bob, ask('q1', 'ann'));
  assert.equal(brief(await takeAll(world, ann)), ['question q1']);
  assert.equal(brief(bob.take()), ['question_sent delivered q1']);
});

test.run();
