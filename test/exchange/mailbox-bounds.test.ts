/** Protocol parts 3 and 5: how much a mailbox takes, from whom, for how long; and what it means to have none. */
import * as assert from 'uvu/assert';
import { assertError, type Json, suite } from '../harness.ts';
import { acknowledge, answer, ask, brief, DAY, drain, durableWorld, restarted, stored, takeAll } from './talk.ts';
import { type Guest, SECOND, START, type World } from './world.ts';

const test = suite('mailbox bounds');

/** Bob, who is away, and `count` friends of his. */
async function friendsOfBob(world: World, count: number): Promise<Guest[]> {
  const bob = await world.keyed('bob');
  const friends: Guest[] = [];
  for (let n = 0; n < count; n++) {
    const friend = await world.keyed(`friend${n}`);
    await world.connect(bob, friend);
    friends.push(friend);
  }
  await world.close(bob);
  for (const friend of friends) friend.takeOne('friend_away');
  return friends;
}

/** Sends to bob, who is away; returns the status or the error's code. */
async function send(world: World, from: Guest, id: string, content = 'c'): Promise<unknown> {
  const reply = await world.request(from, ask(id, 'bob', content));
  if (reply.type === 'error') assertError(reply, reply.code as string, { request: 'ask', id });
  return reply.status ?? reply.code;
}

test('a sender may take a quarter of the messages; the others take theirs, and all together no more than the whole', async () => {
  const { world, store } = durableWorld({ mailboxMessages: 8 });
  const friends = await friendsOfBob(world, 5);
  const taken: string[] = [];
  for (const [n, friend] of friends.entries())
    for (const k of [1, 2, 3]) {
      const fits = n < 4 && k <= 2;
      assert.is(await send(world, friend, `q${n}${k}`), fits ? 'queued' : 'mailbox_full', `friend ${n}, message ${k}`);
      if (fits) taken.push(`q${n}${k}`);
    }
  assert.equal(await stored(store, 'bob'), taken, 'nothing is evicted');
  const bob = await world.keyed('bob');
  assert.equal(
    brief(await drain(world, bob)),
    taken.map((id) => `question ${id}`),
  );
  await world.close(bob);
  for (const friend of friends) await takeAll(world, friend);
  assert.is(await send(world, friends[4] as Guest, 'q43'), 'queued', 'there is room again');
});

test('what is acknowledged makes room at once, for its sender as for the others', async () => {
  const { world } = durableWorld({ mailboxMessages: 4 });
  const friends = await friendsOfBob(world, 5);
  for (const [n, friend] of friends.entries())
    assert.is(await send(world, friend, 'q1'), n < 4 ? 'queued' : 'mailbox_full');
  const bob = await world.keyed('bob');
  await acknowledge(world, bob, bob.take().slice(0, 1));
  for (const friend of friends) await takeAll(world, friend);
  assert.is(await send(world, friends[1] as Guest, 'q2'), 'mailbox_full', 'its quarter is taken');
  assert.is(await send(world, friends[0] as Guest, 'q2'), 'queued');
  assert.is(await send(world, friends[4] as Guest, 'q1'), 'mailbox_full');
});

test('bytes are bounded in the same way, as UTF-8', async () => {
  const { world } = durableWorld({ mailboxBytes: 400 });
  const friends = await friendsOfBob(world, 5);
  for (const [n, friend] of friends.entries()) {
    assert.is(await send(world, friend, 'too-long', 'é'.repeat(51)), 'mailbox_full');
    assert.is(await send(world, friend, 'q1', 'é'.repeat(40)), n < 4 ? 'queued' : 'mailbox_full');
    assert.is(await send(world, friend, 'q2', 'x'.repeat(21)), 'mailbox_full');
    assert.is(await send(world, friend, 'q3', 'x'.repeat(20)), n < 4 ? 'queued' : 'mailbox_full');
    assert.is(await send(world, friend, 'q4', 'x'), 'mailbox_full');
  }
});

test('by default a sender has 250 messages or 1 MiB waiting with a friend', async () => {
  const { world } = durableWorld();
  const [one, other] = (await friendsOfBob(world, 2)) as [Guest, Guest];
  for (let n = 0; n < 250; n++) assert.is(await send(world, one, `q${n}`), 'queued');
  assert.is(await send(world, one, 'q250'), 'mailbox_full');
  for (let n = 0; n < 32; n++) assert.is(await send(world, other, `q${n}`, 'x'.repeat(32_768)), 'queued');
  assert.is(await send(world, other, 'q32'), 'mailbox_full');
});

