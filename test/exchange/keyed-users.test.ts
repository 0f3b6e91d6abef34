/** Protocol parts 2 and 5: a keyed user over time: nicknames, several clients, invites of an absent one, unused names, forgetting. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { acknowledge, ask, brief, DAY, durableWorld, takeAll } from './talk.ts';
import { type Guest, keyOf, MINUTE, proofFor, SECOND, START, UNLIMITED, World } from './world.ts';

const test = suite('keyed users');

/** Whether a guest may have this name now. */
async function isFree(world: World, username: string): Promise<boolean> {
  const guest = world.open();
  const { type, code } = await world.request(guest, { type: 'identify', username });
  await world.close(guest);
  if (type !== 'identified') assert.is(code, 'username_reserved');
  return type === 'identified';
}

/** Lets so much time go by, and the exchange see it pass. */
async function pass(world: World, ms: number): Promise<void> {
  const end = world.now + ms;
  for (const at of [end - MINUTE, end, end + SECOND]) await world.tick(at);
  world.now = end;
}

/** The last that it is told as this user; the ends of its connections may come before. */
async function forgetMe(world: World, guest: Guest): Promise<void> {
  await world.says(guest, { type: 'forget_me' });
  const told = guest.take();
  assert.equal(told.pop(), { type: 'forgotten' });
  for (const { type } of told) assert.is(type, 'friend_disconnected');
}

test('a nickname is kept until another one is given', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann', { nickname: 'Anna' });
  await world.close(ann);
  const again = await world.keyed('ann');
  assert.is(again.identified.nickname, 'Anna');
  const other = await world.keyed('ann', { nickname: 'Annie' });
  assert.is(other.identified.nickname, 'Annie');
  const bob = await world.keyed('bob');
  assert.equal((await world.request(bob, { type: 'connect', code: await world.invite(again) })).friend, {
    ...{ username: 'ann', nickname: 'Annie', publicKey: keyOf('ann') },
  });
  for (const client of [again, other]) client.takeOne('friend_connected');
  await world.request(again, { type: 'identify', username: 'ann', nickname: 'Queen Anne' }, 'identified');
  await world.close(again);
  await world.close(other);
  assert.is((await world.keyed('ann')).identified.nickname, 'Queen Anne');
});

test('32 clients of a user are here at once; the thirty-third closes the one that was silent longest', async () => {
  const world = new World(UNLIMITED);
  const clients: Guest[] = [];
  for (let n = 0; n < 32; n++) {
    world.now = START + n * SECOND;
    clients.push(await world.keyed('ann'));
  }
  assert.ok(clients.every(({ closedWith }) => closedWith === undefined));
  world.now = START + MINUTE;
  for (const n of [0, 1, 3]) await world.request(clients[n] as Guest, { type: 'ping' }, 'pong');
  world.now += SECOND;
  const last = await world.keyed('ann');
  const closed = clients.filter(({ closedWith }) => closedWith !== undefined);
  assert.equal(
    closed.map((client) => [clients.indexOf(client), client.closedWith]),
    [[2, 4001]],
  );
  await world.close(clients[2] as Guest);
  const bob = await world.keyed('bob');
  await world.says(bob, { type: 'connect', code: await world.invite(last) });
  bob.takeOne('connected_to_friend');
  for (const client of [...clients.filter((_, n) => n !== 2), last]) client.takeOne('friend_connected');
  assert.equal((clients[2] as Guest).take(), []);
});

test('how many clients a user may have is a setting, and 0 switches it off', async () => {
  for (const [clientsPerUser, isBounded] of [
    [2, true],
    [0, false],
  ] as const) {
    const world = new World({ ...UNLIMITED, clientsPerUser });
    const first = await world.keyed('ann');
    for (let n = 1; n < 40; n++) {
      world.now += SECOND;
      const next = await world.keyed('ann');
      assert.is(next.closedWith, undefined);
      if (clientsPerUser === 2 && n === 1) assert.is(first.closedWith, undefined);
    }
    assert.is(first.closedWith, isBounded ? 4001 : undefined);
  }
});

test('a client that was replaced is heard no more, and its friends notice nothing', async () => {
  const { world } = durableWorld({ clientsPerUser: 1 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  world.now += SECOND;
  const next = await world.keyed('ann');
  assert.is(ann.closedWith, 4001);
  await world.says(ann, { type: 'ping' });
  await world.says(ann, ask('q1', 'bob'));
  await world.close(ann);
  assert.equal([ann.take(), bob.take(), next.take()], [[], [], []]);
  await world.says(bob, ask('q2', 'ann'));
  assert.equal(brief(await takeAll(world, next)), ['question q2']);
  assert.equal(brief(bob.take()), ['question_sent delivered q2']);
});

test('the code of a keyed user works while it is away, and not after it has expired', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann');
  const [code, late] = [await world.invite(ann), await world.invite(ann)];
  await world.close(ann);
  const bob = await world.keyed('bob');
  world.now = START + 30 * MINUTE - 1;
  const { connectionId, friend } = await world.request(
    bob,
    { type: 'connect', code, from: 'ann' },
    'connected_to_friend',
  );
  assert.equal(friend, { username: 'ann', nickname: 'ann', publicKey: keyOf('ann') });
  world.now = START + 30 * MINUTE;
  const cy = await world.keyed('cy');
  assertError(await world.request(cy, { type: 'connect', code: late }), 'invalid_code', { request: 'connect' });
  const again = await world.keyed('ann');
  assert.equal(
    (again.identified.connections as Json[]).map((entry) => entry.connectionId),
    [connectionId],
  );
});

test('at most three codes of a user live, whichever client made them and however often it was away', async () => {
  const world = new World({ ...UNLIMITED, invitesLive: 3 });
  const codes: string[] = [];
  for (let n = 0; n < 4; n++) {
    world.now += SECOND;
    const ann = await world.keyed('ann');
    codes.push(await world.invite(ann));
    await world.close(ann);
  }
  const results: unknown[] = [];
  for (const [n, code] of codes.entries()) {
    const friend = await world.keyed(`friend${n}`);
    results.push((await world.request(friend, { type: 'connect', code })).type);
  }
  assert.equal(results, ['error', 'connected_to_friend', 'connected_to_friend', 'connected_to_friend']);
});

test('its own code is refused to every client of the user, and stays usable', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann');
  const code = await world.invite(ann);
  const other = await world.keyed('ann');
  await world.close(ann);
  assertError(await world.request(other, { type: 'connect', code }), 'own_invite', { request: 'connect' });
  await world.request(await world.keyed('bob'), { type: 'connect', code }, 'connected_to_friend');
});

