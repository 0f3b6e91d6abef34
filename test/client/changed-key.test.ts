/** The operator frees a name and somebody else takes it: nothing goes to and fro until the owner has looked at the new key. */
import * as assert from 'uvu/assert';
import { eventually, runMain, suite } from '../harness.ts';
import { KeyedUser } from '../server/keyed.ts';
import { type Assistant, onEachNode, type World } from './assistants.ts';

const test = suite('a changed key');

/** The name is freed, and the exchange, which is down, started again. */
async function release(world: World, name: string): Promise<void> {
  const { code, stdout } = await runMain(['release', name], { DATA_DIR: world.dataFolder() });
  assert.is(code, 0, stdout);
  await world.startServer();
}

/** What is Ada's friend by this name, as she knows it. */
async function friendOf(ada: Assistant, username: string): Promise<Record<string, unknown> | undefined> {
  const { friends } = await ada.tell('friends', {}, 'friends');
  return (friends as Record<string, unknown>[]).find((friend) => friend.username === username);
}

onEachNode(test, 'whoever has the name next is held back until the owner trusts the key', async (world) => {
  const [ada, grace] = await world.begin();
  const other = await world.assistant('ada');
  for (const one of [ada, other]) one.do('serve', { answering: true });
  const pinned = (await friendOf(ada, 'grace'))?.publicKey;
  await world.killServer();
  await ada.until('closed');
  const { id: early } = await ada.tell('ask', { to: 'grace', text: 'for Grace alone' }, 'asked');
  await grace.kill();
  await release(world, 'grace');
  // Who was asked is not there any more, and the question goes to nobody else.
  assert.is((await ada.until('unsent', { id: early })).code, 'no_connection');

  const stranger = new KeyedUser('grace');
  const { code } = await ada.tell('invite', {}, 'invited');
  const socket = await stranger.come(world);
  socket.send({ type: 'connect', code });
  // Right behind it, before anybody could have looked at a key.
  socket.send({ type: 'ask', id: 'q1', to: 'ada', content: 'it is me' });
  // One of the two is told: whichever looked first.
  const { pinned: known, offered } = await Promise.any([ada.until('keyChanged'), other.until('keyChanged')]);
  assert.equal([known, offered], [pinned, stranger.publicKey]);
  // Whichever put it away.
  await Promise.any([ada.until('arrived', { id: 'q1' }), other.until('arrived', { id: 'q1' })]);
  assert.is((await ada.tell('ask', { to: 'grace', text: 'is it you?' }, 'unsent')).code, 'key_changed');
  for (const one of [ada, other]) {
    assert.equal((await one.tell('inbox', {}, 'inbox')).entries, []);
    assert.is((await one.tell('waiting', {}, 'waiting')).questions, 0);
    assert.equal(one.heard('claimed'), [], 'it was shown to an assistant');
  }
  const friend = await friendOf(other, 'grace');
  const change = { username: 'grace', pinned, offered: stranger.publicKey };
  assert.equal([friend?.publicKey, friend?.change], [pinned, change]);

  await other.tell('trust', { name: 'grace' }, 'done', { did: 'trust' });
  await eventually(() => [ada, other].flatMap((one) => one.heard('claimed')).length === 1, 'the question to be shown');
  await eventually(() => socket.inbox.some(({ type, replyTo }) => type === 'answer' && replyTo === 'q1'), 'the answer');
  assert.is((await friendOf(ada, 'grace'))?.publicKey, stranger.publicKey);
  assert.is((await friendOf(ada, 'grace'))?.policy, 'ask');
  const { id } = await ada.tell('ask', { to: 'grace', text: 'so it is you' }, 'asked');
  await eventually(() => socket.inbox.some((message) => message.id === id), 'the question');
  socket.terminate();

  // The one who had the name before is told.
  const again = await world.assistant('grace');
  assert.is((await again.tell('identify', {}, 'failed')).code, 'bad_signature');
});

test.run();
