/** The inbox: what is recognised, in which order it is numbered, who may take a question on, and what counts as news. */

import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Database } from '../../src/client/database.ts';
import type { Entry, Incoming } from '../../src/client/entries.ts';
import { Friends, type Policy } from '../../src/client/friends.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { enter, leave } from '../../src/client/processes.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';

const test = suite('client inbox');
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const ALL: Policy[] = ['hold', 'ask', 'auto'];

function question(id: string, from = 'ada'): Incoming {
  return { type: 'question', id, from, fromNickname: from, content: `content of ${id}`, deliveryId: `d-${id}` };
}

function answer(id: string, replyTo: string | undefined, from = 'ada'): Incoming {
  const reply = replyTo === undefined ? {} : { replyTo };
  return { type: 'answer', id, from, fromNickname: from, content: `content of ${id}`, deliveryId: `d-${id}`, ...reply };
}

function receipt(id: string, status: 'read' | 'declined' | 'delivered' | 'expired' | 'left', from = 'ada'): Incoming {
  return { type: 'receipt', id, from, status, at: 1, deliveryId: `d-${id}-${status}` };
}

/** Over a guest connection there is no delivery to acknowledge. */
function guests(type: 'question' | 'answer', content: string, id?: string): Incoming {
  return { type, content, from: 'guest', fromNickname: 'Guest', ...(id === undefined ? {} : { id }) };
}

interface Desk {
  readonly database: Database;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly friends: Friends;
}

function open(path?: string): Desk {
  const database = new Database(path);
  return { database, inbox: new Inbox(database), outbox: new Outbox(database), friends: new Friends(database) };
}

/** A question of this user to `to`, which somebody has taken. */
async function asked({ database, outbox }: Desk, id: string, to = 'ada', waitsUntil = 0): Promise<void> {
  await database.write(() =>
    outbox.add({
      id,
      kind: 'question',
      to,
      content: `content of ${id}`,
      at: 1,
      owner: 'x',
      state: 'waiting',
      waitsUntil,
    }),
  );
}

async function meet({ friends }: Desk, username: string, policy: Policy, publicKey = 'key'): Promise<void> {
  await friends.see({ username, nickname: username, publicKey }, { connectionId: username, isDurable: true });
  await friends.setPolicy(username, policy);
}

const contents = (entries: readonly Entry[]) => entries.map(({ content }) => content.replace('content of ', ''));

test('knows what it has seen, by friend and id, also after a restart', async () => {
  const path = join(temporaryFolder(), 'file');
  const { inbox, database } = open(path);
  const entry = await inbox.put(question('q1'), 1_000);
  assert.equal(
    [entry?.number, entry?.from, entry?.content, entry?.at, entry?.state],
    [1, 'ada', 'content of q1', 1_000, 'open'],
  );
  assert.is(await inbox.put({ ...question('q1', 'ADA'), content: 'other words' } as Incoming, 2_000), undefined);
  assert.is((await inbox.put(question('q1', 'grace'), 2_000))?.from, 'grace');
  database.close();
  const again = open(path);
  assert.is(await again.inbox.put(question('q1'), 3_000), undefined);
  assert.is(await again.inbox.put(answer('q1', 'x'), 3_000), undefined, 'questions and answers share one space of ids');
  assert.equal(
    again.inbox.list({ limit: 9, after: 0 }).map(({ from, content }) => [from, content]),
    [
      ['ada', 'content of q1'],
      ['grace', 'content of q1'],
    ],
  );
  again.database.close();
});

test('a repeat waits until the first of them is safe', async () => {
  const { inbox } = open();
  const order: string[] = [];
  await Promise.all([
    inbox.put(question('q1'), 1).then((entry) => order.push(`first ${entry?.number}`)),
    inbox.put(question('q1'), 1).then((entry) => order.push(`repeat ${entry?.number}`)),
  ]);
  assert.equal(order, ['first 1', 'repeat undefined']);
});

