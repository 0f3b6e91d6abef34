/** What is posted goes to the exchange while the disk flushes it; whoever posted it is told when both are done. */
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { openDatabase } from '../../src/client/home.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { enter, leave } from '../../src/client/processes.ts';
import { Sender } from '../../src/client/sender.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client sender');

/** A sender that is connected, and whose disk flushes when the test says so. */
function slow() {
  const database = openDatabase(temporaryFolder());
  const flush = Promise.withResolvers<void>();
  database.flushed = () => flush.promise;
  const outbox = new Outbox(database);
  const sent: unknown[] = [];
  const process = enter();
  const sender = new Sender({
    ...{ database, outbox, process, isKeyed: true },
    send: (command) => sent.push(command.type),
    mayWriteTo: () => true,
    hearsReceipts: () => true,
    settled: () => {},
  });
  sender.opened();
  const told: string[] = [];
  const posted = sender.post({ kind: 'question', to: 'grace', content: 'why?' });
  posted.kept.then(
    () => told.push('kept'),
    () => told.push('not kept'),
  );
  posted.sent.then(
    (status) => told.push(status),
    (error: MagiError) => told.push(error.code),
  );
  const end = () => {
    sender.closed();
    leave(process);
    database.close();
  };
  return { sender, outbox, flush, sent, told, posted, end };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test('the reply of the exchange waits for the flush', async () => {
  const { sender, outbox, flush, sent, told, posted, end } = slow();
  await turn();
  assert.equal(sent, ['ask']);
  assert.is(outbox.find(posted.id)?.state, 'waiting', 'no end of the process undoes it');
  sender.told({ type: 'question_sent', content: '', to: 'Grace', status: 'delivered', id: posted.id });
  await turn();
  assert.equal(told, []);
  flush.resolve();
  await turn();
  assert.equal(told, ['kept', 'delivered']);
  end();
});

test('a flush that fails is told, whatever the exchange says', async () => {
  const { sender, flush, told, posted, end } = slow();
  await turn();
  flush.reject(new MagiError('storage_failed', 'The disk did not take it: EIO.'));
  sender.told({ type: 'question_sent', content: '', to: 'Grace', status: 'delivered', id: posted.id });
  await turn();
  assert.equal(told, ['not kept', 'storage_failed']);
  end();
});

test.run();
