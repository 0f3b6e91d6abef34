/** The one file in which a user's processes keep what must survive: what is safe, what is undone, what another process sees. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Database } from '../../src/client/database.ts';
import { MagiError } from '../../src/client/errors.ts';
import { openDatabase } from '../../src/client/home.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';
import { NODES } from './assistants.ts';
import { refusal } from './people.ts';

const test = suite('client database');
const APPENDER = fileURLToPath(new URL('./appender.ts', import.meta.url));

/** A table of its own beside those of the client. */
function withNumbers(path?: string): Database {
  const database = new Database(path);
  database.run('CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY, text TEXT)');
  return database;
}

const put = (database: Database, n: number) => database.run('INSERT INTO numbers (n) VALUES (?)', n);
const numbersIn = (database: Database) => database.all('SELECT n FROM numbers ORDER BY n').map(({ n }) => Number(n));

test('after kill -9, all that was said to be safe is there, and nothing half', async () => {
  for (const [at, lines] of [1, 60, 400].entries()) {
    const folder = temporaryFolder();
    const child = spawn(NODES[at % NODES.length] ?? '', [
      '--disable-warning=ExperimentalWarning',
      APPENDER,
      'write',
      folder,
    ]);
    const exited = once(child, 'exit');
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.split('\n').length > lines) child.kill('SIGKILL');
    });
    await exited;
    const safe = said.split('\n').slice(0, -1).map(Number);
    assert.ok(safe.length >= lines, `${safe.length} lines`);
    const database = openDatabase(folder);
    const entries = new Inbox(database).list({ limit: 1_000_000, after: 0 });
    const waiting = new Outbox(database).waiting();
    assert.equal(
      entries.map(({ id, number, content }) => [id, number, content]),
      entries.map((_, at) => [`${at + 1}`, at + 1, `content of ${at + 1}`]),
    );
    assert.equal(
      waiting.map(({ id }) => id),
      entries.map(({ id }) => id),
      'what is written in one turn is there together',
    );
    assert.ok(entries.length >= Math.max(...safe), `${entries.length} entries, ${Math.max(...safe)} were safe`);
    assert.is(database.get('PRAGMA integrity_check')?.integrity_check, 'ok');
    database.close();
  }
});

test('what is committed is flushed to the disk, and what is deleted is overwritten', () => {
  const database = openDatabase(temporaryFolder());
  assert.is(database.get('PRAGMA synchronous')?.synchronous, 2);
  assert.is(database.get('PRAGMA journal_mode')?.journal_mode, 'wal');
  assert.is(database.get('PRAGMA secure_delete')?.secure_delete, 1);
  database.close();
});

test('writes are fulfilled in their order, and a refusal undoes its own alone', async () => {
  const database = withNumbers();
  const order: unknown[] = [];
  const one = database.write(() => put(database, 1)).then(() => order.push(1));
  const refused = database.write(() => {
    put(database, 2);
    throw new MagiError('already_answered', 'No.');
  });
  const three = database.write(() => put(database, 3)).then(() => order.push(3));
  refused.catch(({ code }: MagiError) => order.push(code));
  assert.is(await refusal(refused), 'already_answered');
  await Promise.all([one, three]);
  assert.equal(order, [1, 'already_answered', 3]);
  assert.equal(numbersIn(database), [1, 3]);
  database.close();
});

test('a mistake of the program is not called a fault of the disk, and undoes its own alone', async () => {
  const database = withNumbers();
  const one = database.write(() => put(database, 1));
  const wrong = database.write(() => {
    put(database, 2);
    throw new TypeError('a mistake');
  });
  assert.is(await wrong.catch((error: unknown) => error instanceof TypeError && error.message), 'a mistake');
  await one;
  assert.equal(numbersIn(database), [1]);
  await database.write(() => put(database, 4));
  assert.equal(numbersIn(database), [1, 4]);
  database.close();
});

test('what the disk refuses undoes everything of this turn, and the next turn is as before', async () => {
  const database = withNumbers();
  await database.write(() => put(database, 1));
  const outcomes = await Promise.all([
    refusal(database.write(() => put(database, 2))),
    refusal(database.write(() => put(database, 1))),
    refusal(database.write(() => put(database, 3))),
  ]);
  assert.equal(outcomes, ['storage_failed', 'storage_failed', 'storage_failed']);
  assert.equal(numbersIn(database), [1]);
  await database.write(() => put(database, 5));
  assert.equal(numbersIn(database), [1, 5]);
  database.close();
});

test('also on a Node that does not tell whether a transaction is going on, as before 22.16', async () => {
  const sqlite = process.getBuiltinModule('node:sqlite');
  const { DatabaseSync } = sqlite;
  sqlite.DatabaseSync = new Proxy(DatabaseSync, {
    construct: (_, [path]) =>
      new Proxy(new DatabaseSync(path), {
        get(file, name) {
          if (name === 'isTransaction') return undefined;
          const value = Reflect.get(file, name, file) as unknown;
          return typeof value === 'function' ? value.bind(file) : value;
        },
      }),
  });
  try {
    const database = withNumbers();
    await database.write(() => put(database, 1));
    assert.is(await refusal(database.write(() => put(database, 1))), 'storage_failed');
    await database.write(() => put(database, 2));
    assert.equal(numbersIn(database), [1, 2]);
    database.close();
  } finally {
    sqlite.DatabaseSync = DatabaseSync;
  }
});

