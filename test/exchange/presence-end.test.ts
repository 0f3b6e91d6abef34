/** Protocol parts 2, 4 and 5: how durable connections end, and how many a user may have, whether it is here or away. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { ask, brief, drain, durableWorld, takeAll } from './talk.ts';
import { type Guest, UNLIMITED, World } from './world.ts';

const test = suite('presence, the end');

async function connectionsOf(world: World, guest: Guest): Promise<Json[]> {
  return (await world.request(guest, { type: 'list_connections' }, 'connections')).connections as Json[];
}

test('disconnect ends a connection for every client of both', async () => {
  const world = new World(UNLIMITED);
  const [ann1, bob1] = [await world.keyed('ann'), await world.keyed('bob')];
  const connectionId = await world.connect(ann1, bob1);
  const [ann2, bob2] = [await world.keyed('ann'), await world.keyed('bob')];
  await world.says(ann2, { type: 'disconnect', to: 'BOB' });
  for (const [clients, name] of [
    [[ann1, ann2], 'bob'],
    [[bob1, bob2], 'ann'],
  ] as const)
    for (const client of clients) {
      const told = client.takeOne('friend_disconnected');
      assert.equal([told.connectionId, told.reason, (told.friend as Json).username], [connectionId, 'left', name]);
      assert.equal(await connectionsOf(world, client), []);
    }
  assertError(await world.request(bob1, ask('q1', 'ann')), 'no_connection', { request: 'ask', id: 'q1' });
  await world.close(ann1);
  await world.close(ann2);
  assert.equal(bob1.take(), [], 'who is no friend is not told');
  assert.not.equal(await world.connect(bob1, await world.keyed('ann')), connectionId);
});

test('a friend who was away when the other one left finds no connection, and does not speak to it', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(ann);
  bob.takeOne('friend_away');
  assert.is((await world.request(bob, { type: 'disconnect', to: 'ann' })).reason, 'left');
  await world.close(bob);
  const again = await world.keyed('ann');
  assert.equal([again.identified.connections, again.identified.pending], [[], 0]);
  assertError(await world.request(again, ask('q1', 'bob')), 'no_connection', { request: 'ask', id: 'q1' });
  const back = await world.keyed('bob');
  assert.equal([back.identified.connections, again.take()], [[], []]);
});

test('disconnect from somebody who is no friend is no_connection', async () => {
  const world = new World(UNLIMITED);
  const [ann] = await world.keyedPair('ann', 'bob');
  await world.keyed('cy');
  for (const to of ['cy', 'nobody', 'ann', ''])
    assertError(await world.request(ann, { type: 'disconnect', to }), 'no_connection', { request: 'disconnect' });
});

test('what was queued before is still delivered to the one who was left; then the two may connect anew', async () => {
  const { world } = durableWorld();
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(ann);
  bob.take();
  await world.says(bob, ask('q1', 'ann'));
  await world.says(bob, { type: 'disconnect', to: 'ann' });
  assert.equal(brief(bob.take()), ['question_sent queued q1', 'friend_disconnected']);
  const again = await world.keyed('ann');
  assert.is(again.identified.pending, 1);
  const [question] = await drain(world, again);
  assert.equal([question?.type, question?.id, question?.from], ['question', 'q1', 'bob']);
  await takeAll(world, bob);
  await world.connect(again, bob);
  await world.says(bob, ask('q2', 'ann'));
  assert.equal(brief(await takeAll(world, again)), ['question q2']);
});

test('the bound on connections counts those of a maker who is away; the code stays usable', async () => {
  const world = new World({ ...UNLIMITED, connectionsPerUser: 1 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const code = await world.invite(ann);
  await world.close(ann);
  bob.take();
  await world.close(bob);
  const cy = await world.keyed('cy');
  const refused = await world.request(cy, { type: 'connect', code });
  assertError(refused, 'too_many_connections', { request: 'connect' });
  const back = await world.keyed('bob');
  await world.request(back, { type: 'disconnect', to: 'ann' }, 'friend_disconnected');
  assert.is((await world.request(cy, { type: 'connect', code })).durable, true);
});

test('the bound holds for the one who comes with a code, too, and counts friends who are away', async () => {
  const world = new World({ ...UNLIMITED, connectionsPerUser: 2 });
  const cy = await world.keyed('cy');
  for (const name of ['ann', 'bob']) {
    const maker = await world.keyed(name);
    const code = await world.invite(maker);
    await world.close(maker);
    await world.says(cy, { type: 'connect', code });
    assert.is(cy.take()[0]?.type, 'connected_to_friend');
  }
  const dan = await world.keyed('dan');
  const code = await world.invite(dan);
  assertError(await world.request(cy, { type: 'connect', code }), 'too_many_connections', { request: 'connect' });
  await world.close(cy);
  const again = await world.keyed('cy');
  assertError(await world.request(again, { type: 'connect', code }), 'too_many_connections', { request: 'connect' });
  await world.request(await world.keyed('eve'), { type: 'connect', code }, 'connected_to_friend');
});

test('fifty is the bound, durable and guest connections together', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann');
  for (let n = 0; n < 50; n++) {
    const friend = n % 2 === 0 ? await world.keyed(`friend${n}`) : await world.identified(`friend${n}`);
    await world.connect(ann, friend);
  }
  const code = await world.invite(ann);
  const late = await world.keyed('late');
  assertError(await world.request(late, { type: 'connect', code }), 'too_many_connections', { request: 'connect' });
});

test.run();
