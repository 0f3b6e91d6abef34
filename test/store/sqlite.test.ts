/** The store on disk: the contract, how the file is used, what is left in it, and files that are no good. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import * as assert from 'uvu/assert';
import { MIGRATIONS } from '../../src/store/schema.ts';
import { SMALL_BYTES } from '../../src/store/slots.ts';
import { openSqlite, type SqliteOptions } from '../../src/store/sqlite.ts';
import { statements } from '../../src/store/statements.ts';
import { eventually } from '../harness.ts';
import { compareWithMemory } from './compare.ts';
import { storeContract } from './contract.ts';
import { Folder, inFolder, stored } from './folder.ts';
import { bind, connect, connection, invite, mailbox, message, NOW, receipt, user } from './samples.ts';

const test = storeContract('sqlite', () => new Folder());
const add = inFolder(test);

// --- how the file is used

add('the settings that the promises rest on', async (folder) => {
  const store = folder.open();
  await bind(store, 'ann');
  assert.is(statSync(folder.file).mode & 0o777, 0o600);
  assert.is(statSync(`${folder.file}-wal`).mode & 0o777, 0o600);
  const source = readFileSync(new URL('../../src/store/sqlite.ts', import.meta.url), 'utf8');
  for (const setting of ['journal_mode = WAL', 'synchronous = FULL', 'secure_delete = ON', 'temp_store = MEMORY'])
    assert.ok(source.includes(`db.pragma('${setting}')`), setting);
});

add('one commit for all that is asked for in one turn', async (folder) => {
  const commits: number[] = [];
  const store = folder.open({
    committed: (milliseconds, operations) => commits.push(milliseconds >= 0 ? operations : -1),
  });
  await bind(store, 'ann', 'bob');
  await Promise.all([
    ...Array.from({ length: 64 }, (_, index) => store.putMessages([message(index, 'ann', 'bob')])),
    mailbox(store, 'ann'),
  ]);
  await mailbox(store, 'ann');
  assert.equal(commits, [2, 64]);
});

add('no statement reads a whole table of what grows', async (folder) => {
  folder.open();
  const db = new Database(folder.file, { readonly: true });
  const plans: string[] = [];
  statements((sql) => {
    const values = Array(sql.split('?').length - 1).fill(null);
    for (const row of db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...values))
      plans.push(`${(row as { detail: string }).detail} in ${sql.trim()}`);
    return db.prepare(sql) as never;
  });
  db.close();
  assert.ok(plans.length > 30);
  const scans = plans.filter((plan) => /^SCAN (?!CONSTANT)/.test(plan) && !/ORDER BY (seq|slot DESC) LIMIT/.test(plan));
  // At the start, and when a user is forgotten.
  assert.equal(
    scans.map((plan) => / in (SELECT|UPDATE)/.exec(plan)?.[1]),
    ['SELECT', 'UPDATE'],
    scans.join('\n'),
  );
  assert.equal(
    plans.filter((plan) => plan.startsWith('USE TEMP B-TREE')),
    [],
  );
});

add('a hundred thousand waiting messages are counted and read', async (folder) => {
  await bind(folder.open(), 'ann', 'bob');
  await folder.closeAll();
  const db = new Database(folder.file);
  db.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO messages (seq, type, recipient, sender, username, nickname, id, bytes, taken_at, slot, length)
    SELECT i, 'question', (SELECT number FROM users WHERE key = iif(i % 2, 'ann', 'bob')), 'cy', 'Cy', 'Cy', 'm' || i, 10, ${NOW} + i, i, 7 FROM n;
    INSERT INTO small_slots (slot, content) SELECT slot, CAST('content' || zeroblob(${SMALL_BYTES - 7}) AS BLOB) FROM messages`);
  db.close();
  const store = folder.open();
  assert.equal(store.counts(), { messages: 100_000, bytes: 1_000_000, oldestAt: NOW + 1 });
  const first = await store.nextMessages('bob', 0, 64, 262_144);
  assert.equal(
    first.map(({ seq }) => seq),
    Array.from({ length: 64 }, (_, index) => 2 * index + 2),
  );
  assert.is((await store.waiting('bob')).length, 50_000);
});

add('the same is answered as in memory, whatever is asked', async (folder) => {
  const fatal = (line: string) => void folder.fatal.push(line);
  await compareWithMemory((index) => openSqlite(`${folder.file}${index}`, { fatal }));
});

// --- what is left on disk

/** Puts 800 messages of many sizes, acknowledges most of them in no order, and looks for them in the files. */
async function leftovers(folder: Folder, more: Partial<SqliteOptions> = {}) {
  const store = folder.open(more);
  await bind(store, 'ann');
  const random = dice(4);
  const word = (seq: number) => `canary-${seq}-yranac`;
  const kept = Array.from({ length: 800 }, (_, index) => index + 1);
  const content = (seq: number) => `${word(seq)}${'x'.repeat(random(seq % 40 === 0 ? 20_000 : 700))}${word(seq)}`;
  for (const seq of kept) void store.putMessages([message(seq, 'ann', 'bob', { content: content(seq) })]);
  const gone = Array.from({ length: 600 }, () => kept.splice(random(kept.length), 1)[0] ?? 0);
  for (let first = 0; first < gone.length; first += 20)
    await store.acknowledge('ann', gone.slice(first, first + 20), []);
  await eventually(() => statSync(`${folder.file}-wal`).size === 0, 'the log to be emptied when nothing happens');
  assert.is(folder.found(kept.map(word)).length, kept.length, 'the search finds what is there');
  return folder.found(gone.map(word));
}

