/**
 * What a user says: on disk before it is sent, until the exchange has said `*_sent` or refused it (protocol part 3), and for 30 days
 * after, so that a late answer finds its question. A draft waits for the owner's word and is not sent.
 */
import { usernameKey } from '../protocol/names.ts';
import { contentOf, type Database, type Row, WHOLE } from './database.ts';
import { randomName } from './random.ts';

const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** Waits to be sent, or for the owner's word. The words are those of the index: without them SQLite looks through all that was ever said. */
export const UNTAKEN = `state IN ('waiting', 'draft')`;
const WAITING = `${UNTAKEN} AND state = 'waiting'`;

/** `forwarded`: handed to a guest's open socket, which promises nothing. */
export type Status = 'delivered' | 'queued' | 'forwarded';

export interface Outgoing {
  readonly number: number;
  /** `declined` is said as a receipt. */
  readonly kind: 'question' | 'answer' | 'declined';
  readonly id: string;
  /** The friend's username. */
  readonly to: string;
  readonly content: string;
  /** The id of the question that is answered or declined. */
  readonly replyTo: string | undefined;
  /** When it was put here, in milliseconds since the epoch. */
  readonly at: number;
  readonly state: Status | 'draft' | 'waiting' | 'refused';
  /** Why it was refused: the error's code and sentence. */
  readonly code: string | undefined;
  readonly reason: string | undefined;
  /** What became of a question: `answered`, `declined`, `expired`, `left`. */
  readonly outcome: string | undefined;
  /** The process that sends it. */
  readonly owner: string;
}

export type Draft = Pick<Outgoing, 'kind' | 'id' | 'to' | 'content' | 'at' | 'owner'> & {
  readonly replyTo?: string | undefined;
  readonly state: 'draft' | 'waiting';
  /** Until when somebody waits for the answer; 0: nobody does. */
  readonly waitsUntil?: number;
};

