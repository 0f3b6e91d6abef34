/**
 * Keeps the write-ahead log short. SQLite could do so by itself, but would keep quiet about a disk that fails meanwhile, and would leave
 * what is deleted in the log until it is written over.
 */
import { statSync } from 'node:fs';
import { failureOf } from './transactions.ts';

const IDLE_MS = 1_000;
const UNEMPTIED_MS_MAX = 10_000;
/** So often, or when it has grown beyond what it once was and this size, it is begun again from its start. */
const COMMITS_MAX = 64;
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
  #commits = 0;
  #bytes = 0;

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
    this.#commits += 1;
    const bytes = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    const isLong = this.#commits >= COMMITS_MAX || (bytes >= BYTES_MAX && bytes > this.#bytes);
    const isOld = now - this.#since >= UNEMPTIED_MS_MAX;
    this.#timer.refresh();
    if ((!isLong && !isOld) || now < this.#retryAt) return;
    if (isOld || bytes > 2 * BYTES_MAX) this.empty();
    else if (this.#checkpoint('RESTART')) this.#bytes = bytes;
  }

  /** Writes what is in the log into the database and truncates it. */
  empty(): void {
    if (!this.#checkpoint('TRUNCATE')) return;
    this.#since = undefined;
    this.#bytes = 0;
  }

  /**
   * RESTART leaves the log at its length, to be written over: while much is written, this saves the file system a lot of work. Tries again
   * later if somebody reads, or the disk is full.
   */
  #checkpoint(mode: 'RESTART' | 'TRUNCATE'): boolean {
    try {
      this.#db.pragma('busy_timeout = 0');
      const [result] = this.#db.pragma(`wal_checkpoint(${mode})`) as { busy: number }[];
      this.#db.pragma(`busy_timeout = ${this.#busyMs}`);
      if (result?.busy !== 0) return this.#later();
      this.#commits = 0;
      return true;
    } catch (error) {
      if (failureOf(error) === 'fatal') this.#fatal(error);
      return this.#later();
    }
  }

  #later(): false {
    this.#retryAt = performance.now() + IDLE_MS;
    this.#timer.refresh();
    return false;
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
