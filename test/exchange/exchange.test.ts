/** Protocol parts 1 and 5: who may say what, how often, and what a fault of the exchange or its store looks like. */
import * as assert from 'uvu/assert';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { assertError, type Json, suite } from '../harness.ts';
import { heldStore } from './held-store.ts';
import { SECOND, START, World, WRONG_CODE } from './world.ts';

const test = suite('exchange');

test('who has not identified may identify, connect with a username, and ping', async () => {
  const world = new World();
  const guest = world.open();
  const commands: Json[] = [
    { type: 'create_invite' },
    { type: 'connect', code: WRONG_CODE },
    { type: 'ask', content: 'c' },
    { type: 'answer', content: 'c' },
    { type: 'list_connections' },
    { type: 'disconnect', to: 'ann' },
  ];
  for (const command of commands) {
    const reply = await world.request(guest, { ...command, id: 'c-1' });
    assertError(reply, 'not_identified', { request: command.type as string, id: 'c-1' });
  }
  assert.equal(await world.request(guest, { type: 'ping', id: 'p-1' }), { type: 'pong', id: 'p-1' });
  for (const id of ['', 5, null, 'a b'])
    assert.equal(await world.request(guest, { type: 'ping', id }), { type: 'pong' });
  assert.equal(world.refused, Array(6).fill('not_identified'));
});

test('what is no command is answered, and never closes', async () => {
  const world = new World();
  const guest = world.open();
  assertError(await world.request(guest, 'hello'), 'bad_message');
  assertError(await world.request(guest, { type: 'dance' }), 'unknown_type');
  world.exchange.received(guest.client, undefined, 3, world.now);
  assertError(guest.takeOne(), 'bad_message');
  const content = (bytes: number) => {
    const empty = JSON.stringify({ type: 'ping', padding: '' });
    return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`);
  };
  await world.request(guest, content(65_536), 'pong');
  assertError(await world.request(guest, content(65_537)), 'message_too_large');
  assert.is(guest.closedWith, undefined);
});

test('a store that fails is told as such; any other fault is internal; the client goes on', async () => {
  const store = heldStore();
  const world = new World({}, { store, expectsFailures: true });
  const ann = await world.identified('ann');
  store.isHolding = true;
  const faults: [error: unknown, code: string][] = [
    [new StorageFailed('no space'), 'storage_failed'],
    [new Error('secret'), 'internal'],
    ['not even an error', 'internal'],
  ];
  for (const [error, code] of faults) {
    world.send(ann, { type: 'create_invite', id: 'i-1' });
    world.send(ann, { type: 'ping' });
    await world.settled();
    store.next('addInvite').fail(error);
    await world.settled();
    const [fault, pong] = ann.take();
    assertError(fault ?? {}, code, { request: 'create_invite', id: 'i-1' });
    assert.equal(pong, { type: 'pong' });
    assert.equal(world.failures.splice(0), [{ where: 'create_invite', error }]);
  }
  // One that is thrown instead of awaited.
  const thrown = new Error('no names today');
  world.exchange.state.users.make = () => {
    throw thrown;
  };
  const bob = world.open();
  assertError(await world.request(bob, { type: 'identify', username: 'bob' }), 'internal', { request: 'identify' });
  assert.equal(world.failures.splice(0), [{ where: 'identify', error: thrown }]);
  await world.request(bob, { type: 'ping' }, 'pong');
});

test('500 frames at once and 50 a second, whatever is in them', async () => {
  const world = new World();
  const guest = world.open();
  for (let n = 0; n < 250; n++) {
    world.send(guest, { type: 'ping' });
    world.send(guest, 'rubbish');
  }
  assert.equal(
    guest.take().filter(({ code }) => code === 'rate_limited'),
    [],
  );
  const refusal = await world.request(guest, { type: 'ping', id: 'p-1' });
  assertError(refusal, 'rate_limited');
  assert.is(refusal.retryAfterMs, 20);
  world.now += SECOND;
  for (let n = 0; n < 50; n++) await world.request(guest, { type: 'ping' }, 'pong');
  assertError(await world.request(guest, { type: 'ping' }), 'rate_limited');
});

test('120 commands a minute; pings and what is no command are not counted', async () => {
  const world = new World();
  const guest = await world.identified('ann');
  const list = { type: 'list_connections', id: 'l-1' };
  for (let n = 0; n < 119; n++) await world.request(guest, list, 'connections');
  const limited = ['create_invite', 'list_connections', 'disconnect', 'connect', 'identify'];
  for (const type of limited) {
    const refusal = await world.request(guest, { type, to: 'bob', code: WRONG_CODE, username: 'ann' });
    assertError(refusal, 'rate_limited', { request: type });
    assert.is(refusal.retryAfterMs, 500);
  }
  await world.request(guest, { type: 'ping' }, 'pong');
  assertError(await world.request(guest, { type: 'dance' }), 'unknown_type');
  world.now += 500;
  await world.request(guest, list, 'connections');
});

test('a limit that is hit is told to the log, every ten seconds for each client', async () => {
  const world = new World({ commandsPerMinute: 1 });
  const guests = [await world.identified('ann'), await world.identified('bob')];
  const notes = () => world.events.flatMap((event) => (event.event === 'limit_hit' ? [event.client.user?.key] : []));
  for (const later of [0, 9_999, 10_000, 10_001])
    for (const guest of guests) {
      world.now = START + later;
      assertError(await world.request(guest, { type: 'create_invite' }), 'rate_limited', { request: 'create_invite' });
    }
  assert.equal(notes(), ['ann', 'bob', 'ann', 'bob']);
});

test('at a full address the oldest unidentified client gives way, or nobody is let in', async () => {
  const world = new World({ clientsPerAddress: 3 });
  const [ann, one, two] = [await world.identified('ann'), world.open(), world.open()];
  assert.ok(world.exchange.admits('192.0.2.1', world.now));
  assert.equal([ann.closedWith, one.closedWith, two.closedWith], [undefined, 1008, undefined]);
  await world.says(one, { type: 'ping' });
  assert.equal(one.take(), [], 'its place is given away');
  const three = world.open();
  await world.close(one);
  for (const [guest, username] of [[two, '2'] as const, [three, '3'] as const])
    await world.request(guest, { type: 'identify', username }, 'identified');
  assert.not(world.exchange.admits('192.0.2.1', world.now));
  assert.ok(world.exchange.admits('192.0.2.2', world.now));
  await world.close(ann);
  assert.ok(world.exchange.admits('192.0.2.1', world.now));
  assert.ok(new World({ clientsPerAddress: 0 }).exchange.admits('192.0.2.1', world.now));
  await world.assertNothingLeft();
});

test('a drain tells everybody when to come back, each by itself, and closes', async () => {
  const world = new World();
  const guests = [...(await world.pair('ann', 'bob')), world.open()];
  let spread = 0;
  world.exchange.drain(() => ++spread * 1_000);
  assert.equal(
    guests.map((guest) => [guest.take(), guest.closedWith]),
    [1, 2, 3].map((n) => [[{ type: 'restarting', retryAfterMs: n * 1_000 }], 1012]),
  );
  // That friends go too is no news.
  for (const guest of guests) await world.close(guest);
  assert.equal(
    guests.flatMap((guest) => guest.take()),
    [],
  );
  await world.assertNothingLeft();
});

test.run();
