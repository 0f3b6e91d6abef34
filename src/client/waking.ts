/**
 * What wakes an assistant that has nothing to do: each question and each answer by one of the user's processes at a time, whichever of
 * them hears of it first. What still waits wakes again after a while, each time after a longer one: a turn of an assistant costs its
 * owner money.
 */
import { type Database, WHOLE } from './database.ts';
import {
  type Entry,
  entryOf,
  FREE,
  goneClaimers,
  goneWaiters,
  OF_POLICIES,
  TRUSTED,
  UNAWAITED,
  WAITS,
} from './entries.ts';
import { POLICIES, type Policy } from './friends.ts';
import { UNTAKEN } from './outbox.ts';
import { isGone } from './processes.ts';

const AGAIN_MS_MIN = 10 * 60 * 1000;
const ENTRIES_MAX = 100;
/** No hook waits so long. */
const ATTENDED_MS = 30 * 24 * 60 * 60 * 1000;
/** Questions of other friends are for their owner alone. */
const WAKING: readonly Policy[] = ['ask', 'auto'];

/** An answer to it waits for the owner's word. */
const UNDRAFTED = `NOT EXISTS (SELECT 1 FROM sent WHERE sent.${UNTAKEN} AND sent.state = 'draft' AND sent.reply_to = inbox.id
    AND sent.friend = inbox.friend)`;
/** Open questions that nobody is answering, and answers that nobody waits for; none that wakes somebody just now. Takes `#values`. */
const WAITING = `${WAITS} AND ${TRUSTED}
  AND (woken_until <= ? OR woken_by IN (SELECT value FROM json_each(?)))
  AND (state = 'open' AND ${FREE} AND ${UNDRAFTED} AND ${OF_POLICIES}
    OR state = 'unread' AND ${UNAWAITED})`;
/** An answer is told to who asked, as long as they are there. Takes a JSON array of the processes that are. */
const NOT_ANOTHERS = `(state = 'open' OR NOT EXISTS (SELECT 1 FROM sent WHERE sent.friend = inbox.friend
    AND sent.id = CASE inbox.kind WHEN 'answer' THEN inbox.reply_to ELSE inbox.id END
    AND sent.owner IN (SELECT value FROM json_each(?))))`;
/** Until when it wakes nobody again. Takes the time and AGAIN_MS_MIN as ?1 and ?2. */
const RESTS = `woken_by = NULL, woken_until = ?1 + CASE woken_at WHEN 0 THEN ?2 ELSE max(?2, ?1 - woken_at) END,
    woken_at = CASE woken_at WHEN 0 THEN ?1 ELSE woken_at END`;

export interface WakeOptions {
  /** Also what has woken somebody lately. */
  readonly isAgain?: boolean;
  /** Only answers of friends with one of these: of others an assistant would be shown nothing. */
  readonly policies?: readonly Policy[];
}

export class Waking {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * What waits, oldest first, at most 100. It then wakes nobody else for 10 minutes, or for as long as it has waited since it first woke
   * somebody.
   */
  async wake(now: number, { isAgain = false, policies = POLICIES }: WakeOptions = {}): Promise<Entry[]> {
    const sql = `FROM inbox WHERE ${WAITING} AND ${OF_POLICIES} ORDER BY number LIMIT ${ENTRIES_MAX}`;
    const values = [...this.#values(now, isAgain ? Number.MAX_SAFE_INTEGER : now), JSON.stringify(policies)];
    // Looking costs nothing; waking is a commit.
    if (this.#database.get(`SELECT 1 ${sql}`, ...values) === undefined) return [];
    return await this.#database.note(() => {
      const entries = this.#database.all(`SELECT ${WHOLE} ${sql}`, ...values).map(entryOf);
      for (const { number } of entries)
        this.#database.run(`UPDATE inbox SET ${RESTS} WHERE number = ?3`, now, AGAIN_MS_MIN, number);
      return entries;
    });
  }

