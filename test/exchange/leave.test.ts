/** Protocol parts 1 and 4: how connections and users end, and that nothing of them stays. */
import * as assert from 'uvu/assert';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { assertError, type Json, suite } from '../harness.ts';
import { heldStore } from './held-store.ts';
import { type Guest, HOUR, MINUTE, SECOND, START, UNLIMITED, World } from './world.ts';

const test = suite('leave');

/** Asserts that the guest was told of one end, and of nothing else. */
function assertLeft(guest: Guest, friend: string, reason: string): Json {
  const { connectionId, ...rest } = guest.takeOne();
  assert.equal(rest, { type: 'friend_disconnected', friend: { username: friend, nickname: friend }, reason });
  return { connectionId };
}

test('a connection ends after 30 minutes without a message, to the millisecond, and both are told', async () => {
  const world = new World();
  const [ann, bob] = await world.pair('ann', 'bob');
  const [connectionId] = world.exchange.state.connections.byId.keys();
  await world.tick(START + 30 * MINUTE - 1);
  assert.equal([ann.take(), bob.take()], [[], []]);

  const exact = new World();
  const [cy, dee] = await exact.pair('cy', 'dee');
  await exact.tick(START + 30 * MINUTE);
  assert.equal(assertLeft(cy, 'dee', 'idle'), { connectionId });
  assert.equal(assertLeft(dee, 'cy', 'idle'), { connectionId });
  assertError(await exact.request(cy, { type: 'ask', content: 'q' }), 'no_connection', { request: 'ask' });
  // Who is idle stays, and may connect again.
  await exact.connect(cy, dee);
  await exact.assertNothingLeft();
});

test('what ran out is found two seconds late at most, also when the clock was set back', async () => {
  const world = new World(UNLIMITED);
  const [ann] = await world.pair('ann', 'bob');
  await world.tick(START + 30 * MINUTE - 1);
  await world.tick(START + 30 * MINUTE + 2 * SECOND - 1);
  assertLeft(ann, 'bob', 'idle');
  const late = await world.pair('cy', 'dee');
  await world.tick(START + 3 * HOUR);
  late[0].take();
  world.now = START;
  const [eve] = await world.pair('eve', 'fay');
  await world.tick(START + 30 * MINUTE);
  assertLeft(eve, 'fay', 'idle');
});

test('a message prolongs a connection, in either direction; nothing else does', async () => {
  for (const type of ['ask', 'answer'])
    for (const side of [0, 1] as const) {
      const world = new World();
      const guests = await world.pair('ann', 'bob');
      world.now = START + 20 * MINUTE;
      await world.says(guests[side], { type, content: 'c' });
      for (const guest of guests) assert.is(guest.take().length, 1);
      await world.tick(START + 50 * MINUTE - 1);
      assert.equal([...guests[0].take(), ...guests[1].take()], []);
      await world.tick(START + 53 * MINUTE);
      assertLeft(guests[0], 'bob', 'idle');
    }
  const world = new World();
  const [ann, bob] = await world.pair('ann', 'bob');
  world.now = START + 29 * MINUTE;
  for (const message of [{ type: 'ping' }, { type: 'list_connections' }, { type: 'ask', content: 'c', to: 'cy' }])
    await world.request(ann, message);
  await world.request(ann, { type: 'identify', username: 'ann' });
  await world.tick(START + 30 * MINUTE);
  assertLeft(ann, 'bob', 'idle');
  assertLeft(bob, 'ann', 'idle');
});

test('connections last as long as IDLE_MINUTES says, or for ever', async () => {
  const short = new World({ idleMinutes: 1 });
  const [ann] = await short.pair('ann', 'bob');
  await short.tick(START + MINUTE);
  assertLeft(ann, 'bob', 'idle');
  const endless = new World({ idleMinutes: 0 });
  const [cy] = await endless.pair('cy', 'dee');
  await endless.tick(START + 1_000 * HOUR);
  await endless.request(cy, { type: 'ask', content: 'q' }, 'question_sent');
});

