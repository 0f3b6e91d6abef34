/** Protocol part 1: a name whose holder no longer answers, and what the one who asks for it says meanwhile. */
import * as assert from 'uvu/assert';
import { assertError, type Exchange, startExchange, suite, TestClient, UNLIMITED } from '../harness.ts';

const test = suite('half-dead clients');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

test('a name whose holder does not answer a ping is freed, and its next holder inherits nothing', async () => {
  const silent = await TestClient.identified(exchange, 'ghost', 'Ghost', { autoPong: false });
  const friend = await TestClient.identified(exchange, 'the friend of ghost', 'Friend');
  const { connectionId } = await friend.connectTo(silent);
  const code = await silent.invite();

  const heir = await TestClient.unidentified(exchange);
  const identified = await heir.request({ type: 'identify', username: 'GHOST' }, 'identified');
  assert.is(identified.username, 'GHOST');

  const told = await friend.next('friend_disconnected');
  assert.equal(told.friend, { username: 'ghost', nickname: 'Ghost' });
  assert.is(told.connectionId, connectionId);
  assertError(await heir.request({ type: 'ask', content: 'hi' }), 'no_connection', { request: 'ask' });
  assert.equal(await heir.connections(), []);
  assertError(await friend.request({ type: 'connect', code }), 'invalid_code', { request: 'connect' });
  assertError(await friend.request({ type: 'ask', content: 'hi', to: 'ghost' }), 'no_connection', { request: 'ask' });
  assert.equal(heir.inbox, []);
});

test('what a client sends while its name is being decided takes effect in order afterwards', async () => {
  const silent = await TestClient.identified(exchange, 'slow', undefined, { autoPong: false });
  const heir = await TestClient.unidentified(exchange);
  heir.send({ type: 'identify', username: 'slow', nickname: 'First' });
  heir.send({ type: 'create_invite' });
  heir.send({ type: 'identify', username: 'slow', nickname: 'Second' });
  for (let n = 0; n < 61; n += 1) heir.send({ type: 'list_connections' });
  heir.send({ type: 'create_invite' });
  assert.is((await heir.next('identified')).nickname, 'First');
  assert.is((await heir.next('invite_created')).from, 'First');
  assert.is((await heir.next('identified')).nickname, 'Second');
  for (let n = 0; n < 61; n += 1) await heir.next('connections');
  assert.is((await heir.next('invite_created')).from, 'Second');
  silent.terminate();
});

test('a client that sends more than is kept for it is closed, and the exchange goes on', async () => {
  const silent = await TestClient.identified(exchange, 'crowded', undefined, { autoPong: false });
  const flooder = await TestClient.unidentified(exchange);
  flooder.send({ type: 'identify', username: 'crowded' });
  for (let n = 0; n < 65; n += 1) flooder.send({ type: 'list_connections' });
  await flooder.whenClosed();

  const silentToo = await TestClient.identified(exchange, 'heavy', undefined, { autoPong: false });
  const heavy = await TestClient.unidentified(exchange);
  heavy.send({ type: 'identify', username: 'heavy' });
  for (let n = 0; n < 10; n += 1) heavy.send({ type: 'ask', content: 'x'.repeat(32_000) });
  await heavy.whenClosed();
  silent.terminate();
  silentToo.terminate();
  await TestClient.identified(exchange, 'somebody after them');
});

test('a client that goes while its name is being decided leaves no claim behind', async () => {
  const silent = await TestClient.identified(exchange, 'claimed', undefined, { autoPong: false });
  const hasty = await TestClient.unidentified(exchange);
  hasty.send({ type: 'identify', username: 'claimed' });
  await hasty.close();
  const patient = await TestClient.unidentified(exchange);
  // The holder answers nobody's ping: whoever asks gets the name, whatever became of those who asked before.
  await patient.request({ type: 'identify', username: 'claimed' }, 'identified');
  silent.terminate();
});

test.run();