export class Outbox {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** How many messages nobody has taken over yet. */
  get size(): number {
    return Number(this.#database.get(`SELECT count(*) AS n FROM sent WHERE ${WAITING}`)?.n);
  }

  /** Inside a transaction. */
  add({ id, kind, to, content, replyTo, at, state, owner, waitsUntil = 0 }: Draft): void {
    this.#database.run(
      `INSERT INTO sent (id, kind, friend, username, content, reply_to, at, state, owner, waits_until, waits_by)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, kind, usernameKey(to), to, content, replyTo ?? null, at, state, owner, waitsUntil, owner],
    );
  }

  /** What nobody has taken over yet, oldest first. */
  waiting(): Outgoing[] {
    return this.#database.all(`SELECT ${WHOLE} FROM sent WHERE ${WAITING} ORDER BY number`).map(outgoingOf);
  }

  drafts(): Outgoing[] {
    return this.#database
      .all(`SELECT ${WHOLE} FROM sent WHERE ${UNTAKEN} AND state = 'draft' ORDER BY number`)
      .map(outgoingOf);
  }

  /** The draft with the same words for the same friend, about the same question if it is an answer. */
  findSameDraft({ kind, to, content, replyTo }: Pick<Draft, 'kind' | 'to' | 'content' | 'replyTo'>) {
    return this.drafts().find(
      (draft) =>
        draft.kind === kind &&
        usernameKey(draft.to) === usernameKey(to) &&
        draft.content === content &&
        draft.replyTo === replyTo,
    );
  }

  find(id: string): Outgoing | undefined {
    const row = this.#database.get(`SELECT ${WHOLE} FROM sent WHERE id = ?`, id);
    return row === undefined ? undefined : outgoingOf(row);
  }

  /** What declines this question and has not been taken yet. */
  findDecline(questionId: string): Outgoing | undefined {
    const sql = `SELECT ${WHOLE} FROM sent WHERE ${WAITING} AND kind = 'declined' AND reply_to = ?`;
    const row = this.#database.get(sql, questionId);
    return row === undefined ? undefined : outgoingOf(row);
  }

  /** The newest questions of this user, newest first. */
  questions(limit: number): Outgoing[] {
    const sql = `SELECT ${WHOLE} FROM sent WHERE kind = 'question' ORDER BY number DESC LIMIT ?`;
    return this.#database.all(sql, limit).map(outgoingOf);
  }

  /** The same question to the same friend, asked since then and not answered yet. */
  findOpen(to: string, content: string, since: number): Outgoing | undefined {
    const row = this.#database.get(
      `SELECT ${WHOLE} FROM sent WHERE friend = ? AND kind = 'question' AND content = ? AND at >= ? AND outcome IS NULL
       AND state NOT IN ('refused', 'draft') ORDER BY number DESC LIMIT 1`,
      ...[usernameKey(to), content, since],
    );
    return row === undefined ? undefined : outgoingOf(row);
  }

  /** Somebody else has it. Need not be waited for: if this is lost, the message is sent once more and recognised. */
  taken(id: string, status: Status): Promise<unknown> {
    return this.#database.later(() =>
      this.#database.run(`UPDATE sent SET state = ? WHERE id = ? AND state = 'waiting'`, status, id),
    );
  }

  /** Nobody will take it. A question that it was to answer is open again. */
  refused(id: string, code: string, reason: string): Promise<unknown> {
    return this.#database.later(() => {
      const changed = this.#database.run(
        `UPDATE sent SET state = 'refused', code = ?, reason = ? WHERE id = ? AND state = 'waiting'`,
        ...[code, reason, id],
      );
      if (changed === 0) return;
      this.#database.run(
        `UPDATE inbox SET state = 'open', claimed_until = 0 WHERE state = 'answered' AND kind = 'question'
         AND (friend, id) = (SELECT friend, reply_to FROM sent WHERE sent.id = ?)`,
        id,
      );
    });
  }

  /** The draft with this id, or the only one whose id begins so. */
  findDraft(id: string): Outgoing | undefined {
    const found = this.drafts().filter((draft) => id !== '' && draft.id.startsWith(id));
    return found.find((draft) => draft.id === id) ?? (found.length === 1 ? found[0] : undefined);
  }

  /** Inside a transaction: the owner has agreed to a draft. False if there is none. */
  approve(id: string, owner: string, now: number, waitsUntil = 0): boolean {
    const sql = `UPDATE sent SET state = 'waiting', owner = ?, at = ?, waits_until = ?, waits_by = ? WHERE id = ? AND state = 'draft'`;
    return this.#database.run(sql, owner, now, waitsUntil, owner, id) === 1;
  }

  /** Inside a transaction: the owner does not want it sent. False if there is none. */
  discard(id: string): boolean {
    return this.#database.run(`DELETE FROM sent WHERE id = ? AND state = 'draft'`, id) === 1;
  }

  /** This process sends it from now on. */
  adopt(id: string, owner: string): void {
    this.#database.later(() => this.#database.run('UPDATE sent SET owner = ? WHERE id = ?', owner, id));
  }

  /** The process waits for the answers until then, or for longer if it says so again; 0: it does not wait any more. */
  awaited(ids: readonly string[], until: number, process: string): void {
    const sql =
      until > 0
        ? 'UPDATE sent SET waits_until = ?, waits_by = ? WHERE id = ?'
        : 'UPDATE sent SET waits_until = ? WHERE waits_by = ? AND id = ?';
    this.#database.later(() => {
      for (const id of ids) this.#database.run(sql, until, process, id);
    });
  }

  forgetOld(now: number): void {
    this.#database.later(() =>
      this.#database.run(`DELETE FROM sent WHERE at < ? AND state NOT IN ('waiting', 'draft')`, now - KEPT_MS),
    );
  }
}

function outgoingOf(row: Row): Outgoing {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  return {
    number: Number(row.number),
    kind: row.kind as Outgoing['kind'],
    id: String(row.id),
    to: String(row.username),
    content: contentOf(row),
    replyTo: text(row.reply_to),
    at: Number(row.at),
    state: row.state as Outgoing['state'],
    code: text(row.code),
    reason: text(row.reason),
    outcome: text(row.outcome),
    owner: String(row.owner),
  };
}

/** Never used before, and nothing that a command line could take for an option. */
export function newId(): string {
  const id = randomName(16);
  return /^[A-Za-z0-9]/.test(id) ? id : newId();
}
