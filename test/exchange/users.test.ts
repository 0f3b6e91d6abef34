/** Who is here: clients by address, users by name. */
import * as assert from 'uvu/assert';
import { type User, Users } from '../../src/exchange/users.ts';
import { suite } from '../harness.ts';
import { START } from './world.ts';

const test = suite('users');

const open = (users: Users, id: string, address = '192.0.2.1') => users.open(id, address, `challenge ${id}`, START);

function join(users: Users, id: string, name: string): User {
  const user = users.make({ id, key: name, username: name, nickname: name, tag: `tag of ${name}` }, START);
  users.enter(user, open(users, id));
  return user;
}

test('clients are counted by address, and an address that nobody has is forgotten', () => {
  const users = new Users();
  const clients = ['a', 'b', 'c'].map((id, n) => open(users, id, `192.0.2.${n === 2 ? 2 : 1}`));
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
  open(users, 'elsewhere', '192.0.2.9');
  assert.is(users.oldestUnidentifiedAt('192.0.2.1'), undefined);
  join(users, 'a', 'ann');
  assert.is(users.oldestUnidentifiedAt('192.0.2.1'), undefined);
  const [second] = ['b', 'c'].map((id) => open(users, id));
  assert.is(users.oldestUnidentifiedAt('192.0.2.1'), second);
});

test('names are claimed by one at a time, and others wait for the end of that', async () => {
  const users = new Users();
  const release = await users.claim('ann', 'bob');
  assert.is(users.claims, 2);
  const log: string[] = [];
  const waiters = [['ann'], ['bob', 'cy'], ['cy']].map(async (names) => {
    const done = await users.claim(...names);
    log.push(names.join());
    done();
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(log, ['cy'], 'who wants another name does not wait');
  release();
  await Promise.all(waiters);
  assert.equal(log.sort(), ['ann', 'bob,cy', 'cy']);
  assert.is(users.claims, 0);
});

test('a claim of the same name twice is one claim', async () => {
  const users = new Users();
  (await users.claim('ann', 'ann'))();
  assert.is(users.claims, 0);
});

test('a user begins with nothing, is found by its key, and goes', () => {
  const users = new Users();
  const user = join(users, 'a', 'ann');
  assert.is(users.byKey.get('ann'), user);
  const [client] = user.clients;
  assert.is(client?.user, user);
  assert.equal([user.sides.size, user.onlySide, user.invites, user.allowance.invitesMadeAt], [0, undefined, [], []]);
  const { id } = user;
  users.leave(user);
  assert.is(users.byKey.get('ann'), undefined);
  assert.is.not(join(users, 'b', 'ann').id, id, 'the next holder is another user');
});

test('how many of those here hold a key', () => {
  const users = new Users();
  const guest = join(users, 'a', 'ann');
  const names = { id: 'key', key: 'cy', username: 'cy', nickname: 'cy', tag: 'u_0' };
  const keyed = users.make({ ...names, publicKey: 'key' }, START);
  assert.is(users.keyedHere, 0);
  for (const id of ['b', 'c']) users.enter(keyed, users.open(id, '192.0.2.1', '', START));
  assert.is(users.keyedHere, 1, 'a second client is no second user');
  users.leave(guest);
  assert.is(users.keyedHere, 1);
  users.leave(keyed);
  users.leave(keyed);
  assert.is(users.keyedHere, 0);
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
