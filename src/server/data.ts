/** The data folder: secrets that are made once and kept in files of their own, readable by their owner alone. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  try {
    // 'wx' decides who makes it when two start at once.
    writeFileSync(file, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
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
