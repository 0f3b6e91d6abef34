/** Protocol part 3: a sender that saw no reply sends again. One copy is kept and shown, and every repeat is answered. */
import * as assert from 'uvu/assert';
import { assertError, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, drain, durableWorld, restarted, stored, takeAll } from './talk.ts';
import { SECOND, START } from './world.ts';

const test = suite('mailbox repeats');

test('while it is held a repeat is not forwarded; when it is acknowledged the sender is told', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob', 'first'));
  await world.says(ann, ask('q1', 'bob', 'second'));
  assert.equal(ann.take(), []);
  const question = bob.takeOne('question');
  assert.is(question.content, 'first');
  await acknowledge(world, bob, [question]);
  const replies = brief(ann.take());
  assert.ok(replies.length >= 1);
  for (const reply of replies) assert.is(reply, 'question_sent delivered q1');
  assert.equal(bob.take(), []);
});

test('a client that comes back and repeats is the one that is told, also when it was held for its predecessor', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await world.close(ann);
  const question = bob.take().find(({ type }) => type === 'question') ?? {};
  const again = await world.keyed('ann');
  await world.says(again, ask('q1', 'bob'));
  assert.equal(again.take(), []);
  await acknowledge(world, bob, [question]);
  assert.equal(brief(again.take()), ['question_sent delivered q1']);
  assert.equal(brief(bob.take()), ['friend_online']);
});

test('a repeat of a queued one is answered queued, once more kept or not: there is one copy, of the first content', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  ann.take();
  await world.says(ann, ask('q1', 'bob', 'first'));
  for (const content of ['first', 'second']) {
    await world.says(ann, ask('q1', 'bob', content));
    assert.equal(brief(ann.take()).at(-1), 'question_sent queued q1');
  }
  await world.close(ann);
  const again = await world.keyed('ann');
  assert.equal(brief([await world.request(again, ask('q1', 'bob', 'third'))]), ['question_sent queued q1']);
  assert.equal(await stored(store, 'bob'), ['q1']);
  const back = await world.keyed('bob');
  assert.equal(
    (await drain(world, back)).map(({ content }) => content),
    ['first'],
  );
});

test('repeats that come before the store has answered wait for it as well', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  ann.take();
  store.isHolding = true;
  for (let n = 0; n < 3; n++) await world.says(ann, ask('q1', 'bob'));
  assert.equal(ann.take(), []);
  while (store.held.length > 0) {
    store.held.shift()?.answer();
    await world.settled();
  }
  const replies = brief(ann.take());
  assert.ok(replies.length >= 1);
  for (const reply of replies) assert.is(reply, 'question_sent queued q1');
  assert.equal(await stored(store, 'bob'), ['q1']);
});

test('a repeat of a delivered one is answered delivered, and not forwarded; by whichever client of the user', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await takeAll(world, bob);
  ann.take();
  assert.equal(brief([await world.request(ann, ask('q1', 'bob', 'other'))]), ['question_sent delivered q1']);
  await world.close(ann);
  const again = await world.keyed('ann');
  bob.take();
  assert.equal(brief([await world.request(again, ask('q1', 'bob'))]), ['question_sent delivered q1']);
  await world.close(bob);
  again.take();
  assert.equal(brief([await world.request(again, ask('q1', 'bob'))]), ['question_sent delivered q1']);
  assert.equal(bob.take(), []);
  assert.is((await world.keyed('bob')).identified.pending, 0);
});

test('one that was queued and then acknowledged is remembered as delivered', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob'));
  const back = await world.keyed('bob');
  await drain(world, back);
  await takeAll(world, ann);
  assert.equal(brief([await world.request(ann, ask('q1', 'bob'))]), ['question_sent delivered q1']);
  assert.equal(back.take(), []);
});

