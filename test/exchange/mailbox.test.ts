/** Protocol part 3: what `delivered` and `queued` promise, and when they are said. */
import * as assert from 'uvu/assert';
import { type Json, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, drain, durableWorld, restarted, stored, takeAll } from './talk.ts';
import { SECOND, START, World } from './world.ts';

const test = suite('mailbox');

test('a question is delivered when the friend has acknowledged it; before that nothing is said', async () => {
  const { world } = durableWorld({ questionsPerMinute: 10 });
  const [ann, bob] = [await world.keyed('ann', { nickname: 'Anna' }), await world.keyed('bob', { nickname: 'Bobby' })];
  await world.connect(ann, bob);
  await world.says(ann, { type: 'ask', id: 'q-1', content: ' How?\n', to: 'BOB' });
  assert.equal(ann.take(), []);
  const question = bob.takeOne();
  assert.equal(question, {
    ...{ type: 'question', content: ' How?\n', from: 'ann', fromNickname: 'Anna', id: 'q-1' },
    deliveryId: question.deliveryId,
  });
  assert.type(question.deliveryId, 'string');
  await world.tick(START + 5 * SECOND - 1);
  assert.equal(ann.take(), []);
  await acknowledge(world, bob, [question]);
  const sent = { type: 'question_sent', to: 'Bobby', status: 'delivered', remaining: 9, id: 'q-1' };
  assert.equal([ann.take(), bob.take()], [[sent], []]);
  await acknowledge(world, bob, [question]);
  await world.tick(START + 60 * SECOND);
  assert.equal([ann.take(), bob.take()], [[], []]);
});

test('an answer carries replyTo, and is delivered in the same way', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await takeAll(world, bob);
  ann.take();
  await world.says(bob, answer('q1', 'ann', 'a1'));
  assert.equal(bob.take(), []);
  const told = ann.takeOne();
  const { deliveryId } = told;
  assert.equal(told, {
    ...{
      type: 'answer',
      content: 'answer to q1',
      from: 'bob',
      fromNickname: 'bob',
      id: 'a1',
      replyTo: 'q1',
      deliveryId,
    },
  });
  await acknowledge(world, ann, [told]);
  assert.equal(bob.take(), [{ type: 'answer_sent', to: 'ann', status: 'delivered', id: 'a1' }]);
});

test('the only friend need not be named', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, { type: 'ask', id: 'q1', content: 'c' });
  assert.equal(brief(await takeAll(world, bob)), ['question q1']);
  assert.equal(brief(ann.take()), ['question_sent delivered q1']);
});

test('several are acknowledged at once, in whatever order; each sender is told of its own', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const cy = await world.keyed('cy');
  await world.connect(bob, cy);
  for (const id of ['q1', 'q2', 'q3']) await world.says(ann, ask(id, 'bob'));
  await world.says(cy, ask('q1', 'bob'));
  const [q1, q2, q3, other] = bob.take() as [Json, Json, Json, Json];
  await acknowledge(world, bob, [q3, q1]);
  assert.equal(
    [brief(ann.take()).sort(), cy.take()],
    [['question_sent delivered q1', 'question_sent delivered q3'], []],
  );
  await acknowledge(world, bob, [other, q2, q2]);
  assert.equal(brief(ann.take()), ['question_sent delivered q2']);
  assert.equal(brief(cy.take()), ['question_sent delivered q1']);
});

test('between two who are here and acknowledge, nothing is asked of the store', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  store.isHolding = true;
  for (let n = 0; n < 100; n++) {
    world.now += SECOND;
    await world.says(ann, ask(`q${n}`, 'bob'));
    await takeAll(world, bob);
    await world.says(bob, answer(`q${n}`, 'ann'));
    await world.says(bob, { type: 'receipt', id: `q${n}`, to: 'ann', status: 'read' });
    const told = brief(await takeAll(world, ann));
    assert.equal(told, [`question_sent delivered q${n}`, `answer a-q${n}`, `receipt read q${n}`]);
    assert.equal(brief(bob.take()), [`answer_sent delivered a-q${n}`]);
  }
  assert.equal(
    store.held.map(({ name }) => name),
    [],
  );
});

test('what nobody acknowledges for five seconds is queued; it stays with the friend who is here', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await world.tick(START + 5 * SECOND - 1);
  assert.equal([ann.take(), await stored(store, 'bob')], [[], []]);
  await world.tick(START + 5 * SECOND);
  assert.equal(ann.take(), [{ type: 'question_sent', to: 'bob', status: 'queued', id: 'q1' }]);
  assert.equal(await stored(store, 'bob'), ['q1']);
  assert.equal(brief(bob.take()), ['question q1'], 'once');
});

