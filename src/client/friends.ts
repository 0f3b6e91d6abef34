/**
 * The friends of a user: how they are called, by which keys they are known, and what the owner lets them do. A friend whose key changes
 * may be somebody else: the owner has to decide.
 */
import { usernameKey } from '../protocol/names.ts';
import { visibleName } from '../protocol/visible.ts';
import type { Database, Row } from './database.ts';
import { MagiError } from './errors.ts';
import { candidates, exactFriends, resolveFriend } from './friend-names.ts';

/**
 * What a friend's questions may do. `hold`: nothing is shown to an assistant, until the owner has seen the friend's name and key. `ask`:
 * shown; what leaves for them needs the owner's word. `auto`: the assistant answers by itself. `mute`: nothing is shown, and nobody
 * is woken.
 */
export const POLICIES = ['hold', 'ask', 'auto', 'mute'] as const;
export type Policy = (typeof POLICIES)[number];

/** Somebody as the exchange names them. */
export interface Known {
  readonly username: string;
  readonly nickname: string;
  readonly publicKey?: string | undefined;
}

export interface Friend {
  readonly username: string;
  /** The nickname of the day on which the two connected. It never changes. */
  readonly localName: string;
  readonly nickname: string;
  /** Raw 32 bytes, base64url; undefined: a guest. */
  readonly publicKey: string | undefined;
  readonly policy: Policy;
  /** False when the connection has ended. */
  readonly isConnected: boolean;
  /** The connection lasts when both are away. */
  readonly isDurable: boolean;
  /** Another key than the known one was seen. Nothing is sent or shown until `trust`. */
  readonly change: KeyChange | undefined;
  readonly metAt: number;
  /**
   * Since when nothing goes to this friend without the owner and nothing of theirs is shown, because assistants went back and forth too
   * long; 0: it is not so.
   */
  readonly pausedAt: number;
}

export interface KeyChange {
  readonly username: string;
  readonly pinned: string;
  /** Undefined: somebody without a key. */
  readonly offered: string | undefined;
}

export class Friends {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Everybody, those who left included, by name. */
  all(): Friend[] {
    return this.#database.all('SELECT * FROM friends ORDER BY name').map(friendOf);
  }

  find(username: string): Friend | undefined {
    const row = this.#database.get('SELECT * FROM friends WHERE name = ?', usernameKey(username));
    return row === undefined ? undefined : friendOf(row);
  }

  /** The friend with exactly this username. Throws MagiError `unknown_friend`. */
  known(username: string): Friend {
    const friend = this.find(username);
    if (friend === undefined)
      throw new MagiError('unknown_friend', `${visibleName(username)} is not connected with you any more.`);
    return friend;
  }

  /**
   * The friend that `name` means (see friend-names.ts). `@` before an exact username leaves no doubt. Throws MagiError `unknown_friend` or
   * `ambiguous_friend`, whose message lists who could be meant.
   */
  resolve(name: string): Friend {
    const everybody = this.all();
    const friends = everybody.filter(({ isConnected }) => isConnected);
    // Who asks for somebody who has left does not mean another one with a similar name.
    const key = usernameKey(name.trim().replace(/^@/, ''));
    const isHere = friends.some(({ username }) => usernameKey(username) === key);
    const gone = exactFriends(
      everybody.filter(({ isConnected }) => !isConnected),
      name.trim(),
    );
    const isGone = gone.some(({ username }) => usernameKey(username) === key);
    if (!isHere && gone.length > 0 && (isGone || exactFriends(friends, name.trim()).length === 0))
      throw new MagiError('unknown_friend', `${visibleName(name.trim())} is not connected any more. Nothing was sent.`);
    const found = resolveFriend(friends, name);
    if ('friend' in found) return found.friend;
    const isAmbiguous = candidates(friends, name.trim()).length > 1;
    throw new MagiError(isAmbiguous ? 'ambiguous_friend' : 'unknown_friend', found.fault);
  }