test('ids are remembered for 30 days, what waits longer, and numbers are never used again', async () => {
  const path = join(temporaryFolder(), 'file');
  const first = open(path);
  for (const id of ['q1', 'q2', 'q3']) await first.inbox.put(question(id), 0);
  await first.inbox.put(answer('a1', 'x'), 0);
  const me = enter();
  for (const number of [2, 3]) await first.database.write(() => first.inbox.finish(number, me, 'answered', 0));
  first.inbox.read(4);
  first.inbox.forgetOld(30 * DAY_MS);
  first.database.close();
  const second = open(path);
  assert.is(await second.inbox.put(question('q3'), 30 * DAY_MS), undefined);
  assert.is(await second.inbox.put(answer('a1', 'x'), 30 * DAY_MS), undefined);
  second.inbox.forgetOld(30 * DAY_MS + 1);
  await second.database.write(() => {});
  assert.equal(contents(second.inbox.list({ limit: 9 })), ['q1']);
  second.database.close();
  const third = open(path);
  assert.is(await third.inbox.put(question('q1'), 31 * DAY_MS), undefined, 'it is still open');
  assert.is((await third.inbox.put(question('q3'), 31 * DAY_MS))?.number, 5);
  third.database.close();
  leave(me);
});

test('of what became of a message, each news is told once; only what ends the wait is unread', async () => {
  const { inbox } = open();
  const put = async (message: Incoming) => (await inbox.put(message, 1))?.state;
  assert.is(await put(receipt('m1', 'delivered')), 'read');
  assert.is(await put(receipt('m1', 'read')), 'read');
  assert.is(await put(receipt('m1', 'declined')), 'unread');
  assert.is(await put(receipt('m1', 'read')), undefined);
  assert.is(await put(question('m1')), 'open', 'the friend may use the same id');
  assert.is(await put(receipt('m1', 'expired', 'grace')), 'unread');
  assert.equal(
    inbox.list({ limit: 9 }).map(({ kind, news, from }) => [kind, news, from]),
    [
      ['receipt', 'expired', 'grace'],
      ['question', '', 'ada'],
      ['receipt', 'declined', 'ada'],
    ],
  );
});

test('a page of the inbox: newest first, older ones, newer ones, only what waits', async () => {
  const { inbox, database } = open();
  for (const id of ['1', '2', '3', '4', '5']) await inbox.put(question(id), 1);
  await inbox.put(answer('6', 'x'), 1);
  const me = enter();
  await database.write(() => inbox.finish(4, me, 'declined', 1));
  assert.equal(contents(inbox.list({ limit: 2 })), ['6', '5']);
  assert.equal(contents(inbox.list({ limit: 2, before: 5 })), ['4', '3']);
  assert.equal(contents(inbox.list({ limit: 2, after: 2 })), ['3', '4']);
  assert.equal(contents(inbox.list({ limit: 9, after: 2, before: 4 })), ['3']);
  assert.equal(contents(inbox.list({ limit: 9, onlyWaiting: true })), ['6', '5', '3', '2', '1']);
  inbox.read(6);
  await eventually(() => inbox.find(6)?.state === 'read', 'the mark');
  assert.equal(contents(inbox.list({ limit: 9, onlyWaiting: true })), ['5', '3', '2', '1']);
  assert.is(inbox.findQuestion('#3')?.id, '3');
  assert.is(inbox.findQuestion('6'), undefined, 'it is an answer');
  leave(me);
});

