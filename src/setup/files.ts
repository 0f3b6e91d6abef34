/** The files of assistants: read whole, replaced whole or not at all, with what they were kept beside them. */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { MagiError } from '../client/errors.ts';

const BYTES_MAX = 64 * 1024 * 1024;
/** Of a new file: assistants keep keys of other services beside ours. */
const MODE = 0o600;

export interface Found {
  /** Where it really is, behind links. */
  readonly path: string;
  /** Undefined: there is none. */
  readonly text: string | undefined;
  readonly mode: number;
}

/** Throws MagiError `bad_settings` for what is no text file of this user. */
export function readText(path: string): Found {
  const real = behindLinks(path);
  let stat: Stats | undefined;
  try {
    stat = statSync(real, { throwIfNoEntry: false });
    if (stat === undefined) return { path: real, text: undefined, mode: MODE };
    if (!stat.isFile()) throw bad(path, 'is no file');
    const uid = process.getuid?.();
    // It would belong to somebody else afterwards.
    if (uid !== undefined && stat.uid !== uid) throw bad(path, 'belongs to another user');
    if (stat.size > BYTES_MAX) throw bad(path, 'is too long');
    accessSync(real, constants.W_OK);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(real));
    return { path: real, text, mode: stat.mode & 0o777 };
  } catch (error) {
    if (error instanceof MagiError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw bad(
      path,
      code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read and written: ${code}`,
    );
  }
}

/** Puts a text in the place of a file, or of none; a reader sees the one or the other. Throws MagiError `storage_failed`. */
export function replaceText(path: string, text: string, mode: number = MODE): void {
  const draft = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    const opened = openSync(draft, 'wx', mode);
    try {
      // The rights that a new file gets are narrowed by the umask.
      if (process.platform !== 'win32') fchmodSync(opened, mode);
      writeFileSync(opened, text);
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw failed(path, error);
  }
}

export function removeFile(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw failed(path, error);
  }
}

/** Makes the folder of a file. Returns the outermost one that had to be made. */
export function makeFolderOf(path: string): string | undefined {
  try {
    return mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw failed(dirname(path), error);
  }
}

/** Removes the folder of a file and those around it, up to `outermost`, as far as they are empty. */
export function removeFoldersOf(path: string, outermost: string): void {
  for (let folder = dirname(path); folder.startsWith(outermost); folder = dirname(folder))
    try {
      rmdirSync(folder);
    } catch {
      // Somebody has put something there.
      return;
    }
}

function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    if (isLink) throw bad(path, 'is a link to a file that is not there');
    // The file itself is new; a folder above it may be a link.
    const folder = dirname(path);
    return folder === path ? path : join(behindLinks(folder), basename(path));
  }
}

function bad(path: string, what: string): MagiError {
  return new MagiError('bad_settings', `${path} ${what}. Nothing was changed.`);
}

function failed(path: string, error: unknown): MagiError {
  return new MagiError(
    'storage_failed',
    `${path} cannot be written: ${(error as NodeJS.ErrnoException).code ?? error}.`,
  );
}
