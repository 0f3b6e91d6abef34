/**
 * The one file in which a user's processes keep what must survive: SQLite, as Node brings it along, so that the client has no native
 * part of its own. What is written in one turn of the event loop is committed together, and is then safe from kill -9. `write` is flushed as
 * well (`synchronous=FULL`), so it is safe from a loss of power; what need not be at once is not (`note`, `later`), until `flushed`.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { MagiError } from './errors.ts';
import { Flush } from './flush.ts';
import { migrate, rollBack } from './tables.ts';

/** Another process of the same user holds the file for a commit, which takes milliseconds. */
const BUSY_MS_MAX = 5_000;
const OPEN_AGAIN_MS = 10;
/** What may be lost without harm is written with the next commit, or after so long. */
const LATER_MS = 50;

/** All columns, `content` as contentOf reads it: as a text, Node would give it only up to its first U+0000. */
export const WHOLE = '*, CAST(content AS BLOB) AS content';

export type Row = Record<string, SQLOutputValue>;

interface Work {
  /** A loss of power must not undo it. */
  readonly isHard: boolean;
  readonly run: () => unknown;
  readonly done: (value: never) => void;
  readonly failed: (error: unknown) => void;
}

export class Database {
  readonly #file: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #work: Work[] = [];
  #isScheduled = false;
  #later: NodeJS.Timeout | undefined;
  #version = 0;
  #isClosed = false;
  readonly #flush: Flush | undefined;

  /** `path` undefined: nothing outlives the process. Throws MagiError `storage_failed` when the file cannot be used. */
  constructor(path: string | undefined) {
    try {
      this.#file = open(path ?? ':memory:');
      this.#flush = path === undefined ? undefined : new Flush(path);
    } catch (error) {
      throw new MagiError('storage_failed', `${path ?? 'The memory'} cannot be used as a store: ${reasonOf(error)}.`);
    }
    this.hasChanged();
  }

  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepared(sql).all(...values);
  }

  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  /** Only inside `write`, `later` or `writeNow`. Returns the number of rows that it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  /**
   * Fulfilled when what `run` did is safe, in the order of the calls. When the disk refuses, everything of this turn of the event loop is
   * undone and rejected with MagiError `storage_failed`. What `run` itself throws undoes and rejects `run` alone.
   */
  write<T>(run: () => T): Promise<T> {
    this.#schedule();
    return this.#add(run, true);
  }

  /** As `write`, for what a loss of power may undo, though no kill: it is not flushed, and so costs no wait for the disk. */
  note<T>(run: () => T): Promise<T> {
    this.#schedule();
    return this.#add(run, false);
  }

  /** As `note`, a little later, and nobody needs to wait for it: for what is found out again if it is lost. */
  later(run: () => unknown): Promise<unknown> {
    const done = this.#add(run, false);
    done.catch(() => {});
    this.#later ??= setTimeout(() => this.#commit(), LATER_MS).unref();
    return done;
  }

  /** Fulfilled when a loss of power cannot undo any more what is committed by now. Meanwhile everything goes on. Rejected as `write`. */
  flushed(): Promise<void> {
    return this.#flush?.done() ?? Promise.resolve();
  }

  /** As flushed, when it returns. Throws MagiError. */
  flushNow(): void {
    this.#flush?.now();
  }

  /** As `write`, and done when it returns. */
  writeNow<T>(run: () => T): T {
    return this.#transact(run);
  }

  /** Whether another process has written to the file since this was last asked. */
  hasChanged(): boolean {
    const version = Number(this.get('PRAGMA data_version')?.data_version);
    const hasChanged = version !== this.#version;
    this.#version = version;
    return hasChanged;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#commit();
    this.#isClosed = true;
    this.#statements.clear();
    this.#flush?.close();
    this.#file.close();
  }

  #prepared(sql: string): StatementSync {
    if (this.#isClosed) throw new MagiError('closed', 'The client was closed.');
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#file.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#commit());
  }

  #add<T>(run: () => T, isHard: boolean): Promise<T> {
    if (this.#isClosed) return Promise.reject(new MagiError('closed', 'The client was closed.'));
    // What is not certain to be kept must not be sent, nor shown.
    if (this.#flush?.failure !== undefined) return Promise.reject(this.#flush.failure);
    return new Promise<T>((done, failed) => this.#work.push({ run, isHard, done, failed }));
  }

  #commit(): void {
    this.#isScheduled = false;
    clearTimeout(this.#later);
    this.#later = undefined;
    const batch = this.#work;
    this.#work = [];
    if (batch.length === 0 || this.#isClosed) return;
    const ends: (() => void)[] = [];
    const isHard = batch.some((work) => work.isHard);
    try {
      if (!isHard) this.#file.exec('PRAGMA synchronous = NORMAL');
      this.#transact(() => {
        for (const { run, done, failed } of batch) {
          this.#file.exec('SAVEPOINT one');
          try {
            const value = run();
            ends.push(() => done(value as never));
          } catch (error) {
            // What the disk refuses may have undone the whole transaction.
            if ((error as NodeJS.ErrnoException).code === 'ERR_SQLITE_ERROR') throw error;
            this.#file.exec('ROLLBACK TO one');
            ends.push(() => failed(error));
          }
          this.#file.exec('RELEASE one');
        }
      });
    } catch (error) {
      for (const { failed } of batch) failed(error);
      return;
    } finally {
      // The next one that has to be flushed is, and what was not flushed before it with it.
      if (!isHard) this.#file.exec('PRAGMA synchronous = FULL');
    }
    for (const end of ends) end();
  }

  #transact<T>(run: () => T): T {
    try {
      this.#file.exec('BEGIN IMMEDIATE');
      const value = run();
      this.#file.exec('COMMIT');
      return value;
    } catch (error) {
      rollBack(this.#file);
      if (error instanceof MagiError) throw error;
      throw new MagiError('storage_failed', `The disk did not take it: ${reasonOf(error)}.`);
    }
  }
}

/** The text of a row that was asked for with WHOLE. */
export function contentOf({ content }: Row): string {
  return Buffer.from(content as Uint8Array).toString();
}

/**
 * When two processes make the file at once, the change to WAL is refused to one of them without waiting, whatever the busy timeout says:
 * that one tries again.
 */
function open(path: string): DatabaseSync {
  const until = Date.now() + BUSY_MS_MAX;
  for (;;) {
    const file = new (sqlite().DatabaseSync)(path);
    try {
      file.exec(`PRAGMA busy_timeout = ${BUSY_MS_MAX}`);
      file.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON');
      migrate(file);
      return file;
    } catch (error) {
      file.close();
      if (!/database is (locked|busy)/.test(reasonOf(error)) || Date.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_AGAIN_MS);
    }
  }
}

/** Node 22 warns on the terminal that its SQLite is new. That is nothing for whoever asks a friend something. */
function sqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
