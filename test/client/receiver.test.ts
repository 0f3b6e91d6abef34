/** What comes: put away, acknowledged, told; and what another process of the same user has put away a moment before. */
import * as assert from 'uvu/assert';
import { openDatabase } from '../../src/client/home.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Receiver } from '../../src/client/receiver.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';

const test = suite('client receiver');

test('what a sibling has put away is acknowledged and told of as a repeat, not as new', async () => {
  const folder = temporaryFolder();
  const databases = [openDatabase(folder), openDatabase(folder)];
  const told: string[] = [];
  const acknowledged: string[] = [];
  const [one, other] = databases.map(
    (database, index) =>
      new Receiver({
        inbox: new Inbox(database),
        acknowledge: (ids) => acknowledged.push(...ids),
        arrived: () => told.push(`arrived at ${index}`),
        repeated: () => told.push(`repeated at ${index}`),
        missed: (error) => told.push(`${error}`),
      }),
  ) as [Receiver, Receiver];
  for (const receiver of [one, other]) receiver.opened();
  const answer = {
    type: 'answer',
    content: 'x',
    from: 'ada',
    fromNickname: 'Ada',
    id: 'a1',
    deliveryId: 'd1',
  } as const;
  await one.take(answer);
  await other.take({ ...answer, deliveryId: 'd2' });
  assert.equal(told, ['arrived at 0', 'repeated at 1']);
  await eventually(() => acknowledged.length === 2, 'both to be acknowledged');
  for (const database of databases) database.close();
});

const QUESTION = {
  type: 'question',
  content: 'why?',
  from: 'ada',
  fromNickname: 'Ada',
  id: 'q1',
  deliveryId: 'd1',
} as const;

/** A receiver whose disk flushes when the test says so. */
function slow() {
  const database = openDatabase(temporaryFolder());
  const told: string[] = [];
  const flushes: PromiseWithResolvers<void>[] = [];
  database.flushed = () => {
    flushes.push(Promise.withResolvers<void>());
    return flushes.at(-1)?.promise ?? Promise.resolve();
  };
  const receiver = new Receiver({
    inbox: new Inbox(database),
    acknowledge: (ids) => told.push(`acknowledged ${ids}`),
    arrived: ({ id }) => told.push(`arrived ${id}`),
    repeated: () => told.push('repeated'),
    missed: (error) => told.push(`missed: ${error}`),
  });
  receiver.opened();
  return { database, receiver, told, flushes };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test('it is shown at once and acknowledged when it is flushed', async () => {
  const { database, receiver, told, flushes } = slow();
  const taken = receiver.take(QUESTION);
  const again = receiver.take(QUESTION);
  await turn();
  assert.equal(told, ['arrived q1', 'repeated']);
  for (const flush of flushes) flush.resolve();
  await Promise.all([taken, again]);
  await turn();
  assert.equal(told.slice(2), ['acknowledged d1,d1']);
  database.close();
});

test('what was not flushed is not acknowledged', async () => {
  const { database, receiver, told, flushes } = slow();
  const taken = receiver.take(QUESTION);
  await turn();
  flushes[0]?.reject(new Error('EIO'));
  await taken;
  await turn();
  assert.equal(told, ['arrived q1', 'missed: Error: EIO']);
  database.close();
});

test('who closes flushes and acknowledges what is here; what a lost socket brought is not acknowledged on the next', async () => {
  const { database, receiver, told, flushes } = slow();
  void receiver.take(QUESTION);
  await turn();
  receiver.flush();
  assert.equal(told, ['arrived q1', 'acknowledged d1']);
  flushes[0]?.resolve();
  const taken = receiver.take({ ...QUESTION, id: 'q2', deliveryId: 'd2' });
  await turn();
  receiver.closed();
  receiver.opened();
  flushes[1]?.resolve();
  await taken;
  await turn();
  assert.equal(told.slice(2), ['arrived q2']);
  database.close();
});

test.run();
