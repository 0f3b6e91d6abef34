/**
 * Keeps the write-ahead log short. SQLite could do so by itself, but would keep quiet about a disk that fails meanwhile, and would leave
 * what is deleted in the log until it is written over.
 */
import { statSync } from 'node:fs';
import { failureOf } from './transactions.ts';

const IDLE_MS = 1_000;
const UNEMPTIED_MS_MAX = 10_000;
const BYTES_MAX = 4 * 1024 * 1024;

interface Checkpoints {
  pragma(source: string): unknown;
}

export class LogKeeper {
  readonly #db: Checkpoints;
  readonly #file: string;
  readonly #busyMs: number;
  readonly #fatal: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  /** When the first of what is in the log was written. */
  #since: number | undefined;
  #retryAt = 0;

  /** `busyMs`: the database's own patience. It is not asked for here: a reader in another process must not hold up this one. */
  constructor(db: Checkpoints, file: string, busyMs: number, fatal: (error: unknown) => void) {
    this.#db = db;
    this.#file = file;
    this.#busyMs = busyMs;
    this.#fatal = fatal;
    this.#timer = setTimeout(() => this.empty(), IDLE_MS).unref();
  }

  /** To be called after each commit. */
  grew(): void {
    const now = performance.now();
    this.#since ??= now;
    const bytes = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    const isDue = bytes >= BYTES_MAX || now - this.#since >= UNEMPTIED_MS_MAX;
    if (isDue && now >= this.#retryAt) this.empty();
    else this.#timer.refresh();
  }

  /** Writes what is in the log into the database and truncates it. Tries again later if somebody reads, or the disk is full. */
  empty(): void {
    try {
      this.#db.pragma('busy_timeout = 0');
      const [result] = this.#db.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
      this.#db.pragma(`busy_timeout = ${this.#busyMs}`);
      if (result?.busy === 0) this.#since = undefined;
      else this.#later();
    } catch (error) {
      if (failureOf(error) === 'fatal') this.#fatal(error);
      else this.#later();
    }
  }

  #later(): void {
    this.#retryAt = performance.now() + IDLE_MS;
    this.#timer.refresh();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