test('a question is taken on by one process, until it ends, gives it back, or 10 minutes are over', async () => {
  const path = join(temporaryFolder(), 'file');
  const [{ inbox, database }, other] = [open(path), open(path)];
  const [one, two] = [enter(), enter()];
  await inbox.put(question('q1'), 0);
  await inbox.put(question('q2'), 0);
  assert.is((await inbox.claimNext(one, ALL, 0))?.id, 'q1');
  assert.is((await other.inbox.claimNext(two, ALL, 0))?.id, 'q2');
  assert.is(await other.inbox.claimNext(two, ALL, 0), undefined);
  assert.not(await other.inbox.claim(1, two, 10 * MINUTE_MS - 1));
  assert.ok(await inbox.claim(1, one, 5 * MINUTE_MS), 'its own once more: the 10 minutes begin again');
  assert.not(await other.inbox.claim(1, two, 10 * MINUTE_MS));
  assert.not(await other.database.write(() => other.inbox.finish(1, two, 'answered', 10 * MINUTE_MS)));
  assert.equal(other.inbox.waiting(10 * MINUTE_MS), { questions: 1, answers: 0 });
  assert.is((await other.inbox.claimNext(two, ALL, 15 * MINUTE_MS))?.id, 'q1');
  assert.not(await database.write(() => inbox.finish(1, one, 'answered', 15 * MINUTE_MS)), 'it is the other one’s now');
  other.inbox.release(1, one);
  await other.database.write(() => {});
  assert.is(await inbox.claimNext(one, ALL, 16 * MINUTE_MS).then((entry) => entry?.id), 'q2');
  other.inbox.release(1, two);
  await other.database.write(() => {});
  assert.is((await inbox.claimNext(one, ALL, 16 * MINUTE_MS))?.id, 'q1');
  leave(one);
  assert.is((await other.inbox.claimNext(two, ALL, 16 * MINUTE_MS))?.id, 'q1', 'who has ended answers nothing');
  assert.ok(await other.database.write(() => other.inbox.finish(1, two, 'answered', 16 * MINUTE_MS)));
  assert.not(await other.database.write(() => other.inbox.finish(1, two, 'declined', 16 * MINUTE_MS)));
  for (const desk of [{ database }, other]) desk.database.close();
});

test('many processes that look at once take on different questions', async () => {
  const path = join(temporaryFolder(), 'file');
  const desks = Array.from({ length: 4 }, () => ({ ...open(path), process: enter() }));
  for (let n = 0; n < 40; n++) await desks[0]?.inbox.put(question(`${n}`), 0);
  const taken: string[] = [];
  await Promise.all(
    desks.map(async ({ inbox, process }) => {
      for (
        let next = await inbox.claimNext(process, ALL, 0);
        next !== undefined;
        next = await inbox.claimNext(process, ALL, 0)
      )
        taken.push(next.id);
    }),
  );
  assert.equal(
    taken.map(Number).sort((one, two) => one - two),
    Array.from({ length: 40 }, (_, n) => n),
  );
  for (const { database, process } of desks) {
    database.close();
    leave(process);
  }
});

test('only the questions of friends with these policies are brought', async () => {
  const desk = open();
  const me = enter();
  for (const policy of ['hold', 'ask', 'auto', 'mute'] as const) await meet(desk, policy, policy);
  for (const name of ['stranger', 'mute', 'auto', 'ask', 'hold']) await desk.inbox.put(question('q', name), 0);
  const taken = async (policies: Policy[]) => (await desk.inbox.claimNext(me, policies, 0))?.from;
  assert.is(await taken(['auto']), 'auto');
  assert.is(await taken(['auto']), undefined);
  assert.is(await taken(['ask', 'auto']), 'ask');
  assert.is(await taken(['hold']), 'stranger');
  assert.is(await taken(['hold']), 'hold');
  assert.is(await taken(ALL), undefined);
  assert.equal(desk.inbox.waiting(10 * MINUTE_MS), { questions: 4, answers: 0 }, 'nobody is woken for who is muted');
  assert.is(await taken(['mute']), 'mute');
  leave(me);
});

test('a friend whose key has changed is not listened to until the owner trusts it', async () => {
  const desk = open();
  const me = enter();
  await meet(desk, 'ada', 'auto', 'key 1');
  await asked(desk, 'm1');
  await desk.friends.see({ username: 'ada', nickname: 'ada', publicKey: 'key 2' });
  await desk.inbox.put(question('q1'), 0);
  await desk.inbox.put(answer('a1', 'm1'), 0);
  assert.equal(desk.inbox.list({ limit: 9 }), []);
  assert.equal(desk.inbox.waiting(0), { questions: 0, answers: 0 });
  assert.is(await desk.inbox.claimNext(me, ALL, 0), undefined);
  assert.is(desk.inbox.answerTo('m1', 'ada'), undefined);
  await desk.friends.trust('ada');
  assert.equal(contents(desk.inbox.list({ limit: 9 })), ['a1', 'q1']);
  assert.is(desk.inbox.answerTo('m1', 'ada')?.id, 'a1');
  assert.is(await desk.inbox.claimNext(me, ['auto'], 0), undefined, 'nothing goes on without asking');
  assert.is((await desk.inbox.claimNext(me, ['ask'], 0))?.id, 'q1');
  leave(me);
});

