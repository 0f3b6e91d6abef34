/** The friends of a user: their keys are pinned, and a name means one of them or nobody. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Database } from '../../src/client/database.ts';
import type { MagiError } from '../../src/client/errors.ts';
import { Friends, fingerprintOf } from '../../src/client/friends.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client friends');

function open(path?: string) {
  const database = new Database(path);
  const friends = new Friends(database);
  const see = (username: string, publicKey?: string, nickname = username, isDurable = true) =>
    friends.see({ username, nickname, publicKey }, { connectionId: `with ${username.toLowerCase()}`, isDurable });
  /** Who is meant, or the code of the refusal. */
  const who = (name: string) => {
    try {
      return friends.resolve(name).username;
    } catch (error) {
      return (error as MagiError).code;
    }
  };
  return { database, friends, see, who };
}

test('a key is pinned when it is first seen', async () => {
  const path = join(temporaryFolder(), 'file');
  const first = open(path);
  assert.is(await first.see('Ada', 'key 1'), undefined);
  assert.is(await first.see('ada', 'key 1'), undefined);
  first.database.close();
  const { friends, see, database } = open(path);
  assert.equal(await see('ada', 'key 2'), { username: 'ada', pinned: 'key 1', offered: 'key 2' });
  assert.is((await see('ADA', 'key 2'))?.offered, 'key 2', 'as long as it is so');
  assert.not(friends.isTrusted('Ada'));
  assert.equal(friends.find('ada')?.change, { username: 'ADA', pinned: 'key 1', offered: 'key 2' });
  assert.is((await see('ada', 'key 3'))?.offered, 'key 3', 'yet another one');
  assert.is(await see('ada', 'key 1'), undefined);
  assert.ok(friends.isTrusted('ada'), 'it is the one that is known');
  assert.equal(await see('ada'), { username: 'ada', pinned: 'key 1', offered: undefined });
  assert.not(friends.isTrusted('ada'), 'somebody without a key');
  database.close();
});

test('what the owner trusts is the key that was shown, and nothing goes on by itself', async () => {
  const { friends, see } = open();
  await see('ada', 'key 1');
  await friends.setPolicy('ada', 'auto');
  await friends.trust('ada');
  assert.is(friends.find('ada')?.publicKey, 'key 1', 'there was nothing to trust');
  assert.is(friends.find('ada')?.policy, 'auto');
  await see('ada', 'key 2');
  await friends.trust('ADA');
  assert.ok(friends.isTrusted('ada'));
  assert.equal([friends.find('ada')?.publicKey, friends.find('ada')?.policy], ['key 2', 'ask']);
  assert.is(await see('ada', 'key 2'), undefined);
  assert.is((await see('ada', 'key 1'))?.pinned, 'key 2');
});

test('who has been forgotten is somebody new; who has left is known by their key', async () => {
  const { friends, see } = open();
  await see('ada', 'key 1');
  await friends.ended('ada');
  assert.is(friends.find('ada')?.isConnected, false);
  assert.ok(await see('ada', 'key 2'), 'connected again, with another key');
  assert.is(friends.find('ada')?.isConnected, true);
  await friends.forget('ada');
  assert.is(friends.find('ada'), undefined);
  assert.is(await see('ada', 'key 3'), undefined);
  assert.ok(friends.isTrusted('ada'));
  assert.ok(friends.isTrusted('nobody'));
});

test('a friend who was a guest is known by the first key that comes', async () => {
  const { friends, see } = open();
  await see('ada', undefined, 'Ada', false);
  assert.equal([friends.find('ada')?.publicKey, friends.find('ada')?.isDurable], [undefined, false]);
  assert.is(await see('ada', 'key 1'), undefined);
  assert.equal([friends.find('ada')?.publicKey, friends.find('ada')?.isDurable], ['key 1', true]);
  assert.ok(await see('ada', 'key 2'));
});