add('content is overwritten when it is acknowledged, whatever its size and its neighbours', async (folder) => {
  assert.equal(await leftovers(folder), []);
});

add('what comes takes the room of what went, also after a start', async (folder) => {
  let store = folder.open();
  await bind(store, 'ann');
  const sizes: number[] = [];
  for (let round = 0; round < 6; round++) {
    const seqs = Array.from({ length: 300 }, (_, index) => round * 300 + index + 1);
    const content = (seq: number) => 'x'.repeat((seq * 131) % 9_000);
    await store.putMessages(seqs.map((seq) => message(seq, 'ann', 'bob', { content: content(seq % 300) })));
    await store.acknowledge('ann', seqs, []);
    await folder.closeAll();
    sizes.push(statSync(folder.file).size);
    store = folder.open();
  }
  assert.ok(Math.max(...sizes) - (sizes[0] ?? 0) <= 8 * 4_096, sizes.join());
});

add('the log is emptied while it is written to, when it has grown', async (folder) => {
  const store = folder.open();
  await bind(store, 'ann');
  let largest = 0;
  for (let seq = 0; seq < 40; seq++) {
    const ten = Array.from({ length: 10 }, (_, index) =>
      message(seq * 10 + index, 'ann', 'bob', { content: 'x'.repeat(32_000) }),
    );
    await store.putMessages(ten);
    largest = Math.max(largest, statSync(`${folder.file}-wal`).size);
  }
  assert.ok(largest < 5 * 1024 * 1024, `${largest}`);
  assert.ok(statSync(folder.file).size > 10 * 1024 * 1024);
});

add('a reader in another process delays the emptying, not the store', async (folder) => {
  const store = folder.open();
  await bind(store, 'ann');
  const reader = new Database(folder.file);
  reader.exec('BEGIN; SELECT * FROM users');
  reader.prepare('SELECT * FROM users').all();
  await store.putMessages([message(1, 'ann', 'bob', { content: 'canary' })]);
  await store.acknowledge('ann', [1], []);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  assert.ok(statSync(`${folder.file}-wal`).size > 0);
  reader.close();
  await eventually(() => statSync(`${folder.file}-wal`).size === 0, 'the log to be emptied after all');
  assert.equal(folder.found(['canary']), []);
});

add('a forgotten user leaves no trace', async (folder) => {
  const store = folder.open();
  const names = { username: 'CanaryName', nickname: 'CanaryNick', publicKey: 'CanaryKey' };
  await bind(store, ...Array.from({ length: 300 }, (_, index) => `user${(index * 7_919) % 300}`));
  await store.bindUser(user('canaryname', names));
  await connect(store, connection('canary-connection', 'user1', 'canaryname'));
  await store.addInvite(invite('AAAAAA', { userKey: 'canaryname', userId: 'CanaryKey' }), NOW);
  await store.touchUser('canaryname', 'CanaryOther', NOW);
  for (let seq = 1; seq <= 60; seq++)
    await Promise.all([
      store.putMessages([
        message(seq, 'canaryname', 'user1', { content: `CanaryContent${seq}`, id: `CanaryId${seq}` }),
        message(1_000 + seq, `user${seq}`, `user${seq + 1}`, { content: 'x'.repeat(seq * 40) }),
      ]),
      store.putReceipts([receipt(2_000 + seq, 'canaryname', 'user1', { reason: `CanaryReason${seq}` })]),
    ]);
  const words = ['canaryname', 'CanaryName', 'CanaryNick', 'CanaryOther', 'CanaryKey', 'canary-connection'];
  words.push('CanaryContent', 'CanaryId', 'CanaryReason');
  assert.is(folder.found(words).length, words.length, 'the search finds what is there');
  await store.forgetUser('canaryname');
  await eventually(() => statSync(`${folder.file}-wal`).size === 0, 'the log to be emptied');
  assert.equal(folder.found(words), []);
  await folder.closeAll();
  assert.equal(folder.found(words), []);
});

