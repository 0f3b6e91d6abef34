/** Flushing what was committed: what it tells when the disk does, and when it does not. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { Flush } from '../../src/client/flush.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client flush');

test('who asks before a flush begins shares it, who asks meanwhile waits for the next', async () => {
  const path = join(temporaryFolder(), 'magi.db');
  writeFileSync(`${path}-wal`, 'a log');
  const flush = new Flush(path);
  const [one, other] = [flush.done(), flush.done()];
  assert.is(one, other);
  await Promise.resolve();
  const later = flush.done();
  assert.is.not(later, one);
  await Promise.all([one, later]);
  flush.now();
  flush.close();
});

test('who has just asked, or asks later, is told of the flush with which it was closed', async () => {
  const path = join(temporaryFolder(), 'magi.db');
  writeFileSync(`${path}-wal`, 'a log');
  const flush = new Flush(path);
  const asked = flush.done();
  flush.close();
  await asked;
  await flush.done();
  const folder = join(temporaryFolder(), 'magi.db');
  mkdirSync(`${folder}-wal`);
  const failing = new Flush(folder);
  failing.close();
  assert.is((await failing.done().catch((error) => error)).code, 'storage_failed');
});

test('without a log nothing is left to flush', async () => {
  const flush = new Flush(join(temporaryFolder(), 'magi.db'));
  await flush.done();
  flush.now();
  flush.close();
});

test('after a flush that failed none is believed', async () => {
  const path = join(temporaryFolder(), 'magi.db');
  mkdirSync(`${path}-wal`);
  const flush = new Flush(path);
  const refused = (error: unknown) => error instanceof MagiError && error.code === 'storage_failed';
  assert.ok(refused(await flush.done().catch((error) => error)));
  rmSync(`${path}-wal`, { recursive: true });
  writeFileSync(`${path}-wal`, 'a log');
  assert.ok(refused(await flush.done().catch((error) => error)));
  assert.throws(() => flush.now(), refused);
  flush.close();
});

test.run();