test('disconnect ends one connection; both are told, others go on', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.pair('ann', 'bob');
  const cy = await world.identified('cy');
  const other = await world.connect(cy, ann);
  await world.says(ann, { type: 'disconnect', to: 'BOB' });
  const { connectionId } = assertLeft(ann, 'bob', 'left');
  assert.equal(assertLeft(bob, 'ann', 'left'), { connectionId });
  for (const to of ['bob', 'nobody', 'ann', ''])
    assertError(await world.request(ann, { type: 'disconnect', to }), 'no_connection', { request: 'disconnect' });
  const { connections } = await world.request(ann, { type: 'list_connections' });
  const friend = { username: 'cy', nickname: 'cy' };
  assert.equal(connections, [{ connectionId: other, friend, online: true, durable: false }]);
  assert.not.equal(await world.connect(bob, ann), connectionId);
  await world.assertNothingLeft();
});

test('when a guest closes each of its friends is told once', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.pair('ann', 'bob');
  const cy = await world.identified('cy');
  await world.connect(cy, ann);
  await world.connect(cy, bob);
  await world.close(ann);
  assertLeft(bob, 'ann', 'closed');
  assertLeft(cy, 'ann', 'closed');
  assert.equal(ann.take(), []);
  world.hangUp(ann);
  await world.says(bob, { type: 'ask', content: 'still here?' });
  cy.takeOne('question');
  assert.equal(
    world.events.flatMap((event) => (event.event === 'disconnected' ? [event.reason] : [])),
    ['closed', 'closed'],
  );
  assert.is(world.eventNames().filter((name) => name === 'client_closed').length, 1);
  await world.assertNothingLeft();
});

test('both may close in one moment, and who is not identified leaves without a trace', async () => {
  const world = new World(UNLIMITED);
  const pair = await world.pair('ann', 'bob');
  const nobody = world.open();
  for (const guest of [...pair, nobody]) world.hangUp(guest);
  await world.settled();
  assert.equal(world.eventNames().slice(-4), ['client_closed', 'disconnected', 'client_closed', 'client_closed']);
  await world.assertNothingLeft();
});

test('a name is free the moment its holder closes, and the next holder inherits nothing', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.pair('ann', 'bob');
  await world.invite(ann);
  world.hangUp(ann);
  const heir = world.open();
  world.send(heir, { type: 'identify', username: 'Ann' });
  world.send(heir, { type: 'list_connections' });
  await world.settled();
  assert.equal(
    heir.take().map(({ type, username, connections }) => [type, username, connections]),
    [
      ['identified', 'Ann', undefined],
      ['connections', undefined, []],
    ],
  );
  assertLeft(bob, 'ann', 'closed');
  assertError(await world.request(bob, { type: 'ask', content: 'q', to: 'ann' }), 'no_connection', { request: 'ask' });
  await world.assertNothingLeft();
});

test('a store that does not forget the codes of who left is reported, and nobody is held up', async () => {
  const store = heldStore();
  const world = new World(UNLIMITED, { store, expectsFailures: true });
  const [ann, bob] = await world.pair('ann', 'bob');
  await world.invite(ann);
  store.isHolding = true;
  await world.close(ann);
  assertLeft(bob, 'ann', 'closed');
  store.next('removeInvites').fail(new StorageFailed('the disk is full'));
  await world.settled();
  assert.equal(
    world.failures.map(({ where }) => where),
    ['invites.end'],
  );
});

test('the store is told to forget what has expired, and a failure of that is reported', async () => {
  const store = heldStore();
  const world = new World({}, { store, expectsFailures: true });
  store.isHolding = true;
  await world.tick(START + MINUTE);
  store.next('expire').fail(new Error('no such table'));
  await world.settled();
  assert.equal(
    world.failures.map(({ where }) => where),
    ['store.expire'],
  );
});

test.run();