test('the answer to a question is what the friend who was asked says; once', async () => {
  const desk = open();
  const { inbox, outbox } = desk;
  for (const id of ['m1', 'm2']) await asked(desk, id);
  await inbox.put(answer('a0', 'm1', 'eve'), 0);
  await inbox.put(receipt('m1', 'declined', 'eve'), 0);
  assert.is(inbox.answerTo('m1', 'ada'), undefined);
  assert.is(outbox.find('m1')?.outcome, undefined);
  await inbox.put(answer('a1', 'm1'), 0);
  assert.is(inbox.answerTo('m1', 'ADA')?.id, 'a1');
  assert.is(outbox.find('m1')?.outcome, 'answered');
  await inbox.put(receipt('m1', 'declined'), 0);
  assert.is(outbox.find('m1')?.outcome, 'answered', 'the first word holds');
  assert.is(inbox.answerTo('m1', 'ada')?.id, 'a1');
  await inbox.put(receipt('m2', 'left'), 0);
  assert.is(inbox.answerTo('m2', 'ada')?.news, 'left');
  assert.is(outbox.find('m2')?.outcome, 'left');
});

test('a question to somebody with whom there is no connection any more will have no answer', async () => {
  const desk = open();
  const { inbox, outbox, friends, database } = desk;
  for (const [id, to] of [
    ['m1', 'ada'],
    ['m2', 'grace'],
    ['m3', 'grace'],
    ['m4', 'grace'],
  ] as const)
    await asked(desk, id, to);
  await friends.see({ username: 'ada', nickname: 'Ada' }, { connectionId: 'c1', isDurable: true });
  await outbox.taken('m1', 'delivered');
  await outbox.taken('m2', 'queued');
  await outbox.taken('m3', 'delivered');
  await inbox.put(answer('a3', 'm3', 'grace'), 0);
  const left = await inbox.leftWithQuestions(7);
  assert.equal(
    left.map(({ id, from, news, state, at }) => ({ id, from, news, state, at })),
    [{ id: 'm2', from: 'grace', news: 'left', state: 'unread', at: 7 }],
  );
  assert.is(outbox.find('m2')?.outcome, 'left');
  assert.is(outbox.find('m1')?.outcome, undefined, 'ada is connected');
  assert.is(outbox.find('m4')?.outcome, undefined, 'nobody has taken it yet');
  assert.equal(await inbox.leftWithQuestions(8), [], 'told once');
  assert.is(await inbox.put(receipt('m2', 'left', 'grace'), 9), undefined, 'what the exchange says is no news then');
  database.close();
});

test('what was kept for a friend is delivered when the exchange says so', async () => {
  const desk = open();
  for (const id of ['m1', 'm2']) await asked(desk, id);
  await desk.outbox.taken('m1', 'queued');
  await desk.inbox.put(receipt('m1', 'delivered', 'eve'), 0);
  assert.is(desk.outbox.find('m1')?.state, 'queued', 'eve was not asked');
  await desk.inbox.put(receipt('m1', 'delivered'), 0);
  await desk.inbox.put(receipt('m2', 'delivered'), 0);
  // That it was kept may be about to be written.
  await desk.outbox.taken('m2', 'queued');
  assert.equal([desk.outbox.find('m1')?.state, desk.outbox.find('m2')?.state], ['delivered', 'delivered']);
});

