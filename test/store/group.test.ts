/** Group commit: who is answered when, if the database does what a database can do. */
import * as assert from 'uvu/assert';
import { StorageFailed } from '../../src/exchange/ports.ts';
import { GroupCommit, type Transactions, type Trouble, Undo } from '../../src/store/group.ts';
import { eventually, suite } from '../harness.ts';

const test = suite('store: group commit');

class Failure extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(trouble);
    this.trouble = trouble;
  }
}

/** A database that writes down what is done, and fails where it is told to. */
function fake(failures: Record<string, Trouble> = {}) {
  const done: string[] = [];
  const step = (name: string) => {
    done.push(name);
    const trouble = failures[name];
    // A mistake of the operation's own is made again when it is done again; a disk may have room by then.
    if (trouble !== 'operation') delete failures[name];
    if (trouble !== undefined) throw new Failure(trouble);
    return name;
  };
  const transactions: Transactions = {
    begin: (writes) => void step(writes ? 'begin' : 'begin reading'),
    commit: () => void step('commit'),
    rollback: () => void step('rollback'),
    alone: (work) => work(),
    judge: (error) => (error instanceof Failure ? error.trouble : 'operation'),
    committed: (_milliseconds, operations) => void done.push(`committed ${operations}`),
    fatal: (error) => void done.push(`fatal ${(error as Error).message}`),
  };
  const group = new GroupCommit(transactions);
  const told: string[] = [];
  const note = (name: string, promise: Promise<string>) =>
    void promise.then(
      () => told.push(name),
      (error) => told.push(`${name} ${error instanceof StorageFailed ? 'refused' : error}`),
    );
  return {
    done,
    told,
    group,
    write: (name: string, rows = 1) =>
      note(
        name,
        group.write(() => step(name), rows),
      ),
    read: (name: string) =>
      note(
        name,
        group.read(() => step(name)),
      ),
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

test('what is asked for in one turn is one transaction, in order, and told after its commit', async () => {
  const { done, told, write, read, group } = fake();
  write('a');
  await Promise.resolve();
  read('b');
  write('c');
  assert.equal(done, []);
  void group.read(() => assert.equal(told, []));
  await turn();
  assert.equal(done, ['begin', 'a', 'b', 'c', 'commit', 'committed 2']);
  assert.equal(told, ['a', 'b', 'c']);
  read('d');
  await turn();
  assert.equal(done.slice(6), ['begin reading', 'd', 'commit']);
});

test('what writes many rows is several transactions', async () => {
  const { done, told, write } = fake();
  for (let index = 0; index < 1_300; index++) write(`${index}`);
  write('large', 600);
  for (let index = 0; index < 10; index++) write(`part ${index}`, 100);
  await eventually(() => told.length === 1_311, 'all to be told');
  assert.equal(
    done.filter((step) => step.startsWith('committed')),
    ['committed 512', 'committed 512', 'committed 276', 'committed 1', 'committed 5', 'committed 5'],
  );
});

test('one that fails alone is refused alone', async () => {
  const { done, told, write, read } = fake({ b: 'operation', d: 'operation' });
  for (const name of ['a', 'b', 'c']) write(name);
  read('d');
  await turn();
  assert.equal(told, ['a', 'b refused', 'c', 'd refused']);
  assert.equal(done, ['begin', 'a', 'b', 'rollback', 'begin', 'a', 'b', 'c', 'd', 'commit', 'committed 3']);
});

for (const where of ['begin', 'b', 'commit'])
  test(`a full disk at ${where}: who writes is refused, who reads is served, and the next turn works`, async () => {
    const { done, told, write, read } = fake({ [where]: 'batch' });
    write('a');
    read('r');
    write('b');
    await turn();
    assert.equal(told, ['a refused', 'b refused', 'r']);
    assert.equal(done.slice(-4), ['rollback', 'begin reading', 'r', 'commit']);
    write('c');
    await turn();
    assert.is(told.at(-1), 'c');
  });

test('readers are refused when reading fails', async () => {
  const { told, read } = fake({ r: 'batch' });
  read('r');
  await turn();
  assert.equal(told, ['r refused']);
});

for (const where of ['begin', 'a', 'commit', 'rollback'])
  test(`a failed flush at ${where}: nobody is ever answered, neither well nor badly`, async () => {
    const failures = where === 'rollback' ? { commit: 'batch', rollback: 'batch' } : { [where]: 'fatal' };
    const { done, told, write, read, group } = fake(failures as Record<string, Trouble>);
    write('a');
    read('r');
    await turn();
    write('b');
    read('s');
    await turn();
    group.stop();
    write('c');
    await turn();
    assert.equal(told, []);
    assert.is(done.filter((step) => step.startsWith('fatal')).length, 1);
    assert.not(done.includes('b') || done.includes('s'));
  });

test('stopping does what waits; what comes later is refused', async () => {
  const { done, told, write, read, group } = fake();
  write('a');
  group.stop();
  assert.equal(done, ['begin', 'a', 'commit', 'committed 1']);
  write('b');
  read('c');
  await turn();
  assert.equal(told.sort(), ['a', 'b refused', 'c refused']);
});

test('what lies in memory goes back, latest first, to the mark', () => {
  const undo = new Undo();
  let text = '';
  undo.add(() => (text += 'a'));
  const { mark } = undo;
  undo.add(() => (text += 'b'));
  undo.add(() => (text += 'c'));
  undo.back(mark);
  assert.is(text, 'cb');
  undo.back(0);
  undo.back(0);
  assert.is(text, 'cba');
  undo.add(() => (text += 'd'));
  undo.keep();
  undo.back(0);
  assert.is(text, 'cba');
});

test.run();
