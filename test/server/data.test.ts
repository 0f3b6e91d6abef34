/** The data folder: secrets that are made once, kept, and readable by their owner alone. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { OperatorError } from '../../src/config.ts';
import { openDataFolder } from '../../src/server/data.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('data');

/** Windows has no such permissions. */
const hasModes = process.platform !== 'win32';
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

test('a secret is made once and kept', () => {
  const path = join(temporaryFolder(), 'deep', 'data');
  let made = 0;
  const make = () => `secret ${++made}`;
  const data = openDataFolder(path);
  assert.is(data.path, path);
  assert.is(data.secret('key', make), 'secret 1');
  assert.is(data.secret('key', make), 'secret 1');
  const again = openDataFolder(path);
  assert.is(
    again.secret('key', () => 'another'),
    'secret 1',
  );
  assert.is(
    again.secret('other', () => 'another'),
    'another',
  );
  assert.equal(readdirSync(path).sort(), ['key', 'other']);
  assert.is(readFileSync(join(path, 'key'), 'utf8'), 'secret 1\n');
});

test('folder and file are for their owner alone', () => {
  if (!hasModes) return;
  const path = join(temporaryFolder(), 'data');
  openDataFolder(path).secret('key', () => 'secret');
  assert.equal([mode(path), mode(join(path, 'key'))], ['700', '600']);
});

test('a folder that is there is used as it is', () => {
  const path = temporaryFolder();
  writeFileSync(join(path, 'key'), '  kept by hand \r\n');
  if (hasModes) chmodSync(path, 0o755);
  assert.is(
    openDataFolder(path).secret('key', () => 'made'),
    'kept by hand',
  );
  if (hasModes) assert.is(mode(path), '755');
});

test('a file left empty by a crash or a full disk is no secret: one is made', () => {
  const path = temporaryFolder();
  writeFileSync(join(path, 'key'), '');
  assert.is(
    openDataFolder(path).secret('key', () => 'made'),
    'made',
  );
  assert.is(
    openDataFolder(path).secret('key', () => 'another'),
    'made',
  );
});

test('in memory nothing is kept', () => {
  const data = openDataFolder('memory');
  assert.is(data.path, undefined);
  assert.is(
    data.secret('key', () => 'first'),
    'first',
  );
  assert.is(
    data.secret('key', () => 'second'),
    'second',
  );
  assert.not(existsSync('memory'));
});

test('a path that cannot be used is named in one line', () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'key'));
  const refused: [path: string, code: RegExp][] = [
    [join(folder, 'file'), /EEXIST|ENOTDIR/],
    [join(folder, 'file', 'below'), /ENOTDIR|EEXIST|ENOENT/],
    [folder, /EISDIR|EPERM/],
  ];
  for (const [path, code] of refused) {
    const open = () => openDataFolder(path).secret('key', () => 'secret');
    assert.throws(open, (error: unknown) => {
      if (!(error instanceof OperatorError)) return false;
      assert.is(error.exitCode, 78);
      assert.match(
        error.message,
        new RegExp(`^DATA_DIR is ${JSON.stringify(path).replaceAll('\\', '\\\\')}: [^\\n]+$`),
      );
      assert.match(error.message, code);
      return true;
    });
  }
});

test.run();
