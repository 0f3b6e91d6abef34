/**
 * All that the exchange asks of the world. It has no clock, no chance and no I/O of its own, so the same code runs on real sockets,
 * in tests with the time as a literal, and in a benchmark with no socket at all.
 */
import type { FaultCode } from '../protocol/faults.ts';
import type { CommandType } from '../protocol/messages.ts';
import type { Connection, EndReason, Side } from './connections.ts';
import type { Client, User } from './users.ts';

export interface Ports {
  readonly wire: Wire;
  readonly store: Store;
  readonly observer: Observer;
  readonly chance: Chance;
  /** Milliseconds since the epoch. Read only after an await; everywhere else the time is an argument. */
  readonly clock: () => number;
}

/** The sockets. None of these may call back into the exchange before it returns; an unknown client is not an error: it has just gone. */
export interface Wire {
  /** Says `text` to one client. Keeps its order with what was published before. */
  send(clientId: string, text: string): void;
  /** Says `text` to every client that is subscribed to `topic`. */
  publish(topic: string, text: string): void;
  subscribe(clientId: string, topic: string): void;
  unsubscribe(clientId: string, topic: string): void;
  /** Asks for a sign of life; `ponged` tells of it. */
  ping(clientId: string): void;
  /** Closes the socket, soon; `closed` tells when. */
  close(clientId: string, code: number, reason: string): void;
}

export class StorageFailed extends Error {}

export interface Invite {
  readonly code: string;
  /** The username of its maker, as compared. */
  readonly userKey: string;
  /** Which holder of that username made it: a guest's name may have another holder later. */
  readonly userId: string;
  readonly expiresAt: number;
}

/**
 * What must be agreed on by all and may have to survive. Asynchronous, so that a worker, a disk or a cluster can take it over.
 * Rejects with StorageFailed when it did not store: nothing was, and the client is told `storage_failed`.
 */
export interface Store {
  /** Keeps the invite; false if a live one has the same code. */
  addInvite(invite: Invite, now: number): Promise<boolean>;
  /** The live invite with this code. */
  findInvite(code: string, now: number): Promise<Invite | undefined>;
  /** Takes the invite out. Of several who try at once, exactly one is told true. */
  redeemInvite(code: string, now: number): Promise<boolean>;
  removeInvites(codes: readonly string[]): Promise<void>;
  /** Forgets what has expired. */
  expire(now: number): Promise<void>;
}

export interface Chance {
  /** Unguessable and never repeated. */
  id(): string;
  /** Six characters of CODE_ALPHABET, each equally likely. */
  code(): string;
}

/** Those who look on: logs, metrics, stats. Nothing that the exchange does depends on them. */
export interface Observer {
  /** A name by which logs may call the user: a keyed hash. */
  tag(userKey: string): string;
  received(type: CommandType | 'fault', bytes: number): void;
  forwarded(type: 'question' | 'answer', from: Side, contentLength: number, now: number): void;
  refused(client: Client, code: FaultCode, now: number): void;
  happened(event: ExchangeEvent, now: number): void;
  /** A fault of ours. The error's text may quote a client: it is for the log's `detail` only after that was cut out. */
  failed(where: string, error: unknown, now: number): void;
}

export type ExchangeEvent =
  | { readonly event: 'client_opened' | 'client_closed' | 'identified'; readonly client: Client }
  | { readonly event: 'limit_hit'; readonly client: Client; readonly code: FaultCode }
  | { readonly event: 'invite_created' | 'invite_used'; readonly user: User; readonly code: string }
  | { readonly event: 'invite_refused'; readonly client: Client; readonly locked: boolean }
  | { readonly event: 'connected'; readonly connection: Connection }
  | { readonly event: 'disconnected'; readonly connection: Connection; readonly reason: EndReason };
