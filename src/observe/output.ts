/**
 * Standard output for a busy log: lines are gathered as bytes and written off the event loop's back, by sonic-boom, which knows what
 * pipes and files do. Gathering makes a line cost a copy of its bytes instead of a system call. It is done here and not by sonic-boom,
 * which measures all that it has gathered at every write: with 64 KiB that was 300 µs a line.
 */
import { fstatSync } from 'node:fs';
import sonicBoom from 'sonic-boom';

const FLUSH_MS = 100;
const CHUNK_BYTES = 64 * 1024;
/** A reader of our output that stops reading costs at most this much memory; what comes then is dropped and counted. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** Where lines are gathered. */
export class Output {
  /** What is gathered: up to `used`. Others write into it, after `reserve`. */
  readonly bytes = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  used = 0;
  #dropped = 0;
  readonly #write: (chunk: Buffer) => void;
  readonly #flush: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `write` takes a chunk over, and returns at once; `flush` writes at once whatever was taken over. Both throw when nobody reads. */
  constructor(write: (chunk: Buffer) => void, flush: () => void) {
    this.#write = write;
    this.#flush = flush;
  }

  /** Chunks that were dropped because nobody reads. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Makes room for `bytes` (at most CHUNK_BYTES) from `used` on. Whoever asks fills it and moves `used`. */
  reserve(bytes: number): void {
    if (this.used + bytes > CHUNK_BYTES) this.#handOver();
    this.#timer ??= setTimeout(() => this.#handOver(), FLUSH_MS);
  }

  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (bytes > CHUNK_BYTES) {
      this.#handOver();
      this.#attempt(() => this.#write(Buffer.from(text)));
      return;
    }
    this.reserve(bytes);
    this.used += this.bytes.write(text, this.used);
  }

  /** Writes all that waits, at once. */
  flush(): void {
    this.#handOver();
    this.#attempt(this.#flush);
  }

  drop(): void {
    this.#dropped++;
  }

  #handOver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.used === 0) return;
    const chunk = Buffer.from(this.bytes.subarray(0, this.used));
    this.used = 0;
    this.#attempt(() => this.#write(chunk));
  }

  /** Whoever read our output may be gone: that is no reason to stop serving. What is dropped is counted in the metrics. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch {
      this.drop();
    }
  }
}

/**
 * A file takes a chunk at once (21 µs for 64 KiB) and never makes us wait for a reader, so there the way through the thread pool (130 µs)
 * is spared; a pipe or a terminal may make us wait.
 */
export function standardOutput(): Output {
  const boom = new sonicBoom.SonicBoom({
    fd: 1,
    sync: fstatSync(1).isFile(),
    contentMode: 'buffer',
    maxWrite: 4 * CHUNK_BYTES,
    maxLength: WAITING_BYTES_MAX,
  });
  // sonic-boom's types know only strings; in this mode it takes buffers.
  const output = new Output(
    (chunk) => boom.write(chunk as unknown as string),
    () => boom.flushSync(),
  );
  boom.on('drop', () => output.drop());
  boom.on('error', () => output.drop());
  return output;
}
