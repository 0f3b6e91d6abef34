/** Protocol parts 2 to 4: connections that are made and ended while the store still works on something else. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import type { HeldStore } from './held-store.ts';
import { answer, ask, brief, drain, durableWorld, restarted, takeAll } from './talk.ts';
import { type Guest, keyOf, proofFor, SECOND, START, type World } from './world.ts';

const test = suite('presence races');

async function answerAll(world: World, store: HeldStore): Promise<void> {
  while (store.held.length > 0) {
    store.held.shift()?.answer();
    await world.settled();
  }
}

async function friendsOf(world: World, guest: Guest): Promise<unknown[]> {
  await world.says(guest, { type: 'list_connections' });
  const { connections } = guest.take().at(-1) as { connections: { friend: Json }[] };
  return connections.map(({ friend }) => friend.username);
}

/** What an exchange that starts now on this store would tell the user. */
async function storedFriendsOf(world: World, store: HeldStore, name: string): Promise<unknown[]> {
  const next = restarted(world, store);
  const { connections } = (await next.keyed(name)).identified as { connections: { friend: Json }[] };
  return connections.map(({ friend }) => friend.username);
}

test('two who redeem a code of each other at once have one connection', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = [await world.keyed('ann'), await world.keyed('bob')];
  const [ofAnn, ofBob] = [await world.invite(ann), await world.invite(bob)];
  store.isHolding = true;
  await world.says(ann, { type: 'connect', code: ofBob });
  await world.says(bob, { type: 'connect', code: ofAnn });
  await answerAll(world, store);
  store.isHolding = false;
  const ids = [ann, bob].flatMap((guest) => guest.take().map(({ connectionId }) => connectionId));
  assert.ok(ids.length >= 2);
  assert.is(new Set(ids).size, 1, JSON.stringify(ids));
  assert.equal([await friendsOf(world, ann), await friendsOf(world, bob)], [['bob'], ['ann']]);
  assert.equal(await storedFriendsOf(world, store, 'ann'), ['bob']);
});

test('a maker who is forgotten while its code is redeemed leaves no connection behind', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = [await world.keyed('ann'), await world.keyed('bob')];
  const code = await world.invite(ann);
  store.isHolding = true;
  await world.says(bob, { type: 'connect', code });
  await world.says(ann, { type: 'forget_me' });
  await answerAll(world, store);
  store.isHolding = false;
  assert.equal(ann.take().at(-1), { type: 'forgotten' });
  bob.take();
  assert.equal(await friendsOf(world, bob), []);
  assert.equal(await storedFriendsOf(world, store, 'bob'), []);
  assertError(await world.request(bob, ask('q1', 'ann')), 'no_connection', { request: 'ask', id: 'q1' });
  const heir = world.open();
  const identify = { type: 'identify', ...proofFor(heir, 'ann', keyOf('heir')) };
  assert.equal((await world.request(heir, identify, 'identified')).connections, []);
});

test('a code redeemed by one who is forgotten meanwhile', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = [await world.keyed('ann'), await world.keyed('bob')];
  const code = await world.invite(ann);
  const other = await world.keyed('bob');
  store.isHolding = true;
  await world.says(bob, { type: 'connect', code });
  await world.says(other, { type: 'forget_me' });
  await answerAll(world, store);
  store.isHolding = false;
  ann.take();
  assert.equal([await friendsOf(world, ann), await storedFriendsOf(world, store, 'ann')], [[], []]);
});

test('two who leave each other at once are both told once', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  store.isHolding = true;
  await world.says(ann, { type: 'disconnect', to: 'bob' });
  await world.says(bob, { type: 'disconnect', to: 'ann' });
  await answerAll(world, store);
  store.isHolding = false;
  for (const guest of [ann, bob]) {
    const told = guest.take();
    assert.is(told.filter(({ type }) => type === 'friend_disconnected').length, 1, JSON.stringify(told));
    for (const { type, code } of told)
      assert.ok(type === 'friend_disconnected' || code === 'no_connection', `${type} ${code}`);
  }
  assert.equal([await friendsOf(world, ann), await storedFriendsOf(world, store, 'bob')], [[], []]);
});

test('what is sent while a connection is being ended is answered, and not left behind', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  store.isHolding = true;
  await world.says(bob, { type: 'disconnect', to: 'ann' });
  await world.says(ann, ask('q1', 'bob'));
  await world.says(ann, answer('x', 'bob', 'a2'));
  await answerAll(world, store);
  store.isHolding = false;
  await world.tick(START + 10 * SECOND);
  const said = brief(await drain(world, ann));
  for (const id of ['q1', 'a2'])
    assert.ok(
      said.some((line) => /^(error \w+|receipt left|\w+_sent delivered) /.test(line) && line.endsWith(id)),
      said.join(', '),
    );
  await takeAll(world, bob);
  await world.close(bob);
  assert.is((await world.keyed('bob')).identified.pending, 0);
});

test('a friend who comes while the exchange still reads what is known of it hears everything, in order', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  await world.says(ann, ask('q1', 'bob'));
  await world.close(ann);
  store.isHolding = true;
  const [again, back] = [world.open(), world.open()];
  await world.says(again, { type: 'identify', ...proofFor(again, 'ann', keyOf('ann')) });
  await world.says(back, { type: 'identify', ...proofFor(back, 'bob', keyOf('bob')) });
  await world.says(again, ask('q2', 'bob'));
  await answerAll(world, store);
  store.isHolding = false;
  const told = await drain(world, back);
  assert.is(told[0]?.type, 'identified');
  assert.equal(brief(told.filter(({ type }) => type === 'question')), ['question q1', 'question q2']);
  const online = [...told, ...again.take()].filter(({ type }) => type === 'friend_online').length;
  const listed = (told[0]?.connections as Json[] | undefined)?.map((entry) => entry.online) ?? [];
  assert.ok(online + listed.filter(Boolean).length >= 1, 'at least one of them learns that the other one is here');
  assert.equal([await friendsOf(world, again), await friendsOf(world, back)], [['bob'], ['ann']]);
});

test('a client that goes while it identifies leaves its friends in the belief that the user is away', async () => {
  const { world, store } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  ann.takeOne('friend_away');
  store.isHolding = true;
  const back = world.open();
  await world.says(back, { type: 'identify', ...proofFor(back, 'bob', keyOf('bob')) });
  await world.close(back);
  await answerAll(world, store);
  store.isHolding = false;
  const presence = ann.take().map(({ type }) => type);
  assert.ok(presence.length === 0 || presence.at(-1) === 'friend_away', presence.join(', '));
  assert.is((await world.request(ann, ask('q1', 'bob'))).status, 'queued');
  assert.equal(brief(await drain(world, await world.keyed('bob'))), ['question q1']);
});

test('forget_me ends guest connections, too', async () => {
  const { world } = durableWorld();
  const [ann, guest] = [await world.keyed('ann'), await world.identified('guest')];
  await world.connect(ann, guest);
  await world.says(ann, { type: 'forget_me' });
  assert.equal(ann.take().at(-1), { type: 'forgotten' });
  guest.takeOne('friend_disconnected');
  assert.equal(await friendsOf(world, guest), []);
});

test.run();
