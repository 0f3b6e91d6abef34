/** Who wakes an assistant for what: one process at a time, again only after a while, and not for what nobody should be woken for. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { Database } from '../../src/client/database.ts';
import type { Entry } from '../../src/client/entries.ts';
import { Friends, type Policy } from '../../src/client/friends.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { enter, leave } from '../../src/client/processes.ts';
import { Waking } from '../../src/client/waking.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client waking');
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

interface Desk {
  readonly database: Database;
  readonly inbox: Inbox;
  readonly waking: Waking;
  readonly me: string;
}

/** So many processes of one user, who has a friend with each policy, called like it. */
async function withDesks(count: number, run: (...desks: Desk[]) => Promise<void>): Promise<void> {
  const path = join(temporaryFolder(), 'file');
  const desks = Array.from({ length: count }, (): Desk => {
    const database = new Database(path);
    return { database, inbox: new Inbox(database), waking: new Waking(database), me: enter() };
  });
  const friends = new Friends((desks[0] as Desk).database);
  for (const name of ['hold', 'ask', 'auto', 'mute'] as Policy[]) {
    await friends.see({ username: name, nickname: name, publicKey: name }, { connectionId: name, isDurable: true });
    await friends.setPolicy(name, name);
  }
  try {
    await run(...desks);
  } finally {
    for (const { database, me } of desks) {
      database.close();
      leave(me);
    }
  }
}

/** A question, or the answer to a question. */
async function arrives({ inbox }: Desk, id: string, from = 'auto', replyTo?: string): Promise<void> {
  const more = { from, fromNickname: from, content: id, deliveryId: id };
  const type = replyTo === undefined ? ('question' as const) : ('answer' as const);
  await inbox.put({ type, id, ...more, ...(replyTo === undefined ? {} : { replyTo }) }, 0);
}

const ids = (entries: readonly Entry[]) => entries.map(({ id }) => id);
/** What was to be written a little later is written. */
const settled = ({ database }: Desk) => database.write(() => {});

test('each thing wakes once, and again after 10 minutes, 20, 40, while it waits', async () => {
  await withDesks(2, async (one, other) => {
    await arrives(one, 'q1');
    assert.equal(ids(await one.waking.wake(DAY_MS)), ['q1']);
    assert.equal(ids(await other.waking.wake(DAY_MS)), []);
    const woken: number[] = [];
    for (let minute = 1; minute < 200; minute++)
      if ((await other.waking.wake(DAY_MS + minute * MINUTE_MS)).length > 0) woken.push(minute);
    assert.equal(woken, [10, 20, 40, 80, 160]);
    assert.equal(ids(await other.waking.wake(DAY_MS, { isAgain: true })), ['q1'], 'for an owner who looks');
  });
});

test('nobody is woken for what is held back, being answered, drafted, or waited for', async () => {
  await withDesks(2, async (one, other) => {
    for (const name of ['hold', 'mute', 'stranger']) await arrives(one, `of ${name}`, name);
    await arrives(one, 'claimed');
    await arrives(one, 'drafted', 'ask');
    await one.inbox.claim(4, one.me, 0);
    const outbox = new Outbox(one.database);
    const sent = { kind: 'question' as const, content: '', at: 0, owner: one.me };
    await one.database.write(() => {
      outbox.add({ ...sent, id: 'd', kind: 'answer', to: 'ask', replyTo: 'drafted', state: 'draft', waitsUntil: 0 });
      outbox.add({ ...sent, id: 'awaited', to: 'auto', state: 'waiting', waitsUntil: MINUTE_MS });
    });
    await arrives(one, 'answer', 'auto', 'awaited');
    for (const desk of [one, other]) {
      assert.equal(ids(await desk.waking.wake(0, { isAgain: true })), []);
      assert.equal(ids(await desk.waking.take(desk.me, 0, MINUTE_MS)), []);
    }
    assert.equal(ids(await other.waking.wake(MINUTE_MS)), ['answer'], 'nobody waits for it any more');
    assert.equal(ids(await other.waking.wake(11 * MINUTE_MS)), ['claimed', 'answer']);
  });
});

