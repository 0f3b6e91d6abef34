/**
 * Who is here: clients (one for each WebSocket) and users (a username with a nickname). The one truth about whether a friend can be
 * reached. A guest has one client and goes when it closes. A keyed user has up to 32; while it is away, it is known here only as far as a
 * friend of it is here.
 */
import { recipientPart, senderPart } from '../protocol/codec.ts';
import type { Side } from './connections.ts';
import { type Entry, Inbox } from './inbox.ts';
import { Known } from './known.ts';
import { ATTEMPTS, Attempts, Bucket } from './limits.ts';

export interface Client {
  readonly id: string;
  /** What its limits are counted by: an IPv4 address, or the /64 of an IPv6 one. */
  readonly address: string;
  readonly openedAt: number;
  /** When its last frame came. */
  heardAt: number;
  /** False from the moment it closes: whoever comes back from an await asks this first. */
  open: boolean;
  user: User | undefined;
  /** What it has to sign to prove that it holds a key; spent by success. */
  challenge: string | undefined;
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

/** What a user has used of its limits. A keyed user's outlives its clients: it would else begin anew by coming back. */
export class Allowance {
  readonly questions = new Bucket();
  readonly wrongCodes = new Attempts(ATTEMPTS);
  /** When the latest codes were made. */
  invitesMadeAt: number[] = [];
  readonly known = new Known<Entry>();
  /** When its user was last known here. */
  knownAt: number;

  constructor(now: number) {
    this.knownAt = now;
  }
}

export interface User {
  /** Tells two holders of one username apart. */
  readonly id: string;
  /** The username as compared. */
  readonly key: string;
  readonly username: string;
  nickname: string;
  /** Base64url; undefined for a guest. */
  readonly publicKey: string | undefined;
  /** What logs call it. */
  readonly tag: string;
  since: number;
  /** When the store was last told that the name is in use. */
  touchedAt: number;
  readonly clients: Set<Client>;
  /** This user's side of each connection, by the friend's key. While the user is away: of those whose friend is here. */
  readonly sides: Map<string, Side>;
  /** The only one of `sides`, while there is exactly one. */
  onlySide: Side | undefined;
  readonly allowance: Allowance;
  /** Live codes, oldest first. */
  invites: { readonly code: string; readonly expiresAt: number }[];
  /** What is on its way to this user; undefined for a guest. */
  readonly inbox: Inbox | undefined;
  /** The parts of every message from and to this user that do not change; see the codec. */
  senderPart: string;
  recipientPart: string;
  /** The nickname in quotes. */
  nicknamePart: string;
}

/** A user whose username is bound to a key. */
export type Keyed = User & { readonly publicKey: string; readonly inbox: Inbox };

export function isKeyed(user: User): user is Keyed {
  return user.inbox !== undefined;
}

export interface NewUser {
  readonly id: string;
  readonly key: string;
  readonly username: string;
  readonly nickname: string;
  readonly publicKey?: string;
  readonly tag: string;
}

/** An allowance has nothing left to remember after so long: the longest bound is by the hour, as is the longest lock. */
const ALLOWANCE_MS = 2 * 3_600_000;
/** Senders that saw no answer ask again after 15 s, or when an outage is over. */
const ACKNOWLEDGED_MS = 600_000;

export class Users {
  readonly clients = new Map<string, Client>();
  /** Those who are here. */
  readonly byKey = new Map<string, User>();
  /** How many of those are keyed. */
  keyedHere = 0;
  /** Keyed users who are away and have a friend here. */
  readonly away = new Map<string, Keyed>();
  readonly #allowances = new Map<string, Allowance>();
  readonly #byAddress = new Map<string, Set<Client>>();
  /** Usernames that somebody is deciding about, with the promise of its end. */
  readonly #claims = new Map<string, Promise<void>>();

  open(id: string, address: string, challenge: string, now: number): Client {
    const client: Client = {
      id,
      address,
      openedAt: now,
      heardAt: now,
      open: true,
      user: undefined,
      challenge,
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

  /**
   * Claims usernames, as soon as nobody else has one of them. Resolves to what releases them. Who has claimed a name alone decides who
   * holds it, and with whom it is connected. Never to be called by who has a claim.
   */
  async claim(...keys: readonly string[]): Promise<() => void> {
    const names = new Set(keys);
    for (;;) {
      const taken = [...names].map((key) => this.#claims.get(key)).find((end) => end !== undefined);
      if (taken === undefined) break;
      await taken;
    }
    let settle = () => {};
    const end = new Promise<void>((resolve) => {
      settle = resolve;
    });
    for (const key of names) this.#claims.set(key, end);
    return () => {
      for (const key of names) this.#claims.delete(key);
      settle();
    };
  }

  /** Usernames that somebody is deciding about. */
  get claims(): number {
    return this.#claims.size;
  }

  /** A user whom nobody has as a client or friend yet. */
  make({ id, key, username, nickname, publicKey, tag }: NewUser, now: number): User {
    const allowance = publicKey === undefined ? new Allowance(now) : this.#allowanceOf(key, now);
    return {
      id,
      key,
      username,
      nickname,
      publicKey,
      tag,
      since: now,
      touchedAt: now,
      clients: new Set(),
      sides: new Map(),
      onlySide: undefined,
      allowance,
      invites: [],
      inbox: publicKey === undefined ? undefined : new Inbox(allowance.known),
      senderPart: senderPart(username, nickname),
      recipientPart: recipientPart(nickname),
      nicknamePart: JSON.stringify(nickname),
    };
  }

  /** The user is here from now on with this client. */
  enter(user: User, client: Client): void {
    client.user = user;
    user.clients.add(client);
    this.away.delete(user.key);
    const before = this.byKey.get(user.key);
    this.keyedHere += Number(isKeyed(user)) - Number(before !== undefined && isKeyed(before));
    this.byKey.set(user.key, user);
  }

  rename(user: User, nickname: string): void {
    user.nickname = nickname;
    user.senderPart = senderPart(user.username, nickname);
    user.recipientPart = recipientPart(nickname);
    user.nicknamePart = JSON.stringify(nickname);
  }

  leave(user: User): void {
    const here = this.byKey.get(user.key);
    if (here !== undefined && isKeyed(here)) this.keyedHere--;
    this.byKey.delete(user.key);
  }

  /** The user with this name as far as it is known here. */
  known(key: string): User | undefined {
    return this.byKey.get(key) ?? this.away.get(key);
  }

  tick(now: number): void {
    for (const [key, allowance] of this.#allowances) {
      if (this.known(key)?.allowance === allowance || now < allowance.knownAt) allowance.knownAt = now;
      if (now - allowance.knownAt > ACKNOWLEDGED_MS) allowance.known.forget();
      if (now - allowance.knownAt > ALLOWANCE_MS) this.#allowances.delete(key);
    }
  }

  #allowanceOf(key: string, now: number): Allowance {
    const allowance = this.#allowances.get(key) ?? new Allowance(now);
    allowance.knownAt = now;
    this.#allowances.set(key, allowance);
    return allowance;
  }
}
