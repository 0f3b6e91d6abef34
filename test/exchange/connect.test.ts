/** Protocol parts 1 and 4: from a code to a connection. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { UNLIMITED, World, WRONG_CODE } from './world.ts';

const test = suite('connect');

const connect = (code: string, from?: string) => ({ type: 'connect', code, from });

function assertRefused(reply: Json, code: string): void {
  assertError(reply, code, { request: 'connect' });
}

test('connecting tells both who the other is, and uses the code up', async () => {
  const world = new World();
  const [maker, guest] = [world.open(), world.open()];
  await world.request(maker, { type: 'identify', username: 'Ann', nickname: 'Anna' });
  const code = await world.invite(maker);
  const reply = await world.request(guest, { type: 'connect', code, username: 'Bob', nickname: 'Bobby' });
  const { connectionId, ...rest } = reply;
  assert.equal(rest, {
    type: 'connected_to_friend',
    friend: { username: 'Ann', nickname: 'Anna' },
    durable: false,
  });
  const friend = { username: 'Bob', nickname: 'Bobby' };
  assert.equal(maker.take(), [{ type: 'friend_connected', connectionId, friend, durable: false }]);
  const { connections } = await world.request(maker, { type: 'list_connections' }, 'connections');
  assert.equal(connections, [{ connectionId, friend, online: true, durable: false }]);
  assertRefused(await world.request(await world.identified('cy'), connect(code)), 'invalid_code');
  assert.equal(world.eventNames().slice(-5), [
    ...['invite_used', 'connected', 'client_opened', 'identified', 'invite_refused'],
  ]);
  await world.assertNothingLeft();
});

test('a code is read as people type it; what is no code is refused like a wrong one', async () => {
  const world = new World(UNLIMITED);
  const [maker, guest] = [await world.identified('ann'), await world.identified('bob')];
  const code = await world.invite(maker);
  for (const wrong of ['', '000000', 'ABC', `${code}2`, WRONG_CODE, '__proto__'])
    assert.equal(await world.request(guest, connect(wrong)), await world.request(guest, connect(WRONG_CODE)));
  await world.request(guest, connect(` ${code.slice(0, 3)}-${code.slice(3).toLowerCase()} `), 'connected_to_friend');
});

test("with from only that user's codes count; one's own stays usable and is not held against one", async () => {
  const world = new World({ wrongCodesPerUser: 2 });
  const [maker, guest] = [await world.identified('ann'), await world.identified('bob')];
  const code = await world.invite(maker);
  for (let n = 0; n < 5; n++) assertRefused(await world.request(maker, connect(code)), 'own_invite');
  assertRefused(await world.request(guest, connect(code, 'cy')), 'invalid_code');
  assert.equal(maker.take(), []);
  await world.request(guest, connect(code, 'ANN'), 'connected_to_friend');
  assertRefused(await world.request(guest, connect(code, 'bob')), 'invalid_code');
  assertRefused(await world.request(guest, connect(code)), 'too_many_attempts');
});

test('the codes of a guest end with it, and whoever takes its name has none of them', async () => {
  const world = new World(UNLIMITED);
  const maker = await world.identified('ann');
  const code = await world.invite(maker);
  await world.close(maker);
  const heir = await world.identified('ann');
  const guest = await world.identified('bob');
  assertRefused(await world.request(guest, connect(code)), 'invalid_code');
  assert.equal(heir.take(), []);
});

test('connecting again answers with the same connection, uses the code up, and is told to the friend', async () => {
  const world = new World({ ...UNLIMITED, connectionsPerUser: 1 });
  const [maker, guest] = await world.pair('ann', 'bob');
  const [connection] = world.exchange.state.connections.byId.keys();
  const code = await world.invite(maker);
  assert.is((await world.request(guest, connect(code))).connectionId, connection);
  assert.is(maker.takeOne('friend_connected').connectionId, connection);
  assertRefused(await world.request(guest, connect(code)), 'invalid_code');
  assert.is(await world.connect(guest, maker), connection, 'the other way round');
  assert.is(world.exchange.state.connections.total, 1);
  // Still one subscription: everything arrives once.
  await world.says(guest, { type: 'ask', content: 'q' });
  maker.takeOne('question');
});

test('a user has at most 50 connections, whoever invites; the code stays usable', async () => {
  const world = new World(UNLIMITED);
  const hub = await world.identified('hub');
  for (let n = 0; n < 50; n++) {
    const friend = await world.identified(`friend ${n}`);
    await (n % 2 === 0 ? world.connect(hub, friend) : world.connect(friend, hub));
  }
  const late = await world.identified('late');
  const [ours, theirs] = [await world.invite(hub), await world.invite(late)];
  assertRefused(await world.request(late, connect(ours)), 'too_many_connections');
  assertRefused(await world.request(hub, connect(theirs)), 'too_many_connections');
  assert.equal([hub.take(), late.take()], [[], []]);
  await world.says(hub, { type: 'disconnect', to: 'friend 7' });
  hub.takeOne('friend_disconnected');
  await world.request(late, connect(ours), 'connected_to_friend');
  hub.takeOne('friend_connected');
  await world.assertNothingLeft();
});

test.run();
