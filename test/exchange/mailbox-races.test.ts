/** Protocol part 3: what happens at once: the same message twice, an end in the middle of a write, late words after it is over. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import type { HeldStore } from './held-store.ts';
import { acknowledge, answer, ask, brief, DAY, drain, durableWorld, restarted, stored, takeAll } from './talk.ts';
import { type Guest, keyOf, proofFor, SECOND, START, type World } from './world.ts';

const test = suite('mailbox races');

async function friends() {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  return { world, store, ann, bob };
}

async function answerAll(world: World, store: HeldStore): Promise<void> {
  while (store.held.length > 0) {
    store.held.shift()?.answer();
    await world.settled();
  }
}

test('two clients of a user that send the same message are both told what became of it', async () => {
  const { world, ann, bob } = await friends();
  const other = await world.keyed('ann');
  await world.says(ann, ask('q1', 'bob'));
  await world.says(other, ask('q1', 'bob'));
  assert.equal(brief(await takeAll(world, bob)), ['question q1']);
  assert.equal([brief(ann.take()), brief(other.take())], Array(2).fill(['question_sent delivered q1']));
});

test('what a client sends without waiting takes effect in order', async () => {
  const { world, ann, bob } = await friends();
  await world.close(ann);
  bob.take();
  const again = world.open();
  world.send(again, { type: 'identify', ...proofFor(again, 'ann', keyOf('ann')) });
  world.send(again, ask('q1', 'bob'));
  world.send(again, answer('x', 'bob', 'a2'));
  world.send(again, { type: 'list_connections' });
  world.send(again, ask('q3', 'bob'));
  await world.settled();
  assert.equal(brief(await takeAll(world, bob)), ['friend_online', 'question q1', 'answer a2', 'question q3']);
  assert.equal(brief(again.take()), [
    ...[
      'identified',
      'connections',
      'question_sent delivered q1',
      'answer_sent delivered a2',
      'question_sent delivered q3',
    ],
  ]);
});

test('a slow store holds up no client: a hundred messages wait for it, and a ping does not', async () => {
  const { world, store, ann, bob } = await friends();
  await world.close(bob);
  ann.take();
  store.isHolding = true;
  for (let n = 0; n < 100; n++) await world.says(ann, ask(`q${n}`, 'bob'));
  await world.says(ann, { type: 'ping' });
  assert.equal([brief(ann.take()), ann.closedWith], [['pong'], undefined]);
  await answerAll(world, store);
  store.isHolding = false;
  assert.equal(
    brief(ann.take()),
    Array.from({ length: 100 }, (_, n) => `question_sent queued q${n}`),
  );
});

test('a sender that closes while the store writes finds it queued when it asks again', async () => {
  const { world, store, ann, bob } = await friends();
  await world.close(bob);
  store.isHolding = true;
  await world.says(ann, ask('q1', 'bob'));
  await world.close(ann);
  const again = world.open();
  await world.says(again, { type: 'identify', ...proofFor(again, 'ann', keyOf('ann')) });
  await world.says(again, ask('q1', 'bob'));
  await answerAll(world, store);
  assert.equal(brief(again.take()), ['identified', 'question_sent queued q1']);
  assert.equal(await stored(store, 'bob'), ['q1']);
});

test('one that is queued and was sent to the friend, but not acknowledged, does not stop what comes after it', async () => {
  const { world, ann, bob } = await friends();
  const cy = await world.keyed('cy');
  await world.connect(bob, cy);
  await world.says(ann, ask('q1', 'bob'));
  await world.tick(START + 5 * SECOND);
  const [q1] = bob.take();
  await world.says(cy, ask('q2', 'bob'));
  assert.equal(brief(cy.take()), ['question_sent queued q2']);
  const [q2] = bob.take();
  assert.is(q2?.id, 'q2', 'there is room: it is sent');
  await world.says(ann, ask('q1', 'bob'));
  assert.equal([brief(ann.take()), bob.take()], [Array(2).fill('question_sent queued q1'), []]);
  await acknowledge(world, bob, [q2 as Json]);
  assert.equal(brief(await takeAll(world, cy)), ['receipt delivered q2']);
  await acknowledge(world, bob, [q1 as Json]);
  assert.equal(brief(await takeAll(world, ann)), ['receipt delivered q1']);
});

test('two clients that acknowledge the same while the store writes make one receipt', async () => {
  const { world, store, ann, bob } = await friends();
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob'));
  ann.take();
  const [one, two] = [await world.keyed('bob'), await world.keyed('bob')];
  ann.take();
  const question = one.take();
  store.isHolding = true;
  await acknowledge(world, one, question);
  await acknowledge(world, two, question);
  await answerAll(world, store);
  store.isHolding = false;
  assert.equal(brief(await takeAll(world, ann)), ['receipt delivered q1']);
  assert.equal(await stored(store, 'bob'), []);
});

test('after the exchange was started anew an acknowledgement by the old deliveryId still counts', async () => {
  const { world, store, ann, bob } = await friends();
  await world.says(ann, ask('q1', 'bob'));
  await world.says(bob, { type: 'receipt', id: 'old', to: 'ann', status: 'read' });
  await world.tick(START + 5 * SECOND);
  const told = bob.take();
  const receipts = ann.take().filter(({ type }) => type === 'receipt');
  for (const client of [ann, bob]) await world.close(client);
  const next = restarted(world, store);
  const [again, back] = [await next.keyed('ann'), await next.keyed('bob')];
  await acknowledge(next, back, told);
  await acknowledge(next, again, receipts);
  assert.equal(await stored(store, 'bob'), []);
  await drain(next, again);
  for (const [client, name] of [
    [again, 'ann'],
    [back, 'bob'],
  ] as const) {
    await next.close(client);
    const last = await next.keyed(name);
    assert.equal([last.identified.pending, brief(last.take()).filter((line) => line.startsWith('receipt'))], [0, []]);
  }
});

test('an exchange that is killed between the write and the reply has the message, and says so when it is sent again', async () => {
  const { world, store, ann, bob } = await friends();
  await world.close(bob);
  store.isHolding = true;
  await world.says(ann, ask('q1', 'bob'));
  store.next('putMessages').perform();
  store.isHolding = false;
  const next = restarted(world, store);
  const again = await next.keyed('ann');
  assert.equal(brief([await next.request(again, ask('q1', 'bob', 'other'))]), ['question_sent queued q1']);
  assert.equal((await drain(next, await next.keyed('bob'))).map(({ content }) => content).filter(Boolean), [
    'question q1',
  ]);
});

test('what has expired is not delivered afterwards, however late it is acknowledged', async () => {
  const { world, store, ann, bob } = await friends();
  await world.says(ann, ask('q1', 'bob'));
  await world.tick(START + 5 * SECOND);
  const told = bob.take();
  ann.take();
  for (const at of [0, 60, 120]) await world.tick(START + 30 * DAY + 10 * SECOND + at * SECOND);
  assert.equal([brief(await takeAll(world, ann)), await stored(store, 'bob')], [['receipt expired q1'], []]);
  await acknowledge(world, bob, told);
  assert.equal([ann.take(), bob.take()], [[], []]);
  await world.says(ann, ask('q2', 'bob'));
  assert.equal(brief(await takeAll(world, bob)), ['question q2']);
  assert.equal(brief(ann.take()), ['question_sent delivered q2'], 'the mailbox is empty again');
});

test('what was reported left is not reported again when it is acknowledged late', async () => {
  const { world, store, ann, bob } = await friends();
  await world.says(ann, ask('q1', 'bob'));
  await world.tick(START + 5 * SECOND);
  const told = bob.take();
  await world.says(bob, { type: 'disconnect', to: 'ann' });
  assert.equal(brief(await takeAll(world, ann)).sort(), [
    'friend_disconnected',
    'question_sent queued q1',
    'receipt left q1',
  ]);
  await acknowledge(world, bob, told);
  bob.takeOne('friend_disconnected');
  assert.equal([ann.take(), await stored(store, 'bob')], [[], []]);
  await world.connect(ann, bob);
  await world.says(ann, ask('q2', 'bob'));
  assert.equal(brief(await takeAll(world, bob)).at(-1), 'question q2');
  assert.equal(brief(ann.take()), ['question_sent delivered q2'], 'nothing of before is in the way');
});

/** Ann has asked, the write of it waits for the store, and Bob ends it all in the middle of that. */
async function endedMeanwhile(
  end: Json,
): Promise<{ world: World; store: HeldStore; ann: Guest; bob: Guest; said: string[] }> {
  const { world, store, ann, bob } = await friends();
  await world.says(ann, ask('q1', 'bob'));
  store.isHolding = true;
  await world.tick(START + 5 * SECOND);
  await world.says(bob, end);
  await answerAll(world, store);
  store.isHolding = false;
  await world.tick(START + 15 * SECOND);
  return { world, store, ann, bob, said: brief(await drain(world, ann)) };
}

