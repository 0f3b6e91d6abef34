/**
 * Flushing what SQLite has committed to its write-ahead log, off the event loop: what is committed and not flushed outlives every end of the
 * process, but not a loss of power. SQLite itself would flush before it returns, and everything else would wait.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { MagiError } from './errors.ts';

export class Flush {
  readonly #log: string;
  #fd: number | undefined;
  #isClosed = false;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  /** After a flush that failed, nobody knows what of the earlier is on disk, and the next one would not tell. */
  #failure: MagiError | undefined;

  /** `database`: the path of the database, whose log is beside it. */
  constructor(database: string) {
    this.#log = `${database}-wal`;
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
      const fd = this.#opened();
      if (fd !== undefined) fdatasyncSync(fd);
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
    if (this.#isClosed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (error: unknown) => {
        if (error === null) resolve();
        else reject(this.#failed(error));
      };
      try {
        const fd = this.#opened();
        if (fd === undefined) resolve();
        else fdatasync(fd, done);
      } catch (error) {
        done(error);
      }
    });
  }

  /** Undefined: there is no such log, since none can be there. Then SQLite has flushed with the commit. */
  #opened(): number | undefined {
    try {
      this.#fd ??= openSync(this.#log, 'r+');
      return this.#fd;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #failed(error: unknown): MagiError {
    this.#failure = new MagiError(
      'storage_failed',
      `The disk did not take it: ${(error as NodeJS.ErrnoException).code ?? 'the flush failed'}.`,
    );
    return this.#failure;
  }
}
