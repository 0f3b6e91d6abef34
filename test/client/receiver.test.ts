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

test.run();
