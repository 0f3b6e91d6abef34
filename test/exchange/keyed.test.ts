/** Protocol part 2: a username bound to a key, and what does not prove that somebody holds it. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { type Guest, HOST, keyOf, MINUTE, proofFor, SECOND, sign, UNLIMITED, World } from './world.ts';

const test = suite('keyed');

const identify = (proof: Json, more: Json = {}): Json => ({ type: 'identify', ...proof, ...more });

/** A signature over the text of part 2, written out. */
function signed(guest: Guest, compared: string, key = keyOf(compared), host = HOST): string {
  return sign(key, `magi-exchange:identify:v1\n${guest.client.challenge}\n${compared}\n${host}`);
}

/** Says it, expects this error, and that the client is nobody still. */
async function assertRefused(world: World, guest: Guest, command: Json, code: string): Promise<string> {
  const reply = await world.request(guest, command);
  assertError(reply, code, { request: command.type as string });
  assertError(await world.request(guest, { type: 'list_connections' }), 'not_identified', {
    request: 'list_connections',
  });
  return reply.message as string;
}

test('the first use of a name binds it to the key, and says so', async () => {
  const world = new World();
  const ann = world.open();
  const publicKey = keyOf('ann');
  const proof = { publicKey, host: HOST, signature: signed(ann, 'ann') };
  assert.equal(await world.request(ann, { type: 'identify', username: 'Ａnn', nickname: 'Anna', ...proof }), {
    type: 'identified',
    username: 'Ann',
    nickname: 'Anna',
    clientId: ann.client.id,
    keyed: true,
    connections: [],
    pending: 0,
  });
  await world.close(ann);
  const again = await world.keyed('ann');
  assert.equal([again.identified.username, again.identified.keyed], ['Ann', true], 'the name is shown as it was bound');
});

test('what is signed is the username as compared, whatever case it is sent in', async () => {
  const world = new World();
  for (const username of ['ÄNN', 'änn', 'A\u0308nn']) {
    const ann = world.open();
    const proof = { publicKey: keyOf('änn'), host: HOST, signature: signed(ann, 'änn') };
    assert.is((await world.request(ann, { type: 'identify', username, ...proof })).keyed, true);
  }
  const other = world.open();
  const proof = { publicKey: keyOf('cy'), host: HOST, signature: signed(other, 'CY', keyOf('cy')) };
  await assertRefused(world, other, { type: 'identify', username: 'CY', ...proof }, 'bad_signature');
});

test('another key does not get the name, whether its holder is here or away', async () => {
  const world = new World();
  const ann = await world.keyed('ann');
  for (const isHere of [true, false]) {
    if (!isHere) await world.close(ann);
    for (const username of ['ann', 'ANN']) {
      const thief = world.open();
      await assertRefused(world, thief, identify(proofFor(thief, username, keyOf('thief'))), 'bad_signature');
    }
  }
  await world.keyed('ann');
});

test('a signature for another host than it names, or for a host that is not ours, is refused; both are named', async () => {
  const world = new World();
  const ann = world.open();
  const told = await assertRefused(
    world,
    ann,
    identify(proofFor(ann, 'ann', keyOf('ann'), 'relay.example')),
    'bad_signature',
  );
  for (const host of ['relay.example', HOST, '127.0.0.1:8082']) assert.match(told, host);
  const relayed = { ...proofFor(ann, 'ann', keyOf('ann'), 'relay.example'), host: HOST };
  await assertRefused(world, ann, identify(relayed), 'bad_signature');
  for (const host of ['MAGI.test', 'magi.test:8082', ' magi.test', '127.0.0.1', ''])
    await assertRefused(world, ann, identify(proofFor(ann, 'ann', keyOf('ann'), host)), 'bad_signature');
  await world.request(ann, identify(proofFor(ann, 'ann', keyOf('ann'), '127.0.0.1:8082')), 'identified');
});

test('a signature holds for the challenge of its own socket only', async () => {
  const world = new World();
  const ann = world.open();
  const proof = proofFor(ann, 'ann', keyOf('ann'));
  const thief = world.open();
  assert.not.equal(thief.client.challenge, ann.client.challenge);
  await assertRefused(world, thief, identify(proof), 'bad_signature');
  await world.request(ann, identify(proof), 'identified');
  await assertRefused(world, thief, identify(proof), 'bad_signature');
  await world.close(ann);
  await assertRefused(world, world.open(), identify(proof), 'bad_signature');
  await world.request(thief, identify(proofFor(thief, 'ann', keyOf('ann'))), 'identified');
});

test('a refusal leaves the challenge good', async () => {
  const world = new World();
  const ann = world.open();
  await assertRefused(
    world,
    ann,
    identify(proofFor(ann, 'ann', keyOf('thief')), { publicKey: keyOf('ann') }),
    'bad_signature',
  );
  await world.request(ann, identify(proofFor(ann, 'ann', keyOf('ann'))), 'identified');
});

test('a signature for another username is refused', async () => {
  const world = new World();
  const ann = world.open();
  await assertRefused(world, ann, identify(proofFor(ann, 'bob', keyOf('ann')), { username: 'ann' }), 'bad_signature');
});

