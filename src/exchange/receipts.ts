/**
 * Receipts (protocol part 3): what became of a message, told to its sender. They wait apart from messages, for the sender's clients to
 * acknowledge them: here while one of these is here, else in the store.
 */
import { type Fault, fault } from '../protocol/faults.ts';
import type { CommandOf } from '../protocol/messages.ts';
import { readId } from '../protocol/names.ts';
import { sideTo } from './connections.ts';
import type { ReceiptEntry } from './inbox.ts';
import { HOLD_MS, WINDOW_MESSAGES_MAX } from './limits.ts';
import { StorageFailed, type WaitingReceipt } from './ports.ts';
import { deliveryIdOf } from './sequence.ts';
import type { Outcome, State } from './state.ts';
import { type Client, isKeyed, type Keyed, type User } from './users.ts';

/** A reader says what it did with a message. */
export function receipt(state: State, client: Client, user: User, command: CommandOf<'receipt'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side) return side;
  const id = readId(command.id);
  if (id === undefined) return malformedId();
  if (!side.connection.isDurable) return fault('no_connection', 'Receipts go over durable connections only.');
  const { status, reason } = command;
  const sender = side.other.user;
  if (status === 'declined') tellHandled(state, client, user, id, sender);
  const entry = { seq: state.nextSeq(), recipient: sender.key, friend: user.key, id, status, reason, at: now };
  if (sender.clients.size > 0) {
    tellReceipts(state, [entry], false);
    return undefined;
  }
  if (!state.keepsMail) return fault('friend_offline');
  return state.ports.store.putReceipts([entry]).then(() => {
    // The sender may have come while it was stored, and read its receipts before.
    tellReceipts(state, [entry], true);
    return undefined;
  });
}

export function malformedId(): Fault {
  return fault('bad_message', 'The field "id" must be 1 to 64 of A-Z a-z 0-9 _ and -, and new for every message.');
}

/** The user's other clients need not deal with this message any more. */
export function tellHandled(state: State, client: Client, user: User, id: string, from: User): void {
  if (user.clients.size < 2) return;
  const text = JSON.stringify({ type: 'handled', id, from: from.username });
  for (const other of user.clients) if (other !== client) state.sayLater(other, text);
}

/** Tells the senders, as far as they are here. `isStored`: the store has the receipts already. */
export function tellReceipts(state: State, receipts: readonly WaitingReceipt[], isStored: boolean): void {
  const absent: WaitingReceipt[] = [];
  for (const entry of receipts) {
    const sender = state.users.known(entry.recipient);
    if (sender !== undefined && isKeyed(sender) && (sender.clients.size > 0 || sender.inbox.isArriving)) {
      add(state, sender, entry, isStored);
      handReceipts(state, sender);
    } else if (!isStored) absent.push(entry);
  }
  if (absent.length > 0) keep(state, absent);
}

/** Receipts that the store had when the user came. */
export function loadReceipts(state: State, user: Keyed, receipts: readonly WaitingReceipt[]): void {
  for (const entry of receipts) add(state, user, entry, true);
}

/** Of two about one message only the newer one is told, whichever of them was slower on its way through the store. */
function add(state: State, user: Keyed, entry: WaitingReceipt, isStored: boolean): void {
  const other = user.inbox.receiptAbout(entry.friend, entry.id);
  if (other !== undefined && other.receipt.seq >= entry.seq) {
    // The store has the older one: the newer takes its place there, or it would come back.
    if (isStored && other.receipt.seq > entry.seq) keepNow(state, user, other.receipt.seq);
    return;
  }
  user.inbox.addReceipt(entry, isStored, state.ports.clock());
  // What the store has of the other one is replaced, or it would come back after this one.
  if (!isStored && other?.isStored) keepNow(state, user, entry.seq);
  else if (!isStored) state.receipting.add(user);
}

/** Hands out what waits, as far as there is room. */
export function handReceipts(state: State, user: Keyed): void {
  const { inbox } = user;
  if (user.clients.size === 0 || inbox.handedReceipts === inbox.receipts.size) return;
  for (const entry of inbox.receipts.values()) {
    if (inbox.handedReceipts >= WINDOW_MESSAGES_MAX) return;
    if (entry.isHanded) continue;
    inbox.handReceipt(entry);
    const text = textOf(state, entry);
    for (const client of user.clients) state.sayLater(client, text);
  }
}

/** Those that nobody has acknowledged, for a client that has just come. */
export function handHeldReceipts(state: State, user: Keyed, client: Client): void {
  for (const entry of user.inbox.receipts.values()) if (entry.isHanded) state.sayLater(client, textOf(state, entry));
}

/** The user's last client is gone. */
export function putReceiptsAway(state: State, user: Keyed): void {
  const { inbox } = user;
  state.receipting.delete(user);
  const held = [...inbox.receipts.values()].filter((entry) => !entry.isStored).map((entry) => entry.receipt);
  inbox.clearReceipts();
  if (held.length > 0) keep(state, held);
}

/** What was held too long goes to the store. */
export function tickReceipts(state: State, now: number): void {
  if (!state.keepsMail) return;
  for (const user of state.receipting) {
    let isWaiting = false;
    const late: WaitingReceipt[] = [];
    for (const entry of user.inbox.receipts.values()) {
      if (entry.isStored) continue;
      if (Math.abs(now - entry.heldAt) < HOLD_MS) isWaiting = true;
      else {
        entry.isStored = true;
        late.push(entry.receipt);
      }
    }
    if (!isWaiting) state.receipting.delete(user);
    if (late.length > 0) keep(state, late);
  }
}

function keepNow(state: State, user: Keyed, seq: number): void {
  const entry = user.inbox.receipts.get(seq);
  if (entry === undefined || !state.keepsMail) return;
  entry.isStored = true;
  keep(state, [entry.receipt]);
}

/** What the store could not keep is held on, as far as its user is here. */
function keep(state: State, receipts: readonly WaitingReceipt[]): void {
  if (!state.keepsMail) return;
  state.ports.store.putReceipts(receipts).catch((error: unknown) => {
    state.ports.observer.failed('receipts.put', error, state.ports.clock());
    for (const { recipient, seq } of receipts) {
      const user = state.users.byKey.get(recipient);
      const entry = user?.inbox?.receipts.get(seq);
      if (user === undefined || !isKeyed(user) || entry === undefined) continue;
      entry.isStored = false;
      state.receipting.add(user);
    }
  });
}

/** A client has put them away. */
export function removeReceipts(state: State, user: Keyed, seqs: readonly number[]): void {
  state.ports.store.removeReceipts(user.key, seqs).catch((error: unknown) => {
    state.ports.observer.failed('receipts.remove', error, state.ports.clock());
    if (error instanceof StorageFailed) state.retries.push(() => removeReceipts(state, user, seqs));
  });
}

function textOf(state: State, { receipt: { seq, friend, id, status, reason, at } }: ReceiptEntry): string {
  // The friend may be gone: then its username as compared is all that is left of it.
  const from = state.users.known(friend)?.username ?? friend;
  const deliveryId = deliveryIdOf(seq);
  return JSON.stringify({
    type: 'receipt',
    id,
    from,
    status,
    ...(reason === undefined ? {} : { reason }),
    at,
    deliveryId,
  });
}
