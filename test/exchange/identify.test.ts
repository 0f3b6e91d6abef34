/** Protocol part 1: saying who one is, and what becomes of a name that somebody holds already. */
import * as assert from 'uvu/assert';
import { assertError, suite } from '../harness.ts';
import { type Guest, MINUTE, SECOND, START, World, WRONG_CODE } from './world.ts';

const test = suite('identify');

const identify = (username: string, nickname?: string) => ({ type: 'identify', username, nickname });

function assertTaken(guest: Guest): void {
  assertError(guest.takeOne(), 'username_taken', { request: 'identify' });
}

/** A holder of the name `ann` and another client who has asked for it and waits. */
async function contested() {
  const world = new World();
  const holder = await world.identified('ann');
  const claimer = world.open('192.0.2.2');
  await world.says(claimer, identify('ANN', 'Anna'));
  assert.equal(claimer.take(), []);
  assert.is(holder.pings, 1);
  return { world, holder, claimer };
}

function assertIdentified(guest: Guest, username: string, nickname: string): void {
  assert.equal(guest.take(), [{ type: 'identified', username, nickname, clientId: guest.client.id }]);
  assert.is(guest.client.user?.username, username);
}

test('identifying tells the name as it is shown, the nickname and the client', async () => {
  const world = new World();
  const [one, other] = [world.open(), world.open()];
  await world.says(one, identify('Ａnn', 'The ﬁrst'));
  assertIdentified(one, 'Ann', 'The first');
  await world.says(other, identify('Bob'));
  assertIdentified(other, 'Bob', 'Bob');
  assert.equal(world.eventNames(), ['client_opened', 'client_opened', 'identified', 'identified']);
  await world.assertNothingLeft();
});

test('a username may be longer than a nickname, and is one by default', async () => {
  const world = new World();
  const guest = world.open();
  const long = 'x'.repeat(128);
  await world.says(guest, identify(long));
  assertIdentified(guest, long, long);
  assertError(await world.request(guest, identify(long, long)), 'invalid_nickname', { request: 'identify' });
});

test('names that are not allowed are refused, and nothing has changed', async () => {
  const world = new World();
  const guest = world.open();
  assertError(await world.request(guest, identify(' ann')), 'invalid_username', { request: 'identify' });
  assertError(await world.request(guest, identify('ann', '')), 'invalid_nickname', { request: 'identify' });
  assert.is(guest.client.user, undefined);
  await world.identified('ann');
});

test('identifying again changes the nickname alone, and friends see the new one', async () => {
  const world = new World();
  const [ann, bob] = await world.pair('ann', 'bob');
  await world.says(ann, identify('ANN', 'Anna'));
  assertIdentified(ann, 'ann', 'Anna');
  assertError(await world.request(ann, identify('anna')), 'already_identified', { request: 'identify' });
  assert.equal(bob.take(), []);
  await world.says(ann, { type: 'ask', content: 'q' });
  assert.is(bob.takeOne('question').fromNickname, 'Anna');
  await world.says(bob, { type: 'answer', content: 'a' });
  assert.is(bob.takeOne('answer_sent').to, 'Anna');
});

test('a holder who answers the ping keeps the name and hears nothing of it', async () => {
  const { world, holder, claimer } = await contested();
  world.exchange.ponged(holder.client);
  await world.settled();
  assertTaken(claimer);
  assert.equal([holder.take(), holder.closedWith], [[], undefined]);
  await world.says(claimer, identify('bob'));
  assertIdentified(claimer, 'bob', 'bob');
  await world.assertNothingLeft();
});

test('a holder who does not answer for 3 seconds is replaced, and its friend is told', async () => {
  const world = new World();
  const [holder, friend] = await world.pair('ann', 'bob');
  const claimer = world.open('192.0.2.2');
  await world.says(claimer, identify('ann', 'Anna'));
  await world.tick(START + 3 * SECOND - 1);
  assert.equal([claimer.take(), friend.take(), holder.closedWith], [[], [], undefined]);
  await world.tick(START + 3 * SECOND);
  assertIdentified(claimer, 'ann', 'Anna');
  assert.is(holder.closedWith, 4001);
  assert.is(friend.takeOne('friend_disconnected').reason, 'closed');
  // The connections of the one before are not inherited; what it still says is not heard.
  assert.equal((await world.request(claimer, { type: 'list_connections' })).connections, []);
  await world.says(holder, { type: 'ping' });
  assert.equal(holder.take(), []);
  await world.close(holder);
  assert.is(world.exchange.state.users.byKey.get('ann')?.clients.size, 1);
  await world.assertNothingLeft();
});

test('a pong that nobody asked for, or that comes too late, changes nothing', async () => {
  const { world, holder, claimer } = await contested();
  world.exchange.ponged(claimer.client);
  await world.tick(START + 3 * SECOND);
  world.exchange.ponged(holder.client);
  await world.settled();
  assertIdentified(claimer, 'ANN', 'Anna');
});

test('when the holder closes meanwhile the one who waits gets the name at once', async () => {
  const { world, holder, claimer } = await contested();
  await world.close(holder);
  assertIdentified(claimer, 'ANN', 'Anna');
  await world.assertNothingLeft();
});