  /**
   * What waits and an assistant may be shown, for a process that tells its assistant more than once: nobody else wakes theirs for it until `until`, or until this
   * process ends. `except`: numbers that it leaves to others.
   */
  async take(process: string, now: number, until: number, except: readonly number[] = []): Promise<Entry[]> {
    const sql = `FROM inbox WHERE ${WAITING} AND ${NOT_ANOTHERS} AND ${OF_POLICIES} AND number NOT IN (SELECT value FROM json_each(?))
      ORDER BY number LIMIT ${ENTRIES_MAX}`;
    const policies = JSON.stringify(WAKING);
    const values = [...this.#values(now, now), this.#otherAskers(process), policies, JSON.stringify(except)];
    if (this.#database.get(`SELECT 1 ${sql}`, ...values) === undefined) return [];
    return await this.#database.note(() => {
      const entries = this.#database.all(`SELECT ${WHOLE} ${sql}`, ...values).map(entryOf);
      const hold = 'UPDATE inbox SET woken_by = ?, woken_until = ? WHERE number = ?';
      for (const { number } of entries) this.#database.run(hold, process, until, number);
      return entries;
    });
  }

  /** Whether it still waits, and for nobody else; then nobody else wakes theirs for it until `until`. */
  async keep(number: number, process: string, now: number, until: number): Promise<boolean> {
    // Between two notices it was this process's, or free.
    const sql = `UPDATE inbox SET woken_by = ?, woken_until = ?
      WHERE number = ? AND (woken_by = ? OR woken_until <= ?) AND ${WAITING}`;
    const values = this.#values(now, Number.MAX_SAFE_INTEGER);
    return await this.#database.note(
      () => this.#database.run(sql, process, until, number, process, now, ...values) === 1,
    );
  }

  /** The assistant has heard of it: it wakes nobody for a while, as after `wake`. */
  rest(number: number, process: string, now: number): void {
    this.#database.later(() =>
      this.#database.run(
        `UPDATE inbox SET ${RESTS} WHERE number = ?3 AND woken_by = ?4`,
        ...[now, AGAIN_MS_MIN, number, process],
      ),
    );
  }

  /** Others may wake theirs for it. */
  free(number: number, process: string): void {
    const sql = 'UPDATE inbox SET woken_by = NULL, woken_until = 0 WHERE number = ? AND woken_by = ?';
    this.#database.later(() => this.#database.run(sql, number, process));
  }

  /** This process, and none of an earlier turn any more, waits for the session. */
  async attend(session: string, process: string, now: number): Promise<void> {
    await this.#database.note(() => {
      this.#database.run('DELETE FROM hooks WHERE at < ?', now - ATTENDED_MS);
      this.#database.run('INSERT OR REPLACE INTO hooks (session, process, at) VALUES (?, ?, ?)', session, process, now);
    });
  }

  isAttending(session: string, process: string): boolean {
    return this.#database.get('SELECT process FROM hooks WHERE session = ?', session)?.process === process;
  }

  /** What WAITING takes. */
  #values(now: number, wokenBefore: number): (number | string)[] {
    const [claimers, waiters] = [goneClaimers(this.#database, now), goneWaiters(this.#database, now)];
    return [wokenBefore, this.#goneWakers(now), now, claimers, JSON.stringify(WAKING), now, waiters];
  }

  #goneWakers(now: number): string {
    const sql = `SELECT DISTINCT woken_by AS process FROM inbox
      WHERE ${WAITS} AND woken_by IS NOT NULL AND woken_until > ?`;
    return JSON.stringify(this.#processes(sql, now).filter(isGone));
  }

  /** Those that asked what has been answered now, and are there. */
  #otherAskers(process: string): string {
    const sql = `SELECT DISTINCT sent.owner AS process FROM inbox JOIN sent ON sent.friend = inbox.friend
      AND sent.id = CASE inbox.kind WHEN 'answer' THEN inbox.reply_to ELSE inbox.id END WHERE inbox.${WAITS} AND inbox.state = 'unread'`;
    return JSON.stringify(this.#processes(sql).filter((name) => name !== process && !isGone(name)));
  }

  #processes(sql: string, ...values: number[]): string[] {
    return this.#database.all(sql, ...values).map((row) => String(row.process));
  }
}
