/** Every SQL statement of the store, prepared once. Values are bound, never written into the text. */
import type {
  DurableConnection,
  Invite,
  KeyedUser,
  WaitingHead,
  WaitingMessage,
  WaitingReceipt,
} from '../exchange/ports.ts';
import { LARGE_BYTES, type Place, SMALL_BYTES } from './slots.ts';
import type { Counted } from './waiting.ts';

export type Value = string | number | null | Uint8Array;

interface Statement<Row> {
  run(...values: Value[]): { readonly changes: number };
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
}

export type Prepare = <Row>(sql: string) => Statement<Row>;

/** Rows as they come: SQL's null is our undefined. Without a content: it has several slots. */
export interface MessageRow extends Omit<WaitingMessage, 'recipient' | 'replyTo' | 'content'>, Place {
  readonly replyTo: string | null;
  readonly content: string | null;
}
export type ReceiptRow = Omit<WaitingReceipt, 'reason'> & { readonly reason: string | null };
export type InviteRow = Omit<Invite, 'durable'>;

/** What has to be known of a message that goes. */
export interface Gone extends Counted, Pick<Place, 'slot' | 'more'> {}

export interface ConnectionRow {
  readonly id: string;
  readonly userA: string;
  readonly userB: string;
  readonly madeAt: DurableConnection['madeAt'];
}

const GONE = 'seq, sender, bytes, slot, more';
const INVITE = 'code, user_key AS userKey, user_id AS userId, expires_at AS expiresAt';
const USER = 'key, username, nickname, public_key AS publicKey, used_at AS usedAt';
const CONNECTION = 'id, user_a AS userA, user_b AS userB, made_at AS madeAt';
/** Messages name their recipient by its number: it is shorter, and what is left of a row that was moved tells no name. */
const NUMBER = '(SELECT number FROM users WHERE key = ?)';
const IN_SLOT = 'CAST(substr(content, 1, length) AS TEXT) FROM';
const MESSAGE = `seq, type, sender, username, nickname, id, reply_to AS replyTo, bytes, taken_at AS takenAt, slot, more, length,
  CASE WHEN more IS NOT NULL THEN NULL
    WHEN slot > 0 THEN (SELECT ${IN_SLOT} small_slots WHERE small_slots.slot = messages.slot)
    ELSE (SELECT ${IN_SLOT} large_slots WHERE large_slots.slot = -messages.slot) END AS content`;
const RECEIPT = 'seq, recipient, friend, id, status, reason, at';

export type SlotStatements = ReturnType<typeof slotStatements>;

function slotStatements(prepare: Prepare, table: string, bytes: number) {
  return {
    last: prepare<{ slot: number }>(`SELECT slot FROM ${table} ORDER BY slot DESC LIMIT 1`),
    add: prepare(`INSERT INTO ${table} (slot, content) VALUES (?, ?)`),
    write: prepare(`UPDATE ${table} SET content = ? WHERE slot = ?`),
    wipe: prepare(`UPDATE ${table} SET content = zeroblob(${bytes}) WHERE slot = ?`),
    read: prepare<{ content: Uint8Array }>(`SELECT content FROM ${table} WHERE slot = ?`),
  };
}

export type Statements = ReturnType<typeof statements>;

