/** `connect` waits for the store twice; what may happen to guest, maker and code meanwhile (protocol part 1). */
import * as assert from 'uvu/assert';
import type { Limits } from '../../src/exchange/limits.ts';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { assertError, type Json, suite } from '../harness.ts';
import { type HeldStore, heldStore } from './held-store.ts';
import { MINUTE, START, UNLIMITED, World } from './world.ts';

const test = suite('connect, meanwhile');

const connect = (code: string) => ({ type: 'connect', code });

function assertRefused(reply: Json, code: string): void {
  assertError(reply, code, { request: 'connect' });
}

/** A maker with a code, and a guest; the store waits for the test from now on. */
async function held(limits: Partial<Limits> = {}) {
  const store = heldStore();
  const world = new World({ ...UNLIMITED, ...limits }, { store });
  const [maker, guest] = [await world.identified('ann'), await world.identified('bob')];
  const code = await world.invite(maker);
  store.isHolding = true;
  return { store, world, maker, guest, code };
}

/** Lets the oldest call of the store, which must be of this name, be answered. */
async function answer(world: World, store: HeldStore, name: Parameters<HeldStore['next']>[0]): Promise<void> {
  store.next(name).answer();
  await world.settled();
}

/** Asserts that a newcomer can connect with the code. */
async function assertWorks(world: World, store: HeldStore, code: string): Promise<void> {
  store.isHolding = false;
  const newcomer = await world.identified('newcomer');
  await world.request(newcomer, connect(code), 'connected_to_friend');
}

test('of two who redeem one code at once, one gets it', async () => {
  for (const winner of [0, 1]) {
    const { store, world, maker, guest, code } = await held();
    const rival = await world.identified('cy');
    for (const client of [guest, rival]) world.send(client, connect(code));
    await world.settled();
    await answer(world, store, 'findInvite');
    await answer(world, store, 'findInvite');
    const redeems = [store.next('redeemInvite'), store.next('redeemInvite')];
    redeems[winner]?.perform();
    for (const redeem of redeems) redeem.answer();
    await world.settled();
    const [won, lost] = winner === 0 ? [guest, rival] : [rival, guest];
    won.takeOne('connected_to_friend');
    assertRefused(lost.takeOne(), 'invalid_code');
    maker.takeOne('friend_connected');
    store.isHolding = false;
    await world.assertNothingLeft();
  }
});

test('two who redeem the codes of each other at once share one connection', async () => {
  const { store, world, maker, guest, code } = await held();
  store.isHolding = false;
  const other = await world.invite(guest);
  store.isHolding = true;
  world.send(guest, connect(code));
  world.send(maker, connect(other));
  await world.settled();
  for (const name of ['findInvite', 'findInvite', 'redeemInvite', 'redeemInvite'] as const)
    await answer(world, store, name);
  const ids = [...maker.take(), ...guest.take()].map(({ connectionId }) => connectionId);
  assert.is(ids.length, 4);
  assert.is(new Set(ids).size, 1);
  assert.is(world.exchange.state.connections.total, 1);
});

test('when the guest closes meanwhile the code stays usable and nobody is told', async () => {
  // Where it closes: before and after the store has found the code; before and after it has taken it out.
  for (const where of ['find', 'found', 'redeem', 'redeemed'] as const) {
    const { store, world, maker, guest, code } = await held();
    await world.says(guest, connect(code));
    const isLookingUp = where === 'find' || where === 'found';
    if (!isLookingUp) await answer(world, store, 'findInvite');
    const call = store.next(isLookingUp ? 'findInvite' : 'redeemInvite');
    if (where === 'found' || where === 'redeemed') call.perform();
    await world.close(guest);
    call.answer();
    await world.settled();
    if (!isLookingUp) await answer(world, store, 'addInvite');
    assert.equal(store.held, []);
    assert.equal([maker.take(), guest.take()], [[], []]);
    await assertWorks(world, store, code);
    await world.assertNothingLeft();
  }
});

