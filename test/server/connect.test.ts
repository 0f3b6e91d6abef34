/** Protocol part 1: connecting two users by a code. */
import * as assert from 'uvu/assert';
import {
  assertError,
  type Exchange,
  startExchange,
  suite,
  TestClient,
  UNLIMITED,
  UUID,
  withExchange,
} from '../harness.ts';

const test = suite('connect');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

test('both sides are told the same connection and each the other', async () => {
  const maker = await TestClient.identified(exchange, 'ann', 'Ann A.');
  const guest = await TestClient.identified(exchange, 'bob', 'Bob B.');
  guest.send({ type: 'connect', code: await maker.invite() });
  const { connectionId, ...told } = await guest.next('connected_to_friend');
  assert.match(connectionId as string, UUID);
  assert.equal(told, { type: 'connected_to_friend', friend: { username: 'ann', nickname: 'Ann A.' }, durable: false });
  assert.equal(await maker.next(), {
    type: 'friend_connected',
    connectionId,
    friend: { username: 'bob', nickname: 'Bob B.' },
    durable: false,
  });
  await guest.quiet();
  await maker.quiet();
});

test('connect with a username identifies first and answers only connected_to_friend', async () => {
  const maker = await TestClient.identified(exchange, 'carol');
  const code = await maker.invite();
  const guest = await TestClient.unidentified(exchange);
  await guest.request({ type: 'connect', code, username: 'dave', nickname: 'Dave D.' }, 'connected_to_friend');
  await guest.quiet();
  assert.equal((await maker.next('friend_connected')).friend, { username: 'dave', nickname: 'Dave D.' });
  assert.is((await guest.request({ type: 'create_invite' }, 'invite_created')).from, 'Dave D.');

  const second = await TestClient.unidentified(exchange);
  second.send({ type: 'connect', code: await maker.invite(), username: 'dave the second' });
  await second.next('connected_to_friend');
  assert.equal((await maker.next('friend_connected')).friend, {
    username: 'dave the second',
    nickname: 'dave the second',
  });
});

test('connect with a username and a wrong code: the client stays identified', async () => {
  const guest = await TestClient.unidentified(exchange);
  const reply = await guest.request({ type: 'connect', code: '222222', username: 'erin', nickname: 'Erin E.' });
  assertError(reply, 'invalid_code', { request: 'connect' });
  await guest.quiet();
  assert.is((await guest.request({ type: 'create_invite' }, 'invite_created')).from, 'Erin E.');
  const late = await TestClient.unidentified(exchange);
  assertError(await late.request({ type: 'identify', username: 'erin' }), 'username_taken', { request: 'identify' });
});

test('connect with a username that cannot be had uses no code up', async () => {
  const maker = await TestClient.identified(exchange, 'frank');
  await TestClient.identified(exchange, 'grace');
  const code = await maker.invite();
  const guest = await TestClient.unidentified(exchange);
  const refusals = [
    ['username_taken', { username: 'GRACE' }],
    ['invalid_username', { username: ' grace' }],
    ['invalid_nickname', { username: 'heidi', nickname: '' }],
    ['bad_message', { username: 5 }],
  ] as const;
  for (const [fault, fields] of refusals) {
    assertError(await guest.request({ type: 'connect', code, ...fields }), fault, { request: 'connect' });
  }
  const settled = await TestClient.identified(exchange, 'ivan');
  const refused = await settled.request({ type: 'connect', code, username: 'somebody else' });
  assertError(refused, 'already_identified', { request: 'connect' });
  await maker.quiet();
  await guest.request({ type: 'connect', code, username: 'heidi' }, 'connected_to_friend');
});

test('connect with the username that the client already has is a plain connect', async () => {
  const maker = await TestClient.identified(exchange, 'judy');
  const guest = await TestClient.identified(exchange, 'ken');
  guest.send({ type: 'connect', code: await maker.invite(), username: 'ken' });
  await guest.next('connected_to_friend');
  await guest.quiet();
});

test('connecting again answers with the same connection and uses the code up', async () => {
  const maker = await TestClient.identified(exchange, 'leo');
  const guest = await TestClient.identified(exchange, 'mallory');
  const { connectionId } = await guest.connectTo(maker);
  const code = await maker.invite();
  const again = await guest.request({ type: 'connect', code }, 'connected_to_friend');
  assert.is(again.connectionId, connectionId);
  assert.is((await maker.next('friend_connected')).connectionId, connectionId);
  const backwards = await maker.request({ type: 'connect', code: await guest.invite() }, 'connected_to_friend');
  assert.is(backwards.connectionId, connectionId);
  assert.is((await guest.next('friend_connected')).connectionId, connectionId);
  const third = await TestClient.identified(exchange, 'third');
  assertError(await third.request({ type: 'connect', code }), 'invalid_code', { request: 'connect' });
  assert.is((await guest.connections()).length, 1);
});

test('two users who redeem each other at the same moment have one connection', async () => {
  const one = await TestClient.identified(exchange, 'niaj');
  const other = await TestClient.identified(exchange, 'olivia');
  const [codeOfOne, codeOfOther] = [await one.invite(), await other.invite()];
  one.send({ type: 'connect', code: codeOfOther });
  other.send({ type: 'connect', code: codeOfOne });
  // Each is told twice: that its own redemption worked, and that its friend's did.
  const told = [await one.next(), await one.next(), await other.next(), await other.next()];
  assert.equal(told.map(({ type }) => type).sort(), [
    ...['connected_to_friend', 'connected_to_friend', 'friend_connected', 'friend_connected'],
  ]);
  assert.is(new Set(told.map(({ connectionId }) => connectionId)).size, 1);
  for (const client of [one, other]) assert.is((await client.connections()).length, 1);
});

test('a user at the bound of connections is refused on either side, and the code stays usable', async () => {
  await withExchange({ ...UNLIMITED, CONNECTIONS_PER_USER: '1' }, async (small) => {
    const [full, friend] = await TestClient.pair(small, 'full', 'friend');
    const free = await TestClient.identified(small, 'free');
    const outsider = await TestClient.identified(small, 'outsider');

    const codeOfFull = await full.invite();
    assertError(await free.request({ type: 'connect', code: codeOfFull }), 'too_many_connections', {
      request: 'connect',
    });
    const codeOfFree = await free.invite();
    assertError(await full.request({ type: 'connect', code: codeOfFree }), 'too_many_connections', {
      request: 'connect',
    });
    // Both codes are still good: one for somebody with room, one for the friend who is connected already.
    await outsider.request({ type: 'connect', code: codeOfFree }, 'connected_to_friend');
    await friend.request({ type: 'connect', code: codeOfFull }, 'connected_to_friend');
  });
});

test('room is made by an ended connection', async () => {
  await withExchange({ ...UNLIMITED, CONNECTIONS_PER_USER: '1' }, async (small) => {
    const [full, friend] = await TestClient.pair(small, 'full', 'friend');
    const free = await TestClient.identified(small, 'free');
    await friend.close();
    await full.next('friend_disconnected');
    await free.connectTo(full);
  });
});

test('by default a user may have 50 connections', async () => {
  const hub = await TestClient.identified(exchange, 'hub');
  const spokes = await Promise.all(Array.from({ length: 51 }, (_, n) => TestClient.identified(exchange, `spoke ${n}`)));
  for (const [n, spoke] of spokes.entries()) {
    if (n < 50) await spoke.connectTo(hub);
    else {
      const reply = await spoke.request({ type: 'connect', code: await hub.invite() });
      assertError(reply, 'too_many_connections', { request: 'connect' });
    }
  }
  assert.is((await hub.connections()).length, 50);
});

test.run();