test('after the exchange was started anew a queued one is still the same, and a delivered one is at worst sent again', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q0', 'bob'));
  await takeAll(world, bob);
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob', 'first'));
  const next = restarted(world, store);
  const again = await next.keyed('ann');
  assert.equal(brief([await next.request(again, ask('q1', 'bob', 'second'))]), ['question_sent queued q1']);
  assert.equal(brief([await next.request(again, ask('q0', 'bob'))]), ['question_sent queued q0']);
  const back = await next.keyed('bob');
  const told = await drain(next, back);
  assert.equal(brief(told), ['question q1', 'question q0']);
  assert.is(told[0]?.content, 'first');
});

test('a repeat costs no allowance of questions', async () => {
  const { world } = durableWorld({ questionsPerMinute: 10, commandsPerMinute: 3 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let n = 0; n < 10; n++) {
    await world.says(ann, ask(`q${n}`, 'bob'));
    for (let repeat = 0; repeat < 5; repeat++) await world.says(ann, ask(`q${n}`, 'bob'));
    assert.equal(brief(await takeAll(world, bob)), [`question q${n}`]);
    const reply = ann.take()[0];
    assert.equal([reply?.status, reply?.remaining], ['delivered', 9 - n]);
    for (let repeat = 0; repeat < 5; repeat++)
      assert.is((await world.request(ann, ask(`q${n}`, 'bob'))).status, 'delivered');
  }
  for (let n = 0; n < 10; n++) assert.is((await world.request(ann, ask(`q${n}`, 'bob'))).status, 'delivered');
  assertError(await world.request(ann, ask('q10', 'bob')), 'rate_limited', { request: 'ask', id: 'q10' });
});

test('a question that was refused is not remembered: sent again it is taken', async () => {
  const { world } = durableWorld({ questionsPerMinute: 10 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let n = 0; n < 10; n++) await world.says(ann, ask(`q${n}`, 'bob'));
  await takeAll(world, bob);
  ann.take();
  assertError(await world.request(ann, ask('q10', 'bob')), 'rate_limited', { request: 'ask', id: 'q10' });
  world.now = START + 6 * SECOND;
  await world.says(ann, ask('q10', 'bob'));
  assert.equal(brief(await takeAll(world, bob)), ['question q10']);
  assert.equal(brief(ann.take()), ['question_sent delivered q10']);
});

test('questions and answers share their ids: an answer with the id of a question is a repeat of that', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('one', 'bob'));
  await world.says(ann, answer('other', 'bob', 'one'));
  assert.equal(brief(await takeAll(world, bob)), ['question one']);
  assert.is(ann.take()[0]?.id, 'one');
  const reply = await world.request(ann, answer('other', 'bob', 'one'));
  assert.equal([reply.status, reply.id, bob.take()], ['delivered', 'one', []]);
});

test('the same id from another sender, or to another friend, is another message', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const cy = await world.keyed('cy');
  await world.connect(bob, cy);
  await world.connect(ann, cy);
  await world.says(ann, ask('q', 'bob', 'ann to bob'));
  await world.says(cy, ask('q', 'bob', 'cy to bob'));
  await world.says(bob, ask('q', 'ann', 'bob to ann'));
  await world.says(ann, ask('q', 'cy', 'ann to cy'));
  const heard = async (guest: typeof ann) => (await takeAll(world, guest)).flatMap(({ content }) => content ?? []);
  assert.equal(
    [await heard(bob), await heard(ann), await heard(cy)],
    [['ann to bob', 'cy to bob'], ['bob to ann'], ['ann to cy']],
  );
});

test('the last thousand acknowledged are remembered, and not for ever', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let n = 0; n <= 2_000; n++) {
    await world.says(ann, ask(`q${n}`, 'bob'));
    await takeAll(world, bob);
  }
  assert.is(ann.take().length, 2_001);
  for (let n = 2_000; n > 1_000; n--)
    assert.is((await world.request(ann, ask(`q${n}`, 'bob'))).status, 'delivered', `q${n}`);
  assert.equal(bob.take(), []);
  await world.says(ann, ask('q0', 'bob'));
  assert.equal(brief(await takeAll(world, bob)), ['question q0'], 'it is no longer known');
  assert.equal(brief(ann.take()), ['question_sent delivered q0']);
});

test.run();