test('the list of all connections ends those that are not on it', async () => {
  const { friends, see } = open();
  for (const name of ['ada', 'bob', 'cleo']) await see(name, `key of ${name}`);
  await friends.only(['with bob']);
  assert.equal(
    friends.all().map(({ username, isConnected }) => [username, isConnected]),
    [
      ['ada', false],
      ['bob', true],
      ['cleo', false],
    ],
  );
});

test('what says nothing new is not written', async () => {
  const path = join(temporaryFolder(), 'file');
  const [{ see, database }, other] = [open(path), open(path)];
  await see('ada', 'key 1');
  other.database.hasChanged();
  await see('ada', 'key 1');
  assert.not(other.database.hasChanged());
  await see('ada', 'key 1', 'Countess');
  assert.ok(other.database.hasChanged());
  assert.is(other.friends.find('ada')?.nickname, 'Countess');
  for (const one of [database, other.database]) one.close();
});

test('presence tells nothing about who is not a friend', async () => {
  const { friends } = open();
  assert.is(await friends.see({ username: 'eve', nickname: 'Eve', publicKey: 'key' }), undefined);
  assert.equal(friends.all(), []);
});

test('a name means whoever has it, in full or else in part, if that is only one; with an @ the username alone', async () => {
  const { friends, see, who } = open();
  assert.is(who('ada'), 'unknown_friend');
  await see('ada@example.org', 'key', 'Countess');
  assert.is(who('friend'), 'ada@example.org');
  await see('grace@example.org', 'key', 'Amazing');
  await see('amazing', 'key', 'Grace');
  assert.is(who('@ADA@example.org'), 'ada@example.org');
  assert.is(who(' countess '), 'ada@example.org');
  assert.is(who('amazing'), 'ambiguous_friend', 'a username does not draw what was meant for a local name');
  assert.is(who('@amazing'), 'amazing');
  assert.is(who('GRACE'), 'amazing', 'a local name in full goes before a part of a username');
  assert.is(who('grace@'), 'grace@example.org');
  assert.is(who('count'), 'ada@example.org');
  assert.is(who('example'), 'ambiguous_friend');
  assert.is(who('friend'), 'unknown_friend', 'there are several');
  for (const nobody of ['', '@', 'bob', 'ada@example.org.evil']) assert.is(who(nobody), 'unknown_friend', nobody);
  assert.throws(
    () => friends.resolve('example'),
    /^"example" may be [^\n]*@ada@example\.org[^\n]*@grace@example\.org[^\n]*$/,
  );
});

test('a later nickname never addresses', async () => {
  const { see, who, friends } = open();
  await see('ada', 'key', 'Countess');
  await see('eve', 'key', 'Eve');
  await see('eve', 'key', 'Countess of Nothing');
  assert.is(who('countess of nothing'), 'unknown_friend');
  assert.is(who('countess'), 'ada');
  assert.equal([friends.find('eve')?.localName, friends.find('eve')?.nickname], ['Eve', 'Countess of Nothing']);
});

test('who has left is not replaced by somebody with a similar name', async () => {
  const { see, who, friends } = open();
  await see('ada', 'key', 'Countess');
  await see('adam', 'key', 'Adam');
  await see('eve', 'key', 'Countess Eve');
  assert.is(who('ada'), 'ada');
  await friends.ended('ada');
  assert.is(who('ada'), 'unknown_friend');
  assert.is(who('countess'), 'unknown_friend');
  await see('mallory', 'key', 'Ada');
  await see('countess@example.org', 'key', 'Countess');
  assert.is(who('ada'), 'unknown_friend', 'nor by somebody who calls themselves so');
  assert.is(who('countess'), 'countess@example.org', 'a local name is free again');
  assert.is(who('adam'), 'adam');
  assert.is(who('mal'), 'mallory', 'a part of a name is a part of somebody who is there');
});

test('a fingerprint is the first half of the SHA-256 of the key, to be read aloud', () => {
  const key = Buffer.alloc(32, 7).toString('base64url');
  assert.is(fingerprintOf(key), '4bb0 6f8e 4e3a 7715 d201 d573 d0aa 4237');
});

test.run();
