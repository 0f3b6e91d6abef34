/** Protocol parts 1 and 4: listing connections, ending them, and ping. */
import * as assert from 'uvu/assert';
import { assertError, type Exchange, startExchange, suite, TestClient, UNLIMITED } from '../harness.ts';

const test = suite('connections');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

test('list_connections names every friend by the nickname of now', async () => {
  const ann = await TestClient.identified(exchange, 'ann list');
  assert.equal(await ann.request({ type: 'list_connections' }), { type: 'connections', connections: [] });
  const bob = await TestClient.identified(exchange, 'bob list', 'Bob');
  const eve = await TestClient.identified(exchange, 'eve list', 'Eve');
  const ids = [(await bob.connectTo(ann)).connectionId, (await eve.connectTo(ann)).connectionId];
  await bob.request({ type: 'identify', username: 'bob list', nickname: 'Robert' }, 'identified');
  const listed = (await ann.connections()).map(({ connectionId, friend }) => ({ connectionId, friend }));
  assert.equal(
    listed.sort((a, b) => ids.indexOf(a.connectionId) - ids.indexOf(b.connectionId)),
    [
      { connectionId: ids[0], friend: { username: 'bob list', nickname: 'Robert' } },
      { connectionId: ids[1], friend: { username: 'eve list', nickname: 'Eve' } },
    ],
  );
  assert.equal(
    (await bob.connections()).map(({ friend }) => friend),
    [{ username: 'ann list', nickname: 'ann list' }],
  );
});

for (const [how, leave] of [
  ['closes', (client: TestClient) => client.close()],
  ['breaks off', async (client: TestClient) => client.terminate()],
] as const) {
  test(`when a guest ${how}, each of its friends is told, and strangers are not`, async () => {
    const ann = await TestClient.identified(exchange, `ann ${how}`, 'Ann');
    const friends = [
      await TestClient.identified(exchange, `bob ${how}`),
      await TestClient.identified(exchange, `eve ${how}`),
    ];
    const stranger = await TestClient.identified(exchange, `stranger ${how}`);
    const ids: unknown[] = [];
    for (const friend of friends) ids.push((await friend.connectTo(ann)).connectionId);
    await leave(ann);
    for (const [n, friend] of friends.entries()) {
      assert.equal(await friend.next(), {
        type: 'friend_disconnected',
        friend: { username: `ann ${how}`, nickname: 'Ann' },
        connectionId: ids[n],
        reason: 'closed',
      });
      assert.equal(await friend.connections(), []);
      const reply = await friend.request({ type: 'ask', content: 'gone?', to: `ann ${how}` });
      assertError(reply, 'no_connection', { request: 'ask' });
    }
    await stranger.quiet();
  });
}

test('a guest who comes back under the same name has no connection', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann back', 'bob back');
  await ann.close();
  await bob.next('friend_disconnected');
  const back = await TestClient.identified(exchange, 'ann back');
  assert.equal(await back.connections(), []);
  assertError(await back.request({ type: 'ask', content: 'c' }), 'no_connection', { request: 'ask' });
  assertError(await bob.request({ type: 'answer', content: 'c', to: 'ann back' }), 'no_connection', {
    request: 'answer',
  });
  await back.quiet();
});

test('disconnect ends the connection and tells both sides', async () => {
  const ann = await TestClient.identified(exchange, 'ann left', 'Ann');
  const bob = await TestClient.identified(exchange, 'bob left', 'Bob');
  const { connectionId } = await bob.connectTo(ann);
  assert.equal(await ann.request({ type: 'disconnect', to: 'BOB LEFT' }), {
    type: 'friend_disconnected',
    friend: { username: 'bob left', nickname: 'Bob' },
    connectionId,
    reason: 'left',
  });
  assert.equal(await bob.next(), {
    type: 'friend_disconnected',
    friend: { username: 'ann left', nickname: 'Ann' },
    connectionId,
    reason: 'left',
  });
  for (const client of [ann, bob]) {
    assert.equal(await client.connections(), []);
    assertError(await client.request({ type: 'ask', content: 'c' }), 'no_connection', { request: 'ask' });
  }
  const again = await bob.connectTo(ann);
  assert.is.not(again.connectionId, connectionId);
  await ann.quiet();
  await bob.quiet();
});

test('disconnect ends only the named connection', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann one', 'bob one');
  const eve = await TestClient.identified(exchange, 'eve one');
  await eve.connectTo(ann);
  await ann.request({ type: 'disconnect', to: 'bob one' }, 'friend_disconnected');
  await bob.next('friend_disconnected');
  await eve.quiet();
  // One friend is left, so a question without `to` is clear again.
  await ann.request({ type: 'ask', content: 'still here?' }, 'question_sent');
  assert.is((await eve.next('question')).content, 'still here?');
  await bob.quiet();
});

test('what both sides say while one disconnects is either heard before or refused', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann race', 'bob race');
  for (let n = 0; n < 20; n += 1) bob.send({ type: 'ask', content: `before ${n}` });
  ann.send({ type: 'disconnect', to: 'bob race' });
  for (let n = 0; n < 20; n += 1) bob.send({ type: 'ask', content: `after ${n}` });
  bob.send({ type: 'ping', id: 'end' });
  let sentCount = 0;
  for (let message = await bob.next(); message.type !== 'pong'; message = await bob.next()) {
    if (message.type === 'question_sent') sentCount += 1;
    else if (message.type === 'error') assertError(message, 'no_connection', { request: 'ask' });
    else assert.is(message.type, 'friend_disconnected');
  }
  // The disconnect may have reached the exchange after everything that bob said; his being told is awaited on ann's side.
  let heardCount = 0;
  for (let message = await ann.next(); message.type !== 'friend_disconnected'; message = await ann.next()) {
    assert.is(message.type, 'question');
    heardCount += 1;
  }
  assert.is(heardCount, sentCount);
  await ann.quiet();
});

test('disconnect needs the username of a friend', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann need', 'bob need');
  for (const to of ['nobody', 'ann need', '']) {
    assertError(await ann.request({ type: 'disconnect', to }), 'no_connection', { request: 'disconnect' });
  }
  for (const fields of [{}, { to: null }, { to: 5 }, { to: ['bob need'] }]) {
    const reply = await ann.request({ type: 'disconnect', ...fields });
    assertError(reply, 'bad_message', { request: 'disconnect' });
    assert.match(reply.message as string, /\bto\b/);
  }
  await bob.quiet();
});

test('ping is answered with its id, also before identifying', async () => {
  const client = await TestClient.unidentified(exchange);
  assert.equal(await client.request({ type: 'ping' }), { type: 'pong' });
  assert.equal(await client.request({ type: 'ping', id: 'p-1' }), { type: 'pong', id: 'p-1' });
  assert.equal(await client.request({ type: 'ping', id: 'not well formed' }), { type: 'pong' });
});

test.run();
