/** What every store has to decide alike, and what a store inside this process offers beside the port. */
import type { DurableConnection, ReceiptStatus, Store, WaitingMessage, WaitingReceipt } from '../exchange/ports.ts';

/** The public key of a name that is banned: no key is like it, so nobody can identify with the name. */
export const NOBODYS_KEY = '';
/** The last moment that a Date can have: a name last used then never lapses. */
export const FOR_EVER = 8_640_000_000_000_000;
/** Receipts that wait for one user; beyond it the oldest are dropped. */
export const RECEIPTS_MAX = 1_000;
/** Old messages, and unused bindings, that one call of `expire` takes: nobody else is served meanwhile. */
export const EXPIRED_MAX = 256;

/**
 * What a message takes on disk beside its content: its row, its index entry, and what is unused of its pages. About: it decides when all
 * mailboxes together are full, and the disk has to hold a little more.
 */
const MESSAGE_BYTES = 1_024;

/** What waiting messages take, as `totalBytes` of the port. */
export function bytesOnDisk({ messages, bytes }: Pick<StoreCounts, 'messages' | 'bytes'>): number {
  return messages * MESSAGE_BYTES + bytes;
}

export interface StoreCounts {
  readonly messages: number;
  /** Of their contents. */
  readonly bytes: number;
  /** When the message was taken that has waited longest. */
  readonly oldestAt: number | undefined;
}

export interface LocalStore extends Store {
  /** What waits for all users together. Cheap: for metrics. */
  counts(): StoreCounts;
  /** Does what was asked for, then lets go of the files. What is asked for later is rejected. */
  close(): Promise<void>;
}

/** What the sender of a message that is not delivered is told. */
export function receiptOf(message: WaitingMessage, status: ReceiptStatus, seq: number, at: number): WaitingReceipt {
  return {
    seq,
    recipient: message.sender,
    friend: message.recipient,
    id: message.id,
    status,
    reason: undefined,
    at,
  };
}

/** The first of the messages: as many as `bytes` hold, and at least one. */
export function withinBytes(messages: Iterable<WaitingMessage>, bytes: number): WaitingMessage[] {
  const taken: WaitingMessage[] = [];
  let room = bytes;
  for (const message of messages) {
    room -= message.bytes;
    if (room < 0 && taken.length > 0) break;
    taken.push(message);
  }
  return taken;
}

/** The order in which a user's connections are told. */
export function byAge(one: DurableConnection, other: DurableConnection): number {
  return one.madeAt - other.madeAt || (one.id < other.id ? -1 : 1);
}
