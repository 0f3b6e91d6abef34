/** Protocol parts 2 and 4: durable connections, and who is told that a friend is here, away or gone. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, durableWorld, takeAll } from './talk.ts';
import { type Guest, keyOf, UNLIMITED, World } from './world.ts';

const test = suite('presence');

const friend = (username: string, nickname = username): Json => ({ username, nickname, publicKey: keyOf(username) });

async function connectionsOf(world: World, guest: Guest): Promise<Json[]> {
  return (await world.request(guest, { type: 'list_connections' }, 'connections')).connections as Json[];
}

test('two keyed users are in a durable connection, and each is told the key of the other', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann', { nickname: 'Anna' });
  const bob = await world.keyed('bob');
  const connected = await world.request(bob, { type: 'connect', code: await world.invite(ann) });
  const { connectionId } = connected;
  assert.equal(connected, {
    ...{ type: 'connected_to_friend', connectionId, friend: friend('ann', 'Anna'), durable: true },
  });
  assert.equal(ann.take(), [{ type: 'friend_connected', connectionId, friend: friend('bob'), durable: true }]);
});

test('a keyed user and a guest are in a guest connection, which ends when either is gone', async () => {
  for (const leaver of ['keyed', 'guest']) {
    const world = new World(UNLIMITED);
    const [ann, guest] = [await world.keyed('ann'), await world.identified('guest')];
    const connected = await world.request(guest, { type: 'connect', code: await world.invite(ann) });
    assert.equal([connected.durable, (connected.friend as Json).username], [false, 'ann']);
    assert.is(ann.takeOne('friend_connected').durable, false);
    await world.says(guest, { type: 'ask', content: 'no id?' });
    const { type, status, content } = guest.takeOne();
    assert.equal([type, status, content], ['question_sent', 'forwarded', 'no id?']);
    assert.equal(ann.take(), [{ type: 'question', content: 'no id?', from: 'guest', fromNickname: 'guest' }]);
    const [gone, left] = leaver === 'keyed' ? [ann, guest] : [guest, ann];
    await world.close(gone);
    assert.is(left.takeOne('friend_disconnected').reason, 'closed');
    assert.equal(await connectionsOf(world, left), []);
  }
});

test('a keyed user with several clients stays in a guest connection until the last of them has gone', async () => {
  const world = new World(UNLIMITED);
  const [one, guest] = [await world.keyed('ann'), await world.identified('guest')];
  await world.connect(one, guest);
  const other = await world.keyed('ann');
  await world.close(one);
  assert.equal(guest.take(), []);
  await world.says(guest, { type: 'ask', content: 'still there?' });
  other.takeOne('question');
  guest.takeOne('question_sent');
  await world.close(other);
  guest.takeOne('friend_disconnected');
  assert.equal((await world.keyed('ann')).identified.connections, []);
});

test('friends are told when the last client goes and when the first one comes, and of nothing in between', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = [await world.keyed('ann', { nickname: 'Anna' }), await world.keyed('bob')];
  const connectionId = await world.connect(ann, bob);
  const second = await world.keyed('ann');
  await world.close(ann);
  assert.equal(bob.take(), []);
  await world.close(second);
  assert.equal(bob.take(), [{ type: 'friend_away', connectionId, friend: friend('ann', 'Anna') }]);
  assert.equal(
    (await connectionsOf(world, bob)).map(({ online }) => online),
    [false],
  );
  await world.keyed('ann');
  assert.equal(bob.take(), [{ type: 'friend_online', connectionId, friend: friend('ann', 'Anna') }]);
  assert.equal(
    (await connectionsOf(world, bob)).map(({ online }) => online),
    [true],
  );
});

test('a connection survives both being away, and is told to each who comes back', async () => {
  const { world } = durableWorld();
  const [ann, bob] = [await world.keyed('ann'), await world.keyed('bob', { nickname: 'Bobby' })];
  const connectionId = await world.connect(ann, bob);
  await world.close(ann);
  await world.close(bob);
  world.now += 86_400_000;
  await world.tick(world.now);
  const again = await world.keyed('ann');
  const entry = { connectionId, friend: friend('bob', 'Bobby'), online: false };
  assert.equal(again.identified.connections, [{ ...entry, durable: true }]);
  assert.equal(again.take(), []);
  const back = await world.keyed('bob');
  assert.equal((back.identified.connections as Json[])[0], {
    connectionId,
    friend: friend('ann'),
    online: true,
    durable: true,
  });
  again.takeOne('friend_online');
  await world.says(again, ask('q1', 'bob'));
  assert.equal(brief(await takeAll(world, back)), ['question q1']);
  assert.equal(brief(again.take()), ['question_sent delivered q1']);
});

test('a connection does not end for being silent', async () => {
  const world = new World({ ...UNLIMITED, idleMinutes: 1 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let minute = 1; minute <= 5; minute++) await world.tick(world.now + 60_000);
  assert.equal([ann.take(), bob.take()], [[], []]);
  assert.is((await connectionsOf(world, ann)).length, 1);
});

test('the code of an absent keyed user connects; its maker learns of the friend on coming back', async () => {
  const { world } = durableWorld();
  const ann = await world.keyed('ann');
  const code = await world.invite(ann);
  await world.close(ann);
  const bob = await world.keyed('bob');
  await world.says(bob, { type: 'connect', code });
  const told = bob.take();
  const { connectionId } = told[0] as Json;
  assert.equal(told[0], { type: 'connected_to_friend', connectionId, friend: friend('ann'), durable: true });
  assert.equal(
    (await connectionsOf(world, bob)).map(({ online }) => online),
    [false],
  );
  await world.says(bob, ask('q1', 'ann'));
  assert.equal(brief(bob.take()), ['question_sent queued q1']);
  const again = await world.keyed('ann');
  assert.equal(
    [(again.identified.connections as Json[])[0]?.connectionId, again.identified.pending],
    [connectionId, 1],
  );
  assert.equal(brief(again.take()), ['question q1']);
  assert.equal(bob.take(), [{ type: 'friend_online', connectionId, friend: friend('ann') }]);
});

test('a guest cannot connect to a keyed user who is away: friend_offline, and the code stays usable', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann');
  const code = await world.invite(ann);
  await world.close(ann);
  const guest = await world.identified('guest');
  for (let n = 0; n < 7; n++)
    assertError(await world.request(guest, { type: 'connect', code }), 'friend_offline', { request: 'connect' });
  const again = await world.keyed('ann');
  await world.request(guest, { type: 'connect', code }, 'connected_to_friend');
  again.takeOne('friend_connected');
});

test('connecting again keeps the connection and uses the code up', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = [await world.keyed('ann'), await world.keyed('bob')];
  const connectionId = await world.connect(ann, bob);
  const [code, reverse] = [await world.invite(ann), await world.invite(bob)];
  const again = await world.request(bob, { type: 'connect', code });
  assert.equal([again.type, again.connectionId, again.durable], ['connected_to_friend', connectionId, true]);
  ann.take();
  const other = await world.request(ann, { type: 'connect', code: reverse });
  assert.equal([other.type, other.connectionId], ['connected_to_friend', connectionId]);
  bob.take();
  for (const used of [code, reverse])
    assertError(await world.request(await world.keyed(`cy ${used}`), { type: 'connect', code: used }), 'invalid_code', {
      request: 'connect',
    });
  const away = await world.invite(ann);
  await world.close(ann);
  bob.take();
  assert.is((await world.request(bob, { type: 'connect', code: away })).connectionId, connectionId);
  assert.is((await connectionsOf(world, bob)).length, 1);
});

test('every client of a user hears of connections, presence and messages; replies go to the one that asked', async () => {
  const { world } = durableWorld();
  const [ann1, ann2, bob] = [await world.keyed('ann'), await world.keyed('ann'), await world.keyed('bob')];
  const { connectionId } = await world.request(bob, { type: 'connect', code: await world.invite(ann1) });
  for (const client of [ann1, ann2]) assert.is(client.takeOne('friend_connected').connectionId, connectionId);
  await world.close(bob);
  for (const client of [ann1, ann2]) client.takeOne('friend_away');
  const back = await world.keyed('bob');
  for (const client of [ann1, ann2]) client.takeOne('friend_online');
  await world.says(back, ask('q1', 'ann'));
  const [first, second] = [ann1.takeOne('question'), ann2.takeOne('question')];
  assert.equal(first, second);
  assert.equal(back.take(), []);
  await acknowledge(world, ann2, [second]);
  await acknowledge(world, ann1, [first]);
  assert.equal(brief(back.take()), ['question_sent delivered q1']);
  await world.says(ann1, { type: 'list_connections' });
  assert.equal([ann1.take().length, ann2.take().length], [1, 0]);
});

test('a client that connects a user is the one that is answered; its others are told that there is a friend', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob1, bob2] = [await world.keyed('ann'), await world.keyed('bob'), await world.keyed('bob')];
  const { connectionId } = await world.request(bob1, { type: 'connect', code: await world.invite(ann) });
  assert.is(ann.takeOne('friend_connected').connectionId, connectionId);
  const [event, ...others] = bob2.take();
  assert.equal(others, []);
  assert.equal([event?.connectionId, event?.friend], [connectionId, friend('ann')]);
});

test('an answer or a declined by one client is told to the others as handled; a read is not', async () => {
  const { world } = durableWorld();
  const [ann1, bob] = await world.keyedPair('ann', 'bob');
  const [ann2, ann3] = [await world.keyed('ann'), await world.keyed('ann')];
  for (const id of ['q1', 'q2']) await world.says(bob, ask(id, 'ann'));
  await takeAll(world, ann1);
  for (const client of [ann2, ann3, bob]) client.take();
  await world.says(ann1, { type: 'receipt', id: 'q1', to: 'bob', status: 'read' });
  assert.equal([ann1.take(), ann2.take(), ann3.take()], [[], [], []]);
  await world.says(ann2, answer('q1', 'bob'));
  assert.equal([ann1.take(), ann3.take()], Array(2).fill([{ type: 'handled', id: 'q1', from: 'bob' }]));
  assert.equal(ann2.take(), []);
  await world.says(ann3, { type: 'receipt', id: 'q2', to: 'bob', status: 'declined' });
  assert.equal([ann1.take(), ann2.take()], Array(2).fill([{ type: 'handled', id: 'q2', from: 'bob' }]));
  assert.equal(ann3.take(), []);
});

test('list_connections tells each friend, its key, and whether it is here; guests among them have no key', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob, cy] = [await world.keyed('ann'), await world.keyed('bob'), await world.keyed('cy')];
  const guest = await world.identified('guest');
  const ids = [await world.connect(bob, ann), await world.connect(cy, ann), await world.connect(guest, ann)];
  await world.close(cy);
  ann.takeOne('friend_away');
  assert.equal(await connectionsOf(world, ann), [
    { connectionId: ids[0], friend: friend('bob'), online: true, durable: true },
    { connectionId: ids[1], friend: friend('cy'), online: false, durable: true },
    { connectionId: ids[2], friend: { username: 'guest', nickname: 'guest' }, online: true, durable: false },
  ]);
});

test.run();