/** What says that a message is gone for good, or must be sent again and then fails. */
const GONE = /^(receipt left|error (no_connection|storage_failed|friend_offline)) q1$/;

test('a friend that leaves while the store writes: the sender learns that it was in vain, and nothing stays', async () => {
  const { world, store, ann, bob, said } = await endedMeanwhile({ type: 'disconnect', to: 'ann' });
  assert.ok(said.includes('friend_disconnected') && said.some((line) => GONE.test(line)), said.join(', '));
  assert.equal(await stored(store, 'bob'), []);
  assertError(await world.request(ann, ask('q1', 'bob')), 'no_connection', { request: 'ask', id: 'q1' });
  await world.close(bob);
  assert.is((await world.keyed('bob')).identified.pending, 0);
});

test('a friend that is forgotten while the store writes: the sender learns of it, and the next holder gets nothing', async () => {
  const { world, store, bob, said } = await endedMeanwhile({ type: 'forget_me' });
  assert.ok(said.includes('friend_disconnected'), said.join(', '));
  assert.ok(
    said.some((line) => GONE.test(line)),
    said.join(', '),
  );
  await world.close(bob);
  const heir = world.open();
  const identified = await world.request(heir, { type: 'identify', ...proofFor(heir, 'bob', keyOf('heir')) });
  assert.equal([identified.pending, heir.take(), await stored(store, 'bob')], [0, [], []]);
});

test('when everybody is sent away what is held goes to the mailboxes', async () => {
  const { world, store, ann, bob } = await friends();
  await world.says(ann, ask('q1', 'bob'));
  await world.says(bob, answer('q1', 'ann', 'a1'));
  world.exchange.drain(() => 1_000);
  for (const client of [ann, bob]) await world.close(client);
  assert.equal([await stored(store, 'bob'), await stored(store, 'ann')], [['q1'], ['a1']]);
  const next = restarted(world, store);
  assert.equal(
    brief(await drain(next, await next.keyed('bob'))).filter((line) => line !== 'friend_online'),
    ['question q1'],
  );
});

test('of users who are gone the exchange keeps nothing in memory', async () => {
  const { world, ann, bob } = await friends();
  await world.says(ann, ask('q1', 'bob'));
  await world.close(bob);
  await world.says(ann, ask('q2', 'bob'));
  const back = await world.keyed('bob');
  await drain(world, back);
  await world.says(back, { type: 'receipt', id: 'q1', to: 'ann', status: 'read' });
  await world.says(back, answer('q2', 'ann'));
  await world.close(back);
  await drain(world, ann);
  await world.assertNothingLeft();
});

test.run();
