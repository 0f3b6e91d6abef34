/**
 * What a user was sent: safe here, so that its delivery may be acknowledged, and shown once, whichever of the user's processes it
 * reached. What comes again is recognised for 30 days (protocol part 3). Numbers are never used again and grow in the order of arrival.
 */
import { usernameKey } from '../protocol/names.ts';
import { type Database, WHOLE } from './database.ts';
import {
  type Entry,
  entryOf,
  FREE,
  goneClaimers,
  goneWaiters,
  type Incoming,
  OF_POLICIES,
  OPEN,
  type Page,
  type State,
  TRUSTED,
  UNAWAITED,
  UNMUTED,
  WAITS,
} from './entries.ts';
import { POLICIES, type Policy } from './friends.ts';
import { Guests } from './guests.ts';
import { isGone } from './processes.ts';
import { randomName } from './random.ts';

/** As long as the exchange keeps a message. */
const REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000;
/** For so long, or until it ends, a question belongs to the process that has taken it on. */
const CLAIM_MS = 10 * 60 * 1000;
/** After these no answer comes. */
const FINAL: ReadonlySet<string> = new Set(['declined', 'expired', 'left']);

const NUMBER = /^#?(\d{1,15})$/;
const UNANSWERED = `SELECT id, friend, username FROM sent WHERE kind = 'question' AND outcome IS NULL`;
const BY_ID = 'SELECT 1 FROM inbox WHERE friend = ? AND id = ? AND news = ?';

export class Inbox {
  readonly #database: Database;
  readonly #guests: Guests;

  constructor(database: Database) {
    this.#database = database;
    this.#guests = new Guests(database);
  }