  /**
   * What the exchange says about somebody. Returns the change when the key is not the known one.
   * `connectionId` undefined: it says nothing about that.
   */
  async see(known: Known, connection?: { connectionId: string; isDurable: boolean }): Promise<KeyChange | undefined> {
    const { username, nickname, publicKey } = known;
    const name = usernameKey(username);
    // On each socket the exchange tells of everybody: nothing new is no reason to write, which the disk may refuse.
    if (this.#isKnown(known, connection)) return undefined;
    return await this.#database.write(() => {
      const row = this.#database.get('SELECT * FROM friends WHERE name = ?', name);
      const { connectionId = null, isDurable = false } = connection ?? {};
      if (row === undefined) {
        if (connection === undefined) return undefined;
        this.#database.run(
          `INSERT INTO friends (name, username, local_name, nickname, public_key, connection_id, is_durable, met_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
          ...[name, username, nickname, nickname, publicKey ?? null, connectionId, Number(isDurable), Date.now()],
        );
        return undefined;
      }
      const before = friendOf(row);
      const pinned = before.publicKey ?? publicKey;
      const isChanged = pinned !== publicKey;
      this.#database.run(
        `UPDATE friends SET username = ?, nickname = ?, public_key = ?, offered_key = ?, is_changed = ?,
           connection_id = coalesce(?, connection_id), is_durable = ? WHERE name = ?`,
        ...[username, nickname, pinned ?? null, isChanged ? (publicKey ?? null) : null, Number(isChanged)],
        ...[connectionId, connection === undefined ? Number(before.isDurable) : Number(isDurable), name],
      );
      return isChanged && pinned !== undefined ? { username, pinned, offered: publicKey } : undefined;
    });
  }

  #isKnown(
    { username, nickname, publicKey }: Known,
    connection?: { connectionId: string; isDurable: boolean },
  ): boolean {
    const { connectionId = null, isDurable = false } = connection ?? {};
    const row = this.#database.get(
      `SELECT 1 FROM friends WHERE name = ? AND username = ? AND nickname = ? AND public_key IS ? AND is_changed = 0
         AND (? IS NULL OR (connection_id = ? AND is_durable = ?))`,
      ...[usernameKey(username), username, nickname, publicKey ?? null, connectionId, connectionId, Number(isDurable)],
    );
    return row !== undefined;
  }

  /** These are all the connections that there are. Returns whose have ended. */
  async only(connectionIds: readonly string[]): Promise<string[]> {
    const gone = this.#database
      .all('SELECT name, connection_id FROM friends WHERE connection_id IS NOT NULL')
      .filter((row) => !connectionIds.includes(String(row.connection_id)))
      .map((row) => String(row.name));
    await Promise.all(gone.map((name) => this.ended(name)));
    return gone;
  }

  /** The connection has ended; the key stays known. */
  async ended(username: string): Promise<void> {
    const sql = 'UPDATE friends SET connection_id = NULL WHERE name = ?';
    await this.#database.write(() => this.#database.run(sql, usernameKey(username)));
  }

  /** The owner has ended it: whoever has the name next is somebody new. */
  async forget(username: string): Promise<void> {
    const sql = 'DELETE FROM friends WHERE name = ?';
    await this.#database.write(() => this.#database.run(sql, usernameKey(username)));
  }

  /** Over a guest connection there are no receipts. */
  isDurable(username: string): boolean {
    return this.find(username)?.isDurable === true;
  }

  /** Whether messages go to and fro: false while the key is another one than is known. */
  isTrusted(username: string): boolean {
    const sql = 'SELECT is_changed FROM friends WHERE name = ?';
    return this.#database.get(sql, usernameKey(username))?.is_changed !== 1;
  }

  /** The owner has looked and says that the friend's new key is right. What went without asking before does not go on by itself. */
  async trust(username: string): Promise<void> {
    await this.#database.write(() =>
      this.#database.run(
        `UPDATE friends SET public_key = offered_key, offered_key = NULL, is_changed = 0, policy = 'ask'
         WHERE name = ? AND is_changed = 1`,
        usernameKey(username),
      ),
    );
  }

  /** An act of the owner. */
  async setPolicy(username: string, policy: Policy): Promise<void> {
    const sql = 'UPDATE friends SET policy = ?, owner_at = ?, paused_at = 0 WHERE name = ?';
    await this.#database.write(() => this.#database.run(sql, policy, Date.now(), usernameKey(username)));
  }

  /** The owner has had a hand in what goes to this friend: what assistants said by themselves is counted anew. */
  async ownerActed(username: string): Promise<void> {
    const sql = 'UPDATE friends SET owner_at = ?, paused_at = 0 WHERE name = ?';
    await this.#database.note(() => this.#database.run(sql, Date.now(), usernameKey(username)));
  }

  /** Nothing goes to this friend from now on without the owner, and nothing of theirs is shown. False if that was so already. */
  async pause(username: string): Promise<boolean> {
    const sql = 'UPDATE friends SET paused_at = ? WHERE name = ? AND paused_at = 0';
    return await this.#database.write(() => this.#database.run(sql, Date.now(), usernameKey(username)) === 1);
  }

  /** What went to this friend since then and since the owner last had a hand in it: questions, answers and refusals. */
  sentUnseen(username: string, since: number): number {
    const row = this.#database.get(
      `SELECT count(*) AS n FROM sent JOIN friends ON friends.name = sent.friend
       WHERE sent.friend = ? AND sent.at > max(?, owner_at) AND state NOT IN ('draft', 'refused')`,
      ...[usernameKey(username), since],
    );
    return Number(row?.n);
  }
}

function friendOf(row: Row): Friend {
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const username = String(row.username);
  const publicKey = text(row.public_key);
  return {
    username,
    localName: String(row.local_name),
    nickname: String(row.nickname),
    publicKey,
    policy: POLICIES.find((policy) => policy === row.policy) ?? 'hold',
    isConnected: row.connection_id !== null,
    isDurable: row.is_durable === 1,
    change: row.is_changed === 1 ? { username, pinned: publicKey ?? '', offered: text(row.offered_key) } : undefined,
    metAt: Number(row.met_at),
    pausedAt: Number(row.paused_at),
  };
}

/** A key as two people can compare it by voice: eight groups of four hex digits, the first half of its SHA-256. */
export function fingerprintOf(publicKey: string): string {
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hex = createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('hex').slice(0, 32);
  return hex.match(/.{4}/g)?.join(' ') ?? '';
}