export function statements(prepare: Prepare) {
  return {
    /** What is dead and has the same code has to be removed before. */
    addInvite: prepare('INSERT INTO invites (code, user_key, user_id, expires_at) VALUES (?, ?, ?, ?)'),
    findInvite: prepare<InviteRow>(`SELECT ${INVITE} FROM invites WHERE code = ? AND expires_at > ?`),
    redeemInvite: prepare('DELETE FROM invites WHERE code = ? AND expires_at > ?'),
    removeInvite: prepare('DELETE FROM invites WHERE code = ?'),
    invitesOf: prepare<InviteRow>(
      `SELECT ${INVITE} FROM invites WHERE user_key = ? AND user_id = ? AND expires_at > ? ORDER BY made`,
    ),
    removeInvitesOf: prepare('DELETE FROM invites WHERE user_key = ?'),
    expireInvites: prepare('DELETE FROM invites WHERE expires_at <= ?'),

    findUser: prepare<KeyedUser>(`SELECT ${USER} FROM users WHERE key = ?`),
    bindUser: prepare(`
      INSERT INTO users (key, username, nickname, public_key, used_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (key) DO NOTHING`),
    touchUser: prepare('UPDATE users SET nickname = ?, used_at = ? WHERE key = ?'),
    removeUser: prepare('DELETE FROM users WHERE key = ?'),
    unusedUsers: prepare<Pick<KeyedUser, 'key' | 'publicKey'>>(
      'SELECT key, public_key AS publicKey FROM users WHERE friends = 0 AND used_at < ? ORDER BY used_at LIMIT ?',
    ),

    addConnection: prepare('INSERT INTO connections (id, user_a, user_b, made_at) VALUES (?, ?, ?, ?)'),
    connectionsOf: prepare<ConnectionRow & KeyedUser>(`
      SELECT ${CONNECTION}, ${USER} FROM connections JOIN users ON key = user_b WHERE user_a = ?
      UNION ALL
      SELECT ${CONNECTION}, ${USER} FROM connections JOIN users ON key = user_a WHERE user_b = ?`),
    removeConnection: prepare('DELETE FROM connections WHERE id = ?'),
    removeConnectionsOf: prepare<ConnectionRow>(
      `DELETE FROM connections WHERE user_a = ? OR user_b = ? RETURNING ${CONNECTION}`,
    ),

    small: slotStatements(prepare, 'small_slots', SMALL_BYTES),
    large: slotStatements(prepare, 'large_slots', LARGE_BYTES),

    waitingAll: prepare<Gone>(
      `SELECT key AS recipient, ${GONE} FROM messages JOIN users ON number = recipient ORDER BY seq`,
    ),
    oldest: prepare<{ takenAt: number }>('SELECT taken_at AS takenAt FROM messages ORDER BY seq LIMIT 1'),
    head: prepare<WaitingHead>('SELECT seq, sender, id, bytes FROM messages WHERE seq = ?'),
    // Refused when there is no such user.
    putMessage: prepare(`
      INSERT INTO messages
        (seq, type, recipient, sender, username, nickname, id, reply_to, bytes, taken_at, slot, more, length)
      VALUES (?, ?, ${NUMBER}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    renameSender: prepare('UPDATE messages SET sender = ? WHERE sender = ?'),
    message: prepare<MessageRow>(`SELECT ${MESSAGE} FROM messages WHERE seq = ?`),
    removeMessage: prepare<Omit<Gone, 'recipient'>>(`DELETE FROM messages WHERE seq = ? RETURNING ${GONE}`),
    oldestMessages: prepare<{ recipient: string; seq: number; takenAt: number }>(`
      SELECT (SELECT key FROM users WHERE number = recipient) AS recipient, seq, taken_at AS takenAt
      FROM messages ORDER BY seq LIMIT ?`),

    // In place of an older receipt of the same message, by seq; for a name that is not bound it is not kept.
    putReceipt: prepare(`
      INSERT INTO receipts (recipient, seq, friend, id, status, reason, at)
      SELECT key, ?, ?, ?, ?, ?, ? FROM users WHERE key = ?
      ON CONFLICT (recipient, friend, id) DO UPDATE
      SET seq = excluded.seq, status = excluded.status, reason = excluded.reason, at = excluded.at
      WHERE excluded.seq > receipts.seq`),
    boundReceipts: prepare(`
      DELETE FROM receipts WHERE recipient = ? AND seq <=
        (SELECT seq FROM receipts WHERE recipient = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)`),
    receiptsFor: prepare<ReceiptRow>(`SELECT ${RECEIPT} FROM receipts WHERE recipient = ? ORDER BY seq`),
    removeReceipt: prepare('DELETE FROM receipts WHERE seq = ? AND recipient = ?'),
    removeReceiptsFor: prepare('DELETE FROM receipts WHERE recipient = ?'),
  };
}
