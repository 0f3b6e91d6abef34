/** What sender and reader write down while they are tortured, each line before anybody relies on it; and how it is read again. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

/** A message is known by its sender, its number (one more for each message of that sender) and its id. */
interface Message {
  readonly from: string;
  readonly to: string;
  readonly n: number;
  readonly id: string;
}

export type Line =
  /** The sender is about to say it. */
  | { readonly what: 'asked'; readonly from: string; readonly n: number }
  /** The exchange has said `*_sent`. */
  | ({ readonly what: 'sent'; readonly status: string } & Message)
  | ({ readonly what: 'refused'; readonly code: string } & Message)
  /** The reader was shown it. `number` is that of the entry in the reader's inbox; `isWhole`: the content is what the sender made. */
  | ({ readonly what: 'shown'; readonly number: number; readonly isWhole: boolean } & Message);

export class Evidence {
  readonly #file: number;
  #safe: Promise<void> | undefined;

  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600);
  }

  /** Written at once: a kill leaves the whole line. Fulfilled when it would survive a loss of power, too. */
  write(line: Line): Promise<void> {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    this.#safe ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#safe = undefined;
        fsyncSync(this.#file);
        resolve();
      });
    });
    return this.#safe;
  }

  close(): void {
    closeSync(this.#file);
  }
}

export function readEvidence(path: string): Line[] {
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}
