/** What the exchange tells of the friends: who is connected and by which key, before anything goes to or comes from them; who is there. */
import { usernameKey } from '../protocol/names.ts';
import type { Friends, KeyChange, Known } from './friends.ts';
import type { Message } from './replies.ts';

export type Coming = Message<'friend_connected' | 'friend_disconnected' | 'friend_online' | 'friend_away'>;
type Connections = NonNullable<Message<'identified'>['connections']>;

export interface PresenceOptions {
  readonly friends: Friends;
  /** Asks the exchange for the list of all connections, which comes to `all`. */
  readonly list: () => Promise<unknown>;
  /** A connection with this user has ended. */
  readonly ended: (username: string) => Promise<void>;
  readonly told: (message: Coming) => void;
  readonly keyChanged: (change: KeyChange) => void;
}

export class Presence {
  readonly #options: PresenceOptions;
  readonly #online = new Set<string>();
  /** Of which keys the owner was told, in this process. */
  readonly #told = new Map<string, string | undefined>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  isOnline(username: string): boolean {
    return this.#online.has(usernameKey(username));
  }

  /** The socket is lost: nobody knows. */
  clear(): void {
    this.#online.clear();
  }

  /** These are all the connections that there are. Rejected when the disk refuses. */
  async all(connections: Connections): Promise<void> {
    this.#online.clear();
    for (const { friend, online } of connections) if (online) this.#online.add(usernameKey(friend.username));
    const seen = connections.map(({ friend, connectionId, durable }) =>
      this.#see(friend, { connectionId, isDurable: durable }),
    );
    const [gone] = await Promise.all([
      this.#options.friends.only(connections.map(({ connectionId }) => connectionId)),
      ...seen,
    ]);
    for (const name of gone) await this.#options.ended(name);
  }

  /** Rejected when the disk refuses. */
  async one(message: Coming | Message<'connected_to_friend'>): Promise<void> {
    const { type, friend, connectionId } = message;
    const key = usernameKey(friend.username);
    if (type === 'friend_away' || type === 'friend_disconnected') this.#online.delete(key);
    else this.#online.add(key);
    if (type === 'friend_disconnected') {
      await this.#options.friends.ended(key);
      await this.#options.ended(key);
    } else if (type === 'connected_to_friend' || type === 'friend_connected') {
      const isDurable = message.durable;
      // A durable connection joins two keys: which, the list says if this message does not.
      if (isDurable && friend.publicKey === undefined) await this.#options.list().catch(() => {});
      else await this.#see(friend, { connectionId, isDurable });
    } else if (friend.publicKey !== undefined) await this.#see(friend);
    if (type !== 'connected_to_friend') this.#options.told(message);
  }

  async #see(friend: Known, connection?: { connectionId: string; isDurable: boolean }): Promise<void> {
    const change = await this.#options.friends.see(friend, connection);
    const key = usernameKey(friend.username);
    if (change === undefined) this.#told.delete(key);
    else if (!this.#told.has(key) || this.#told.get(key) !== change.offered) {
      this.#told.set(key, change.offered);
      this.#options.keyChanged(change);
    }
  }
}
