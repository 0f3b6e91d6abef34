/** Protocol part 3: receipts of the exchange itself, and receipts where a connection or a user comes to its end. */
import * as assert from 'uvu/assert';
import { type Json, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, drain, durableWorld, stored, takeAll } from './talk.ts';
import { keyOf, proofFor, SECOND, START } from './world.ts';

const test = suite('receipts, the end');

const receipt = (id: string, to: string, status: string, more: Json = {}): Json => ({
  type: 'receipt',
  id,
  to,
  status,
  ...more,
});

/** Ann, Bob, and a question of hers that he has. */
async function asked() {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.says(ann, ask('q1', 'bob'));
  await takeAll(world, bob);
  ann.takeOne('question_sent');
  return { world, store, ann, bob };
}

test('delivered is told of what was queued only: who heard delivered at once gets no receipt', async () => {
  const { world, ann, bob } = await asked();
  await world.close(bob);
  await takeAll(world, ann);
  await world.says(ann, ask('q2', 'bob'));
  await world.says(ann, answer('x', 'bob', 'a3'));
  ann.take();
  const back = await world.keyed('bob');
  world.now = START + 50 * SECOND;
  assert.equal(brief(await drain(world, back)), ['question q2', 'answer a3']);
  const told = (await takeAll(world, ann)).filter(({ type }) => type === 'receipt');
  assert.equal(brief(told), ['receipt delivered q2', 'receipt delivered a3']);
  for (const { at, from } of told) assert.equal([at, from], [START + 50 * SECOND, 'bob']);
});

test('a message and its receipt change together: there is never a time at which neither waits', async () => {
  const { world, store, ann, bob } = await asked();
  await world.close(bob);
  await world.says(ann, ask('q2', 'bob'));
  await world.close(ann);
  const back = await world.keyed('bob');
  store.isHolding = true;
  await takeAll(world, back);
  assert.equal(await stored(store, 'bob'), ['q2']);
  while (store.held.length > 0) {
    const call = store.held.shift();
    store.isHolding = false;
    const [before, receipts] = [await store.waiting('bob'), await store.receiptsFor('ann')];
    assert.is(before.length + receipts.length, 1, 'either the message or its receipt');
    store.isHolding = true;
    call?.answer();
    await world.settled();
  }
  store.isHolding = false;
  assert.equal(
    [await stored(store, 'bob'), (await store.receiptsFor('ann')).map(({ status }) => status)],
    [[], ['delivered']],
  );
});

test('after disconnect what waits for the one who left is reported left; the other direction is still delivered', async () => {
  const { world, store, ann, bob } = await asked();
  await world.close(bob);
  await takeAll(world, ann);
  for (const id of ['q2', 'q3']) await world.says(ann, ask(id, 'bob'));
  await world.close(ann);
  const bob2 = await world.keyed('bob');
  bob2.take();
  await world.says(bob2, answer('q1', 'ann', 'a1'));
  await world.says(bob2, { type: 'disconnect', to: 'ann' });
  const said = brief(bob2.take());
  assert.equal(said, ['answer_sent queued a1', 'friend_disconnected']);
  assert.equal([await stored(store, 'bob'), await stored(store, 'ann')], [[], ['a1']]);
  const again = await world.keyed('ann');
  assert.equal([again.identified.connections, again.identified.pending], [[], 1]);
  const told = await drain(world, again);
  assert.equal(brief(told).sort(), ['answer a1', 'receipt left q2', 'receipt left q3']);
  assert.equal(
    told.filter(({ type }) => type === 'receipt').map(({ from }) => from),
    ['bob', 'bob'],
  );
  // Bob is told that his answer has arrived, or nothing; nothing fails for its sender being no friend any more.
  for (const { type } of await takeAll(world, bob2)) assert.is(type, 'receipt');
  await world.close(bob2);
  assert.is((await world.keyed('bob')).identified.pending, 0);
});

test('what is held, not yet queued, when the reader leaves the connection is reported, too, and never lost in silence', async () => {
  const { world, ann, bob } = await asked();
  await world.says(ann, ask('q2', 'bob'));
  bob.takeOne('question');
  await world.says(bob, { type: 'disconnect', to: 'ann' });
  await world.tick(START + 10 * SECOND);
  const told = brief(await takeAll(world, ann));
  assert.ok(told.includes('friend_disconnected'));
  assert.ok(
    told.some((line) => /^(receipt left|error \w+|question_sent delivered) q2$/.test(line)),
    told.join(', '),
  );
  await world.close(bob);
  const back = await world.keyed('bob');
  assert.equal([back.identified.pending, back.take()], [0, []]);
});

test('what the one who left had sent, held and unacknowledged, still counts when it is acknowledged', async () => {
  const { world, ann, bob } = await asked();
  await world.says(bob, answer('q1', 'ann', 'a1'));
  const told = ann.takeOne('answer');
  await world.says(bob, { type: 'disconnect', to: 'ann' });
  await acknowledge(world, ann, [told]);
  await world.tick(START + 10 * SECOND);
  const said = brief(bob.take());
  assert.ok(
    said.some((line) => /^answer_sent (delivered|queued) a1$/.test(line)),
    said.join(', '),
  );
});

test('a receipt that the exchange could not store for an absent sender is not taken for stored', async () => {
  const { world, store } = durableWorld({}, { expectsFailures: true });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(ann);
  bob.take();
  store.isHolding = true;
  await world.says(bob, receipt('q1', 'ann', 'read'));
  while (store.held.length > 0) {
    store.held.shift()?.fail(new Error('the disk is full'));
    await world.settled();
  }
  store.isHolding = false;
  assert.ok(world.failures.length >= 1 || bob.take().length >= 1, 'somebody learns of it');
});

test('nobody gets the receipts of a name that was forgotten and has another holder', async () => {
  const { world, ann, bob } = await asked();
  await world.close(ann);
  await world.says(bob, receipt('q1', 'ann', 'read'));
  const again = await world.keyed('ann');
  again.take();
  await world.says(again, { type: 'forget_me' });
  await world.close(again);
  const heir = world.open();
  await world.request(heir, { type: 'identify', ...proofFor(heir, 'ann', keyOf('heir')) }, 'identified');
  assert.equal(heir.take(), []);
});

test.run();
