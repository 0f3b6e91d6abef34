/** Protocol parts 2 and 5: who may bind a name, how many, and what attempts and allowances belong to the key, not to the socket. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { ask, DAY, takeAll } from './talk.ts';
import { type Guest, HOUR, keyOf, MINUTE, proofFor, START, UNLIMITED, World, WRONG_CODE } from './world.ts';

const test = suite('keyed bounds');

/** What this name is told when it comes with its key. */
async function arrive(world: World, username: string, address?: string): Promise<Json> {
  const guest = world.open(address);
  return await world.request(guest, { type: 'identify', ...proofFor(guest, username, keyOf(username)) });
}

async function guess(world: World, guest: Guest): Promise<Json> {
  return await world.request(guest, { type: 'connect', code: WRONG_CODE });
}

const invited = { policy: { registration: 'invited' as const } };

test('where registration is by invite, a new name is bound only together with a valid code', async () => {
  const world = new World(UNLIMITED, invited);
  const inviter = await world.identified('inviter');
  const ann = world.open();
  const proof = proofFor(ann, 'ann', keyOf('ann'));
  assertError(await world.request(ann, { type: 'identify', ...proof }), 'registration_closed', { request: 'identify' });
  const wrong = await world.request(ann, { type: 'connect', code: WRONG_CODE, ...proof });
  assertError(wrong, 'invalid_code', { request: 'connect' });
  assertError(await world.request(ann, { type: 'create_invite' }), 'not_identified', { request: 'create_invite' });
  // Nothing was bound by that.
  await world.close(await world.identified('ann'));
  const code = await world.invite(inviter);
  const connected = await world.request(ann, { type: 'connect', code, ...proof }, 'connected_to_friend');
  assert.equal([connected.friend, connected.durable], [{ username: 'inviter', nickname: 'inviter' }, false]);
  inviter.takeOne('friend_connected');
  assertError(await world.request(world.open(), { type: 'connect', code, username: 'late' }), 'invalid_code', {
    request: 'connect',
  });
  await world.close(ann);
  assert.is((await arrive(world, 'ann')).keyed, true, 'who is bound needs no code to come back');
  const guest = world.open();
  assertError(await world.request(guest, { type: 'identify', username: 'ann' }), 'username_reserved', {
    request: 'identify',
  });
});

test('where registration is by invite, a keyed user invites another one into a durable connection', async () => {
  const world = new World(UNLIMITED, invited);
  const inviter = await world.identified('inviter');
  const ann = world.open();
  const code = await world.invite(inviter);
  await world.request(ann, { type: 'connect', code, ...proofFor(ann, 'ann', keyOf('ann')) }, 'connected_to_friend');
  const bob = world.open();
  const second = await world.invite(ann);
  const reply = await world.request(bob, { type: 'connect', code: second, ...proofFor(bob, 'bob', keyOf('bob')) });
  assert.equal([reply.type, reply.durable], ['connected_to_friend', true]);
});

test('a hundred names a day may be bound from an address; those that are bound come and go', async () => {
  const world = new World({ ...UNLIMITED, keysPerAddress: 3 });
  for (const name of ['ann', 'bob', 'cy']) assert.is((await arrive(world, name)).keyed, true);
  const refused = await arrive(world, 'dan');
  assertError(refused, 'rate_limited', { request: 'identify' });
  assert.ok((refused.retryAfterMs as number) <= DAY);
  assert.is((await arrive(world, 'ann')).keyed, true);
  assert.is((await arrive(world, 'dan', '198.51.100.7')).keyed, true);
  await world.identified('eve');
  world.now = START + DAY;
  assert.is((await arrive(world, 'fay')).keyed, true);
});

test('a hundred is the bound, and none when it is switched off', async () => {
  for (const [limits, allowed] of [
    [{ ...UNLIMITED }, 100],
    [{ ...UNLIMITED, keysPerAddress: 0 }, 150],
  ] as const) {
    const world = new World(limits);
    for (let n = 0; n < allowed; n++) assert.is((await arrive(world, `name${n}`)).keyed, true, `${n}`);
    if (allowed === 100) assertError(await arrive(world, 'more'), 'rate_limited', { request: 'identify' });
  }
});