test('what may wait is written with the next commit, after a moment, or at the end', async () => {
  const path = join(temporaryFolder(), 'file');
  const [database, other] = [withNumbers(path), withNumbers(path)];
  database.later(() => put(database, 1));
  assert.equal(numbersIn(other), []);
  await eventually(() => numbersIn(other).length === 1, 'the number');
  database.later(() => put(database, 2));
  await database.write(() => put(database, 3));
  assert.equal(numbersIn(other), [1, 2, 3]);
  database.later(() => put(database, 4));
  database.close();
  assert.equal(numbersIn(other), [1, 2, 3, 4]);
  other.close();
});

test('what another process writes is noticed, what oneself writes is not', async () => {
  const path = join(temporaryFolder(), 'file');
  const [one, other] = [withNumbers(path), withNumbers(path)];
  for (const database of [one, other]) database.hasChanged();
  await one.write(() => put(one, 1));
  assert.not(one.hasChanged());
  assert.ok(other.hasChanged());
  assert.not(other.hasChanged());
  for (const database of [one, other]) database.close();
});

test('a closed database refuses, and may be closed again', async () => {
  const database = withNumbers();
  const late = database.write(() => put(database, 1));
  database.close();
  await late;
  database.close();
  assert.is(await refusal(database.write(() => put(database, 2))), 'closed');
  assert.throws(
    () => database.get('SELECT 1'),
    ({ code }: MagiError) => code === 'closed',
  );
  database.later(() => assert.unreachable());
});

test('a file of the present version opens again with what is in it', async () => {
  const path = join(temporaryFolder(), 'file');
  const first = new Database(path);
  const version = first.get('PRAGMA user_version')?.user_version;
  assert.ok(Number(version) >= 1);
  await new Inbox(first).put(
    { type: 'question', id: 'q1', from: 'ada', fromNickname: 'Ada', content: 'kept', deliveryId: 'd1' },
    1,
  );
  first.close();
  const again = new Database(path);
  assert.is(again.get('PRAGMA user_version')?.user_version, version);
  assert.is(new Inbox(again).find(1)?.content, 'kept');
  again.close();
});

test('a file of a later release is used and not changed back', () => {
  const path = join(temporaryFolder(), 'file');
  const first = new Database(path);
  first.run('ALTER TABLE inbox ADD COLUMN colour TEXT');
  first.run('PRAGMA user_version = 99');
  first.close();
  const again = new Database(path);
  assert.equal(new Inbox(again).list({ limit: 1 }), []);
  assert.is(again.get('PRAGMA user_version')?.user_version, 99);
  again.close();
});

test('what is no store is refused in one line, and left as it is', () => {
  const folder = temporaryFolder();
  const [text, directory] = [join(folder, 'text'), join(folder, 'directory')];
  writeFileSync(text, 'Dear diary, '.repeat(1_000));
  mkdirSync(directory);
  for (const path of [text, directory, join(folder, 'nowhere', 'file')])
    try {
      new Database(path);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, MagiError);
      assert.is((error as MagiError).code, 'storage_failed');
      assert.match((error as MagiError).message, /^[^\n]+ cannot be used as a store: [^\n]+\.$/);
      assert.ok((error as MagiError).message.startsWith(path));
    }
});

test('processes that make the file at the same moment all get it', async () => {
  const folder = temporaryFolder();
  const module = new URL('../../src/client/database.ts', import.meta.url).href;
  const program = `import { Database } from ${JSON.stringify(module)};
    const [at, ...paths] = process.argv.slice(1);
    for (const [n, path] of paths.entries()) {
      while (Date.now() < Number(at) + 40 * n);
      new Database(path).close();
    }`;
  const paths = Array.from({ length: 50 }, (_, n) => join(folder, `${n}.db`));
  const at = `${Date.now() + 1_500}`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', program, at, ...paths];
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] }),
  );
  const ends = await Promise.all(
    children.map(async (child) => {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
      const [code] = await once(child, 'close');
      return [code, said];
    }),
  );
  assert.equal(
    ends,
    children.map(() => [0, '']),
  );
});

test('what is only noted is there for everybody, and what comes after it is flushed again', async () => {
  const folder = temporaryFolder();
  const [one, other] = [openDatabase(folder), openDatabase(folder)];
  const add = (word: string) => () => one.run('INSERT INTO wakes (word, rung, at) VALUES (?, ?, 1)', word, 'hook');
  await one.note(add('noted'));
  assert.is(other.all('SELECT * FROM wakes').length, 1);
  assert.is(one.get('PRAGMA synchronous')?.synchronous, 2);
  assert.is(await refusal(one.note(add('noted'))), 'storage_failed');
  assert.is(one.get('PRAGMA synchronous')?.synchronous, 2);
  for (const database of [one, other]) database.close();
});

test.run();