test('a late acknowledgement takes a queued one out of the mailbox, and its sender gets a receipt', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await world.tick(START + 5 * SECOND);
  ann.takeOne('question_sent');
  world.now = START + 9 * SECOND;
  await takeAll(world, bob);
  const receipt = ann.takeOne('receipt');
  assert.equal(receipt, {
    ...{ type: 'receipt', id: 'q1', from: 'bob', status: 'delivered', at: START + 9 * SECOND },
    deliveryId: receipt.deliveryId,
  });
  assert.type(receipt.deliveryId, 'string');
  assert.equal(await stored(store, 'bob'), []);
  await world.close(bob);
  const back = await world.keyed('bob');
  assert.equal([back.identified.pending, back.take()], [0, []]);
});

test('what is unacknowledged when the last client goes is queued at once; another client keeps it waiting', async () => {
  const { world } = durableWorld();
  const [ann, bob1] = await world.keyedPair('ann', 'bob');
  const bob2 = await world.keyed('bob');
  await world.says(ann, ask('q1', 'bob'));
  await world.close(bob1);
  assert.equal(ann.take(), []);
  await world.close(bob2);
  assert.equal(brief(ann.take()).sort(), ['friend_away', 'question_sent queued q1']);
  const back = await world.keyed('bob');
  assert.is(back.identified.pending, 1);
  assert.equal(brief(await takeAll(world, back)), ['question q1']);
  assert.equal(brief(ann.take()).sort(), ['friend_online', 'receipt delivered q1']);
});

test('a question to a friend who is away is queued, and delivered when a client of it identifies', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  ann.takeOne('friend_away');
  await world.says(ann, ask('q1', 'bob', '🦊 \\ " \u2028'));
  assert.equal(ann.take(), [{ type: 'question_sent', to: 'bob', status: 'queued', id: 'q1' }]);
  await world.close(ann);
  world.now += 3_600_000;
  const back = await world.keyed('bob');
  assert.is(back.identified.pending, 1);
  const question = back.takeOne('question');
  assert.equal([question.content, question.from, question.id], ['🦊 \\ " \u2028', 'ann', 'q1']);
  await acknowledge(world, back, [question]);
  const ann2 = await world.keyed('ann');
  assert.equal(brief(ann2.take()), ['receipt delivered q1']);
});

test('queued is said only once the store has it for good', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const cy = await world.keyed('cy');
  await world.connect(bob, cy);
  await world.says(ann, ask('held', 'bob'));
  store.isHolding = true;
  await world.tick(START + 5 * SECOND);
  assert.equal(ann.take(), []);
  store.next('putMessages').answer();
  await world.settled();
  assert.equal(brief(ann.take()), ['question_sent queued held']);
  await world.close(bob);
  for (const client of [ann, cy]) client.takeOne('friend_away');
  await world.says(cy, ask('q1', 'bob'));
  await world.tick(START + 60 * SECOND);
  assert.equal(cy.take(), []);
  const call = store.held.find(({ name }) => name === 'putMessages');
  call?.perform();
  await world.settled();
  assert.equal(cy.take(), [], 'done, but not yet told');
  call?.answer();
  await world.settled();
  assert.equal(brief(cy.take()), ['question_sent queued q1']);
});

test('an acknowledgement while the store still writes: the sender hears of it, and nothing stays', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  store.isHolding = true;
  await world.tick(START + 5 * SECOND);
  await takeAll(world, bob);
  const said = brief(ann.take());
  while (store.held.length > 0) {
    store.held.shift()?.answer();
    await world.settled();
  }
  store.isHolding = false;
  said.push(...brief(await drain(world, ann)));
  const [sent, receipt, ...others] = said;
  assert.ok(sent === 'question_sent delivered q1' || sent === 'question_sent queued q1', said.join(', '));
  if (sent === 'question_sent queued q1') assert.is(receipt, 'receipt delivered q1');
  else assert.is(receipt, undefined);
  assert.equal([others, await stored(store, 'bob')], [[], []]);
  await world.close(bob);
  assert.is((await world.keyed('bob')).identified.pending, 0);
});

test('what is queued survives the exchange, with what makes two users friends', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  for (const id of ['q1', 'q2']) await world.says(ann, ask(id, 'bob'));
  await world.says(ann, answer('other', 'bob'));
  ann.take();
  const next = restarted(world, store);
  const back = await next.keyed('bob');
  const friends = back.identified.connections as { friend: Json; online: boolean }[];
  assert.equal(
    [back.identified.pending, friends.map(({ friend, online }) => [friend.username, online])],
    [3, [['ann', false]]],
  );
  assert.equal(brief(await drain(next, back)), ['question q1', 'question q2', 'answer a-other']);
  const again = await next.keyed('ann');
  const receipts = brief(again.take());
  assert.equal(receipts, ['receipt delivered q1', 'receipt delivered q2', 'receipt delivered a-other']);
});

test('where nothing outlives the exchange no mailbox promises anything', async () => {
  const world = new World();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await takeAll(world, bob);
  assert.is(ann.takeOne('question_sent').status, 'delivered');
  await world.says(ann, ask('q2', 'bob'));
  await world.tick(START + 60 * SECOND);
  assert.equal(ann.take(), []);
  await world.close(bob);
  assert.equal(brief(ann.take()).sort(), ['error friend_offline q2', 'friend_away']);
});

test.run();