test('names bound in a connect count as well', async () => {
  const world = new World({ ...UNLIMITED, keysPerAddress: 1 });
  const inviter = await world.identified('inviter');
  const code = await world.invite(inviter);
  const ann = world.open();
  await world.request(ann, { type: 'connect', code, ...proofFor(ann, 'ann', keyOf('ann')) }, 'connected_to_friend');
  assertError(await arrive(world, 'bob'), 'rate_limited', { request: 'identify' });
});

test('refusals of keys and of reserved names count: twenty lock an address out of names for half an hour', async () => {
  const world = new World();
  await world.keyed('ann', {}, '198.51.100.7');
  const seeker = world.open();
  for (let n = 0; n < 20; n++) {
    const claim = n % 2 === 0 ? proofFor(seeker, 'ann', keyOf('thief')) : { username: 'ann' };
    const code = n % 2 === 0 ? 'bad_signature' : 'username_reserved';
    assertError(await world.request(seeker, { type: 'identify', ...claim }), code, { request: 'identify' });
  }
  world.now += MINUTE;
  for (const name of ['ann', 'free']) {
    const locked = await arrive(world, name);
    assertError(locked, 'too_many_attempts', { request: 'identify' });
    assert.is(locked.retryAfterMs, 29 * MINUTE);
  }
  assert.is((await arrive(world, 'ann', '198.51.100.7')).keyed, true);
  world.now = START + 30 * MINUTE;
  assert.is((await arrive(world, 'ann')).keyed, true);
});

test('wrong codes are counted for the key: neither coming back nor another address nor another client renews them', async () => {
  const world = new World();
  const first = await world.keyed('ann', {}, '198.51.100.1');
  for (let n = 0; n < 2; n++) assertError(await guess(world, first), 'invalid_code', { request: 'connect' });
  const second = await world.keyed('ann', {}, '198.51.100.2');
  assertError(await guess(world, second), 'invalid_code', { request: 'connect' });
  await world.close(first);
  await world.close(second);
  const third = await world.keyed('ann', {}, '198.51.100.3');
  for (let n = 0; n < 2; n++) assertError(await guess(world, third), 'invalid_code', { request: 'connect' });
  await world.close(third);

  const inviter = await world.identified('inviter', '198.51.100.9');
  const code = await world.invite(inviter);
  const fourth = await world.keyed('ann', {}, '198.51.100.4');
  const locked = await world.request(fourth, { type: 'connect', code });
  assertError(locked, 'too_many_attempts', { request: 'connect' });
  assert.is(locked.retryAfterMs, 30 * MINUTE);
  // The code was not used up, and others are not locked.
  world.now += 29 * MINUTE;
  await world.tick(world.now);
  const bob = await world.keyed('bob', {}, '198.51.100.4');
  await world.request(bob, { type: 'connect', code }, 'connected_to_friend');
});

test('the allowance of questions belongs to the key: coming back renews nothing', async () => {
  const world = new World();
  let [ann, bob] = await world.keyedPair('ann', 'bob');
  for (let n = 0; n < 10; n++) {
    if (n % 3 === 0) {
      await world.close(ann);
      ann = await world.keyed('ann');
      await takeAll(world, bob);
    }
    await world.says(ann, ask(`q${n}`, 'bob'));
    await takeAll(world, bob);
    const sent = ann.takeOne('question_sent');
    assert.equal([sent.status, sent.remaining], ['delivered', 9 - n]);
  }
  const other = await world.keyed('ann');
  await world.close(ann);
  ann = await world.keyed('ann');
  for (const client of [other, ann]) {
    const refused = await world.request(client, ask('q10', 'bob'));
    assertError(refused, 'rate_limited', { request: 'ask', id: 'q10' });
    assert.is(refused.retryAfterMs, 6_000);
  }
  await world.close(ann);
  await world.close(other);
  await world.tick(START + 5_000);
  ann = await world.keyed('ann');
  assertError(await world.request(ann, ask('q10', 'bob')), 'rate_limited', { request: 'ask', id: 'q10' });
});

test('ten codes an hour are made by a key, however often it comes back', async () => {
  const world = new World();
  for (let n = 0; n < 10; n++) {
    const ann = await world.keyed('ann');
    await world.invite(ann);
    await world.close(ann);
  }
  const ann = await world.keyed('ann');
  const refused = await world.request(ann, { type: 'create_invite' });
  assertError(refused, 'too_many_invites', { request: 'create_invite' });
  assert.ok((refused.retryAfterMs as number) <= HOUR);
});

test.run();
