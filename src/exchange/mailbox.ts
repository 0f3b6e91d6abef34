/**
 * A message's way to a keyed user (protocol part 3): handed to the clients that are here and held until one of them acknowledges it, or
 * kept in the store. The sender is told `delivered` or `queued` only when somebody else who survives has it.
 *
 *     take ─► live ──(acknowledged)──► delivered
 *              │ 5 s, or nobody is here, or there is no room
 *              ▼
 *           storing ──(committed)──► queued, stored ──(handed, acknowledged)──► receipt `delivered`
 */
import { encodeDelivery, senderPart } from '../protocol/codec.ts';
import { type Fault, fault } from '../protocol/faults.ts';
import { refuseAskers, tellAskers } from './askers.ts';
import type { Side } from './connections.ts';
import type { Asker, Entry, Inbox } from './inbox.ts';
import { HOLD_MS, SENDER_SHARE } from './limits.ts';
import { StorageFailed, type WaitingMessage, type WaitingReceipt } from './ports.ts';
import { tellReceipts } from './receipts.ts';
import { deliveryIdOf } from './sequence.ts';
import type { State } from './state.ts';
import type { Keyed } from './users.ts';

/** Reads what waits for the user, if that is not known yet. Undefined when it is known already. */
export function load(state: State, user: Keyed): Promise<void> | undefined {
  const { inbox } = user;
  if (inbox.loaded === true) return undefined;
  inbox.loaded ??= state.ports.store.waiting(user.key).then(
    (heads) => {
      inbox.load(heads);
      inbox.loaded = true;
    },
    (error: unknown) => {
      inbox.loaded = undefined;
      throw error;
    },
  );
  return inbox.loaded;
}

/** Takes a message from `side`, whose friend's inbox is loaded. The asker is told later what became of it. */
export function take(
  state: State,
  side: Side,
  message: WaitingMessage,
  name: string,
  asker: Asker,
  quoted: string,
): 'live' | 'storing' | Fault {
  const recipient = side.other.user as Keyed;
  const { inbox } = recipient;
  const isLive = recipient.clients.size > 0 && inbox.use.messages === 0 && inbox.hasRoom(message.bytes);
  if (!isLive) {
    if (!state.keepsMail) return fault('friend_offline');
    // What is held is taken earlier: it goes first, and counts first.
    putAway(state, recipient);
    if (isFull(state, inbox, side.user.key, message.bytes)) return fault('mailbox_full');
  }
  const entry = inbox.take(message, name, asker, isLive);
  if (isLive) {
    if (!inbox.isHolding) state.holding.add(recipient);
    inbox.isHolding = true;
    const { type, id, replyTo, seq } = message;
    const text = encodeDelivery(type, quoted, side.user.senderPart, id, replyTo, deliveryIdOf(seq));
    state.ports.wire.publish(side.other.topic, text);
  } else put(state, recipient, [entry]);
  return isLive ? 'live' : 'storing';
}

/** `taking`: bytes that were decided upon before it and are not in the store's count yet. */
function isFull(state: State, inbox: Inbox, sender: string, bytes: number, taking = 0): boolean {
  const { mailboxMessages, mailboxBytes, mailboxTotalBytes } = state.limits;
  const { use } = inbox;
  const own = inbox.useOf(sender);
  const over = (bound: number, after: number) => bound > 0 && after > bound;
  return (
    over(mailboxMessages, use.messages + 1) ||
    over(mailboxBytes, use.bytes + bytes) ||
    over(Math.ceil(mailboxMessages / SENDER_SHARE), own.messages + 1) ||
    over(Math.ceil(mailboxBytes / SENDER_SHARE), own.bytes + bytes) ||
    over(mailboxTotalBytes, state.ports.store.totalBytes + state.storingBytes + taking + bytes)
  );
}

