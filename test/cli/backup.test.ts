/** `backup` and `restore`: a copy of the store and its way back. */
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import * as assert from 'uvu/assert';
import { suite, temporaryFolder } from '../harness.ts';
import { mailbox, user } from '../store/samples.ts';
import { DataFolder } from './folder.ts';

const test = suite('cli: backup and restore');

test('a copy comes back as it was, and no delivery gets a number of before', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const copy = join(temporaryFolder(), 'copy');
  assert.equal(await folder.done('backup', copy), [`the store is copied to ${copy}`]);
  assert.is(statSync(copy).mode & 0o777, 0o600);
  const before = await folder.inStore(async (store) => {
    await store.forgetUser('ann');
    return store.epoch;
  });
  assert.equal(await folder.done('restore', copy), [`the store is the one of ${copy} again`]);
  assert.is(statSync(folder.store).mode & 0o777, 0o600);
  await folder.inStore(async (store) => {
    assert.ok(store.epoch > before);
    assert.equal({ ...(await store.findUser('ann')) }, user('ann'));
    assert.is((await store.connectionsOf('ann')).length, 2);
    const waiting = await mailbox(store, 'bob');
    assert.equal(
      waiting.map(({ content }) => content),
      [1, 2, 3, 4, 5].map((seq) => `secret ${seq}`),
    );
  });
  assert.equal(
    readdirSync(folder.path).filter((name) => /restoring|-wal|-shm|journal/.test(name)),
    [],
  );
});

test('a copy made while an exchange serves is whole, and holds nothing of what was deleted', async () => {
  const folder = new DataFolder();
  await folder.fill();
  await folder.inStore((store) => store.acknowledge('bob', [3], []));
  const copy = join(temporaryFolder(), 'copy');
  await folder.whileServing(async () => {
    await folder.done('backup', copy);
  });
  const words = readFileSync(copy, 'latin1');
  assert.ok(words.includes('secret 2') && !words.includes('secret 3'));
  const other = new DataFolder();
  await other.done('restore', copy);
  await other.inStore(async (store) => assert.is((await mailbox(store, 'bob')).length, 4));
});

test('backup overwrites nothing', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const there = join(temporaryFolder(), 'there');
  writeFileSync(there, 'mine');
  await folder.refused(1, /there" cannot be written: it is there already/, 'backup', there);
  assert.is(readFileSync(there, 'utf8'), 'mine');
  await folder.refused(1, /cannot be written: ENOENT/, 'backup', join(there, '..', 'no', 'folder'));
});

test('restore refuses what is not ours or not sound, and leaves the store as it is', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const place = temporaryFolder();
  const at = (name: string) => join(place, name);
  writeFileSync(at('text'), 'x'.repeat(9_000));
  writeFileSync(at('empty'), '');
  const other = new Database(at('cookies'));
  other.exec('CREATE TABLE cookies (id INTEGER)');
  other.close();
  await folder.done('backup', at('good'));
  const bytes = readFileSync(at('good'));
  for (let page = 8_192; page < bytes.length; page += 4_096) bytes.fill(0xff, page, page + 2_000);
  writeFileSync(at('damaged'), bytes);
  copyFileSync(at('good'), at('newer'));
  const newer = new Database(at('newer'));
  newer.exec(`PRAGMA user_version = 99; UPDATE meta SET value = 99 WHERE key = 'readable_by'`);
  newer.close();

  const before = readFileSync(folder.store);
  for (const [name, reason] of [
    ['text', /it is damaged \(SQLITE_NOTADB\)/],
    ['empty', /another program/],
    ['cookies', /another program/],
    ['damaged', /it is damaged/],
    ['newer', /a newer release wrote it/],
    ['missing', /there is no such file/],
  ] as const)
    await folder.refused(1, reason, 'restore', at(name));
  assert.equal(readFileSync(folder.store), before);
  assert.not(existsSync(`${folder.store}.restoring`));
});

test('restore is refused while an exchange serves', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const copy = join(temporaryFolder(), 'copy');
  await folder.done('backup', copy);
  await folder.whileServing(() => folder.refused(1, /an exchange serves from it/, 'restore', copy));
});

test('a damaged store is replaced, with numbers far beyond its own', async () => {
  const folder = new DataFolder();
  await folder.fill();
  const copy = join(temporaryFolder(), 'copy');
  await folder.done('backup', copy);
  writeFileSync(folder.store, 'x'.repeat(20_000));
  await folder.done('restore', copy);
  await folder.inStore(async (store) => {
    assert.ok(store.epoch > 10_000);
    assert.is((await mailbox(store, 'bob')).length, 5);
  });
});

test.run();
