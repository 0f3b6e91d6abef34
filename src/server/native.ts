/**
 * Native parts that travel inside the bundle. The operating system loads a library only from a file, so each is written once to a
 * private cache folder, named by its content, and loaded from there.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { OperatorError } from '../config.ts';

/** The ABI of Node 22, for which uWebSockets.js is built, and the Node-API version that better-sqlite3 asks for. */
const MODULES_VERSION = '127';
const NAPI_VERSION_MIN = 10;

/**
 * Refuses, before anything is unpacked or loaded, a Node or a machine that native parts for `target` (as `linux-x64`) were not built for:
 * loading one all the same may end the process without a word. Throws OperatorError.
 */
export function assertRuntime(target: string): void {
  const { node, modules, napi = '0' } = process.versions;
  if (modules !== MODULES_VERSION || Number(napi) < NAPI_VERSION_MIN)
    throw new OperatorError(
      `this is Node ${node}, and the exchange needs Node 22 (22.14 or newer): its native parts are built for that one. Install it, or run this command with one.`,
    );
  const here = `${process.platform}-${process.arch}`;
  if (here !== target)
    throw new OperatorError(
      `this file has its native parts for ${target}, and this is ${here}: take the file that was built for it.`,
    );
}

/** Opens the addon. `sha256`: hex, of the unpacked bytes; `packed`: brotli. Throws OperatorError when it cannot be written or loaded. */
export function openNative(name: string, sha256: string, packed: () => Uint8Array): Record<string, unknown> {
  const failures: string[] = [];
  for (const folder of cacheFolders()) {
    try {
      const file = join(folder, `${name}-${sha256.slice(0, 16)}.node`);
      ownFolder(folder);
      if (!isIntact(file, sha256)) write(file, packed());
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
  const home = homeFolder();
  return [...(home === undefined ? [] : [join(home, '.cache', 'magi-exchange')]), join(tmpdir(), shared)];
}

/** None: this user is not known to the system, as in a container that runs under any number. */
function homeFolder(): string | undefined {
  try {
    return homedir();
  } catch {
    return undefined;
  }
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
  makeFolder(folder);
  const { uid, mode } = lstatSync(folder);
  if (process.getuid !== undefined && (uid !== process.getuid() || (mode & 0o022) !== 0))
    throw Object.assign(new Error(), { code: 'others may write to it' });
}

/** With the folders above it. Node's own way says ENOENT also of a disk that is read-only or full. */
function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    makeFolder(dirname(folder));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}

function write(file: string, packed: Uint8Array): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, brotliDecompressSync(packed), { mode: 0o700 });
    renameSync(draft, file);
  } catch (error) {
    // A disk that is full keeps no half of it.
    rmSync(draft, { force: true });
    throw error;
  }
}

function load(file: string): Record<string, unknown> {
  const module = { exports: {} };
  process.dlopen(module, file);
  return module.exports;
}
