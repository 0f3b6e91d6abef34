/** Protocol part 3: receipts, from the friend and from the exchange itself. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { acknowledge, ask, brief, drain, durableWorld, restarted, takeAll } from './talk.ts';
import { SECOND, START } from './world.ts';

const test = suite('receipts');

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

test('read and declined go to the sender of the message, with the time and a deliveryId; who sends them is told nothing', async () => {
  const { world, ann, bob } = await asked();
  world.now = START + 7 * SECOND;
  await world.says(bob, receipt('q1', 'ANN', 'read'));
  const read = ann.takeOne('receipt');
  const { deliveryId } = read;
  assert.type(deliveryId, 'string');
  assert.equal(read, { type: 'receipt', id: 'q1', from: 'bob', status: 'read', at: START + 7 * SECOND, deliveryId });
  await world.says(bob, receipt('q1', 'ann', 'declined', { reason: 'Not today,\n"Ann".' }));
  const declined = ann.takeOne('receipt');
  assert.equal([declined.status, declined.reason], ['declined', 'Not today,\n"Ann".']);
  assert.not.equal(declined.deliveryId, deliveryId);
  await acknowledge(world, ann, [read, declined]);
  assert.equal([ann.take(), bob.take()], [[], []]);
});

test('every client of the sender gets a receipt; one that acknowledges is enough', async () => {
  const { world, ann, bob } = await asked();
  const other = await world.keyed('ann');
  await world.says(bob, receipt('q1', 'ann', 'read'));
  const told = ann.takeOne('receipt');
  assert.equal(other.take(), [told]);
  await acknowledge(world, other, [told]);
  await world.close(ann);
  await world.close(other);
  assert.equal((await world.keyed('ann')).take(), []);
});

test('what is not acknowledged comes again to whoever identifies next', async () => {
  const { world, ann, bob } = await asked();
  await world.says(bob, receipt('q1', 'ann', 'read'));
  ann.takeOne('receipt');
  const second = await world.keyed('ann');
  assert.equal(brief(second.take()), ['receipt read q1']);
  await world.close(ann);
  await world.close(second);
  const third = await world.keyed('ann');
  assert.equal(brief(third.take()), ['receipt read q1']);
  await world.close(third);
  const fourth = await world.keyed('ann');
  assert.equal(brief(await takeAll(world, fourth)), ['receipt read q1']);
  await world.close(fourth);
  assert.equal((await world.keyed('ann')).take(), []);
});

test('a receipt waits for a sender who is away, also while the exchange starts anew, and is not counted as pending', async () => {
  const { world, store, ann, bob } = await asked();
  await world.close(ann);
  world.now = START + 100 * SECOND;
  await world.says(bob, receipt('q1', 'ann', 'declined', { reason: 'no' }));
  const next = restarted(world, store);
  next.now = START + 200 * SECOND;
  const again = await next.keyed('ann');
  assert.is(again.identified.pending, 0);
  const told = again.takeOne('receipt');
  assert.equal([told.status, told.reason, told.at], ['declined', 'no', START + 100 * SECOND]);
  await acknowledge(next, again, [told]);
  await next.close(again);
  assert.equal((await next.keyed('ann')).take(), []);
});

test('of those that wait only the latest for each friend and message is kept', async () => {
  const { world, ann, bob } = await asked();
  const cy = await world.keyed('cy');
  await world.connect(cy, ann);
  await world.close(ann);
  bob.take();
  for (const id of ['q1', 'q2']) await world.says(bob, receipt(id, 'ann', 'read'));
  await world.says(bob, receipt('q1', 'ann', 'declined', { reason: 'first' }));
  await world.says(cy, receipt('q1', 'ann', 'read'));
  await world.says(bob, receipt('q1', 'ann', 'declined', { reason: 'second' }));
  const again = await world.keyed('ann');
  const told = (await drain(world, again)).map(({ from, id, status, reason }) => `${from} ${id} ${status} ${reason}`);
  assert.equal(told.sort(), ['bob q1 declined second', 'bob q2 read undefined', 'cy q1 read undefined']);
});

test('at most a thousand wait for a user; the oldest are dropped', async () => {
  const { world, ann, bob } = await asked();
  await world.close(ann);
  bob.take();
  for (let n = 0; n < 1_003; n++) await world.says(bob, receipt(`r${n}`, 'ann', 'read'));
  const told = (await drain(world, await world.keyed('ann'))).map(({ id }) => id);
  assert.equal(
    told,
    Array.from({ length: 1_000 }, (_, n) => `r${n + 3}`),
  );
});

test('receipts wait apart from messages: neither takes the room of the other', async () => {
  const { world } = durableWorld({ mailboxMessages: 8 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(ann);
  for (let n = 0; n < 20; n++) await world.says(bob, receipt(`r${n}`, 'ann', 'read'));
  bob.take();
  for (const id of ['q1', 'q2']) assert.is((await world.request(bob, ask(id, 'ann'))).status, 'queued');
  assert.is((await world.request(bob, ask('q3', 'ann'))).code, 'mailbox_full');
  const again = await world.keyed('ann');
  assert.is(again.identified.pending, 2);
  const told = brief(await drain(world, again));
  assert.equal(
    told.filter((line) => line.startsWith('question')),
    ['question q1', 'question q2'],
  );
  assert.is(told.filter((line) => line.startsWith('receipt')).length, 20);
});

test('a reason has up to 200 characters, whatever they take', async () => {
  const { world, ann, bob } = await asked();
  for (const reason of ['', 'x'.repeat(200), '李'.repeat(200), '🦊'.repeat(200)]) {
    await world.says(bob, receipt('q1', 'ann', 'declined', { reason }));
    assert.equal(bob.take(), [], `${reason.length} units`);
    const [told] = await takeAll(world, ann);
    assert.is(told?.reason ?? '', reason);
  }
  for (const reason of ['x'.repeat(201), '🦊'.repeat(201), 5, null, ['x'], {}]) {
    const refused = await world.request(bob, receipt('q1', 'ann', 'declined', { reason }));
    assertError(refused, 'bad_message', { request: 'receipt', id: 'q1' });
    assert.match(refused.message as string, '"reason"');
  }
  assert.equal(ann.take(), []);
});

test('a receipt needs an id, a status that friends may give, and a friend', async () => {
  const { world, ann, bob } = await asked();
  await world.keyed('cy');
  for (const status of ['delivered', 'expired', 'left', 'READ', '', undefined, 5]) {
    const refused = await world.request(bob, { ...receipt('q1', 'ann', ''), status });
    assertError(refused, 'bad_message', { request: 'receipt', id: 'q1' });
    assert.match(refused.message as string, '"status"');
  }
  for (const id of [undefined, '', 'a b', 5, null, 'x'.repeat(65)]) {
    const refused = await world.request(bob, { ...receipt('', 'ann', 'read'), id });
    assertError(refused, 'bad_message', { request: 'receipt' });
    assert.match(refused.message as string, '"id"');
  }
  for (const to of ['cy', 'nobody', 'bob'])
    assertError(await world.request(bob, receipt('q1', to, 'read')), 'no_connection', { request: 'receipt', id: 'q1' });
  assertError(await world.request(bob, { type: 'receipt', id: 'q1', status: 'read' }), 'bad_message', {
    ...{ request: 'receipt', id: 'q1' },
  });
  const nobody = world.open();
  const refused = await world.request(nobody, receipt('q1', 'ann', 'read'));
  assertError(refused, 'not_identified', { request: 'receipt', id: 'q1' });
  assert.equal(ann.take(), []);
});

test('there are no receipts in guest connections: they are refused, and not passed on', async () => {
  const { world, bob } = await asked();
  const [guest, other] = [await world.identified('guest'), await world.identified('other')];
  await world.connect(guest, bob);
  await world.connect(guest, other);
  for (const [from, to] of [
    [bob, 'guest'],
    [guest, 'bob'],
    [guest, 'other'],
  ] as const)
    for (const status of ['read', 'declined']) {
      const refused = await world.request(from, receipt('q1', to, status));
      assert.equal([refused.type, refused.request, refused.id], ['error', 'receipt', 'q1']);
    }
  for (const client of [bob, guest, other]) assert.equal(client.take(), []);
});

test.run();
