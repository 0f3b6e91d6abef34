/**
 * What friends without a key say over a guest connection. It bears no name that the exchange would have made, nobody keeps it, and an
 * answer does not say to what: all of that has to be found out here.
 */
import type { Database } from './database.ts';

/** One process of a user hears a guest at most so much later than another. */
const ECHO_MS = 30_000;

export class Guests {
  readonly #database: Database;
  /** The last entry of the inbox that this process has heard of each guest; of the others it has heard none up to `first`. */
  readonly #heard = new Map<string, number>();
  readonly #first: number;

  constructor(database: Database) {
    this.#database = database;
    this.#first = Number(database.get('SELECT max(number) AS n FROM inbox')?.n ?? 0);
  }

  /**
   * Inside a transaction: nothing tells the messages of a guest apart, and each of the user's processes hears each of them, in the same
   * order. What another one has just put into the inbox, with the same words, behind what this one has heard is the same.
   */
  isHeardElsewhere(friend: string, kind: string, content: string, now: number): boolean {
    const row = this.#database.get(
      `SELECT number FROM inbox WHERE number > ? AND friend = ? AND kind = ? AND content = ? AND at > ? ORDER BY number LIMIT 1`,
      ...[this.#heard.get(friend) ?? this.#first, friend, kind, content, now - ECHO_MS],
    );
    if (row === undefined) return false;
    this.heard(friend, Number(row.number));
    return true;
  }

  heard(friend: string, number: number): void {
    this.#heard.set(friend, number);
  }

  /** The question that an answer must be about. */
  oldestAsked(friend: string): string | undefined {
    const row = this.#database.get(
      `SELECT id FROM sent WHERE friend = ? AND kind = 'question' AND outcome IS NULL AND state NOT IN ('refused', 'draft')
       ORDER BY number LIMIT 1`,
      friend,
    );
    return row === undefined ? undefined : String(row.id);
  }
}