/** What is held goes to the mailbox, in order. Without one it stays held while anybody is here. */
export function putAway(state: State, recipient: Keyed): void {
  const { inbox } = recipient;
  if (!inbox.hasLive) return;
  const isHere = recipient.clients.size > 0;
  if (!state.keepsMail && isHere) return;
  const taken: Entry[] = [];
  let taking = 0;
  for (const entry of inbox.entries.values()) {
    if (entry.state !== 'live') continue;
    const refusal = !state.keepsMail
      ? fault('friend_offline')
      : isFull(state, inbox, entry.head.sender, entry.head.bytes, taking)
        ? fault('mailbox_full')
        : undefined;
    if (refusal === undefined) {
      inbox.store(entry);
      taken.push(entry);
      taking += entry.head.bytes;
    } else {
      inbox.remove(entry);
      refuseAskers(state, entry, refusal);
    }
  }
  if (taken.length > 0) put(state, recipient, taken);
}

function put(state: State, recipient: Keyed, entries: readonly Entry[]): void {
  const { store, clock } = state.ports;
  const messages = entries.flatMap((entry) => entry.message ?? []);
  const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
  state.storingBytes += bytes;
  store.putMessages(messages).then(
    () => {
      state.storingBytes -= bytes;
      wereStored(state, recipient, entries, clock());
    },
    (error: unknown) => {
      state.storingBytes -= bytes;
      wereRefused(state, recipient, entries, error);
    },
  );
}

function wereStored(state: State, recipient: Keyed, entries: readonly Entry[], now: number): void {
  const { inbox } = recipient;
  for (const entry of entries) {
    // Gone: acknowledged meanwhile, and the store was asked to delete it.
    if (entry.isGone) continue;
    inbox.wasStored(entry);
    state.ports.observer.mailed('queued', recipient.sides.get(entry.head.sender)?.other, recipient, now);
    if (entry.asker !== undefined) tellAskers(state, entry.asker, recipient, entry.head.id, 'queued');
    entry.asker = undefined;
  }
  drain(state, recipient);
}

/** Nothing of it was stored: the senders send it again. */
function wereRefused(state: State, recipient: Keyed, entries: readonly Entry[], error: unknown): void {
  const { observer, clock } = state.ports;
  observer.failed('mailbox.put', error, clock());
  for (const entry of entries) {
    if (entry.isGone) continue;
    recipient.inbox.remove(entry);
    refuseAskers(state, entry, fault(error instanceof StorageFailed ? 'storage_failed' : 'internal'));
  }
  drain(state, recipient);
}

/** A client of the recipient has put it, and if `isAlone` nothing else just now, safely away. Returns what the store has to be told. */
export function acknowledge(
  state: State,
  recipient: Keyed,
  entry: Entry,
  isAlone: boolean,
  now: number,
): WaitingReceipt | 'delete' | undefined {
  const { inbox } = recipient;
  const { state: was, asker } = entry;
  const { sender, id } = entry.head;
  inbox.acknowledge(entry);
  state.ports.observer.mailed('delivered', recipient.sides.get(sender)?.other, recipient, now);
  if (was !== 'stored') {
    if (asker !== undefined) tellAskers(state, asker, recipient, id, 'delivered', isAlone);
    return was === 'live' ? undefined : 'delete';
  }
  return {
    seq: state.nextSeq(),
    recipient: sender,
    friend: recipient.key,
    id,
    status: 'delivered',
    reason: undefined,
    at: now,
  };
}

/** Deletes what was acknowledged, and tells the senders once that is done. What cannot be deleted now is tried again later. */
export function forget(
  state: State,
  recipient: Keyed,
  seqs: readonly number[],
  receipts: readonly WaitingReceipt[],
): void {
  state.ports.store.acknowledge(recipient.key, seqs, receipts).then(
    () => tellReceipts(state, receipts, true),
    (error: unknown) => {
      state.ports.observer.failed('mailbox.acknowledge', error, state.ports.clock());
      if (error instanceof StorageFailed) state.retries.push(() => forget(state, recipient, seqs, receipts));
    },
  );
  drain(state, recipient);
}

