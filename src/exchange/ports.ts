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
  readonly keys: Keys;
  /** Milliseconds since the epoch. Read only after an await; everywhere else the time is an argument. */
  readonly clock: () => number;
}

/** The sockets. None of these may call back into the exchange before it returns; an unknown client is not an error: it has just gone. */
export interface Wire {
  /** Says `text` to one client. Keeps its order with what was published before. */
  send(clientId: string, text: string): void;
  /** The same, together with what else is said to it in this turn of the event loop: for many texts at once. Keeps its order with other
   * texts that are sent, not with what is published. */
  sendSoon(clientId: string, text: string): void;
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
  /** Which holder of that username made it: a guest's name may have another holder later. For a keyed user: its public key. */
  readonly userId: string;
  readonly expiresAt: number;
  /** A keyed user's invites survive a restart. */
  readonly durable: boolean;
}

/** A username bound to a public key (part 2). */
export interface KeyedUser {
  /** The username as compared. */
  readonly key: string;
  readonly username: string;
  readonly nickname: string;
  /** Raw Ed25519 key, 32 bytes, base64url. */
  readonly publicKey: string;
  /** When it was last used to identify. */
  readonly usedAt: number;
}

export interface DurableConnection {
  readonly id: string;
  /** Usernames as compared. */
  readonly userKeys: readonly [string, string];
  readonly madeAt: number;
}

/** A question or an answer that waits for a keyed user. */
export interface WaitingMessage {
  /** Makes the order and, as text, the deliveryId; unique for ever. */
  readonly seq: number;
  readonly type: 'question' | 'answer';
  /** Usernames as compared. A sender that was forgotten meanwhile is what `forgetUser` says. */
  readonly recipient: string;
  readonly sender: string;
  /** Who sent it, as it was shown then: the sender may be gone when it is delivered. */
  readonly username: string;
  readonly nickname: string;
  readonly id: string;
  readonly replyTo: string | undefined;
  readonly content: string;
  /** UTF-8 bytes of the content. */
  readonly bytes: number;
  readonly takenAt: number;
}

export type ReceiptStatus = 'read' | 'declined' | 'delivered' | 'expired' | 'left';

/** What became of a message, waiting for its sender. */
export interface WaitingReceipt {
  readonly seq: number;
  /** Who is told: the sender of the message. */
  readonly recipient: string;
  /** The friend that the message went to. */
  readonly friend: string;
  /** The id of the message. */
  readonly id: string;
  readonly status: ReceiptStatus;
  readonly reason: string | undefined;
  readonly at: number;
}

/** What is known of a waiting message without reading it. */
export type WaitingHead = Pick<WaitingMessage, 'seq' | 'sender' | 'id' | 'bytes'>;

/**
 * What must be agreed on by all and may have to survive. Asynchronous, so that a worker, a disk or a cluster can take it over.
 * Operations take effect in the order of the calls; a promise is fulfilled when its effect will survive (as far as this store keeps
 * anything), and rejected with StorageFailed when nothing of it was stored. Each operation is one transaction.
 */
export interface Store {
  /** Larger than that of every earlier run on the same data: makes sequence numbers unique for ever. */
  readonly epoch: number;
  /** Whether what is put here outlives the process. */
  readonly durable: boolean;
  /** About how many bytes the messages that wait for all users together take, as of the last commit. */
  readonly totalBytes: number;

  /** Keeps the invite; false if a live one has the same code. */
  addInvite(invite: Invite, now: number): Promise<boolean>;
  /** The live invite with this code. */
  findInvite(code: string, now: number): Promise<Invite | undefined>;
  /** Takes the invite out and, if given, keeps the connection. Of several who try at once, exactly one is told true. Rejected when the two
   * of the connection have one already or one of the names is not bound. */
  redeemInvite(code: string, now: number, connection?: DurableConnection): Promise<boolean>;
  removeInvites(codes: readonly string[]): Promise<void>;
  /** The live codes that this holder of the username made, oldest first. */
  invitesOf(userKey: string, userId: string, now: number): Promise<Invite[]>;

