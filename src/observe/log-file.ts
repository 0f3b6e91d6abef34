/**
 * The log in a file of bounded size (LOG_FILE), for operators who `tail -f` it. Rotating copies the file away and empties it, rather than to
 * rename it: whoever follows it, by name or by descriptor, goes on seeing what comes. Nothing here ever stops the exchange: a line that
 * cannot be written is dropped and counted, and why is said once on standard error.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Output } from './output.ts';

/** How often it is looked whether the file is still the one of that name, and whether one that was refused can be had by now. */
const LOOK_MS = 1_000;
/** The operator's own group may read it, nobody else. */
const [FILE_MODE, FOLDER_MODE] = [0o640, 0o750];
/** Appending, so that who empties the file makes no hole in it; and a pipe without a reader does not make us wait for one. */
const OPEN_FLAGS = constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY | constants.O_NONBLOCK;

export interface LogFileOptions {
  readonly path: string;
  /** The file is emptied before it grows beyond this; 0: never. */
  readonly bytesMax: number;
  /** Files kept, this one and `path.1` (the newest) to `path.N`; at least 1. */
  readonly filesMax: number;
  /** Told once for each kind of trouble, by the system's code for it, in a sentence. */
  readonly complain: (sentence: string) => void;
  /** Milliseconds that only grow. */
  readonly stopwatch: () => number;
}

/** An output into the file. A file that cannot be opened is complained of at once, and tried again later. */
export function logFile(options: LogFileOptions): Output {
  const file = new LogFile(options);
  return new Output(
    (chunk) => file.append(chunk),
    () => {},
  );
}

class LogFile {
  readonly #options: LogFileOptions;
  /** Error codes that were told. */
  readonly #complaints = new Set<string>();
  #fd: number | undefined;
  /** Of the open file; others who append to it are noticed when it is next looked at. */
  #size = 0;
  /** False for what has no size of its own, such as /dev/stdout, or does not let itself be emptied. */
  #mayRotate = false;
  #lookAt = Number.NEGATIVE_INFINITY;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#look();
  }

  /** Writes all of the chunk, or throws and leaves the file as it was: a log has no half lines. */
  append(chunk: Uint8Array): void {
    this.#look();
    const fd = this.#fd;
    if (fd === undefined) throw new Error('the log file is not open');
    const { bytesMax } = this.#options;
    const isFull = bytesMax > 0 && this.#size > 0 && this.#size + chunk.length > bytesMax;
    if (isFull && this.#mayRotate) this.#rotate(fd);
    let written = 0;
    try {
      while (written < chunk.length) written += writeSync(fd, chunk, written);
    } catch (error) {
      if (written > 0 && this.#mayRotate)
        this.#attempt('shortened', () => ftruncateSync(fd, fstatSync(fd).size - written));
      this.#complain('written', error);
      throw error;
    }
    this.#size += written;
  }

  /** Opens the file, also anew when another or none has its name by now: it may have been removed, or moved away. */
  #look(): void {
    const { path, stopwatch } = this.#options;
    const now = stopwatch();
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_MS;
    this.#attempt('opened', () => {
      if (this.#fd !== undefined) {
        const [ours, named] = [fstatSync(this.#fd), statSync(path, { throwIfNoEntry: false })];
        this.#size = ours.size;
        if (ours.ino === named?.ino && ours.dev === named.dev) return;
        closeSync(this.#fd);
        this.#fd = undefined;
      }
      mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
      this.#fd = openSync(path, OPEN_FLAGS, FILE_MODE);
      const opened = fstatSync(this.#fd);
      this.#size = opened.size;
      this.#mayRotate = opened.isFile();
    });
  }

  /** Empties the file, in any case: its bound protects the disk. What was in it is kept if it can be. */
  #rotate(fd: number): void {
    const { path, filesMax } = this.#options;
    const draft = `${path}.0`;
    const isKept = this.#attempt('rotated', () => {
      // The oldest goes first: on a disk that is nearly full the copy takes its place.
      for (let n = Math.max(1, filesMax - 1); isThere(`${path}.${n}`); n++) rmSync(`${path}.${n}`);
      if (filesMax === 1) return;
      rmSync(draft, { force: true });
      copyFileSync(path, draft, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
      for (let n = filesMax - 2; n >= 0; n--)
        if (isThere(`${path}.${n}`)) renameSync(`${path}.${n}`, `${path}.${n + 1}`);
    });
    if (!isKept) this.#attempt('rotated', () => rmSync(draft, { force: true }));
    this.#mayRotate = this.#attempt('emptied', () => ftruncateSync(fd, 0));
    if (this.#mayRotate) this.#size = 0;
  }

  /** Whether the work was done. */
  #attempt(what: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#complain(what, error);
      return false;
    }
  }

  #complain(what: string, error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? 'failed';
    if (this.#complaints.has(code)) return;
    this.#complaints.add(code);
    this.#options.complain(
      `LOG_FILE is ${JSON.stringify(this.#options.path)}: it cannot be ${what} (${code}). The exchange goes on; lines are lost until it can.`,
    );
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