add("guests' invites do not rest on disk, nor what is only asked for", async (folder) => {
  const store = folder.open();
  await store.addInvite(invite('CANARY'), NOW);
  await store.addInvite(invite('GUESTS', { userKey: 'GuestMaker', durable: false }), NOW);
  await store.findInvite('ASKED4', NOW);
  assert.equal(folder.found(['CANARY', 'GUESTS', 'ASKED4', 'GuestMaker']), ['CANARY']);
  await store.redeemInvite('CANARY', NOW);
  await eventually(() => statSync(`${folder.file}-wal`).size === 0, 'the log to be emptied');
  assert.equal(folder.found(['CANARY']), []);
});

// --- releases

const SECOND = {
  sql: `ALTER TABLE messages ADD COLUMN note TEXT NOT NULL DEFAULT 'none';
    CREATE TABLE notes (id INTEGER PRIMARY KEY) STRICT;`,
  readableBy: 1,
};

add('a file that a newer release has extended is used by this one and again by the newer', async (folder) => {
  const newer = { migrations: [...MIGRATIONS, SECOND] };
  const first = folder.open();
  await bind(first, 'ann', 'bob');
  await first.putMessages([message(1, 'ann', 'bob')]);
  const epochs = [first.epoch];
  for (const [index, options] of [newer, {}, newer].entries()) {
    await folder.closeAll();
    const store = folder.open(options);
    epochs.push(store.epoch);
    await store.putMessages([message(2 + index, 'ann', 'bob')]);
    assert.is((await mailbox(store, 'ann')).length, 2 + index);
    await store.putReceipts([receipt(10 + index, 'bob', 'ann')]);
  }
  assert.equal(epochs, [1, 2, 3, 4]);
});

add('a file that this release cannot work with is refused and left as it is', async (folder) => {
  folder.open({ migrations: [...MIGRATIONS, { ...SECOND, readableBy: MIGRATIONS.length + 1 }] });
  await folder.closeAll();
  const before = readFileSync(folder.file);
  assert.match(folder.refusal(), /a newer release wrote it \(schema 2, readable by 2 or later; this release knows 1\)/);
  assert.equal(readFileSync(folder.file), before);
});

add('a step that fails changes nothing', async (folder) => {
  await bind(folder.open(), 'ann');
  await folder.closeAll();
  const broken = {
    sql: 'CREATE TABLE notes (id INTEGER) STRICT; CREATE TABLE users (id INTEGER) STRICT',
    readableBy: 1,
  };
  assert.match(folder.refusal({ migrations: [...MIGRATIONS, broken] }), /table users already exists/);
  const store = folder.open({ migrations: [...MIGRATIONS, SECOND] });
  assert.ok(await store.findUser('ann'));
});

// --- files that are no good

add('what is not a database, or not ours, or not there, is refused in one line', async (folder) => {
  writeFileSync(folder.file, 'x'.repeat(10_000));
  assert.match(folder.refusal(), /^the store ".*exchange.db" cannot be used: it is damaged \(SQLITE_NOTADB\); [^\n]*$/);
  rmSync(folder.file);
  const other = new Database(folder.file);
  other.exec('CREATE TABLE cookies (id INTEGER)');
  other.close();
  assert.match(folder.refusal(), /cannot be used: it is the database of another program$/);
  rmSync(folder.path, { recursive: true });
  assert.match(folder.refusal(), /^the store ".*exchange.db" cannot be used: ENOENT: [^\n]*$/);
});

add('damage that shows while it runs is fatal: one line, and nobody is answered', async (folder) => {
  const store = folder.open();
  await bind(store, 'ann', 'bob');
  const reason = 'canary'.repeat(30);
  await store.putReceipts(Array.from({ length: 200 }, (_, seq) => receipt(seq, 'ann', 'bob', { reason })));
  await folder.closeAll();
  const bytes = readFileSync(folder.file);
  for (let page = 4_096; page < bytes.length; page += 4_096)
    if (bytes[page] === 0x0d && bytes.subarray(page, page + 4_096).includes(reason)) bytes.fill(0xff, page, page + 64);
  writeFileSync(folder.file, bytes);
  const damaged = folder.open();
  let told = false;
  for (const promise of [
    damaged.putMessages([message(99, 'ann', 'bob')]),
    damaged.receiptsFor('ann'),
    mailbox(damaged, 'ann'),
  ])
    void stored(promise).then(() => {
      told = true;
    });
  await eventually(() => folder.fatal.length > 0, 'the fatal line');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.not(told);
  assert.is(folder.fatal.length, 1);
  assert.match(folder.fatal.pop() ?? '', /^the store ".*" has failed: it is damaged \(SQLITE_CORRUPT\w*\); [^\n]*$/);
});

/** Whole numbers from 0 to below its argument, the same in each run. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor(((state >>> 8) / 0x1000000) * below);
  };
}

test.run();
