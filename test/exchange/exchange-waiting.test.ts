/** Protocol, transport: while one of a client's commands waits, what it sends meanwhile is kept in order, and not for ever. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { heldStore } from './held-store.ts';
import { type Guest, UNLIMITED, World, WRONG_CODE } from './world.ts';

const test = suite('exchange, waiting');

/** Two friends, of whom the first waits for the store to keep an invite. */
async function waiting() {
  const store = heldStore();
  const world = new World(UNLIMITED, { store });
  const [ann, bob] = await world.pair('ann', 'bob');
  store.isHolding = true;
  await world.says(ann, { type: 'create_invite' });
  return { store, world, ann, bob };
}

const types = (guest: Guest) => guest.take().map(({ type }) => type);

test('what is sent while a command waits takes effect after it, in order', async () => {
  const { store, world, ann, bob } = await waiting();
  const said = [
    { type: 'ask', content: 'first' },
    { type: 'create_invite' },
    { type: 'ask', content: 'second' },
    { type: 'nonsense' },
    { type: 'connect', code: WRONG_CODE },
    { type: 'disconnect', to: 'bob' },
    { type: 'ask', content: 'too late' },
  ];
  for (const message of said) world.send(ann, message);
  await world.settled();
  assert.equal([ann.take(), bob.take()], [[], []]);
  store.next('addInvite').answer();
  await world.settled();
  assert.equal(types(ann), ['invite_created', 'question_sent']);
  assert.is(bob.takeOne('question').content, 'first');
  // What comes while it waits again goes behind what was there before.
  world.send(ann, { type: 'ping' });
  store.next('addInvite').answer();
  await world.settled();
  assert.equal(types(ann), ['invite_created', 'question_sent', 'error']);
  assert.is(bob.takeOne('question').content, 'second');
  store.next('findInvite').answer();
  await world.settled();
  assert.equal(types(ann), ['error', 'friend_disconnected', 'error', 'pong']);
  assert.equal(types(bob), ['friend_disconnected']);
  assert.equal(store.held, []);
});

test('others are not held up by one who waits', async () => {
  const { world, ann, bob } = await waiting();
  await world.says(bob, { type: 'ask', content: 'q' });
  bob.takeOne('question_sent');
  ann.takeOne('question');
});

test('64 frames or 256 KiB are kept for one who waits; who sends more is closed', async () => {
  const padded = (bytes: number) => `{"type":"ping"}${' '.repeat(bytes - 15)}`;
  const kept: [frames: string[], more: string][] = [
    [Array<string>(64).fill('{"type":"ping"}'), '{"type":"ping"}'],
    [Array<string>(4).fill(padded(65_536)), padded(15)],
  ];
  for (const [frames, more] of kept) {
    const { store, world, ann } = await waiting();
    for (const frame of frames) world.send(ann, frame);
    assert.is(ann.closedWith, undefined);
    store.next('addInvite').answer();
    await world.settled();
    assert.equal(types(ann), ['invite_created', ...frames.map(() => 'pong')]);

    await world.says(ann, { type: 'create_invite' });
    for (const frame of frames) world.send(ann, frame);
    world.send(ann, more);
    assert.is(ann.closedWith, 1008);
    await world.close(ann);
    store.isHolding = false;
    store.next('addInvite').answer();
    await world.settled();
    assert.equal(ann.take(), []);
    await world.assertNothingLeft();
  }
});

test('after a frame that was one too many nothing more takes effect: there is no gap in the order', async () => {
  const { store, world, ann, bob } = await waiting();
  for (let n = 0; n < 65; n++) world.send(ann, { type: 'ask', content: `${n}` });
  assert.is(ann.closedWith, 1008);
  // The socket closes soon, but not before the store has answered and another frame has come.
  store.next('addInvite').answer();
  await world.settled();
  await world.says(ann, { type: 'ask', content: 'after the gap' });
  const heard = bob.take().map(({ content }) => content);
  assert.not(heard.includes('after the gap'), `after ${heard.length - 1} others`);
});

test('what was kept for one who closes while it waits is dropped', async () => {
  const { store, world, ann, bob } = await waiting();
  world.send(ann, { type: 'ask', content: 'q' });
  store.isHolding = false;
  await world.close(ann);
  store.next('addInvite').answer();
  await world.settled();
  assert.equal(types(bob), ['friend_disconnected']);
  await world.says(ann, { type: 'ping' });
  assert.equal(ann.take(), []);
  await world.assertNothingLeft();
});

test.run();