test('what somebody waits for is not news, until they are gone', async () => {
  const desk = open();
  await asked(desk, 'm1', 'ada', 5 * MINUTE_MS);
  await desk.inbox.put(answer('a1', 'm1'), 0);
  await desk.inbox.put(answer('a2', 'm1', 'eve'), 0);
  assert.equal(desk.inbox.waiting(MINUTE_MS), { questions: 0, answers: 1 }, 'eve was not asked');
  assert.equal(desk.inbox.waiting(5 * MINUTE_MS), { questions: 0, answers: 2 });
  desk.outbox.awaited(['m1'], 0, 'another');
  await desk.database.write(() => {});
  assert.equal(desk.inbox.waiting(MINUTE_MS), { questions: 0, answers: 1 }, 'it was not that one that waits');
  desk.outbox.awaited(['m1'], 0, 'x');
  await desk.database.write(() => {});
  assert.equal(desk.inbox.waiting(MINUTE_MS), { questions: 0, answers: 2 });
  const [me, gone] = [enter(), enter()];
  desk.outbox.awaited(['m1'], 5 * MINUTE_MS, gone);
  await desk.database.write(() => {});
  assert.equal(desk.inbox.waiting(MINUTE_MS), { questions: 0, answers: 1 });
  leave(gone);
  assert.equal(desk.inbox.waiting(MINUTE_MS), { questions: 0, answers: 2 }, 'who waited has ended');
  assert.equal(desk.inbox.list({ limit: 9, unawaitedAt: MINUTE_MS }).length, 2);
  leave(me);
});

test('what another machine of this user has dealt with is not open here', async () => {
  const { inbox, database } = open();
  const me = enter();
  for (const id of ['q1', 'q2']) await inbox.put(question(id), 0);
  await inbox.put(question('q1', 'eve'), 0);
  await database.write(() => inbox.finish(2, me, 'answered', 0));
  inbox.handled('ADA', 'q1');
  inbox.handled('ada', 'q2');
  await database.write(() => {});
  assert.equal(
    [1, 2, 3].map((number) => inbox.find(number)?.state),
    ['handled', 'answered', 'open'],
  );
  leave(me);
});

test('what comes over a guest connection is never a repeat, whatever id it bears', async () => {
  const { inbox } = open();
  for (let n = 0; n < 2; n++) {
    assert.ok(await inbox.put(guests('question', 'the same'), 0));
    assert.ok(await inbox.put(guests('question', 'the same', 'q1'), 0), `q1 for the ${n + 1}. time`);
  }
  const ids = inbox.list({ limit: 9, after: 0 }).map(({ id }) => id);
  assert.is(new Set(ids).size, 4);
  assert.is(ids[1], 'q1');
});

test('the answers of a guest, who does not say to what, are about their questions in turn', async () => {
  const desk = open();
  for (const id of ['m1', 'm2', 'm3']) await asked(desk, id, 'guest');
  await asked(desk, 'other', 'ada');
  const entries = await Promise.all([
    desk.inbox.put(guests('answer', 'first'), 0),
    desk.inbox.put(guests('answer', 'second'), 0),
  ]);
  assert.equal(
    entries.map((entry) => entry?.replyTo),
    ['m1', 'm2'],
  );
  assert.equal(
    ['m1', 'm2', 'm3', 'other'].map((id) => desk.outbox.find(id)?.outcome),
    ['answered', 'answered', undefined, undefined],
  );
  assert.is(desk.inbox.answerTo('m2', 'guest')?.content, 'second');
  assert.is((await desk.inbox.put(guests('answer', 'third'), 0))?.replyTo, 'm3');
  assert.is((await desk.inbox.put(guests('answer', 'nobody asked'), 0))?.replyTo, undefined);
});

