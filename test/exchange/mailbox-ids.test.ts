/** Protocol part 3: ids that clients give, deliveryIds that the exchange gives, and what replies hold. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, drain, durableWorld, restarted, stored, takeAll } from './talk.ts';
import { SECOND, START, type World } from './world.ts';

const test = suite('mailbox ids');

test('in a durable connection a message without a proper id is bad_message, whether the friend is here or away', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (const isHere of [true, false]) {
    if (!isHere) {
      await world.close(bob);
      ann.take();
    }
    for (const type of ['ask', 'answer'])
      for (const id of [undefined, '', 'a b', 'x'.repeat(65), 5, null, {}, ['q'], '"']) {
        const reply = await world.request(ann, { type, id, content: 'c', to: 'bob', replyTo: 'q1' });
        assertError(reply, 'bad_message', { request: type });
        assert.match(reply.message as string, '"id"');
      }
  }
  assert.equal(bob.take(), []);
  assert.equal(await drain(world, await world.keyed('bob')), []);
});

test('ids of 64 of the allowed characters come through as they are', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (const id of ['x'.repeat(64), '-', '_', '0', 'constructor', '__proto__', 'A', 'a']) {
    await world.says(ann, ask(id, 'bob'));
    assert.is((await takeAll(world, bob))[0]?.id, id);
    assert.equal(brief(ann.take()), [`question_sent delivered ${id}`]);
  }
});

test('a reply in a durable connection holds the id and leaves the content out', async () => {
  const { world } = durableWorld({ questionsPerMinute: 10 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (const isHere of [true, false]) {
    if (!isHere) {
      await world.close(bob);
      ann.take();
    }
    const [q, a] = [`q-${isHere}`, `a-${isHere}`];
    const status = isHere ? 'delivered' : 'queued';
    await world.says(ann, ask(q, 'bob'));
    await takeAll(world, bob);
    const remaining = isHere ? 9 : 8;
    assert.equal(ann.take(), [{ type: 'question_sent', to: 'bob', status, remaining, id: q }]);
    await world.says(ann, answer('r', 'bob', a));
    await takeAll(world, bob);
    assert.equal(ann.take(), [{ type: 'answer_sent', to: 'bob', status, id: a }]);
  }
  const refused = await world.request(ann, ask('q-3', 'nobody', 'a secret'));
  assertError(refused, 'no_connection', { request: 'ask', id: 'q-3' });
  const large = await world.request(ann, ask('q-4', 'bob', 'x'.repeat(32_769)));
  assertError(large, 'message_too_large', { request: 'ask', id: 'q-4' });
  for (const reply of [refused, large]) assert.not('content' in reply);
});

test('a friend in a durable connection and one in a guest connection: each has its own kind of reply', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const guest = await world.identified('guest');
  await world.connect(ann, guest);
  await world.says(ann, { type: 'ask', content: 'to a guest', to: 'guest' });
  assert.equal(ann.take(), [{ type: 'question_sent', content: 'to a guest', to: 'guest', status: 'forwarded' }]);
  assert.equal(guest.take(), [{ type: 'question', content: 'to a guest', from: 'ann', fromNickname: 'ann' }]);
  const refused = await world.request(ann, { type: 'ask', id: 'q1', content: 'to whom?' });
  assertError(refused, 'recipient_required', { request: 'ask', id: 'q1' });
  await world.says(ann, ask('q1', 'bob'));
  assert.equal([ann.take(), (await takeAll(world, bob)).length], [[], 1]);
});

test('an answer need not name a question that the exchange knows; a malformed replyTo is never passed on', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, answer('never-asked', 'bob', 'a1'));
  assert.is((await takeAll(world, bob))[0]?.replyTo, 'never-asked');
  ann.take();
  await world.says(ann, { ...answer('x', 'bob', 'a2'), replyTo: 'a b' });
  const told = await takeAll(world, bob);
  for (const message of told) assert.is(message.replyTo, undefined);
  const [reply] = ann.take();
  assert.is(told.length === 1 ? reply?.status : reply?.code, told.length === 1 ? 'delivered' : 'bad_message');
});

test('deliveryIds that nobody knows are ignored, also from guests and from those who have not received anything', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const guest = await world.identified('guest');
  for (const client of [ann, bob, guest])
    for (const deliveryIds of [[], ['nobody knows'], ['', '0', '-1', '1e9', '__proto__', 'x'.repeat(10_000)]]) {
      await world.says(client, { type: 'received', deliveryIds });
      assert.equal(client.take(), []);
    }
  await world.says(ann, ask('q1', 'bob'));
  const question = bob.takeOne('question');
  await world.says(bob, { type: 'received', deliveryIds: ['x', question.deliveryId, question.deliveryId, 'y'] });
  assert.equal(brief(ann.take()), ['question_sent delivered q1']);
  await acknowledge(world, bob, [question]);
  assert.equal([ann.take(), bob.take()], [[], []]);
});

test('nobody acknowledges what was sent to another user', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const [cy, guest] = [await world.keyed('cy'), await world.identified('guest')];
  await world.connect(cy, bob);
  await world.says(ann, ask('q1', 'bob'));
  const question = bob.takeOne('question');
  for (const client of [cy, guest, ann]) await acknowledge(world, client, [question]);
  assert.equal(ann.take(), []);
  await world.close(bob);
  ann.take();
  cy.take();
  for (const client of [cy, guest, ann]) await acknowledge(world, client, [question]);
  assert.equal([ann.take(), await stored(store, 'bob')], [[], ['q1']]);
});

test('an acknowledgement from a client that came back counts, by the id that was told before', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  const question = bob.takeOne('question');
  await world.close(bob);
  ann.take();
  const back = await world.keyed('bob');
  await acknowledge(world, back, [question]);
  assert.equal(await stored(store, 'bob'), []);
  assert.equal(brief(ann.take()), ['friend_online', 'receipt delivered q1']);
});

test('deliveryIds are never made again, whatever they are for, also not after the exchange was started anew', async () => {
  const { world, store } = durableWorld();
  const seen: unknown[] = [];
  const talk = async (now: World, round: number) => {
    const ann = await now.keyed('ann');
    const bob = await now.keyed('bob');
    for (let n = 0; n < 50; n++) {
      await now.says(ann, ask(`q-${round}-${n}`, 'bob'));
      await now.says(bob, answer(`q-${round}-${n}`, 'ann', `a-${round}-${n}`));
      await now.says(bob, { type: 'receipt', id: `q-${round}-${n}`, to: 'ann', status: 'read' });
      if (n % 10 === 0) await now.tick(now.now + 6 * SECOND);
      for (const client of [ann, bob]) seen.push(...(await takeAll(now, client)).map(({ deliveryId }) => deliveryId));
    }
    await now.close(ann);
    await now.close(bob);
  };
  await world.keyedPair('ann', 'bob').then(async (pair) => {
    for (const client of pair) await world.close(client);
  });
  await talk(world, 1);
  const next = restarted(world, store);
  await talk(next, 2);
  const ids = seen.filter((id) => id !== undefined);
  assert.ok(ids.length >= 300, `${ids.length}`);
  assert.is(new Set(ids).size, ids.length);
});

test('received and receipt cost no commands; what is acknowledged is not answered', async () => {
  const { world } = durableWorld({ commandsPerMinute: 3 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let n = 0; n < 20; n++) {
    await world.says(ann, ask(`q${n}`, 'bob'));
    await takeAll(world, bob);
    await world.says(bob, { type: 'receipt', id: `q${n}`, to: 'ann', status: 'read' });
    await world.says(bob, answer(`q${n}`, 'ann'));
    await takeAll(world, ann);
    assert.equal(brief(bob.take()), [`answer_sent delivered a-q${n}`]);
  }
  assert.is(world.now, START);
});

test('a received that is none is bad_message; only identified clients may say it', async () => {
  const { world } = durableWorld();
  const [ann] = await world.keyedPair('ann', 'bob');
  for (const deliveryIds of [undefined, 'x', [5], [null], {}, null])
    assertError(await world.request(ann, { type: 'received', deliveryIds } as Json), 'bad_message', {
      request: 'received',
    });
  const nobody = world.open();
  const reply = await world.request(nobody, { type: 'received', deliveryIds: ['x'] });
  assertError(reply, 'not_identified', { request: 'received' });
});

test.run();
