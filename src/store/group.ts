/**
 * Group commit. What is asked for in one turn of the event loop is done in the order of the calls, in one transaction, at the end of
 * that turn; nobody is answered before it is committed. One disk flush then serves all who asked.
 */
import { StorageFailed } from '../exchange/ports.ts';

/**
 * A flush costs the same for one as for many, most of it inside the kernel. So while many write at once, a batch waits for as many as
 * the one before it had, for at most so long: whoever was answered last is about to write again.
 */
const GATHER_MS = 1;
const GATHERED_MAX = 64;

/** One transaction does not hold up the event loop for longer than so many rows take: about 10 ms. */
const ROWS_MAX = 512;

/**
 * What an error means. `operation`: this one alone was undone. `batch`: the whole transaction was (the disk is full, the lock is taken);
 * the next one may work. `fatal`: what is on disk is not known.
 */
export type Trouble = 'operation' | 'batch' | 'fatal';

/** The transactions of a database. */
export interface Transactions {
  begin(writes: boolean): void;
  /** The effects survive when it returns. */
  commit(): void;
  /** Undoes the transaction, if the error has not done so already. */
  rollback(): void;
  /** Does the work so that nothing of it is left if it throws. */
  alone<T>(work: () => T): T;
  judge(error: unknown): Trouble;
  /** How long the transaction held up the event loop, and how many operations wrote in it. */
  committed(milliseconds: number, operations: number): void;
  /** Ends the process, soon: nobody who waits is ever answered, neither well nor badly. */
  fatal(error: unknown): void;
}

interface Operation {
  readonly writes: boolean;
  readonly rows: number;
  readonly work: () => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: StorageFailed) => void;
  result: unknown;
  /** It alone was undone. */
  failed: StorageFailed | undefined;
}

export class GroupCommit {
  readonly #transactions: Transactions;
  readonly #queue: Operation[] = [];
  #state: 'running' | 'stopped' | 'dead' = 'running';
  /** Operations in the queue that write, and how many the last batch had of them. */
  #writing = 0;
  #wroteLast = 0;
  #gathering: NodeJS.Timeout | undefined;

  constructor(transactions: Transactions) {
    this.#transactions = transactions;
  }

  /** `work` leaves the disk as it is. It sees what the work before it has written. */
  read<T>(work: () => T): Promise<T> {
    return this.#add(false, work, 1);
  }

  /** `rows`: about how many rows it writes. */
  write<T>(work: () => T, rows = 1): Promise<T> {
    return this.#add(true, work, rows);
  }

  /** Does at once what waits. */
  flush(): void {
    while (this.#queue.length > 0) this.#begin();
  }

  /** Does what waits, and nothing from now on. */
  stop(): void {
    this.flush();
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** Nothing is known any more: no one is answered from now on. */
  die(error: unknown): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#queue.length = 0;
    clearTimeout(this.#gathering);
    this.#transactions.fatal(error);
  }

  #add<T>(writes: boolean, work: () => T, rows: number): Promise<T> {
    if (this.#state === 'stopped') return Promise.reject(new StorageFailed('the store is closed'));
    return new Promise<T>((resolve, reject) => {
      if (this.#state === 'dead') return;
      const tell = resolve as (result: unknown) => void;
      this.#queue.push({ writes, rows, work, resolve: tell, reject, result: undefined, failed: undefined });
      if (writes) this.#writing++;
      if (this.#queue.length === 1) setImmediate(() => this.#turn());
      else if (this.#gathering !== undefined && this.#writing >= Math.min(this.#wroteLast, GATHERED_MAX)) this.#soon();
    });
  }

  #turn(): void {
    if (this.#writing === 0 || this.#writing >= Math.min(this.#wroteLast, GATHERED_MAX)) this.#begin();
    else this.#gathering = setTimeout(() => this.#begin(), GATHER_MS);
  }

  /** As many are here as were waited for: at the end of this turn, since more may come in it. */
  #soon(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    setImmediate(() => this.#begin());
  }

  #begin(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const batch = this.#queue.splice(0, this.#batchLength());
    this.#wroteLast = this.#writing;
    this.#writing = 0;
    for (const { writes } of this.#queue) if (writes) this.#writing++;
    this.#wroteLast -= this.#writing;
    if (this.#queue.length > 0) setImmediate(() => this.#turn());
    this.#perform(batch);
  }

  /** As many operations as one transaction takes, and at least one. */
  #batchLength(): number {
    let rows = 0;
    for (const [index, operation] of this.#queue.entries()) {
      rows += operation.rows;
      if (rows > ROWS_MAX) return Math.max(1, index);
    }
    return this.#queue.length;
  }

  /**
   * Nearly always all of a batch succeed: one transaction is all that they need. If one fails, all is undone and done again, each so that
   * it can be undone alone.
   */
  #perform(batch: readonly Operation[], isEachAlone = false): void {
    if (batch.length === 0) return;
    try {
      this.#transact(batch, isEachAlone);
    } catch (error) {
      if (!isEachAlone && this.#transactions.judge(error) === 'operation' && this.#rolledBack())
        this.#perform(batch, true);
      else this.#failed(batch, error);
    }
  }

  #transact(batch: readonly Operation[], isEachAlone: boolean): void {
    const startedAt = performance.now();
    let writing = 0;
    for (const { writes } of batch) if (writes) writing++;
    this.#transactions.begin(writing > 0);
    for (const operation of batch)
      if (isEachAlone) this.#attempt(operation);
      else operation.result = operation.work();
    this.#transactions.commit();
    if (writing > 0) this.#transactions.committed(performance.now() - startedAt, writing);
    for (const { failed, result, resolve, reject } of batch)
      if (failed === undefined) resolve(result);
      else reject(failed);
  }

  #attempt(operation: Operation): void {
    try {
      operation.result = operation.writes ? this.#transactions.alone(operation.work) : operation.work();
    } catch (error) {
      if (this.#transactions.judge(error) !== 'operation') throw error;
      operation.failed = failure(error);
    }
  }

  /** Nothing of the batch was stored. Who only wanted to read is served all the same: a full disk does not stop delivery. */
  #failed(batch: readonly Operation[], error: unknown): void {
    if (this.#transactions.judge(error) === 'fatal' || !this.#rolledBack()) {
      this.die(error);
      return;
    }
    const writing = batch.filter((operation) => operation.writes);
    for (const operation of writing.length > 0 ? writing : batch) operation.reject(failure(error));
    if (writing.length > 0) this.#perform(batch.filter((operation) => !operation.writes));
  }

  #rolledBack(): boolean {
    try {
      this.#transactions.rollback();
      return true;
    } catch {
      // What is on disk is then as unknown as after a failed commit.
      return false;
    }
  }
}

/** How to undo what was done in memory beside the tables, latest first. */
export class Undo {
  readonly #steps: (() => void)[] = [];

  get mark(): number {
    return this.#steps.length;
  }

  add(step: () => void): void {
    this.#steps.push(step);
  }

  /** Undoes what was done since the mark. */
  back(mark: number): void {
    while (this.#steps.length > mark) this.#steps.pop()?.();
  }

  /** It is done for good. */
  keep(): void {
    this.#steps.length = 0;
  }
}

function failure(error: unknown): StorageFailed {
  return error instanceof StorageFailed
    ? error
    : new StorageFailed(error instanceof Error ? error.message : 'failed', { cause: error });
}