test('a bound of 0 is none', async () => {
  const { world, store } = durableWorld({ mailboxMessages: 0, mailboxBytes: 0, mailboxTotalBytes: 0 });
  const [friend] = (await friendsOfBob(world, 1)) as [Guest];
  for (let n = 0; n < 140; n++) assert.is(await send(world, friend, `big${n}`, 'x'.repeat(32_768)), 'queued');
  for (let n = 0; n < 900; n++) assert.is(await send(world, friend, `q${n}`), 'queued');
  assert.is((await stored(store, 'bob')).length, 1_040);
});

test('all mailboxes together have a bound', async () => {
  const { world, store } = durableWorld({ mailboxTotalBytes: 100 * 1_024 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const cy = await world.keyed('cy');
  await world.connect(ann, cy);
  for (const friend of [bob, cy]) await world.close(friend);
  ann.take();
  const results: unknown[] = [];
  for (let n = 0; n < 200; n++) {
    const reply = await world.request(ann, ask(`q${n}`, n % 2 === 0 ? 'bob' : 'cy', 'x'.repeat(1_000)));
    results.push(reply.status ?? reply.code);
  }
  const queued = results.filter((result) => result === 'queued').length;
  assert.ok(queued >= 20 && queued <= 102, `${queued}`);
  assert.equal(results.slice(queued), Array(200 - queued).fill('mailbox_full'));
  assert.is((await stored(store, 'bob')).length + (await stored(store, 'cy')).length, queued);
  await drain(world, await world.keyed('bob'));
  await takeAll(world, ann);
  await world.says(ann, ask('again', 'cy'));
  assert.equal(brief(ann.take()), ['question_sent queued again']);
});

test('a repeat of one that waits is answered queued, however full the mailbox is', async () => {
  const { world } = durableWorld({ mailboxMessages: 4 });
  const [friend] = (await friendsOfBob(world, 1)) as [Guest];
  assert.equal([await send(world, friend, 'q1'), await send(world, friend, 'q2')], ['queued', 'mailbox_full']);
  assert.equal([await send(world, friend, 'q1'), await send(world, friend, 'q2')], ['queued', 'mailbox_full']);
  const bob = await world.keyed('bob');
  await drain(world, bob);
  await takeAll(world, friend);
  await world.says(friend, ask('q2', 'bob'));
  assert.equal(brief(await takeAll(world, bob)), ['question q2'], 'what was refused is not remembered');
});

test('a friend who is here is not behind a full mailbox for ever: what it acknowledges was delivered', async () => {
  const { world } = durableWorld({ mailboxMessages: 4 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (const id of ['q1', 'q2', 'q3']) await world.says(ann, ask(id, 'bob'));
  await world.tick(START + 5 * SECOND);
  const told = bob.take();
  assert.equal(brief(told), ['question q1', 'question q2', 'question q3']);
  const early = brief(ann.take());
  await acknowledge(world, bob, told);
  const said = [...early, ...brief(await takeAll(world, ann))];
  for (const id of ['q1', 'q2', 'q3'])
    assert.ok(
      said.some((line) => /^(question_sent (delivered|queued)|error mailbox_full) /.test(line) && line.endsWith(id)),
      `${id} in ${said.join(', ')}`,
    );
  assert.ok(said.includes('question_sent queued q1') && said.includes('receipt delivered q1'), said.join(', '));
});

test('what is held when the friend goes and does not fit is refused with its id; what fits is kept', async () => {
  const { world, store } = durableWorld({ mailboxMessages: 8 });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  for (const id of ['q1', 'q2', 'q3']) await world.says(ann, ask(id, 'bob'));
  await world.close(bob);
  assert.equal(brief(ann.take()).sort(), [
    'error mailbox_full q3',
    'friend_away',
    'question_sent queued q1',
    'question_sent queued q2',
  ]);
  assert.equal(await stored(store, 'bob'), ['q1', 'q2']);
});

test('after thirty days what waits is deleted and its sender told, be it here or away', async () => {
  const { world, store } = durableWorld();
  const [here, away] = (await friendsOfBob(world, 2)) as [Guest, Guest];
  await send(world, here, 'q1');
  await send(world, away, 'q2');
  await world.close(away);
  world.now = START + 10 * DAY;
  await send(world, here, 'later');
  for (const at of [30 * DAY - 60 * SECOND, 30 * DAY - 1]) await world.tick(START + at);
  assert.equal([here.take(), await stored(store, 'bob')], [[], ['q1', 'q2', 'later']]);
  for (const at of [60 * SECOND, 120 * SECOND, 121 * SECOND]) await world.tick(START + 30 * DAY + at);
  assert.equal(await stored(store, 'bob'), ['later']);
  const receipt = here.takeOne('receipt');
  const { at, deliveryId } = receipt;
  assert.equal(receipt, { type: 'receipt', id: 'q1', from: 'bob', status: 'expired', at, deliveryId });
  assert.ok((at as number) > START + 30 * DAY - 1 && (at as number) <= world.now, `${at}`);
  assert.equal(brief((await world.keyed('friend1')).take()), ['receipt expired q2']);
  const bob = await world.keyed('bob');
  assert.equal([bob.identified.pending, brief(bob.take())], [1, ['question later']]);
});

test('how many days is a setting, also for what was queued before the exchange started anew', async () => {
  const { world, store } = durableWorld({ mailboxDays: 30 });
  const [friend] = (await friendsOfBob(world, 1)) as [Guest];
  await send(world, friend, 'q1');
  const next = restarted(world, store);
  const again = await next.keyed('friend0');
  for (const at of [0, 60 * SECOND, 120 * SECOND]) await next.tick(START + 30 * DAY + SECOND + at);
  assert.equal(brief(again.take()), ['receipt expired q1']);
  const { world: short, store: kept } = durableWorld({ mailboxDays: 1 });
  const [ann] = (await friendsOfBob(short, 1)) as [Guest];
  await send(short, ann, 'q1');
  for (const at of [0, 60 * SECOND, 120 * SECOND]) await short.tick(START + DAY + SECOND + at);
  assert.equal([brief(ann.take()), await stored(kept, 'bob')], [['receipt expired q1'], []]);
});

test('an id whose message has expired may be used for it once more', async () => {
  const { world } = durableWorld({ mailboxDays: 1 });
  const [friend] = (await friendsOfBob(world, 1)) as [Guest];
  await send(world, friend, 'q1');
  for (const at of [0, 60 * SECOND, 120 * SECOND]) await world.tick(START + DAY + SECOND + at);
  await takeAll(world, friend);
  assert.is(await send(world, friend, 'q1'), 'queued');
  assert.equal(brief(await drain(world, await world.keyed('bob'))), ['question q1']);
});

test('with OFFLINE_DELIVERY=off nothing is kept: a friend who is away is friend_offline', async () => {
  const { world, store } = durableWorld({}, { policy: { offlineDelivery: false } });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  await world.close(bob);
  ann.takeOne('friend_away');
  for (const command of [ask('q1', 'bob'), answer('x', 'bob', 'a1')])
    assertError(await world.request(ann, command), 'friend_offline', {
      request: command.type as string,
      id: command.id as string,
    });
  assert.equal(await stored(store, 'bob'), []);
  const back = await world.keyed('bob');
  assert.equal([back.identified.pending, back.take()], [0, []]);
  ann.takeOne('friend_online');
  await world.says(ann, ask('q1', 'bob'));
  assert.equal(brief(await takeAll(world, back)), ['question q1'], 'what was refused may be sent again');
  assert.equal(brief(ann.take()), ['question_sent delivered q1']);
});

test('with OFFLINE_DELIVERY=off a held message waits as long as its reader is here, and is refused when it leaves', async () => {
  const { world, store } = durableWorld({}, { policy: { offlineDelivery: false } });
  const [ann, bob] = await world.keyedPair('ann', 'bob');
  const second = await world.keyed('bob');
  await world.says(ann, ask('q1', 'bob'));
  await world.says(ann, answer('x', 'bob', 'a2'));
  await world.tick(START + 60 * SECOND);
  assert.equal(ann.take(), []);
  await acknowledge(world, bob, bob.take().slice(0, 1));
  assert.equal(brief(ann.take()), ['question_sent delivered q1']);
  await world.close(bob);
  assert.equal(ann.take(), []);
  await world.close(second);
  const told = ann.take();
  const errors = told.filter(({ type }) => type === 'error');
  assert.equal(told.length, 2);
  assertError(errors[0] as Json, 'friend_offline', { request: 'answer', id: 'a2' });
  assert.equal(await stored(store, 'bob'), []);
});

test.run();
