/** Protocol parts 1 and 5: making codes, how many, how long they live, and what guessing costs. */
import * as assert from 'uvu/assert';
import type { Limits } from '../../src/exchange/limits.ts';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { assertError, suite } from '../harness.ts';
import { heldStore } from './held-store.ts';
import { type Guest, HOUR, MINUTE, START, UNLIMITED, World, WRONG_CODE } from './world.ts';

const test = suite('invites');

/** Whether a newcomer gets in with this code, which is then used up. */
async function works(world: World, code: string): Promise<boolean> {
  const guest = world.open('198.51.100.1');
  const { type } = await world.request(guest, { type: 'connect', code, username: `taker of ${code} ${world.now}` });
  assert.ok(type === 'connected_to_friend' || type === 'error', `${type}`);
  await world.close(guest);
  return type === 'connected_to_friend';
}

/** Of these codes, those that work. */
async function working(world: World, codes: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const code of codes) if (await works(world, code)) found.push(code);
  return found;
}

async function inviteTimes(world: World, maker: Guest, times: number): Promise<string[]> {
  const codes: string[] = [];
  for (let n = 0; n < times; n++) codes.push(await world.invite(maker));
  return codes;
}

test('an invite tells its code, its maker, and its life as it is configured', async () => {
  for (const [inviteMinutes, words] of [
    [30, '30 minutes'],
    [1, '1 minute'],
    [1_440, '1440 minutes'],
  ] as const) {
    const world = new World({ inviteMinutes });
    const maker = world.open();
    await world.request(maker, { type: 'identify', username: 'ann', nickname: 'Anna' });
    assert.equal(await world.request(maker, { type: 'create_invite' }), {
      type: 'invite_created',
      code: world.codes[0],
      from: 'Anna',
      expiresIn: words,
      expiresAt: START + inviteMinutes * MINUTE,
    });
    await world.assertNothingLeft();
  }
});

test('a code works until the last millisecond of its life and not in the next', async () => {
  for (const [later, isLive] of [
    [30 * MINUTE - 1, true],
    [30 * MINUTE, false],
  ] as const) {
    const world = new World();
    const code = await world.invite(await world.identified('ann'));
    world.now = START + later;
    assert.is(await works(world, code), isLive);
  }
});

test('a fourth live code retires the oldest; one that was used or has expired does not count', async () => {
  const world = new World(UNLIMITED);
  const maker = await world.identified('ann');
  const four = await inviteTimes(world, maker, 4);
  assert.equal(await working(world, four), four.slice(1));
  maker.take();

  const [used = '', ...kept] = await inviteTimes(world, maker, 3);
  assert.ok(await works(world, used));
  maker.take();
  kept.push(await world.invite(maker));
  assert.equal(await working(world, kept), kept);
  maker.take();

  const old = await inviteTimes(world, maker, 2);
  world.now += 30 * MINUTE;
  const young = await inviteTimes(world, maker, 3);
  assert.equal(await working(world, [...old, ...young]), young);
  await world.assertNothingLeft();
});

test('without a bound every code stays', async () => {
  const world = new World({ ...UNLIMITED, invitesLive: 0 });
  const codes = await inviteTimes(world, await world.identified('ann'), 40);
  assert.equal(await working(world, codes), codes);
  await world.assertNothingLeft();
});

test('ten codes an hour, counted back from now', async () => {
  const world = new World({ framesPerSecond: 0, commandsPerMinute: 0 });
  const maker = await world.identified('ann');
  for (let n = 0; n < 10; n++) {
    world.now = START + n * MINUTE;
    await world.invite(maker);
  }
  const refusal = await world.request(maker, { type: 'create_invite', id: 'i1' });
  assertError(refusal, 'too_many_invites', { request: 'create_invite', id: 'i1' });
  assert.is(refusal.retryAfterMs, HOUR - 9 * MINUTE);
  await world.invite(await world.identified('bob'));
  world.now = START + HOUR - 1;
  assert.is((await world.request(maker, { type: 'create_invite' })).retryAfterMs, 1);
  world.now = START + HOUR;
  await world.invite(maker);
  assert.is((await world.request(maker, { type: 'create_invite' })).retryAfterMs, MINUTE);
  // A clock that is set back makes nobody wait for longer than an hour.
  world.now = START - 24 * HOUR;
  await world.invite(maker);
});

test('a code that is live already is drawn again, sixteen times', async () => {
  const world = new World(UNLIMITED, { draws: ['AAAAAA', 'AAAAAA', 'AAAAAA', 'BBBBBB'] });
  const [ann, bob] = [await world.identified('ann'), await world.identified('bob')];
  assert.is(await world.invite(ann), 'AAAAAA');
  assert.is(await world.invite(bob), 'BBBBBB');
  assert.equal(await working(world, ['AAAAAA', 'BBBBBB']), ['AAAAAA', 'BBBBBB']);

  const unlucky = new World({}, { draws: Array<string>(17).fill('AAAAAA'), expectsFailures: true });
  const maker = await unlucky.identified('ann');
  await unlucky.invite(maker);
  assertError(await unlucky.request(maker, { type: 'create_invite' }), 'internal', { request: 'create_invite' });
  assert.equal(
    unlucky.failures.map(({ where }) => where),
    ['create_invite'],
  );
  await unlucky.invite(maker);
});