/** Hands out what waits in the mailbox, as far as there is room. */
export function drain(state: State, recipient: Keyed): void {
  const { inbox } = recipient;
  if (recipient.clients.size === 0 || inbox.isDraining || !inbox.isBehind) return;
  const next = inbox.firstBehind();
  // What is still on its way to the store is handed out when it is there.
  if (next === undefined || next.state !== 'stored' || !inbox.hasRoom(next.head.bytes)) return;
  inbox.isDraining = true;
  const { visit, room } = inbox;
  state.ports.store.nextMessages(recipient.key, inbox.handedSeq, room.messages, room.bytes).then(
    (messages) => {
      if (inbox.visit !== visit) return;
      inbox.isDraining = false;
      handOut(state, recipient, messages);
      if (messages.length > 0) drain(state, recipient);
    },
    (error: unknown) => {
      if (inbox.visit === visit) inbox.isDraining = false;
      state.stalled.add(recipient);
      state.ports.observer.failed('mailbox.drain', error, state.ports.clock());
    },
  );
}

function handOut(state: State, recipient: Keyed, messages: readonly WaitingMessage[]): void {
  const { inbox } = recipient;
  for (const message of messages) {
    inbox.handedSeq = Math.max(inbox.handedSeq, message.seq);
    const entry = inbox.entries.get(message.seq);
    // Acknowledged, or gone, while it was read.
    if (entry === undefined || entry.isHanded) continue;
    entry.message = message;
    entry.head = message;
    inbox.hand(entry);
    const text = deliveryOf(message);
    for (const client of recipient.clients) state.sayLater(client, text);
  }
}

/** Everything unacknowledged, oldest first, for a client that has just come to a user who is here. */
export function handHeld(state: State, recipient: Keyed, clientId: string): void {
  for (const { isHanded, message } of recipient.inbox.entries.values())
    if (isHanded && message !== undefined) state.ports.wire.publish(clientId, deliveryOf(message));
}

function deliveryOf({ type, content, username, nickname, id, replyTo, seq }: WaitingMessage): string {
  return encodeDelivery(type, JSON.stringify(content), senderPart(username, nickname), id, replyTo, deliveryIdOf(seq));
}

/** What was held too long goes to the mailbox. */
export function tickMail(state: State, now: number): void {
  for (const recipient of state.holding) {
    const oldest = oldestLive(recipient.inbox);
    // Looked after here and not at each acknowledgement, after which there is mostly the next message to be held.
    if (oldest === undefined) {
      state.holding.delete(recipient);
      recipient.inbox.isHolding = false;
    }
    // Also when the clock was set back.
    else if (Math.abs(now - oldest.takenAt) >= HOLD_MS) putAway(state, recipient);
  }
}

function oldestLive(inbox: Inbox): WaitingMessage | undefined {
  if (!inbox.hasLive) return undefined;
  for (const { state, message } of inbox.entries.values()) if (state === 'live') return message;
  return undefined;
}

/** What the store could not do is tried again. */
export function retry(state: State): void {
  for (const again of state.retries.splice(0)) again();
  const stalled = [...state.stalled];
  state.stalled.clear();
  for (const recipient of stalled) drain(state, recipient);
}

/** A connection ends: what waits for the one who left, from that friend, is not delivered. First what only this process has (`live`), then,
 * when the store has deleted what it had, the rest. */
export function drop(state: State, leaver: Keyed, friend: string, which: 'live' | 'all'): void {
  for (const entry of leaver.inbox.entries.values()) {
    if (entry.head.sender !== friend || (which === 'live' && entry.state !== 'live')) continue;
    leaver.inbox.remove(entry);
    refuseAskers(state, entry, fault('no_connection'));
  }
  drain(state, leaver);
}
