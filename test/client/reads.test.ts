/** That a question was seen is told a little later, and only while that says something. */
import * as assert from 'uvu/assert';
import type { Entry } from '../../src/client/entries.ts';
import { Friends } from '../../src/client/friends.ts';
import { openDatabase } from '../../src/client/home.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Reads } from '../../src/client/reads.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';

const test = suite('client reads');

/** A user with two questions of ada, who has a key, and one of a guest. */
async function desk() {
  const database = openDatabase(temporaryFolder());
  const [inbox, friends] = [new Inbox(database), new Friends(database)];
  await friends.see({ username: 'ada', nickname: 'Ada' }, { connectionId: 'c1', isDurable: true });
  await friends.see({ username: 'bob', nickname: 'Bob' }, { connectionId: 'c2', isDurable: false });
  const put = async (from: string, id: string) =>
    (await inbox.put({ type: 'question', id, from, fromNickname: from, content: 'x', deliveryId: id }, 1)) as Entry;
  const questions = [await put('ada', 'q1'), await put('ada', 'q2'), await put('bob', 'q3')] as const;
  const sent: unknown[] = [];
  const at = { isIdentified: true };
  const reads = new Reads({ inbox, friends, isIdentified: () => at.isIdentified, send: (one) => sent.push(one) });
  return { database, inbox, reads, questions, sent, at };
}

const receipt = (id: string) => ({ type: 'receipt', id, to: 'ada', status: 'read' });

test('what is open still is told of, once; what was answered meanwhile is not, nor what a guest asked', async () => {
  const { database, inbox, reads, questions, sent } = await desk();
  for (const question of questions) reads.add(question);
  assert.equal(sent, []);
  await database.write(() => assert.ok(inbox.finish(questions[1].number, 'me', 'answered', 1)));
  await eventually(() => sent.length > 0, 'the receipt');
  reads.tell();
  assert.equal(sent, [receipt('q1')]);
  database.close();
});

test('while the exchange is away it waits', async () => {
  const { database, reads, questions, sent, at } = await desk();
  at.isIdentified = false;
  reads.add(questions[0]);
  reads.tell();
  assert.equal(sent, []);
  at.isIdentified = true;
  reads.tell();
  assert.equal(sent, [receipt('q1')]);
  database.close();
});

test.run();
