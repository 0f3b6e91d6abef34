/** Who is here: clients by address, users by name. */
import * as assert from 'uvu/assert';
import { Users } from '../../src/exchange/users.ts';
import { suite } from '../harness.ts';
import { START } from './world.ts';

const test = suite('users');

const join = (users: Users, id: string, name: string) =>
  users.join(users.open(id, '192.0.2.1', START), name, name, name, `tag of ${name}`, START);

test('clients are counted by address, and an address that nobody has is forgotten', () => {
  const users = new Users();
  const clients = ['a', 'b', 'c'].map((id, n) => users.open(id, `192.0.2.${n === 2 ? 2 : 1}`, START));
  assert.equal([users.countAt('192.0.2.1'), users.countAt('192.0.2.2'), users.countAt('192.0.2.3')], [2, 1, 0]);
  assert.is(users.largestAddress(), 2);
  for (const client of clients) {
    assert.ok(client.open);
    users.close(client);
    assert.not(client.open);
  }
  assert.equal([users.countAt('192.0.2.1'), users.largestAddress(), users.clients.size], [0, 0, 0]);
});

test('the oldest unidentified client of an address is found', () => {
  const users = new Users();
  users.open('elsewhere', '192.0.2.9', START);
  assert.is(users.oldestUnidentifiedAt('192.0.2.1'), undefined);
  join(users, 'a', 'ann');
  assert.is(users.oldestUnidentifiedAt('192.0.2.1'), undefined);
  const [second] = ['b', 'c'].map((id) => users.open(id, '192.0.2.1', START));
  assert.is(users.oldestUnidentifiedAt('192.0.2.1'), second);
});

test('a name is claimed by one at a time, and others may wait for the end of that', async () => {
  const users = new Users();
  assert.not(users.isClaimed('ann'));
  const release = users.claim('ann');
  assert.is(users.claim('ann'), undefined);
  assert.type(users.claim('bob'), 'function');
  assert.ok(users.isClaimed('ann'));
  let ended = 0;
  const waiters = [1, 2].map(async () => {
    await users.claimEnds('ann');
    ended++;
  });
  await Promise.resolve();
  assert.is(ended, 0);
  release?.();
  assert.not(users.isClaimed('ann'));
  await Promise.all(waiters);
  await users.claimEnds('nobody waits for this one');
  assert.type(users.claim('ann'), 'function');
});

test('a user begins with nothing, is found by its key, and goes', () => {
  const users = new Users();
  const user = join(users, 'a', 'ann');
  assert.is(users.byKey.get('ann'), user);
  const [client] = user.clients;
  assert.is(client?.user, user);
  assert.equal([user.sides.size, user.onlySide, user.invites, user.invitesMadeAt], [0, undefined, [], []]);
  const { id } = user;
  users.leave(user);
  assert.is(users.byKey.get('ann'), undefined);
  assert.is.not(join(users, 'b', 'ann').id, id, 'the next holder is another user');
});

test('a new nickname is in every part that is made from it', () => {
  const user = join(new Users(), 'a', 'ann');
  assert.equal(
    [user.senderPart, user.recipientPart],
    [',"from":"ann","fromNickname":"ann"', ',"to":"ann","status":"forwarded"'],
  );
  new Users().rename(user, 'A "n" n');
  assert.is(user.nickname, 'A "n" n');
  assert.equal(
    [user.senderPart, user.recipientPart],
    [',"from":"ann","fromNickname":"A \\"n\\" n"', ',"to":"A \\"n\\" n","status":"forwarded"'],
  );
});

test.run();
