/** Native parts that travel inside the bundle: written once to a private folder, checked each time, never taken from a shared one. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants } from 'node:zlib';
import * as assert from 'uvu/assert';
import { OperatorError } from '../../src/config.ts';
import { openNative } from '../../src/server/native.ts';
import { suite, temporaryFolder } from '../harness.ts';

const test = suite('native');

const package_ = dirname(fileURLToPath(import.meta.resolve('uWebSockets.js')));
const addon = readFileSync(join(package_, `bin/uws_${process.platform}_${process.arch}_127.node`));
const SHA256 = createHash('sha256').update(addon).digest('hex');
const packed = brotliCompressSync(addon, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
const NAME = `uws-${SHA256.slice(0, 16)}.node`;

const { XDG_CACHE_HOME } = process.env;
test.after(() => {
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
});

/** A new cache, and the exchange's folder in it, which is not there yet. */
function newCache(): string {
  const cache = temporaryFolder();
  process.env.XDG_CACHE_HOME = cache;
  return join(cache, 'magi-exchange');
}

const open = () => openNative('uws', SHA256, () => packed);
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
/** Windows has no such permissions; there the folder is in the user's own profile. */
const hasModes = process.getuid !== undefined;

function assertRefused(reason: RegExp, work: () => unknown = open): void {
  assert.throws(work, (error: unknown) => {
    if (!(error instanceof OperatorError)) return false;
    assert.match(
      error.message,
      /^cannot unpack and load a native part\. Tried [^\n]+\. Set XDG_CACHE_HOME to [^\n]+\.$/,
    );
    assert.match(error.message, reason);
    assert.is(error.exitCode, 78);
    return true;
  });
}

test('it is written to a private folder, under the hash of its content, and loaded', () => {
  const folder = newCache();
  assert.type(open().App, 'function');
  assert.equal(readdirSync(folder), [NAME]);
  assert.ok(readFileSync(join(folder, NAME)).equals(addon));
  if (hasModes) assert.equal([mode(folder), mode(join(folder, NAME))], ['700', '700']);
});

test('it is written once', () => {
  const folder = newCache();
  open();
  const { ino, mtimeMs } = statSync(join(folder, NAME));
  // What is packed is not even unpacked again.
  const unasked = () => assert.unreachable('it was unpacked again') as never;
  assert.type(openNative('uws', SHA256, unasked).App, 'function');
  const now = statSync(join(folder, NAME));
  assert.equal([now.ino, now.mtimeMs], [ino, mtimeMs]);
});

test('a file that is not what was written is replaced before it is loaded', () => {
  for (const spoiled of [Buffer.alloc(0), addon.subarray(0, 1_000), Buffer.from(addon).fill(0, 5_000, 5_001 + 64)]) {
    const folder = newCache();
    mkdirSync(folder, { mode: 0o700 });
    writeFileSync(join(folder, NAME), spoiled);
    assert.type(open().App, 'function');
    assert.ok(readFileSync(join(folder, NAME)).equals(addon));
    assert.equal(readdirSync(folder), [NAME]);
  }
});

test('a folder that others may write to is refused', () => {
  if (!hasModes) return;
  for (const loose of [0o770, 0o707, 0o777]) {
    const folder = newCache();
    mkdirSync(folder);
    chmodSync(folder, loose);
    assertRefused(/others may write to it/);
    assert.equal(readdirSync(folder), []);
  }
});

test('it is refused also when the file in it is the right one: it may be another by the time it is loaded', () => {
  if (!hasModes) return;
  const folder = newCache();
  open();
  chmodSync(folder, 0o777);
  assertRefused(/others may write to it/);
});

test('a folder of somebody else is refused', () => {
  // Only the superuser can give a folder away.
  if (process.getuid?.() !== 0) return;
  const folder = newCache();
  mkdirSync(folder, { mode: 0o700 });
  chownSync(folder, 1, 1);
  assertRefused(/others may write to it/);
  assert.equal(readdirSync(folder), []);
});

test('a folder that is a link to elsewhere is refused', () => {
  if (!hasModes) return;
  const folder = newCache();
  symlinkSync(temporaryFolder(), folder);
  assertRefused(/others may write to it/);
});

test('a folder that cannot be made, and content that is not what it should be, are told in one line', () => {
  const folder = newCache();
  writeFileSync(folder, 'a file stands here');
  assertRefused(/\((EEXIST|ENOTDIR)\)/);
  newCache();
  assertRefused(/Tried /, () => openNative('uws', SHA256, () => Buffer.from('not brotli')));
  newCache();
  const text = Buffer.from('no library');
  const wrong = brotliCompressSync(text);
  const hash = createHash('sha256').update(text).digest('hex');
  assertRefused(/Tried /, () => openNative('uws', hash, () => wrong));
});

test('an empty XDG_CACHE_HOME is none: the folder is in the home', () => {
  const home = temporaryFolder();
  const { HOME } = process.env;
  Object.assign(process.env, { HOME: home, XDG_CACHE_HOME: '' });
  try {
    if (process.platform === 'win32') return;
    open();
    assert.equal(readdirSync(join(home, '.cache', 'magi-exchange')), [NAME]);
  } finally {
    if (HOME === undefined) delete process.env.HOME;
    else process.env.HOME = HOME;
  }
});

test.run();