test('a binding that has no connection lapses after 30 days in which it was not used', async () => {
  const world = new World(UNLIMITED);
  await world.close(await world.keyed('ann'));
  await pass(world, 29 * DAY);
  assert.not(await isFree(world, 'ann'));
  await world.close(await world.keyed('ann'));
  await pass(world, 29 * DAY);
  assert.not(await isFree(world, 'ann'), 'it was used 29 days ago');
  await pass(world, DAY + MINUTE);
  assert.ok(await isFree(world, 'ann'));
  const heir = world.open();
  await world.request(heir, { type: 'identify', ...proofFor(heir, 'ann', keyOf('heir')) }, 'identified');
});

test('a binding with a connection does not lapse, nor does that of a user who is here', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const cy = await world.keyed('cy');
  await world.close(ann);
  await world.close(bob);
  await pass(world, 40 * DAY);
  for (const name of ['ann', 'bob', 'cy']) assert.not(await isFree(world, name), name);
  await world.request(cy, { type: 'create_invite' }, 'invite_created');
  await world.close(cy);
  await pass(world, DAY);
  assert.not(await isFree(world, 'cy'), 'it was here yesterday');
});

test('forget_me deletes the binding, the connections, the codes and the mailbox; the next holder inherits nothing', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const code = await world.invite(ann);
  await world.close(ann);
  await takeAll(world, bob);
  await world.says(bob, ask('q1', 'ann'));
  assert.equal(brief(bob.take()), ['question_sent queued q1']);
  const again = await world.keyed('ann');
  assert.is(again.identified.pending, 1);
  again.take();
  bob.take();
  await forgetMe(world, again);
  const told = await takeAll(world, bob);
  assert.ok(
    told.some(({ type, reason }) => type === 'friend_disconnected' && reason === 'left'),
    JSON.stringify(told),
  );
  assertError(await world.request(bob, ask('q2', 'ann')), 'no_connection', { request: 'ask', id: 'q2' });
  assert.equal((await world.request(bob, { type: 'list_connections' })).connections, []);
  const cy = await world.keyed('cy');
  assertError(await world.request(cy, { type: 'connect', code }), 'invalid_code', { request: 'connect' });
  assertError(await world.request(again, { type: 'create_invite' }), 'not_identified', { request: 'create_invite' });
  await world.close(again);

  const heir = world.open();
  const proof = proofFor(heir, 'ann', keyOf('heir'));
  const identified = await world.request(heir, { type: 'identify', ...proof }, 'identified');
  assert.equal([identified.connections, identified.pending, identified.nickname], [[], 0, 'ann']);
  await pass(world, MINUTE);
  assert.equal(heir.take(), []);
});

test('forget_me is for every client of the user, and for guests, who are forgotten anyhow, an error', async () => {
  const world = new World(UNLIMITED);
  const [one, other] = [await world.keyed('ann'), await world.keyed('ann')];
  await world.request(one, { type: 'forget_me' }, 'forgotten');
  other.take();
  const heir = world.open();
  await world.request(heir, { type: 'identify', ...proofFor(heir, 'ann', keyOf('heir')) }, 'identified');
  assert.equal((await world.request(heir, { type: 'list_connections' })).connections, []);
  // The other one no longer acts for the name.
  await world.says(other, { type: 'create_invite' });
  assert.not(other.take().some(({ type }) => type === 'invite_created'));
  const nobody = world.open();
  assertError(await world.request(nobody, { type: 'forget_me' }), 'not_identified', { request: 'forget_me' });
  const guest = await world.identified('guest');
  assert.is((await world.request(guest, { type: 'forget_me' })).type, 'error');
  await world.request(guest, { type: 'create_invite' }, 'invite_created');
});

test('what a user has sent before it was forgotten is delivered, and no receipt for it reaches the next holder', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  ann.take();
  await world.says(ann, ask('q1', 'bob'));
  assert.equal(brief(ann.take()), ['question_sent queued q1']);
  await forgetMe(world, ann);
  await world.close(ann);
  const heir = world.open();
  await world.request(heir, { type: 'identify', ...proofFor(heir, 'ann', keyOf('heir')) }, 'identified');
  const again = await world.keyed('bob');
  const questions = again.take();
  assert.equal(brief(questions), ['question q1']);
  await acknowledge(world, again, questions);
  await world.close(again);
  assert.is((await world.keyed('bob')).identified.pending, 0);
  assert.equal(heir.take(), []);
});

test.run();
