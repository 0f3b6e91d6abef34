/** Flushing what was committed: what it tells when the disk does, and when it does not. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { Flush } from '../../src/client/flush.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('client flush');

/** The path of a database with a log. */
function withLog(): string {
  const path = join(temporaryFolder(), 'magi.db');
  writeFileSync(`${path}-wal`, 'a log');
  return path;
}

/** One whose log can be written to and never be flushed. */
function withBrokenLog(): string {
  const path = join(temporaryFolder(), 'magi.db');
  symlinkSync('/dev/null', `${path}-wal`);
  return path;
}

const isRefused = (error: unknown) => error instanceof MagiError && error.code === 'storage_failed';

test('who asks before a flush begins shares it, who asks meanwhile waits for the next', async () => {
  const flush = new Flush(withLog());
  const [one, other] = [flush.done(), flush.done()];
  assert.is(one, other);
  await Promise.resolve();
  const later = flush.done();
  assert.is.not(later, one);
  await Promise.all([one, later]);
  flush.now();
  assert.is(flush.failure, undefined);
  flush.close();
});

test('who has just asked, or asks later, is told of the flush with which it was closed', async () => {
  const flush = new Flush(withLog());
  const asked = flush.done();
  flush.close();
  await asked;
  await flush.done();
  const failing = new Flush(withBrokenLog());
  failing.close();
  assert.ok(isRefused(await failing.done().catch((error) => error)));
});

test('without a log nothing is left to flush', async () => {
  const flush = new Flush(join(temporaryFolder(), 'magi.db'));
  await flush.done();
  flush.now();
  flush.close();
});

test('after a flush that failed none is believed, and its reason can be asked for', async () => {
  const flush = new Flush(withBrokenLog());
  assert.ok(isRefused(await flush.done().catch((error) => error)));
  assert.ok(isRefused(flush.failure));
  assert.is(await flush.done().catch((error) => error), flush.failure);
  assert.throws(() => flush.now(), isRefused);
  flush.close();
});

test.run();
