/** Every SQL statement of the store, prepared once. Values are bound, never written into the text. */
import type {
  DurableConnection,
  Invite,
  KeyedUser,
  WaitingHead,
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
export type InviteRow = Omit<Invite, 'durable'>;

export interface ConnectionRow {
  readonly id: string;
  readonly userA: string;
  readonly userB: string;
  readonly madeAt: DurableConnection['madeAt'];
}

const INVITE = 'code, user_key AS userKey, user_id AS userId, expires_at AS expiresAt';
const USER = 'key, username, nickname, public_key AS publicKey, used_at AS usedAt';
const CONNECTION = 'id, user_a AS userA, user_b AS userB, made_at AS madeAt';
const MESSAGE =
  'seq, type, recipient, sender, username, nickname, id, reply_to AS replyTo, content, bytes, taken_at AS takenAt';
const RECEIPT = 'seq, recipient, friend, id, status, reason, at';

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

    count: prepare<{ messages: number; bytes: number }>(
      'SELECT count(*) AS messages, coalesce(sum(bytes), 0) AS bytes FROM messages',
    ),
    oldest: prepare<{ takenAt: number }>('SELECT taken_at AS takenAt FROM messages ORDER BY seq LIMIT 1'),
    waiting: prepare<WaitingHead>('SELECT seq, sender, id, bytes FROM messages WHERE recipient = ? ORDER BY seq'),
    putMessage: prepare(`
      INSERT INTO messages (seq, type, recipient, sender, username, nickname, id, reply_to, content, bytes, taken_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    renameSender: prepare('UPDATE messages SET sender = ? WHERE sender = ?'),
    nextMessages: prepare<MessageRow>(
      `SELECT ${MESSAGE} FROM messages WHERE recipient = ? AND seq > ? ORDER BY seq LIMIT ?`,
    ),
    removeMessage: prepare<{ bytes: number }>('DELETE FROM messages WHERE seq = ? AND recipient = ? RETURNING bytes'),
    removeMessagesFrom: prepare<MessageRow>(
      `DELETE FROM messages WHERE recipient = ? AND sender = ? RETURNING ${MESSAGE}`,
    ),
    removeMessagesFor: prepare<MessageRow>(`DELETE FROM messages WHERE recipient = ? RETURNING ${MESSAGE}`),
    oldestMessages: prepare<MessageRow>(`SELECT ${MESSAGE} FROM messages ORDER BY seq LIMIT ?`),

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
