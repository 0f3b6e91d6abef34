/** How SQLite goes about what is asked for often: a question must not cost more after a year of questions. */
import * as assert from 'uvu/assert';
import { Database } from '../../src/client/database.ts';
import { Friends } from '../../src/client/friends.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { enter, leave } from '../../src/client/processes.ts';
import { Waking } from '../../src/client/waking.ts';
import { suite } from '../harness.ts';

const test = suite('client plans');

/** A database that remembers what it was asked. */
class Watched extends Database {
  /** Not yet there while the database opens. */
  readonly asked: Map<string, readonly unknown[]> | undefined = new Map();

  override all(...[sql, ...values]: Parameters<Database['all']>) {
    this.asked?.set(sql, values);
    return super.all(sql, ...values);
  }

  override get(...[sql, ...values]: Parameters<Database['get']>) {
    this.asked?.set(sql, values);
    return super.get(sql, ...values);
  }

  override run(...[sql, ...values]: Parameters<Database['run']>) {
    this.asked?.set(sql, values);
    return super.run(sql, ...values);
  }

  /** What looks through a whole table. */
  scans(): string[] {
    return [...(this.asked ?? [])].flatMap(([sql, values]) =>
      super
        .all(`EXPLAIN QUERY PLAN ${sql}`, ...(values as string[]))
        .filter(({ detail }) => /^SCAN (inbox|sent)\b/.test(String(detail)))
        .map(({ detail }) => `${detail}: ${sql.replaceAll(/\s+/g, ' ')}`),
    );
  }
}

test('a question, its answer and waiting for them look at what waits, not at all that was ever said', async () => {
  const database = new Watched(undefined);
  const [inbox, outbox] = [new Inbox(database), new Outbox(database)];
  const [friends, waking] = [new Friends(database), new Waking(database)];
  const me = enter();
  await friends.see({ username: 'ada', nickname: 'Ada' }, { connectionId: 'c1', isDurable: true });
  const message = { from: 'ada', fromNickname: 'Ada', content: 'x' };
  await inbox.put({ type: 'question', id: 'q1', deliveryId: '1', ...message }, 1);
  await inbox.put({ type: 'answer', id: 'a1', replyTo: 's1', deliveryId: '2', ...message }, 1);
  await inbox.put({ type: 'receipt', id: 's1', from: 'ada', status: 'declined', at: 1, deliveryId: '3' }, 1);
  inbox.list({ limit: 10, after: 0, onlyWaiting: true, policies: ['ask'], unawaitedAt: 5 });
  inbox.waiting(5, ['ask']);
  await friends.setPolicy('ada', 'ask');
  assert.is((await inbox.claimNext(me, ['ask'], 5))?.id, 'q1');
  assert.ok(await inbox.claim(1, me, 5));
  inbox.openQuestionOf('ada');
  inbox.questionFrom('ada', 'q1');
  inbox.numbered('#1');
  inbox.answerTo('s1', 'ada');
  await inbox.take(2);
  inbox.read(3);
  inbox.release(1, me);
  await database.write(() => {
    outbox.add({ id: 's1', kind: 'question', to: 'ada', content: 'x', at: 1, owner: me, state: 'waiting' });
    assert.ok(inbox.finish(1, me, 'answered', 9));
  });
  outbox.waiting();
  outbox.drafts();
  outbox.findOpen('ada', 'x', 0);
  outbox.findDecline('q1');
  assert.is(outbox.size, 1);
  await outbox.taken('s1', 'delivered');
  outbox.awaited(['s1'], 0, me);
  friends.sentUnseen('ada', 0);
  await waking.wake(5);
  inbox.releaseAll(me);
  await database.write(() => {});
  assert.equal(database.scans(), []);
  // The check itself sees what it is for.
  database.get(`SELECT 1 FROM inbox WHERE state = 'open'`);
  assert.is(database.scans().length, 1);
  leave(me);
  database.close();
});

test.run();
