/** The data folder: secrets that are made once and kept in files of their own, readable by their owner alone. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../config.ts';

export interface DataFolder {
  /** Undefined when nothing is kept (DATA_DIR=memory). */
  readonly path: string | undefined;
  /** The text of the file `name`; made by `make` and kept, if there is none. */
  secret(name: string, make: () => string): string;
}

export function openDataFolder(path: string): DataFolder {
  if (path === 'memory') return { path: undefined, secret: (_name, make) => make() };
  attempt(path, () => mkdirSync(path, { recursive: true, mode: 0o700 }));
  return {
    path,
    secret: (name, make) => attempt(path, () => readOrMake(join(path, name), make)),
  };
}

function readOrMake(file: string, make: () => string): string {
  const kept = readSecret(file);
  if (kept !== '') return kept;
  // Written beside and then linked: a crash leaves no half of it, and when two start at once the first link wins.
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, `${make()}\n`, { mode: 0o600 });
    linkSync(draft, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // An empty file is what a full disk left; and some file systems have no links.
    const mayReplace =
      code === 'EEXIST' ? readSecret(file) === '' : ['EPERM', 'ENOTSUP', 'ENOSYS'].includes(code ?? '');
    if (mayReplace) renameSync(draft, file);
    else if (code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readSecret(file);
}

/** '' when there is none. */
function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return '';
  }
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'failed';
    throw new OperatorError(
      `DATA_DIR is ${JSON.stringify(path)}: it cannot be used (${code}). Name a folder that may be written to, or memory.`,
    );
  }
}