test('who wakes an assistant is not told of an answer that the assistant would not be shown', async () => {
  await withDesks(1, async (one) => {
    const outbox = new Outbox(one.database);
    const sent = { kind: 'question', content: '', at: 0, owner: 'gone', state: 'waiting' } as const;
    await one.database.write(() => {
      for (const to of ['hold', 'auto']) outbox.add({ ...sent, id: `asked ${to}`, to });
    });
    for (const from of ['hold', 'auto']) await arrives(one, `of ${from}`, from, `asked ${from}`);
    const policies = ['ask', 'auto'] as const;
    assert.equal(ids(await one.waking.wake(0, { policies, isAgain: true })), ['of auto']);
    assert.equal(ids(await one.waking.wake(0, { isAgain: true })), ['of hold', 'of auto'], 'its owner is');
  });
});

test('while one process wakes its assistant, no other does, until it is over, left, or the process has ended', async () => {
  await withDesks(3, async (one, two, three) => {
    await arrives(one, 'q1');
    assert.equal(ids(await one.waking.take(one.me, 0, MINUTE_MS)), ['q1']);
    assert.equal(ids(await one.waking.take(one.me, 0, MINUTE_MS)), [], 'each is taken once');
    assert.equal(ids(await two.waking.take(two.me, MINUTE_MS - 1, 2 * MINUTE_MS)), []);
    assert.equal(ids(await two.waking.wake(MINUTE_MS - 1)), []);
    assert.ok(await one.waking.keep(1, one.me, MINUTE_MS - 1, 2 * MINUTE_MS));
    assert.equal(ids(await two.waking.wake(MINUTE_MS)), []);
    assert.not(await two.waking.keep(1, two.me, MINUTE_MS, 3 * MINUTE_MS), 'it is another one’s');
    one.waking.free(1, two.me);
    one.waking.rest(1, two.me, 0);
    await settled(one);
    assert.equal(ids(await two.waking.wake(MINUTE_MS)), [], 'nobody frees what is another one’s');
    one.waking.free(1, one.me);
    await settled(one);
    assert.equal(ids(await two.waking.take(two.me, MINUTE_MS, DAY_MS, [1])), [], 'it leaves it to others');
    assert.equal(ids(await two.waking.take(two.me, MINUTE_MS, DAY_MS)), ['q1']);
    assert.not(await one.waking.keep(1, one.me, MINUTE_MS, DAY_MS));
    leave(two.me);
    assert.equal(ids(await three.waking.take(three.me, MINUTE_MS, 2 * MINUTE_MS)), ['q1'], 'it has ended');
    three.waking.rest(1, three.me, MINUTE_MS);
    await settled(three);
    assert.equal(ids(await one.waking.wake(10 * MINUTE_MS)), []);
    assert.equal(ids(await one.waking.wake(11 * MINUTE_MS)), ['q1']);
    assert.not(await three.waking.keep(1, three.me, 11 * MINUTE_MS, DAY_MS), 'it wakes somebody else');
    await one.inbox.claim(1, one.me, 0);
    assert.not(await one.waking.keep(1, one.me, DAY_MS / 1000, DAY_MS), 'it has been fetched');
  });
});

test('an answer wakes the assistant that asked, or any when that is gone', async () => {
  await withDesks(2, async (one, two) => {
    const outbox = new Outbox(one.database);
    await one.database.write(() =>
      outbox.add({
        id: 'q',
        kind: 'question',
        to: 'auto',
        content: '',
        at: 0,
        owner: one.me,
        state: 'waiting',
        waitsUntil: 0,
      }),
    );
    await arrives(two, 'a', 'auto', 'q');
    assert.equal(ids(await two.waking.take(two.me, 0, MINUTE_MS)), []);
    assert.equal(ids(await one.waking.take(one.me, 0, MINUTE_MS)), ['a']);
    leave(one.me);
    assert.equal(ids(await two.waking.take(two.me, 0, MINUTE_MS)), ['a']);
  });
});

test('a session has one that waits, the last', async () => {
  await withDesks(2, async (one, two) => {
    await one.waking.attend('s1', one.me, 0);
    await one.waking.attend('s2', one.me, 0);
    await two.waking.attend('s1', two.me, 1);
    assert.equal(
      [
        one.waking.isAttending('s1', one.me),
        one.waking.isAttending('s2', one.me),
        two.waking.isAttending('s1', two.me),
      ],
      [false, true, true],
    );
    await two.waking.attend('s3', two.me, 31 * DAY_MS);
    assert.not(one.waking.isAttending('s2', one.me), 'sessions of a month ago are forgotten');
  });
});

test.run();
