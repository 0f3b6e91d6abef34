/** Every SQL statement of the store, prepared once. Values are bound, never written into the text. */
import type {
  DurableConnection,
  Invite,
  KeyedUser,
  MailboxUse,
  WaitingMessage,
  WaitingReceipt,
} from '../exchange/ports.ts';

export type Value = string | number | null | Uint8Array;

interface Statement<Row> {
  run(...values: Value[]): { readonly changes: number };
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): Row[];
  iterate(...values: Value[]): IterableIterator<Row>;
}

export type Prepare = <Row>(sql: string) => Statement<Row>;

/** Rows as they come: SQL's null is our undefined. */
export type MessageRow = Omit<WaitingMessage, 'replyTo'> & { readonly replyTo: string | null };
export type ReceiptRow = Omit<WaitingReceipt, 'reason'> & { readonly reason: string | null };
export type InviteRow = Pick<Invite, 'userKey' | 'userId' | 'expiresAt'>;

export interface ConnectionRow {
  readonly id: string;
  readonly userA: string;
  readonly userB: string;
  readonly madeAt: DurableConnection['madeAt'];
}

const USER = 'key, username, nickname, public_key AS publicKey, used_at AS usedAt';
const CONNECTION = 'id, user_a AS userA, user_b AS userB, made_at AS madeAt';
const MESSAGE = 'seq, type, recipient, sender, id, reply_to AS replyTo, content, bytes, taken_at AS takenAt';
const RECEIPT = 'seq, recipient, friend, id, status, reason, at';

export type Statements = ReturnType<typeof statements>;

export function statements(prepare: Prepare) {
  return {
    addInvite: prepare(`
      INSERT INTO invites (code_hash, user_key, user_id, expires_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (code_hash) DO UPDATE
      SET user_key = excluded.user_key, user_id = excluded.user_id, expires_at = excluded.expires_at
      WHERE expires_at <= ?`),
    findInvite: prepare<InviteRow>(`
      SELECT user_key AS userKey, user_id AS userId, expires_at AS expiresAt FROM invites
      WHERE code_hash = ? AND expires_at > ?`),
    redeemInvite: prepare('DELETE FROM invites WHERE code_hash = ? AND expires_at > ?'),
    removeInvite: prepare('DELETE FROM invites WHERE code_hash = ?'),
    removeInvitesOf: prepare('DELETE FROM invites WHERE user_key = ?'),
    expireInvites: prepare('DELETE FROM invites WHERE expires_at <= ?'),

    findUser: prepare<KeyedUser>(`SELECT ${USER} FROM users WHERE key = ?`),
    bindUser: prepare(`
      INSERT INTO users (key, username, nickname, public_key, used_at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (key) DO NOTHING`),
    touchUser: prepare('UPDATE users SET nickname = ?, used_at = ? WHERE key = ?'),
    removeUser: prepare('DELETE FROM users WHERE key = ?'),
    unusedUsers: prepare<{ key: string }>(
      'SELECT key FROM users WHERE friends = 0 AND used_at < ? ORDER BY used_at LIMIT ?',
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

    count: prepare<{ messages: number; bytes: number }>(
      'SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes FROM messages',
    ),
    oldest: prepare<{ takenAt: number | null }>('SELECT min(taken_at) AS takenAt FROM messages'),
    mailboxUse: prepare<MailboxUse>(`
      SELECT sender, count(*) AS messages, sum(bytes) AS bytes FROM messages WHERE recipient = ? GROUP BY sender`),
    putMessage: prepare(`
      INSERT INTO messages (seq, type, recipient, sender, id, reply_to, content, bytes, taken_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (recipient, sender, id) DO NOTHING`),
    seqOf: prepare<{ seq: number }>('SELECT seq FROM messages WHERE recipient = ? AND sender = ? AND id = ?'),
    nextMessages: prepare<MessageRow>(
      `SELECT ${MESSAGE} FROM messages WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    removeMessage: prepare<{ bytes: number }>('DELETE FROM messages WHERE seq = ? AND recipient = ? RETURNING bytes'),
    removeMessagesFrom: prepare<MessageRow>(
      `DELETE FROM messages WHERE recipient = ? AND sender = ? RETURNING ${MESSAGE}`,
    ),
    removeMessagesFor: prepare<MessageRow>(`DELETE FROM messages WHERE recipient = ? RETURNING ${MESSAGE}`),
    oldMessages: prepare<MessageRow>(
      `SELECT ${MESSAGE} FROM messages WHERE taken_at < ? ORDER BY taken_at, seq LIMIT ?`,
    ),

    // In place of an earlier receipt of the same message; for a name that is not bound it is not kept.
    putReceipt: prepare(`
      INSERT OR REPLACE INTO receipts (recipient, seq, friend, id, status, reason, at)
      SELECT key, ?, ?, ?, ?, ?, ? FROM users WHERE key = ?`),
    boundReceipts: prepare(`
      DELETE FROM receipts WHERE recipient = ? AND seq <=
        (SELECT seq FROM receipts WHERE recipient = ? ORDER BY seq DESC LIMIT 1 OFFSET ?)`),
    receiptsFor: prepare<ReceiptRow>(`SELECT ${RECEIPT} FROM receipts WHERE recipient = ? ORDER BY seq`),
    removeReceipt: prepare('DELETE FROM receipts WHERE seq = ? AND recipient = ?'),
    removeReceiptsFor: prepare('DELETE FROM receipts WHERE recipient = ?'),
  };
}
