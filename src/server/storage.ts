/** Which store the exchange has, and what is told of it. */
import { randomInt } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../config.ts';
import { StorageFailed } from '../exchange/ports.ts';
import type { Log } from '../observe/log.ts';
import type { Counts } from '../observe/metrics.ts';
import type { Output } from '../observe/output.ts';
import { memoryStore } from '../store/memory.ts';
import type { LocalStore } from '../store/rules.ts';
import { openSqlite, STORE_FILE } from '../store/sqlite.ts';
import type { DataFolder } from './data.ts';

/** EX_IOERR of sysexits.h. */
const EXIT_IO = 74;
/** Nothing of an earlier run is left then; clients may still remember its deliveries. */
const EPOCHS = 2 ** 20;

export interface Storage {
  readonly store: LocalStore;
  /** Bytes left on its disk; undefined without one. */
  readonly diskFree: () => number | undefined;
}

/** Throws OperatorError. */
export function openStorage(data: DataFolder, counts: Counts, log: Log, output: Output, clock: () => number): Storage {
  const { path } = data;
  if (path === undefined) return { store: memoryStore(randomInt(1, EPOCHS)), diskFree: () => undefined };
  try {
    const store = openSqlite(join(path, STORE_FILE), {
      committed: (milliseconds) => counts.commitNs.add(milliseconds * 1e6),
      fatal: (message) => {
        log.entry('fault', clock(), { where: 'store', hint: 'the disk or the store can no longer be trusted' });
        output.flush();
        process.stderr.write(
          `magi-exchange: ${message}. Nothing that was acknowledged is lost; start it again when the disk is well.\n`,
        );
        process.exit(EXIT_IO);
      },
    });
    return { store, diskFree: () => freeAt(path) };
  } catch (error) {
    if (error instanceof StorageFailed)
      throw new OperatorError(`DATA_DIR is ${JSON.stringify(path)}: ${error.message}`);
    throw error;
  }
}

function freeAt(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    // A network disk that is away for a moment: the number is missing, nothing else.
    return undefined;
  }
}