  /**
   * Fulfilled when the message is here, and no end of the process can undo that: with its entry, or undefined if it was here before. It must
   * not be acknowledged before it is `safe`. Rejected when the disk refuses.
   */
  put(message: Incoming, now: number): Promise<Entry | undefined> {
    const friend = usernameKey(message.from);
    const news = message.type === 'receipt' ? message.status : '';
    const content = message.type === 'receipt' ? (message.reason ?? '') : message.content;
    const state: State = message.type === 'question' ? 'open' : news === '' || FINAL.has(news) ? 'unread' : 'read';
    const isGuests = message.deliveryId === undefined;
    return this.#database.note(() => {
      if (isGuests && this.#guests.isHeardElsewhere(friend, message.type, content, now)) return undefined;
      let { id = madeUpId() } = message;
      // A repeat must not use up a number: people type them.
      if (this.#database.get(BY_ID, friend, id, news) !== undefined) {
        if (!isGuests) return undefined;
        id = madeUpId();
      }
      const replyTo = message.type === 'answer' ? (message.replyTo ?? this.#guests.oldestAsked(friend)) : undefined;
      const row = this.#database.get(
        `INSERT INTO inbox (friend, username, kind, id, news, reply_to, content, at, state)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ${WHOLE}`,
        ...[friend, message.from, message.type, id, news, replyTo ?? null, content, now, state],
      );
      if (row === undefined) return undefined;
      const entry = entryOf(row);
      if (isGuests) this.#guests.heard(friend, entry.number);
      if (state === 'unread') this.#settleQuestion(message.from, news === '' ? replyTo : id, news || 'answered');
      if (news === 'delivered') this.#handedOut(message.from, id);
      return entry;
    });
  }

  /** Fulfilled when what was put here is safe also from a loss of power. Rejected when the disk refuses. */
  safe(): Promise<void> {
    return this.#database.flushed();
  }

  /** As safe, when it returns. Throws MagiError. */
  makeSafe(): void {
    this.#database.flushNow();
  }

  #handedOut(to: string, id: string): void {
    const sql = `UPDATE sent SET state = 'delivered' WHERE id = ? AND friend = ? AND state IN ('waiting', 'queued')`;
    this.#database.run(sql, id, usernameKey(to));
  }

  /** Only whom it was asked can answer or decline a question: others may have guessed or been told its id. */
  #settleQuestion(from: string, id: string | undefined, outcome: string): void {
    const sql = 'UPDATE sent SET outcome = ? WHERE id = ? AND friend = ? AND outcome IS NULL';
    if (id !== undefined) this.#database.run(sql, outcome, id, usernameKey(from));
  }

  /** A guest connection has ended: what was asked over it and has no answer gets none. Returns the entries that say so. */
  async left(username: string, now: number): Promise<Entry[]> {
    const friend = usernameKey(username);
    const asked = `${UNANSWERED} AND friend = ? AND state`;
    // That it was forwarded may be about to be written.
    if (this.#database.get(`${asked} IN ('forwarded', 'waiting')`, friend) === undefined) return [];
    return await this.#giveUp(`${asked} = 'forwarded'`, [friend], now);
  }

  /** As left, of what friends have with whom there is no connection any more. An answer that waited for this user has to be here before. */
  async leftWithQuestions(now: number): Promise<Entry[]> {
    const asked = `${UNANSWERED} AND state IN ('delivered', 'queued', 'forwarded')
      AND NOT EXISTS (SELECT 1 FROM friends WHERE friends.name = sent.friend AND connection_id IS NOT NULL)`;
    if (this.#database.get(asked) === undefined) return [];
    return await this.#giveUp(asked, [], now);
  }

  async #giveUp(asked: string, values: readonly string[], now: number): Promise<Entry[]> {
    return await this.#database.write(() =>
      this.#database.all(asked, ...values).flatMap(({ id, friend, username }) => {
        this.#settleQuestion(String(friend), String(id), 'left');
        const row = this.#database.get(
          `INSERT INTO inbox (friend, username, kind, id, news, content, at, state)
           VALUES (?, ?, 'receipt', ?, 'left', '', ?, 'unread') ON CONFLICT DO NOTHING RETURNING ${WHOLE}`,
          ...[String(friend), String(username), String(id), now],
        );
        return row === undefined ? [] : [entryOf(row)];
      }),
    );
  }

  find(number: number): Entry | undefined {
    const row = this.#database.get(`SELECT ${WHOLE} FROM inbox WHERE number = ?`, number);
    return row === undefined ? undefined : entryOf(row);
  }

  /** The question with this id, or whose number this is. */
  findQuestion(idOrNumber: string): Entry | undefined {
    return this.#findOf(`kind = 'question'`, idOrNumber);
  }

  /** The same, or an answer, or the refusal of a question of this user. */
  findAny(idOrNumber: string): Entry | undefined {
    return this.#findOf(`kind != 'receipt' OR news IN ('declined', 'expired', 'left')`, idOrNumber);
  }

  /** The same, by its number alone: `#12` or `12`. */
  numbered(text: string): Entry | undefined {
    return NUMBER.test(text) ? this.findAny(text) : undefined;
  }

  /** A number says which beyond doubt. An id was chosen by whoever sent it: one that two have chosen says nothing. */
  #findOf(which: string, idOrNumber: string): Entry | undefined {
    const number = NUMBER.exec(idOrNumber)?.[1];
    const sql = `SELECT ${WHOLE} FROM inbox WHERE (${which}) AND ${number === undefined ? 'id' : 'number'} = ? AND ${TRUSTED} LIMIT 2`;
    const [row, another] = this.#database.all(sql, number === undefined ? idOrNumber : Number(number));
    return row === undefined || another !== undefined ? undefined : entryOf(row);
  }

  /** The question of this friend with this id, which others may have chosen, too, or which may look like a number. */
  questionFrom(username: string, id: string): Entry | undefined {
    const sql = `SELECT ${WHOLE} FROM inbox WHERE kind = 'question' AND friend = ? AND id = ? AND ${TRUSTED}`;
    const row = this.#database.get(sql, usernameKey(username), id);
    return row === undefined ? undefined : entryOf(row);
  }

  /** The oldest question of a friend that waits for an answer. */
  openQuestionOf(username: string): Entry | undefined {
    const row = this.#database.get(
      `SELECT ${WHOLE} FROM inbox WHERE ${OPEN} AND kind = 'question' AND friend = ? AND ${TRUSTED} ORDER BY number LIMIT 1`,
      usernameKey(username),
    );
    return row === undefined ? undefined : entryOf(row);
  }

  list(page: Page): Entry[] {
    const { limit, before = Number.MAX_SAFE_INTEGER, after, onlyWaiting = false, policies = POLICIES } = page;
    const { unawaitedAt = Number.MAX_SAFE_INTEGER } = page;
    const waiting = onlyWaiting ? `${WAITS} AND` : '';
    const sql = `SELECT ${WHOLE} FROM inbox WHERE ${waiting} number > ? AND number < ? AND ${TRUSTED} AND ${OF_POLICIES}
      AND (kind != 'receipt' OR news IN ('declined', 'expired', 'left')) AND (kind = 'question' OR ${UNAWAITED})
      ORDER BY number ${after === undefined ? 'DESC' : 'ASC'} LIMIT ?`;
    const gone = goneWaiters(this.#database, unawaitedAt);
    const values = [after ?? -1, before, JSON.stringify(policies), unawaitedAt, gone, limit];
    return this.#database.all(sql, ...values).map(entryOf);
  }

  /** Whether the process may take the question on, as far as is known. */
  isFreeFor({ claimedBy, claimedUntil }: Entry, process: string, now: number): boolean {
    return claimedBy === undefined || claimedBy === process || claimedUntil <= now || isGone(claimedBy);
  }

  /**
   * The friend's answer to a question of this user, or the news that there will be none; undefined while neither is here.
   */
  answerTo(id: string, friend: string): Entry | undefined {
    const name = usernameKey(friend);
    const row =
      this.#database.get(
        `SELECT ${WHOLE} FROM inbox WHERE reply_to = ? AND friend = ? AND kind = 'answer' AND ${TRUSTED} LIMIT 1`,
        ...[id, name],
      ) ??
      this.#database.get(
        `SELECT ${WHOLE} FROM inbox WHERE id = ? AND friend = ? AND news IN ('declined', 'expired', 'left') AND ${TRUSTED} LIMIT 1`,
        ...[id, name],
      );
    return row === undefined ? undefined : entryOf(row);
  }

  /** The owner has seen it. */
  read(...numbers: readonly number[]): void {
    this.#database.later(() => {
      for (const number of numbers)
        this.#database.run(`UPDATE inbox SET state = 'read' WHERE number = ? AND state = 'unread'`, number);
    });
  }

  /** As `read`, by whoever is first: false if it was read already. */
  take(number: number): Promise<boolean> {
    const sql = `UPDATE inbox SET state = 'read' WHERE number = ? AND state = 'unread'`;
    return this.#database.note(() => this.#database.run(sql, number) === 1);
  }

  /** How much waits for somebody to look at it: open questions that nobody is answering, and what nobody waits for. */
  waiting(now: number, policies: readonly Policy[] = POLICIES): { questions: number; answers: number } {
    const row = this.#database.get(
      `SELECT count(*) FILTER (WHERE state = 'open' AND ${FREE}) AS questions,
         count(*) FILTER (WHERE state = 'unread' AND ${UNAWAITED}) AS answers
       FROM inbox WHERE ${WAITS} AND ${TRUSTED} AND ${OF_POLICIES} AND ${UNMUTED}`,
      ...[now, goneClaimers(this.#database, now), now, goneWaiters(this.#database, now), JSON.stringify(policies)],
    );
    return { questions: Number(row?.questions), answers: Number(row?.answers) };
  }

  /**
   * The oldest open question of a friend with one of these policies that no process is answering, which is now this process's for 10
   * minutes. Undefined when there is none.
   */
  async claimNext(process: string, policies: readonly Policy[], now: number): Promise<Entry | undefined> {
    const next = `SELECT number FROM inbox WHERE ${OPEN} AND kind = 'question' AND ${FREE} AND ${TRUSTED}
      AND ${OF_POLICIES} ORDER BY number LIMIT 1`;
    const which = [now, goneClaimers(this.#database, now), JSON.stringify(policies)];
    // Looking costs nothing; claiming is a commit.
    if (this.#database.get(next, ...which) === undefined) return undefined;
    return await this.#database.note(() => {
      const sql = `UPDATE inbox SET claimed_by = ?, claimed_until = ? WHERE number = (${next}) RETURNING ${WHOLE}`;
      const row = this.#database.get(sql, process, now + CLAIM_MS, ...which);
      return row === undefined ? undefined : entryOf(row);
    });
  }

  /** The question is this process's for 10 minutes; false if it is another's, or not open any more. */
  claim(number: number, process: string, now: number): Promise<boolean> {
    const sql = `UPDATE inbox SET claimed_by = ?, claimed_until = ? WHERE number = ? AND state = 'open'
      AND (claimed_by = ? OR ${FREE})`;
    return this.#database.note(
      () =>
        this.#database.run(sql, process, now + CLAIM_MS, number, process, now, goneClaimers(this.#database, now)) === 1,
    );
  }

  /** Gives a question back to whoever asks for one next. */
  release(number: number, process: string): void {
    this.#database.later(() =>
      this.#database.run('UPDATE inbox SET claimed_until = 0 WHERE number = ? AND claimed_by = ?', number, process),
    );
  }

  /** Gives back everything that this process has taken on. */
  releaseAll(process: string): void {
    const sql = `UPDATE inbox SET claimed_until = 0 WHERE ${OPEN} AND claimed_by = ?`;
    this.#database.later(() => this.#database.run(sql, process));
  }

  /** Inside a transaction: the question is done, if it was open and no other process is answering it. */
  finish(number: number, process: string, state: 'answered' | 'declined', now: number): boolean {
    return (
      this.#database.run(
        `UPDATE inbox SET state = ? WHERE number = ? AND state = 'open' AND (claimed_by = ? OR ${FREE})`,
        ...[state, number, process, now, goneClaimers(this.#database, now)],
      ) === 1
    );
  }

  /** Inside a transaction: the owner has answered it themselves, whichever process had taken it on. False if it was not open. */
  finishByOwner(number: number): boolean {
    const sql = `UPDATE inbox SET state = 'answered' WHERE number = ? AND state = 'open'`;
    return this.#database.run(sql, number) === 1;
  }

  /** Another machine of this user has answered or declined it. */
  handled(username: string, id: string): void {
    this.#database.later(() =>
      this.#database.run(
        `UPDATE inbox SET state = 'handled' WHERE friend = ? AND id = ? AND news = '' AND state = 'open'`,
        usernameKey(username),
        id,
      ),
    );
  }

  /** What has been dealt with and could not come again. */
  forgetOld(now: number): void {
    this.#database.later(() =>
      this.#database.run(`DELETE FROM inbox WHERE at < ? AND state NOT IN ('open', 'unread')`, now - REMEMBERED_MS),
    );
  }
}

/** For what a guest says without one. */
function madeUpId(): string {
  return `guest-${randomName(12)}`;
}