  findUser(key: string): Promise<KeyedUser | undefined>;
  /** Binds the name; false if it is bound already (then nothing changes). */
  bindUser(user: KeyedUser): Promise<boolean>;
  /** Keeps the nickname and the time of use. */
  touchUser(key: string, nickname: string, usedAt: number): Promise<void>;
  /** Deletes the binding, its connections, its invites, its mailbox, and the receipts for it; returns the connections that were. What it
   * has sent and still waits is delivered: its sender becomes `forgottenSender`, so that the next holder of the name gets no receipt. */
  forgetUser(key: string): Promise<DurableConnection[]>;

  connectionsOf(key: string): Promise<{ connection: DurableConnection; friend: KeyedUser }[]>;
  /** Deletes the connection and what waits for `leaver` from the other one, which becomes a receipt `left` each; returns these.
   * Does nothing when the connection is gone already. */
  endConnection(
    id: string,
    leaver: string,
    other: string,
    nextSeq: () => number,
    now: number,
  ): Promise<WaitingReceipt[]>;

  /** Everything that waits for this user, oldest first. */
  waiting(recipient: string): Promise<WaitingHead[]>;
  /** Keeps the messages. The caller sees to it that no seq and no (recipient, sender, id) is there twice. Rejected when a recipient is
   * not bound: the next holder must not get it. */
  putMessages(messages: readonly WaitingMessage[]): Promise<void>;
  /** The next messages after `afterSeq`, oldest first, at most `count` of them and `bytes` together (but at least one). */
  nextMessages(recipient: string, afterSeq: number, count: number, bytes: number): Promise<WaitingMessage[]>;
  /** Deletes the messages and keeps the receipts, in one transaction. A message that is gone already is not an error. */
  acknowledge(recipient: string, seqs: readonly number[], receipts: readonly WaitingReceipt[]): Promise<void>;
  /** Keeps the receipts: that with the largest seq for each (recipient, friend, id), at most 1,000 a recipient, oldest dropped. One for
   * a name that is not bound is not kept. */
  putReceipts(receipts: readonly WaitingReceipt[]): Promise<void>;
  receiptsFor(recipient: string): Promise<WaitingReceipt[]>;
  removeReceipts(recipient: string, seqs: readonly number[]): Promise<void>;

  /** Forgets what has expired: invites, and bindings without a connection last used before `unusedBefore`. Messages taken before
   * `takenBefore`, and those that wait for a binding that lapses, are deleted and become a receipt `expired` each; returns both. A call
   * takes only so much, oldest first: the next one goes on. */
  expire(
    now: number,
    unusedBefore: number,
    takenBefore: number,
    nextSeq: () => number,
  ): Promise<{ receipts: WaitingReceipt[]; messages: WaitingMessage[] }>;
}

export interface Chance {
  /** Unguessable and never repeated. */
  id(): string;
  /** Six characters of CODE_ALPHABET, each equally likely. */
  code(): string;
  /** 32 random bytes, base64url without padding. */
  challenge(): string;
}

/** What proves who holds a key (part 2). */
interface Keys {
  /** Whether `signature` (Ed25519, 64 bytes, base64url) over the UTF-8 bytes of `text` is by `publicKey` (raw 32 bytes, base64url). False for
   * whatever is neither. */
  verify(publicKey: string, text: string, signature: string): boolean;
  /** The authorities by which this exchange may be dialled, as clients have to sign them; empty when it knows none. */
  hosts(): readonly string[];
}

/** The sender of a message whose name was forgotten: no username is like it. */
export function forgottenSender(key: string, publicKey: string): string {
  return `${key}\n${publicKey}`;
}

/** Those who look on: logs, metrics, stats. Nothing that the exchange does depends on them. */
export interface Observer {
  /** A name by which logs may call the user: a keyed hash. */
  tag(userKey: string): string;
  received(type: CommandType | 'fault', bytes: number): void;
  forwarded(type: 'question' | 'answer', from: Side, contentLength: number, now: number): void;
  /** The message goes to a mailbox. */
  kept(type: 'question' | 'answer', contentLength: number, now: number): void;
  /** A mailbox has it for good, or a client of the recipient has. `from`: undefined when the connection has ended meanwhile. */
  mailed(what: 'queued' | 'delivered', from: Side | undefined, recipient: User, now: number): void;
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
  | { readonly event: 'expired'; readonly messages: number }
  | { readonly event: 'forgotten'; readonly user: User }
  | { readonly event: 'connected'; readonly connection: Connection }
  | { readonly event: 'disconnected'; readonly connection: Connection; readonly reason: EndReason };
