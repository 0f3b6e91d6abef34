/** `release` and `ban`: what is kept of a name goes; who is banned stays away. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { connection, mailbox, NOW, user } from '../store/samples.ts';
import { DataFolder } from './folder.ts';

const test = suite('cli: release and ban');

test('release frees a name and leaves nothing to the next holder', async () => {
  const folder = new DataFolder();
  await folder.fill();
  assert.equal(await folder.done('release', 'Bob'), ['Bob is released, 1 connection ended']);
  await folder.inStore(async (store) => {
    assert.is(await store.findUser('bob'), undefined);
    assert.is(await store.findInvite('BOBBOB', NOW), undefined);
    assert.ok(await store.bindUser(user('bob', { publicKey: 'another' })));
    assert.equal(await mailbox(store, 'bob'), []);
    assert.equal(
      (await store.connectionsOf('ann')).map((row) => row.connection),
      [connection('c2', 'ann', 'cy')],
    );
    assert.is((await mailbox(store, 'cy')).length, 1);
  });
});

test('release refuses a name that is not bound', async () => {
  const folder = new DataFolder();
  await folder.fill();
  await folder.refused(1, /nobody is not bound to a key/, 'release', 'nobody');
  await folder.refused(2, /not a username/, 'release', ' x ');
});

test('a banned name is bound to nobody, does not lapse, and can be released', async () => {
  const folder = new DataFolder();
  await folder.fill();
  assert.equal(await folder.done('ban', 'Bob'), ['Bob is banned']);
  assert.equal(await folder.done('ban', 'New name'), ['New name is banned']);
  assert.equal(await folder.done('ban', 'Bob'), ['Bob is banned'], 'again');
  await folder.inStore(async (store) => {
    await store.expire(NOW + 1e12, NOW + 1e12, 0, () => 1);
    assert.is((await store.findUser('bob'))?.publicKey, '');
    assert.not(await store.bindUser(user('bob')));
    assert.equal(await mailbox(store, 'bob'), []);
    assert.is((await store.connectionsOf('ann')).length, 1);
  });
  const listed = (await folder.done('users')).filter((line) => line.includes('banned  '));
  assert.equal(
    listed.map((line) => line.split('  ')[0]),
    ['Bob', 'New name'],
  );
  assert.equal(await folder.done('release', 'bob'), ['bob is not banned any more']);
  await folder.inStore(async (store) => assert.ok(await store.bindUser(user('bob'))));
});

test('both are refused while an exchange serves', async () => {
  const folder = new DataFolder();
  await folder.fill();
  await folder.whileServing(async () => {
    for (const command of ['release', 'ban']) await folder.refused(1, /an exchange serves from it/, command, 'bob');
  });
  await folder.inStore(async (store) => assert.ok(await store.findUser('bob')));
});

test.run();
