/** Protocol parts 1 and 5: a question or an answer on its way to the friend. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { assertError, suite } from '../harness.ts';
import { MINUTE, SECOND, START, UNLIMITED, World } from './world.ts';

const test = suite('delivery');

test('a question and its answer, field by field', async () => {
  const world = new World();
  const [ann, bob] = [world.open(), world.open()];
  await world.request(ann, { type: 'identify', username: 'Ann', nickname: 'Anna' });
  await world.request(bob, { type: 'identify', username: 'Bob', nickname: 'Bobby' });
  await world.connect(ann, bob);
  await world.says(ann, { type: 'ask', content: 'How?', to: 'bob', id: 'q-1' });
  assert.equal(ann.take(), [
    { type: 'question_sent', content: 'How?', to: 'Bobby', status: 'forwarded', remaining: 9, id: 'q-1' },
  ]);
  assert.equal(bob.take(), [{ type: 'question', content: 'How?', from: 'Ann', fromNickname: 'Anna', id: 'q-1' }]);
  await world.says(bob, { type: 'answer', content: 'So.', id: 'a-1', replyTo: 'q-1' });
  assert.equal(bob.take(), [{ type: 'answer_sent', content: 'So.', to: 'Anna', status: 'forwarded', id: 'a-1' }]);
  const answer = { type: 'answer', content: 'So.', from: 'Bob', fromNickname: 'Bobby', id: 'a-1', replyTo: 'q-1' };
  assert.equal(ann.take(), [answer]);
  assert.equal(world.forwarded, [
    { type: 'question', from: 'ann', to: 'bob', length: 4 },
    { type: 'answer', from: 'bob', to: 'ann', length: 3 },
  ]);
});

test('a malformed id or replyTo is ignored', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.pair('ann', 'bob');
  for (const id of ['', 'a b', 'x'.repeat(65), 5, null, {}, ['q'], '"']) {
    await world.says(ann, { type: 'answer', content: 'c', id, replyTo: id });
    assert.equal(ann.take(), [{ type: 'answer_sent', content: 'c', to: 'bob', status: 'forwarded' }]);
    assert.equal(bob.take(), [{ type: 'answer', content: 'c', from: 'ann', fromNickname: 'ann' }]);
  }
});

test('any content arrives as it was, once, in order, and at nobody else', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.pair('ann', 'bob');
  const bystander = await world.identified('cy');
  await world.connect(bystander, bob);
  const content = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.constant(' \n"\\\u2028'));
  const message = fc.record({ type: fc.constantFrom('ask', 'answer'), content, to: fc.constant('bob') });
  await fc.assert(
    fc.asyncProperty(fc.array(message), async (messages) => {
      for (const one of messages) world.send(ann, one);
      await world.settled();
      const kinds = messages.map(({ type, content }) => [type === 'ask' ? 'question' : 'answer', content]);
      assert.equal(
        bob.take().map(({ type, content }) => [type, content]),
        kinds,
      );
      assert.equal(
        ann.take().map(({ type, content }) => [type, content]),
        kinds.map(([kind, content]) => [`${kind}_sent`, content]),
      );
      assert.equal(bystander.take(), []);
    }),
  );
});

test('without "to" the only friend is meant; with several the friend must be named, in any case of letters', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.pair('Ann', 'Bob');
  const cy = await world.identified('Cy');
  const stranger = await world.identified('Stranger');
  for (const type of ['ask', 'answer']) {
    await world.says(ann, { type, content: 'c' });
    assert.equal([bob.take().length, ann.take().length], [1, 1]);
  }
  await world.connect(cy, ann);
  for (const type of ['ask', 'answer']) {
    const about = { request: type, id: 'q1' };
    assertError(await world.request(ann, { type, content: 'c', id: 'q1' }), 'recipient_required', about);
    for (const to of ['Cy', 'cy', 'CY', 'ｃｙ']) {
      await world.says(ann, { type, content: to, to });
      assert.equal([cy.takeOne().content, ann.take().length], [to, 1]);
    }
    // Whether there is such a user does not show.
    const refused = ['Stranger', 'nobody', 'Ann', '', ' ', '\ud800', '__proto__', 'constructor', 'x'.repeat(10_000)];
    const replies: unknown[] = [];
    for (const to of refused) replies.push(await world.request(ann, { type, content: 'c', to, id: 'q1' }));
    for (const reply of replies) assert.equal(reply, replies[0]);
    assertError(replies[0] as Record<string, unknown>, 'no_connection', about);
    assertError(await world.request(stranger, { type, content: 'c', id: 'q1' }), 'no_connection', about);
  }
  assert.equal([bob.take(), cy.take(), stranger.take()], [[], [], []]);
  await world.close(cy);
  ann.takeOne('friend_disconnected');
  await world.says(ann, { type: 'ask', content: 'the only one again' });
  bob.takeOne('question');
});

test('ten questions at once and one every six seconds, whomever they are for', async () => {
  const world = new World();
  const [ann, bob] = await world.pair('ann', 'bob');
  const cy = await world.identified('cy');
  await world.connect(cy, ann);
  for (let left = 9; left >= 0; left--) {
    await world.says(ann, { type: 'ask', content: 'q', to: left % 2 === 0 ? 'bob' : 'cy' });
    assert.is(ann.takeOne('question_sent').remaining, left);
  }
  assert.equal([bob.take().length, cy.take().length], [5, 5]);
  const refusal = await world.request(ann, { type: 'ask', content: 'q', to: 'bob', id: 'q11' });
  assertError(refusal, 'rate_limited', { request: 'ask', id: 'q11' });
  assert.is(refusal.retryAfterMs, 6 * SECOND);
  // The friend has an allowance of its own, and answers are not questions.
  await world.says(bob, { type: 'ask', content: 'q' });
  await world.says(ann, { type: 'answer', content: 'a', to: 'bob' });
  assert.equal([bob.take().length, ann.take().length], [2, 2]);
  world.now = START + 6 * SECOND;
  assert.is((await world.request(ann, { type: 'ask', content: 'q', to: 'bob' })).remaining, 0);
  world.now = START + 2 * MINUTE;
  assert.is((await world.request(ann, { type: 'ask', content: 'q', to: 'bob' })).remaining, 9);
  assert.is(bob.take().length, 2);
});

test('without a bound nothing is said to remain', async () => {
  const world = new World({ questionsPerMinute: 0 });
  const [ann] = await world.pair('ann', 'bob');
  for (let n = 0; n < 100; n++)
    assert.equal(await world.request(ann, { type: 'ask', content: 'q' }), {
      ...{ type: 'question_sent', content: 'q', to: 'bob', status: 'forwarded' },
    });
});

test('a question that goes nowhere takes no allowance of questions, but one of commands', async () => {
  // Three commands: identify, connect, and one more.
  const world = new World({ commandsPerMinute: 3 });
  const [, ann] = await world.pair('bob', 'ann');
  await world.says(ann, { type: 'ask', content: 'q', to: 'nobody' });
  assertError(ann.takeOne(), 'no_connection', { request: 'ask' });
  await world.says(ann, { type: 'ask', content: 'q', to: 'nobody' });
  assertError(ann.takeOne(), 'rate_limited', { request: 'ask' });
  assert.is((await world.request(ann, { type: 'ask', content: 'q', to: 'bob' }, 'question_sent')).remaining, 9);
});

test('answers to open questions are free; one that nobody asked for is a command', async () => {
  const world = new World({ ...UNLIMITED, commandsPerMinute: 3 });
  const [ann, bob] = await world.pair('ann', 'bob');
  const answer = { type: 'answer', content: 'a' };
  const ask = async (times: number) => {
    for (let n = 0; n < times; n++) await world.says(ann, { type: 'ask', content: 'q' });
    ann.take();
    bob.take();
  };
  // Of three commands two are used.
  await world.request(bob, answer, 'answer_sent');
  assertError(await world.request(bob, answer), 'rate_limited', { request: 'answer' });
  await ask(5);
  for (let n = 0; n < 5; n++) await world.request(bob, answer, 'answer_sent');
  assertError(await world.request(bob, answer), 'rate_limited', { request: 'answer' });
  // A thousand questions are remembered as open.
  await ask(1_001);
  for (let n = 0; n < 1_000; n++) world.send(bob, answer);
  await world.settled();
  assert.is(bob.take().filter(({ type }) => type === 'answer_sent').length, 1_000);
  assertError(await world.request(bob, answer), 'rate_limited', { request: 'answer' });
});

test.run();