test('several who ask for one name are heard one after the other', async () => {
  const { world, holder, claimer } = await contested();
  const [third, fourth] = [world.open('192.0.2.3'), world.open('192.0.2.4')];
  await world.says(third, identify('ann'));
  assert.equal([third.take(), holder.pings], [[], 1]);
  // The fourth asks in the very moment in which the holder closes: the name is not free, others wait for it.
  world.hangUp(holder);
  world.send(fourth, identify('ann'));
  await world.settled();
  assertIdentified(claimer, 'ANN', 'Anna');
  for (const [n, guest] of [third, fourth].entries()) {
    assert.equal([guest.take(), claimer.pings], [[], n + 1]);
    world.exchange.ponged(claimer.client);
    await world.settled();
    assertTaken(guest);
  }
  assert.equal(claimer.take(), []);
  await world.assertNothingLeft();
});

test('of several who ask for the name of a silent holder one gets it, also when the first of them closes', async () => {
  const { world, holder, claimer } = await contested();
  const [third, fourth] = [world.open(), world.open()];
  for (const guest of [third, fourth]) await world.says(guest, identify('ann'));
  await world.close(claimer);
  await world.tick(START + 3 * SECOND);
  assert.is(holder.closedWith, 4001);
  assertIdentified(third, 'ann', 'ann');
  assert.equal([fourth.take(), third.pings], [[], 1]);
  await world.close(third);
  assertIdentified(fourth, 'ann', 'ann');
  await world.assertNothingLeft();
});

test('when the one who waits closes, a holder who answers stays, and one who does not goes all the same', async () => {
  for (const command of [identify('ann'), { type: 'connect', code: WRONG_CODE, username: 'ann' }])
    for (const answers of [true, false]) {
      const world = new World();
      const [holder, claimer] = [await world.identified('ann'), world.open()];
      await world.says(claimer, command);
      await world.close(claimer);
      if (answers) world.exchange.ponged(holder.client);
      await world.tick(START + 3 * SECOND);
      assert.equal([holder.take(), holder.closedWith], [[], answers ? undefined : 4001]);
      assert.equal([world.refused, world.exchange.state.refusals.size], [[], 0], 'nobody is there to be refused');
      assert.is(world.exchange.state.users.byKey.has('ann'), answers);
      assert.is(world.exchange.state.users.claims, 0);
      await world.assertNothingLeft();
    }
});

test('the one who waits may close in the very moment in which its time is up', async () => {
  const { world, holder, claimer } = await contested();
  world.now = START + 3 * SECOND;
  world.exchange.ticked(world.now);
  world.hangUp(claimer);
  await world.settled();
  assert.is(holder.closedWith, 4001);
  const next = world.open();
  await world.says(next, identify('ann'));
  assertIdentified(next, 'ann', 'ann');
  await world.assertNothingLeft();
});

test('who waits for one name may not take another meanwhile: commands keep their order', async () => {
  const { world, holder, claimer } = await contested();
  world.send(claimer, identify('bob'));
  world.send(claimer, { type: 'ping' });
  await world.settled();
  assert.equal(claimer.take(), []);
  await world.close(holder);
  const [identified, refused, pong] = claimer.take();
  assert.equal([identified?.type, pong], ['identified', { type: 'pong' }]);
  assertError(refused ?? {}, 'already_identified', { request: 'identify' });
});

test('connect identifies under the same rules, and stays identified when the code is wrong', async () => {
  const world = new World();
  const holder = await world.identified('ann');
  const connect = { type: 'connect', code: WRONG_CODE, username: 'bob', nickname: 'Bobby' };
  const guest = world.open();
  assertError(await world.request(guest, connect), 'invalid_code', { request: 'connect' });
  assert.equal([guest.client.user?.username, guest.client.user?.nickname], ['bob', 'Bobby']);
  const other = world.open();
  assertError(await world.request(other, { ...connect, nickname: '' }), 'invalid_nickname', { request: 'connect' });
  await world.says(other, { ...connect, username: 'ann' });
  world.exchange.ponged(holder.client);
  await world.settled();
  assertError(other.takeOne(), 'username_taken', { request: 'connect' });
  assert.is(other.client.user, undefined);
  // The name of a silent holder is taken over first, then the code is tried.
  const code = await world.invite(guest);
  await world.says(other, { type: 'connect', code, username: 'ann' });
  await world.tick(START + 3 * SECOND);
  other.takeOne('connected_to_friend');
  assert.is(holder.closedWith, 4001);
});

test('twenty refused names lock an address out of names for half an hour, and no other address', async () => {
  const world = new World();
  const holder = await world.identified('ann');
  const [seeker, neighbour, stranger] = ['192.0.2.2', '192.0.2.2', '192.0.2.3'].map((address) => world.open(address));
  if (seeker === undefined || neighbour === undefined || stranger === undefined) throw new Error('nobody came');
  for (let n = 0; n < 20; n++) {
    await world.says(seeker, identify('ann'));
    world.exchange.ponged(holder.client);
    await world.settled();
    assertTaken(seeker);
  }
  world.now += MINUTE;
  for (const guest of [seeker, neighbour])
    for (const name of ['ann', 'free']) {
      const refusal = await world.request(guest, identify(name));
      assertError(refusal, 'too_many_attempts', { request: 'identify' });
      assert.is(refusal.retryAfterMs, 29 * MINUTE);
    }
  await world.says(stranger, identify('free'));
  assertIdentified(stranger, 'free', 'free');
  world.now = START + 30 * MINUTE;
  await world.says(neighbour, identify('cy'));
  assertIdentified(neighbour, 'cy', 'cy');
  await world.assertNothingLeft();
});

test.run();