test('what a guest says comes to each of this user’s processes, and is there once', async () => {
  const path = join(temporaryFolder(), 'file');
  const desks = [open(path), open(path), open(path)];
  for (const id of ['m1', 'm2', 'm3']) await asked(desks[0] as Desk, id, 'guest');
  const said = [
    guests('answer', 'yes'),
    guests('answer', 'yes'),
    guests('question', 'yes'),
    guests('question', 'hm', 'q1'),
    guests('question', 'hm', 'q1'),
    guests('answer', 'no'),
  ];
  // One hears everything at once, another one a little later, the third all in one turn.
  const [first, second, third] = desks as [Desk, Desk, Desk];
  const stored: number[] = [];
  const put = async ({ inbox }: Desk, message: Incoming) => {
    const entry = await inbox.put(message, 1_000);
    if (entry !== undefined) stored.push(entry.number);
  };
  for (const [at, message] of said.entries()) {
    await put(first, message);
    if (at > 1) await put(second, said[at - 2] as Incoming);
  }
  await Promise.all(said.map((message) => put(third, message)));
  for (const message of said.slice(-2)) await put(second, message);
  assert.equal(stored, [1, 2, 3, 4, 5, 6]);
  assert.equal(
    ['m1', 'm2', 'm3'].map((id) => first.inbox.answerTo(id, 'guest')?.content),
    ['yes', 'yes', 'no'],
  );
  // Whoever hears it again, later, or comes later, hears something new.
  await put(second, guests('question', 'hm'));
  await put(open(path), guests('question', 'hm'));
  assert.equal(stored, [1, 2, 3, 4, 5, 6, 7, 8]);
  for (const { database } of desks) database.close();
});

test('a text is kept to the last byte, whatever is in it', async () => {
  const desk = open();
  const text = '\uFEFFa\0b\0\u{1F98A}\r\n';
  await desk.inbox.put({ ...question('q1'), content: text } as Incoming, 0);
  await desk.inbox.put({ ...answer('a1', 'm1'), content: text } as Incoming, 0);
  for (const entry of [desk.inbox.find(1), desk.inbox.answerTo('m1', 'ada'), ...desk.inbox.list({ limit: 9 })])
    assert.is(entry?.content, text);
  await desk.database.write(() =>
    desk.outbox.add({ id: 'm2', kind: 'question', to: 'ada', content: text, at: 1, owner: 'x', state: 'draft' }),
  );
  assert.is(desk.outbox.find('m2')?.content, text);
  assert.is(desk.outbox.drafts()[0]?.content, text);
});

test('a page without what a process waits for', async () => {
  const desk = open();
  await asked(desk, 'm1', 'ada', 5 * MINUTE_MS);
  await asked(desk, 'm2', 'ada', 5 * MINUTE_MS);
  await desk.inbox.put(question('q1'), 0);
  await desk.inbox.put(answer('a1', 'm1'), 0);
  await desk.inbox.put(receipt('m2', 'declined'), 0);
  assert.equal(desk.inbox.list({ limit: 9 }).length, 3);
  assert.equal(contents(desk.inbox.list({ limit: 9, unawaitedAt: MINUTE_MS })), ['q1']);
  assert.equal(desk.inbox.list({ limit: 9, unawaitedAt: 5 * MINUTE_MS }).length, 3);
});

test('two friends may use one id, and one of them an id that looks like a number', async () => {
  const desk = open();
  await desk.inbox.put(question('x', 'ada'), 0);
  await desk.inbox.put(question('x', 'eve'), 0);
  await desk.inbox.put(question('1', 'eve'), 0);
  assert.is(desk.inbox.findQuestion('x'), undefined, 'it says nothing');
  assert.is(desk.inbox.questionFrom('EVE', 'x')?.number, 2);
  assert.is(desk.inbox.questionFrom('eve', '1')?.number, 3);
  assert.is(desk.inbox.questionFrom('ada', '1'), undefined);
  assert.equal([desk.inbox.numbered('1')?.number, desk.inbox.numbered('#1')?.from], [1, 'ada']);
  assert.is(desk.inbox.numbered('x'), undefined);
});

test('the owner’s own answer goes before the process that has the question in its hands', async () => {
  const { inbox, database } = open();
  const [me, other] = [enter(), enter()];
  await inbox.put(question('q1'), 0);
  await inbox.claim(1, other, 0);
  assert.is(await database.write(() => inbox.finish(1, me, 'answered', 1)), false);
  assert.is(await database.write(() => inbox.finishByOwner(1)), true);
  assert.is(await database.write(() => inbox.finishByOwner(1)), false);
  assert.is(inbox.find(1)?.state, 'answered');
  leave(me);
  leave(other);
});

test.run();