test('when the maker closes meanwhile there is no connection, also for the next holder of its name', async () => {
  for (const where of ['find', 'found', 'redeem', 'redeemed'] as const) {
    const { store, world, maker, guest, code } = await held();
    await world.says(guest, connect(code));
    const isLookingUp = where === 'find' || where === 'found';
    if (!isLookingUp) await answer(world, store, 'findInvite');
    const call = store.next(isLookingUp ? 'findInvite' : 'redeemInvite');
    if (where === 'found' || where === 'redeemed') call.perform();
    store.isHolding = false;
    await world.close(maker);
    const heir = await world.identified('ann');
    call.answer();
    await world.settled();
    assertRefused(guest.takeOne(), 'invalid_code');
    assert.equal(heir.take(), []);
    assert.is(world.exchange.state.connections.total, 0);
    await world.assertNothingLeft();
  }
});

test('nor when the store is slow to forget the codes of the maker who has gone', async () => {
  const { store, world, maker, guest, code } = await held();
  await world.says(guest, connect(code));
  await world.close(maker);
  const heir = await world.identified('ann');
  await answer(world, store, 'findInvite');
  assert.equal(
    store.held.map(({ name }) => name),
    ['removeInvites'],
  );
  for (const call of store.held.splice(0)) call.answer();
  await world.settled();
  assertRefused(guest.takeOne(), 'invalid_code');
  assert.equal(heir.take(), []);
});

test('when a bound of connections is reached meanwhile the code is given back', async () => {
  const { store, world, maker, guest, code } = await held({ connectionsPerUser: 1 });
  await world.says(guest, connect(code));
  await answer(world, store, 'findInvite');
  const redeem = store.next('redeemInvite');
  store.isHolding = false;
  const quicker = await world.identified('quicker');
  await world.connect(maker, quicker);
  redeem.answer();
  await world.settled();
  assertRefused(guest.takeOne(), 'too_many_connections');
  await world.close(quicker);
  maker.take();
  await assertWorks(world, store, code);
});

test('a code that was retired while somebody redeemed it is not given back', async () => {
  for (const isRetired of [true, false]) {
    const { store, world, maker, guest, code } = await held();
    await world.says(guest, connect(code));
    await answer(world, store, 'findInvite');
    const redeem = store.next('redeemInvite');
    redeem.perform();
    store.isHolding = false;
    const codes = [await world.invite(maker), await world.invite(maker)];
    // The next code retires the first one; the store has done so, and perhaps has not told yet.
    store.isHolding = true;
    await world.says(maker, { type: 'create_invite' });
    const retire = store.next('removeInvites');
    if (isRetired) retire.answer();
    else retire.perform();
    store.isHolding = false;
    await world.settled();
    await world.close(guest);
    redeem.answer();
    await world.settled();
    for (const call of [retire, ...store.held.splice(0)]) call.answer();
    await world.settled();
    codes.push(maker.takeOne('invite_created').code as string);
    const live: string[] = [];
    for (const one of [code, ...codes]) if (await store.findInvite(one, world.now)) live.push(one);
    assert.equal(live, codes);
  }
});

test('a code that expires while it is redeemed does not connect, and is gone', async () => {
  const { store, world, maker, guest, code } = await held();
  world.now = START + 30 * MINUTE - 1;
  await world.says(guest, connect(code));
  world.now = START + 30 * MINUTE;
  await answer(world, store, 'findInvite');
  await answer(world, store, 'redeemInvite');
  assertRefused(guest.takeOne(), 'invalid_code');
  assert.equal(maker.take(), []);
});

test('a store that fails is told of, costs no attempt, and leaves the code usable', async () => {
  const store = heldStore();
  const world = new World({ wrongCodesPerUser: 1 }, { store, expectsFailures: true });
  const [maker, guest] = [await world.identified('ann'), await world.identified('bob')];
  const code = await world.invite(maker);
  store.isHolding = true;
  for (const failing of ['findInvite', 'redeemInvite'] as const) {
    await world.says(guest, connect(code));
    if (failing === 'redeemInvite') await answer(world, store, 'findInvite');
    store.next(failing).fail(new StorageFailed('the disk is full'));
    await world.settled();
    assertRefused(guest.takeOne(), 'storage_failed');
  }
  store.isHolding = false;
  await world.request(guest, connect(code), 'connected_to_friend');
});

test.run();
