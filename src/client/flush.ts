/**
 * Flushing what SQLite has committed to its write-ahead log, off the event loop: what is committed and not flushed outlives every end of the
 * process, but not a loss of power. SQLite itself would flush before it returns, and everything else would wait.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { MagiError } from './errors.ts';

export class Flush {
  /** Undefined: there is no log, since none can be there. Then SQLite flushes with the commit. */
  readonly #fd: number | undefined;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #failure: MagiError | undefined;
  #isClosed = false;

  /** `database`: the path of the database, which is open: its log is beside it. Throws what the system says. */
  constructor(database: string) {
    try {
      this.#fd = openSync(`${database}-wal`, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Why nothing is believed any more: after a flush that failed nobody knows what is on disk, and the next one would not tell. */
  get failure(): MagiError | undefined {
    return this.#failure;
  }

  /** Fulfilled when all that was committed before is on disk; those that ask meanwhile share a flush. Rejected with MagiError. */
  done(): Promise<void> {
    if (this.#next === undefined) {
      this.#next = this.#running.then(() => {
        this.#next = undefined;
        return this.#flush();
      });
      this.#running = this.#next.catch(() => {});
    }
    return this.#next;
  }

  /** As done, when it returns. Throws MagiError. */
  now(): void {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      if (this.#fd !== undefined) fdatasyncSync(this.#fd);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Flushes, so that who asks from now on, or has just asked, is told the truth. To be called before the database is closed. */
  close(): void {
    try {
      this.now();
    } catch {
      // Whoever asks is told.
    }
    this.#isClosed = true;
    // A flush may be running, on this very file.
    void this.#running.then(() => {
      if (this.#fd !== undefined) closeSync(this.#fd);
    });
  }

  #flush(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const fd = this.#fd;
    if (fd === undefined || this.#isClosed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      fdatasync(fd, (error) => {
        if (error === null) resolve();
        else reject(this.#failed(error));
      });
    });
  }

  #failed(error: unknown): MagiError {
    this.#failure = new MagiError(
      'storage_failed',
      `The disk failed (${(error as NodeJS.ErrnoException).code ?? 'the flush did not succeed'}): nothing more is taken or sent. Start this program again when it is well.`,
    );
    return this.#failure;
  }
}
