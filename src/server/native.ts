/**
 * Native parts that travel inside the bundle. The operating system loads a library only from a file, so each is written once to a
 * private cache folder, named by its content, and loaded from there.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { OperatorError } from '../config.ts';

/** Opens the addon. `sha256`: hex, of the unpacked bytes; `packed`: brotli, base64. Throws OperatorError when it cannot be written or loaded. */
export function openNative(name: string, sha256: string, packed: string): Record<string, unknown> {
  const failures: string[] = [];
  for (const folder of cacheFolders()) {
    try {
      const file = join(folder, `${name}-${sha256.slice(0, 16)}.node`);
      ownFolder(folder);
      if (!isIntact(file, sha256)) write(file, packed);
      return load(file);
    } catch (error) {
      const { code = 'failed', message } = error as NodeJS.ErrnoException;
      failures.push(`${folder} (${code === 'ERR_DLOPEN_FAILED' ? message.split('\n')[0] : code})`);
    }
  }
  throw new OperatorError(
    `cannot unpack and load a native part. Tried ${failures.join(', ')}. Set XDG_CACHE_HOME to a folder that may be written to.`,
  );
}

/** Where to try, best first. */
function cacheFolders(): string[] {
  const { XDG_CACHE_HOME } = process.env;
  if (XDG_CACHE_HOME !== undefined && XDG_CACHE_HOME !== '') return [join(XDG_CACHE_HOME, 'magi-exchange')];
  const shared = `magi-exchange-${process.getuid?.() ?? userInfo().username}`;
  return [join(homedir(), '.cache', 'magi-exchange'), join(tmpdir(), shared)];
}

function isIntact(file: string, sha256: string): boolean {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex') === sha256;
  } catch {
    // Not there, or not ours to read: writing it tells which.
    return false;
  }
}

/** Makes the folder, and refuses one that others may write to: they could give us another library between the check and the load. */
function ownFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(folder);
  if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0))
    throw Object.assign(new Error(), { code: 'others may write to it' });
}

function write(file: string, packed: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, brotliDecompressSync(Buffer.from(packed, 'base64')), { mode: 0o700 });
  renameSync(draft, file);
}

function load(file: string): Record<string, unknown> {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports;
}
