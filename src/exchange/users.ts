/**
 * Who is here: clients (one for each WebSocket) and users (a username with a nickname). The one truth about whether a friend can be
 * reached. Here all users are guests: a guest has one client and goes when it closes.
 */
import { recipientPart, senderPart } from '../protocol/codec.ts';
import type { Side } from './connections.ts';
import { ATTEMPTS, Attempts, Bucket } from './limits.ts';

export interface Client {
  readonly id: string;
  /** What its limits are counted by: an IPv4 address, or the /64 of an IPv6 one. */
  readonly address: string;
  readonly openedAt: number;
  /** False from the moment it closes: whoever comes back from an await asks this first. */
  open: boolean;
  user: User | undefined;
  readonly frames: Bucket;
  readonly commands: Bucket;
  readonly wrongCodes: Attempts;
  /** What it sent while one of its commands waits, in order; undefined when none waits. */
  waiting: WaitingFrames | undefined;
  /** When a limit that it hit was last told to the log. */
  limitNotedAt: number;
}

interface WaitingFrames {
  readonly frames: { readonly text: string | undefined; readonly bytes: number }[];
  bytes: number;
}

export interface User {
  /** Tells two holders of one username apart. */
  readonly id: string;
  /** The username as compared. */
  readonly key: string;
  readonly username: string;
  nickname: string;
  /** What logs call it. */
  readonly tag: string;
  readonly since: number;
  readonly clients: Set<Client>;
  /** This user's side of each connection, by the friend's key. */
  readonly sides: Map<string, Side>;
  /** The only one of `sides`, while there is exactly one. */
  onlySide: Side | undefined;
  readonly questions: Bucket;
  /** Live codes, oldest first, and when the latest ones were made. */
  invites: { readonly code: string; readonly expiresAt: number }[];
  invitesMadeAt: number[];
  /** The parts of every message from and to this user that do not change; see the codec. */
  senderPart: string;
  recipientPart: string;
}

export class Users {
  readonly clients = new Map<string, Client>();
  readonly byKey = new Map<string, User>();
  readonly #byAddress = new Map<string, Set<Client>>();
  /** Usernames for which an identify is waiting, with the promise of its end. */
  readonly #claims = new Map<string, Promise<void>>();

  open(id: string, address: string, now: number): Client {
    const client: Client = {
      id,
      address,
      openedAt: now,
      open: true,
      user: undefined,
      frames: new Bucket(),
      commands: new Bucket(),
      wrongCodes: new Attempts(ATTEMPTS),
      waiting: undefined,
      limitNotedAt: 0,
    };
    this.clients.set(id, client);
    const neighbours = this.#byAddress.get(address);
    if (neighbours === undefined) this.#byAddress.set(address, new Set([client]));
    else neighbours.add(client);
    return client;
  }

  /** Forgets the client. Its user, if this was the last client, has to be ended by the caller. */
  close(client: Client): void {
    client.open = false;
    this.clients.delete(client.id);
    const neighbours = this.#byAddress.get(client.address);
    neighbours?.delete(client);
    if (neighbours?.size === 0) this.#byAddress.delete(client.address);
    client.user?.clients.delete(client);
  }

  countAt(address: string): number {
    return this.#byAddress.get(address)?.size ?? 0;
  }

  /** The client of this address that has been silent about itself for longest. */
  oldestUnidentifiedAt(address: string): Client | undefined {
    for (const client of this.#byAddress.get(address) ?? []) if (client.user === undefined) return client;
    return undefined;
  }

  /** The largest number of clients that one address has. */
  largestAddress(): number {
    let largest = 0;
    for (const neighbours of this.#byAddress.values()) largest = Math.max(largest, neighbours.size);
    return largest;
  }

  isClaimed(key: string): boolean {
    return this.#claims.has(key);
  }

  /** Claims a username: returns what releases it, or undefined while another identify has it. */
  claim(key: string): (() => void) | undefined {
    if (this.#claims.has(key)) return undefined;
    let settle = () => {};
    this.#claims.set(
      key,
      new Promise((resolve) => {
        settle = resolve;
      }),
    );
    return () => {
      this.#claims.delete(key);
      settle();
    };
  }

  /** Resolves when the claim that another identify has ends. */
  async claimEnds(key: string): Promise<void> {
    await this.#claims.get(key);
  }

  /** Makes the guest that this client is from now on. The username must be free. */
  join(client: Client, key: string, username: string, nickname: string, tag: string, now: number): User {
    const user: User = {
      id: client.id,
      key,
      username,
      nickname,
      tag,
      since: now,
      clients: new Set([client]),
      sides: new Map(),
      onlySide: undefined,
      questions: new Bucket(),
      invites: [],
      invitesMadeAt: [],
      senderPart: senderPart(username, nickname),
      recipientPart: recipientPart(nickname),
    };
    client.user = user;
    this.byKey.set(key, user);
    return user;
  }

  rename(user: User, nickname: string): void {
    user.nickname = nickname;
    user.senderPart = senderPart(user.username, nickname);
    user.recipientPart = recipientPart(nickname);
  }

  leave(user: User): void {
    this.byKey.delete(user.key);
  }
}