test('a code that the store does not take is not told of, and leaves no more than three', async () => {
  const store = heldStore();
  const world = new World(UNLIMITED, { store, expectsFailures: true });
  const maker = await world.identified('ann');
  const codes = await inviteTimes(world, maker, 3);
  store.isHolding = true;
  for (const failing of ['removeInvites', 'addInvite'] as const) {
    await world.says(maker, { type: 'create_invite' });
    if (failing === 'addInvite') store.next('removeInvites').answer();
    await world.settled();
    store.next(failing).fail(new StorageFailed('the disk is full'));
    await world.settled();
    assertError(maker.takeOne(), 'storage_failed', { request: 'create_invite' });
  }
  assert.is(world.failures.length, 2);
  store.isHolding = false;
  codes.push(await world.invite(maker));
  const live = await working(world, world.codes);
  assert.ok(live.length <= 3 && live.includes(codes[3] ?? ''), `${live.length} codes work`);
  await world.assertNothingLeft();
});

test('a guest whose client closes while its code is stored leaves none behind', async () => {
  for (const when of ['before', 'after'] as const) {
    const store = heldStore();
    const world = new World(UNLIMITED, { store });
    const maker = await world.identified('ann');
    await inviteTimes(world, maker, 3);
    store.isHolding = true;
    await world.says(maker, { type: 'create_invite' });
    store.next('removeInvites').answer();
    await world.settled();
    const adding = store.next('addInvite');
    if (when === 'after') adding.perform();
    store.isHolding = false;
    await world.close(maker);
    adding.answer();
    await world.settled();
    for (const code of world.codes) assert.is(await store.findInvite(code, START), undefined);
    assert.not(world.eventNames().slice(-1).includes('invite_created'));
    await world.assertNothingLeft();
  }
});

const guess = { type: 'connect', code: WRONG_CODE };

/** Guesses wrong; returns how many guesses it took to be locked out, at most `most`. */
async function guessUntilLocked(world: World, guest: Guest, most: number): Promise<number> {
  for (let n = 0; n < most; n++) {
    const reply = await world.request(guest, guess);
    if (reply.code === 'too_many_attempts') return n;
    assertError(reply, 'invalid_code', { request: 'connect' });
  }
  return most;
}

test('five wrong codes lock a client, ten an address, for half an hour', async () => {
  const world = new World();
  const code = await world.invite(await world.identified('ann'));
  const [one, two, three] = [await world.identified('1'), await world.identified('2'), await world.identified('3')];
  assert.equal([await guessUntilLocked(world, one, 9), await guessUntilLocked(world, two, 9)], [5, 5]);
  assert.is(await guessUntilLocked(world, three, 9), 0, 'ten wrong ones came from this address');
  const refusal = await world.request(three, { type: 'connect', code });
  assert.is(refusal.retryAfterMs, 30 * MINUTE);
  assert.ok(await works(world, code), 'while one is locked no code is used up');
  world.now += 30 * MINUTE;
  assert.is(await guessUntilLocked(world, three, 9), 5);
  assert.is((await world.request(three, guess)).retryAfterMs, 30 * MINUTE);
  assert.is(await guessUntilLocked(world, one, 9), 5);
  assert.is((await world.request(one, guess)).retryAfterMs, HOUR, 'its second lock');
});

test('over a hundred wrong codes all together, an address is allowed two', async () => {
  const attacked = (limits: Partial<Limits>) => new World({ commandsPerMinute: 0, wrongCodesPerUser: 0, ...limits });
  const guesses = async (world: World, address: string, most: number) =>
    await guessUntilLocked(world, await world.identified(`at ${address}`, address), most);
  const world = attacked({});
  for (let n = 0; n < 10; n++) assert.is(await guesses(world, `10.0.0.${n}`, 11), 10);
  assert.not(world.exchange.state.invites.isUnderAttack(world.now), 'a hundred are not over a hundred');
  assert.is(await guesses(world, '10.0.1.1', 1), 1);
  assert.ok(world.exchange.state.invites.isUnderAttack(world.now));
  assert.is(await guesses(world, '10.0.1.2', 9), 2);
  assert.is(world.exchange.state.invites.wrongTotal, 103);
  world.now += 30 * MINUTE;
  assert.not(world.exchange.state.invites.isUnderAttack(world.now));
  assert.is(await guesses(world, '10.0.1.3', 11), 10);

  const unbounded = attacked({ wrongCodesTotal: 0, wrongCodesPerAddress: 0 });
  assert.is(await guesses(unbounded, '10.0.0.1', 150), 150);
  assert.not(unbounded.exchange.state.invites.isUnderAttack(unbounded.now));
});

test.run();