test('a key, a host or a signature that is none is refused, and what is left out is named', async () => {
  const world = new World({ refusalsPerAddress: 0 });
  const ann = world.open();
  const proof = proofFor(ann, 'ann', keyOf('ann'));
  const broken = [
    '',
    'x',
    'not base64!',
    keyOf('ann').slice(1),
    `${keyOf('ann')}AAAA`,
    '\u0000',
    '\ud800',
    'é'.repeat(43),
  ];
  for (const field of ['publicKey', 'host', 'signature']) {
    for (const value of broken) {
      const code = field === 'host' ? 'bad_signature' : 'bad_message';
      assert.match(
        await assertRefused(world, ann, identify({ ...proof, [field]: value }), code),
        field === 'host' ? HOST : field,
      );
    }
    for (const value of [null, 5, true, [proof[field]], {}]) {
      const told = await assertRefused(world, ann, identify({ ...proof, [field]: value }), 'bad_message');
      assert.match(told, `"${field}" must be a string`);
    }
    const { [field]: _, ...rest } = proof;
    assert.match(await assertRefused(world, ann, identify(rest), 'bad_message'), `"${field}"`);
  }
  const guest = world.open();
  await world.request(guest, { type: 'identify', username: 'ann' }, 'identified');
});

test('names that are not allowed are refused to keys as well', async () => {
  const world = new World();
  const ann = world.open();
  await assertRefused(world, ann, identify(proofFor(ann, ' ann', keyOf('ann'))), 'invalid_username');
  await assertRefused(world, ann, identify(proofFor(ann, 'ann', keyOf('ann')), { nickname: '' }), 'invalid_nickname');
});

test('a bound name is reserved: no guest gets it, in whatever case, while its holder is here or away', async () => {
  const world = new World({ refusalsPerAddress: 0 });
  const ann = await world.keyed('ann');
  const inviter = await world.identified('inviter');
  const code = await world.invite(inviter);
  for (const isHere of [true, false]) {
    if (!isHere) await world.close(ann);
    for (const username of ['ann', 'Ann', 'ＡＮＮ']) {
      const guest = world.open();
      await assertRefused(world, guest, { type: 'identify', username }, 'username_reserved');
      await assertRefused(world, guest, { type: 'connect', code, username }, 'username_reserved');
    }
  }
  const guest = world.open();
  assert.is((await world.request(guest, { type: 'connect', code, username: 'cy' })).type, 'connected_to_friend');
});

test('a name that an open guest holds cannot be bound, unless the guest has gone silent', async () => {
  const world = new World();
  const [holder, ann] = [await world.identified('Ann'), world.open()];
  const claim = identify(proofFor(ann, 'ann', keyOf('ann')));
  await world.says(ann, claim);
  assert.equal([ann.take(), holder.pings], [[], 1]);
  world.exchange.ponged(holder.client);
  await world.settled();
  assertError(ann.takeOne(), 'username_taken', { request: 'identify' });
  assert.equal([holder.take(), holder.closedWith], [[], undefined]);
  await world.says(ann, claim);
  await world.tick(world.now + 3 * SECOND);
  assert.is(ann.takeOne('identified').keyed, true);
  assert.is(holder.closedWith, 4001);
});

test('a name is free to be bound when its guest has left, and is free to guests again when nobody bound it', async () => {
  const world = new World();
  await world.close(await world.identified('ann'));
  await world.keyed('ann');
  const bob = await world.identified('bob');
  const cy = world.open();
  await world.says(cy, identify(proofFor(cy, 'bob', keyOf('bob'))));
  world.exchange.ponged(bob.client);
  await world.settled();
  assertError(cy.takeOne(), 'username_taken', { request: 'identify' });
  await world.close(bob);
  await world.identified('bob');
});

test('of two keys that ask for a new name at once exactly one gets it', async () => {
  const world = new World();
  const [one, other] = [world.open(), world.open()];
  world.send(one, identify(proofFor(one, 'ann', keyOf('one'))));
  world.send(other, identify(proofFor(other, 'Ann', keyOf('other'))));
  await world.settled();
  one.takeOne('identified');
  assertError(other.takeOne(), 'bad_signature', { request: 'identify' });
});

test('an exchange that knows no name of its own takes no keys, and says so; guests come as ever', async () => {
  const world = new World({}, { hosts: [] });
  const ann = world.open();
  await assertRefused(world, ann, identify(proofFor(ann, 'ann', keyOf('ann'))), 'bad_signature');
  await assertRefused(world, ann, identify(proofFor(ann, 'ann', keyOf('ann'), '')), 'bad_signature');
  await world.request(ann, { type: 'identify', username: 'ann' }, 'identified');
});

test('who identified with a key identifies again only for the nickname; another name is refused', async () => {
  const world = new World(UNLIMITED);
  const ann = await world.keyed('ann');
  world.now += MINUTE;
  const again = await world.request(ann, { type: 'identify', username: 'ANN', nickname: 'Anna' }, 'identified');
  assert.equal([again.username, again.nickname, again.keyed], ['ann', 'Anna', true]);
  for (const claim of [{ username: 'bob' }, proofFor(ann, 'bob', keyOf('bob'))])
    assertError(await world.request(ann, identify(claim)), 'already_identified', { request: 'identify' });
  const thief = world.open();
  await assertRefused(world, thief, { type: 'identify', username: 'ann' }, 'username_reserved');
});

test.run();
