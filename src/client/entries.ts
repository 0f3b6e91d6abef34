/** What a user was sent, as it is kept, and the conditions under which it is whose news, in the words of the database. */
import type { ServerMessage } from '../protocol/messages.ts';
import { contentOf, type Database, type Row } from './database.ts';
import type { Policy } from './friends.ts';
import { isGone } from './processes.ts';

export type Incoming = Extract<ServerMessage, { type: 'question' | 'answer' | 'receipt' }>;
type Kind = Incoming['type'];
/**
 * Of a question: `open`, then `answered` or `declined` by this user, or `handled` by another machine of theirs. Of an answer and of
 * what became of a question: `unread`, then `read`.
 */
export type State = 'open' | 'answered' | 'declined' | 'handled' | 'unread' | 'read';

export interface Entry {
  readonly number: number;
  readonly kind: Kind;
  /** The friend's username. */
  readonly from: string;
  /** The message's id; of a receipt, that of the own message. */
  readonly id: string;
  /** Of an answer: the id of the question. */
  readonly replyTo: string | undefined;
  /** Of a receipt: the reason that was given, or nothing. */
  readonly content: string;
  /** Of a receipt: what became of the message, else empty. */
  readonly news: string;
  /** When it arrived here, in milliseconds since the epoch. */
  readonly at: number;
  readonly state: State;
  /** The process that is answering the question, and until when it may. */
  readonly claimedBy: string | undefined;
  readonly claimedUntil: number;
}

export interface Page {
  /** Entries at most, newest first; oldest first with `after`. */
  readonly limit: number;
  /** Only entries with a smaller number. */
  readonly before?: number;
  /** Only entries with a larger number. */
  readonly after?: number;
  /** Only open questions and what has not been read. */
  readonly onlyWaiting?: boolean;
  /** Only those of friends with one of these policies. */
  readonly policies?: readonly Policy[];
  /** Not what a process of this user waits for at this time: it is that one's news. */
  readonly unawaitedAt?: number;
}

/** What waits. The words are those of the index: without them SQLite looks through all that was ever said. */
export const WAITS = `state IN ('open', 'unread')`;
export const OPEN = `${WAITS} AND state = 'open'`;
/** Friends whose key has changed are not listened to. */
export const TRUSTED = 'NOT EXISTS (SELECT 1 FROM friends WHERE friends.name = inbox.friend AND is_changed = 1)';
/** Nobody is woken for what these friends ask. */
export const UNMUTED = `NOT EXISTS (SELECT 1 FROM friends WHERE friends.name = inbox.friend AND policy = 'mute' AND kind = 'question')`;
/** Nobody is answering it. Takes the time, and a JSON array of the processes that have ended. */
export const FREE = '(claimed_until <= ? OR claimed_by IN (SELECT value FROM json_each(?)))';
/** Of a friend with one of these policies; one with whom there is a pause is on hold. Takes a JSON array of them. */
export const OF_POLICIES = `coalesce((SELECT CASE WHEN paused_at > 0 THEN 'hold' ELSE policy END FROM friends
    WHERE friends.name = inbox.friend), 'hold') IN (SELECT value FROM json_each(?))`;
/** What another process of this user is waiting for is not news. Takes the time, and a JSON array of the processes that have ended. */
export const UNAWAITED = `NOT EXISTS (SELECT 1 FROM sent WHERE sent.waits_until > ? AND sent.friend = inbox.friend
    AND coalesce(sent.waits_by, '') NOT IN (SELECT value FROM json_each(?))
    AND sent.id = CASE inbox.kind WHEN 'answer' THEN inbox.reply_to ELSE inbox.id END)`;

/** The processes that were killed with a question in their hands, as a JSON array. */
export function goneClaimers(database: Database, now: number): string {
  const sql = `SELECT DISTINCT claimed_by FROM inbox WHERE ${OPEN} AND claimed_until > ?`;
  return JSON.stringify(
    database
      .all(sql, now)
      .map((row) => String(row.claimed_by))
      .filter(isGone),
  );
}

/** The processes that were killed while they waited for an answer, as a JSON array. */
export function goneWaiters(database: Database, now: number): string {
  const sql = 'SELECT DISTINCT waits_by FROM sent WHERE waits_until > ? AND waits_until > 0';
  return JSON.stringify(
    database
      .all(sql, now)
      .map((row) => String(row.waits_by))
      .filter(isGone),
  );
}

export function entryOf(row: Row): Entry {
  return {
    number: Number(row.number),
    kind: row.kind as Kind,
    from: String(row.username),
    id: String(row.id),
    replyTo: row.reply_to === null ? undefined : String(row.reply_to),
    content: contentOf(row),
    news: String(row.news),
    at: Number(row.at),
    state: row.state as State,
    claimedBy: row.claimed_by === null ? undefined : String(row.claimed_by),
    claimedUntil: Number(row.claimed_until),
  };
}
