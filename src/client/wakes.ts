/**
 * Whether an idle assistant is woken, tried with a word that nobody can know before: `magi doctor --wake` puts one here for each way, the
 * process whose way it is tells the assistant, and the assistant says the word back through a tool.
 */
import { randomBytes } from 'node:crypto';
import type { Database } from './database.ts';

/**
 * `channel`: an event of the assistant's own; `hook`: `magi wait` as its stop hook; `result`: a line under a tool's result; `inbox`: a
 * `magi_inbox` that waits.
 */
export const RUNGS = ['channel', 'hook', 'result', 'inbox'] as const;
export type Rung = (typeof RUNGS)[number];

/** A trial that nobody has taken up for so long is over. */
const TRIED_MS = 10 * 60 * 1000;

export class Wakes {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A new word for this way. */
  async add(rung: Rung): Promise<string> {
    const word = `wake-${randomBytes(6).toString('hex')}`;
    const sql = 'INSERT INTO wakes (word, rung, at) VALUES (?, ?, ?)';
    await this.#database.write(() => {
      this.#database.run('DELETE FROM wakes WHERE at < ?', Date.now() - TRIED_MS);
      this.#database.run(sql, word, rung, Date.now());
    });
    return word;
  }

  /** The word that this process is to tell its assistant in this way; each is given to one process, once. */
  take(rung: Rung): string | undefined {
    const since = Date.now() - TRIED_MS;
    const untold = 'rung = ? AND told_at = 0 AND at > ?';
    if (this.#database.get(`SELECT word FROM wakes WHERE ${untold}`, rung, since) === undefined) return undefined;
    const row = this.#database.writeNow(() =>
      this.#database.get(
        `UPDATE wakes SET told_at = ? WHERE word = (SELECT word FROM wakes WHERE ${untold} LIMIT 1) RETURNING word`,
        ...[Date.now(), rung, since],
      ),
    );
    return row === undefined ? undefined : String(row.word);
  }

  /** The trial is over: what has not been told is not told any more. */
  async end(words: readonly string[]): Promise<void> {
    await this.#database.write(() => {
      for (const word of words) this.#database.run('DELETE FROM wakes WHERE word = ?', word);
    });
  }

  /** An assistant has said the word. */
  seen(word: string): void {
    this.#database.later(() => this.#database.run('UPDATE wakes SET seen_at = ? WHERE word = ?', Date.now(), word));
  }

  /** How far it got: told to an assistant, said back by it. */
  stateOf(word: string): { readonly isTold: boolean; readonly isSeen: boolean } {
    const row = this.#database.get('SELECT told_at, seen_at FROM wakes WHERE word = ?', word);
    return { isTold: Number(row?.told_at ?? 0) > 0, isSeen: Number(row?.seen_at ?? 0) > 0 };
  }
}

/** What the assistant is told. */
export function wakeSentence(word: string): string {
  return `This tries whether you are woken. Call magi_status once with wake_test "${word}"; there is nothing else to do.`;
}
