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
/** At the end of the process, a reader that has stopped reading is waited for so long. */
const FLUSH_MS_MAX = 500;
const NEWLINE = 0x0a;

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

  /** Lines that were dropped because nobody reads. */
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
      this.#hand(Buffer.from(text));
      return;
    }
    this.reserve(bytes);
    this.used += this.bytes.write(text, this.used);
  }

  /** Writes all that waits, at once. */
  flush(): void {
    this.#handOver();
    try {
      this.#flush();
    } catch {
      // Nobody reads, and the process is about to end.
    }
  }

  drop(chunk: Uint8Array): void {
    for (const byte of chunk) if (byte === NEWLINE) this.#dropped++;
  }

  #handOver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.used === 0) return;
    const chunk = Buffer.from(this.bytes.subarray(0, this.used));
    this.used = 0;
    this.#hand(chunk);
  }

  /** Whoever read our output may be gone: that is no reason to stop serving. What is dropped is counted in the metrics. */
  #hand(chunk: Buffer): void {
    try {
      this.#write(chunk);
    } catch {
      this.drop(chunk);
    }
  }
}

/**
 * A file takes a chunk at once (21 µs for 64 KiB) and never makes us wait for a reader, so there the way through the thread pool (130 µs)
 * is spared; a pipe or a terminal may make us wait.
 */
export function standardOutput(): Output {
  let giveUpAt = Number.POSITIVE_INFINITY;
  const boom = new sonicBoom.SonicBoom({
    fd: 1,
    sync: fstatSync(1).isFile(),
    contentMode: 'buffer',
    maxWrite: 4 * CHUNK_BYTES,
    maxLength: WAITING_BYTES_MAX,
    // By itself it would try a full pipe for ever, and the process could not end.
    retryEAGAIN: () => performance.now() < giveUpAt,
  });
  // sonic-boom's types know only strings; in this mode it takes buffers.
  const output = new Output(
    (chunk) => boom.write(chunk as unknown as string),
    () => {
      giveUpAt = performance.now() + FLUSH_MS_MAX;
      try {
        boom.flushSync();
      } finally {
        giveUpAt = Number.POSITIVE_INFINITY;
      }
    },
  );
  boom.on('drop', (chunk: unknown) => output.drop(chunk as Buffer));
  // A write that failed: the lines wait, and what does not fit any more is dropped.
  boom.on('error', () => {});
  return output;
}
