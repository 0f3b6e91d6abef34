/**
 * An append-only file of JSON lines, on which what a client must not forget is safe from kill -9 and power loss. What is appended while
 * the disk is busy goes to it together, with one flush. One process at a time may have it open.
 */
import {
  closeSync,
  fdatasync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** A file shorter than this is not worth rewriting. */
const REWRITE_BYTES_MIN = 1024 * 1024;

const flush = promisify(fdatasync);

export interface Journal {
  /**
   * Fulfilled when the record is on disk, in the order of the calls. When the disk refuses, this one and all that wait behind it are
   * rejected, and nothing of them is left in the file.
   */
  append(record: object): Promise<void>;
  /** Waits for what was appended. */
  close(): Promise<void>;
}

export interface JournalOptions {
  /** Told each record of the file, oldest first, while it is opened. */
  readonly read: (record: Record<string, unknown>) => void;
  /** The records that are worth keeping, those that were just appended included: they replace the file when it has grown. */
  readonly live: () => Iterable<object>;
}

/** Opens the file, making it if there is none. Without a path nothing is kept. */
export function openJournal(path: string | undefined, options: JournalOptions): Journal {
  return path === undefined ? { append: async () => {}, close: async () => {} } : new FileJournal(path, options);
}

interface Batch extends PromiseWithResolvers<void> {
  text: string;
}

class FileJournal implements Journal {
  readonly #path: string;
  readonly #live: () => Iterable<object>;
  #file: number;
  #bytes: number;
  #rewriteAt: number;
  #next: Batch = newBatch();
  #writing: Promise<void> | undefined;
  #failure: unknown;
  #isClosed = false;

  constructor(path: string, { read, live }: JournalOptions) {
    this.#path = path;
    this.#live = live;
    this.#file = openSync(path, 'a+', 0o600);
    this.#bytes = readLines(this.#file, read);
    // The last line of a process that was killed may be torn: nobody was told that it is safe.
    ftruncateSync(this.#file, this.#bytes);
    syncFolder(path);
    this.#rewriteAt = Math.max(REWRITE_BYTES_MIN, 2 * this.#bytes);
    if (this.#bytes > REWRITE_BYTES_MIN) this.#rewrite();
  }

  append(record: object): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const batch = this.#next;
    batch.text += `${JSON.stringify(record)}\n`;
    // Started late, so that what else this turn of the event loop appends shares the flush.
    this.#writing ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => this.#write());
    return batch.promise;
  }

  async close(): Promise<void> {
    await this.#writing;
    if (this.#isClosed) return;
    // The number of a file that is closed twice may be somebody else's by then.
    this.#isClosed = true;
    this.#failure ??= new Error('the journal is closed');
    closeSync(this.#file);
  }

  async #write(): Promise<void> {
    while (this.#next.text !== '') {
      const batch = this.#next;
      this.#next = newBatch();
      try {
        await this.#store(batch.text);
        batch.resolve();
      } catch (error) {
        // What waits behind must not overtake what was refused.
        const behind = this.#next;
        this.#next = newBatch();
        batch.reject(error);
        behind.reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #store(text: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#bytes >= this.#rewriteAt) {
      this.#rewrite();
      return;
    }
    try {
      this.#bytes += writeAll(this.#file, text);
    } catch (error) {
      ftruncateSync(this.#file, this.#bytes);
      throw error;
    }
    try {
      await flush(this.#file);
    } catch (error) {
      // After a failed flush nobody knows what is on disk, whatever a later flush says.
      this.#failure = error;
      throw error;
    }
  }

  /** Puts the live records in the place of the file; a crash leaves the one or the other. */
  #rewrite(): void {
    const draft = `${this.#path}.new`;
    const file = openSync(draft, 'w', 0o600);
    let bytes = 0;
    try {
      for (const record of this.#live()) bytes += writeAll(file, `${JSON.stringify(record)}\n`);
      fsyncSync(file);
      renameSync(draft, this.#path);
    } catch (error) {
      closeSync(file);
      rmSync(draft, { force: true });
      throw error;
    }
    syncFolder(this.#path);
    closeSync(this.#file);
    this.#file = file;
    this.#bytes = bytes;
    this.#rewriteAt = Math.max(REWRITE_BYTES_MIN, 2 * bytes);
  }
}

function newBatch(): Batch {
  const batch = { ...Promise.withResolvers<void>(), text: '' };
  // Who appended without waiting hears of the failure by the next one who does.
  batch.promise.catch(() => {});
  return batch;
}

/** Tells each whole line; returns the bytes of them all. A line that is not JSON is passed over. */
function readLines(file: number, read: (record: Record<string, unknown>) => void): number {
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(10) + 1;
  for (const line of bytes.toString('utf8', 0, end).split('\n')) {
    const record = parse(line);
    if (record !== undefined) read(record);
  }
  return end;
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function writeAll(file: number, text: string): number {
  const bytes = Buffer.from(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
  return bytes.length;
}

/** A name is safe only when its folder is. */
function syncFolder(path: string): void {
  if (process.platform === 'win32') return;
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
