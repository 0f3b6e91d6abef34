/**
 * What is on its way to one keyed user: the messages that were handed to its clients and are not acknowledged yet, and what is known of
 * its mailbox in the store. Data and arithmetic only; `mailbox.ts` moves the messages.
 *
 * A message is `live` while only this process has it, `storing` from then on until the store has it, then `stored`. Order is the order
 * of `seq`. While anything is storing or stored, everything new goes behind it.
 */
import type { WaitingMessage, WaitingReceipt } from './ports.ts';

export interface Item extends WaitingMessage {
  state: 'live' | 'storing' | 'stored';
  /** The client that waits to be told what became of it. */
  askerId: string;
  /** Acknowledged while it was being stored. */
  isAcknowledged: boolean;
}

/** A receipt that was handed to the user's clients. */
export interface ReceiptItem {
  readonly receipt: WaitingReceipt;
  readonly handedAt: number;
  stored: boolean;
}

interface Use {
  messages: number;
  bytes: number;
}

/** At most this much of one user is unacknowledged at a time. */
export const WINDOW_MESSAGES_MAX = 64;
export const WINDOW_BYTES_MAX = 256 * 1024;
/** Acknowledged messages that are remembered of each user, so that a repeat is answered and not forwarded. */
const REMEMBERED_MAX = 1_000;

export class Inbox {
  /** Handed to the user's clients and not acknowledged, by seq, oldest first. */
  readonly unacknowledged = new Map<number, Item>();
  windowBytes = 0;
  /** Every message that is held or waits in the store, by sender and id; the item where this process has one. */
  readonly #known = new Map<string, Item | 'stored'>();
  readonly #remembered = new Set<string>();
  /** What the mailbox takes, the storing included, in all and by sender. */
  readonly #use: Use = { messages: 0, bytes: 0 };
  readonly #useBySender = new Map<string, Use>();
  /** All up to this seq has been handed out or is acknowledged. */
  loadedSeq = 0;
  /** A load from the store is under way. */
  isDraining = false;
  /** Messages that were acknowledged and could not be deleted yet. */
  readonly toDelete = new Map<number, WaitingReceipt>();
  readonly receipts = new Map<number, ReceiptItem>();
  /** Live items, so that nobody has to look for them. */
  liveCount = 0;

  /** Messages in the mailbox, the storing included. */
  get stored(): number {
    return this.#use.messages;
  }

  get storedBytes(): number {
    return this.#use.bytes;
  }

  /** Nothing holds on to this inbox. */
  get isEmpty(): boolean {
    return this.unacknowledged.size === 0 && this.#known.size === 0 && this.receipts.size === 0 && this.toDelete.size === 0;
  }

  get hasRoom(): boolean {
    return this.unacknowledged.size < WINDOW_MESSAGES_MAX && this.windowBytes < WINDOW_BYTES_MAX;
  }

  /** More of the mailbox could be handed out. */
  get isBehind(): boolean {
    let handed = 0;
    for (const item of this.unacknowledged.values()) if (item.state !== 'live') handed++;
    return this.stored > handed;
  }

  known(sender: string, id: string): Item | 'stored' | undefined {
    return this.#known.get(`${sender}\n${id}`);
  }

  wasAcknowledged(sender: string, id: string): boolean {
    return this.#remembered.has(`${sender}\n${id}`);
  }

  useOf(sender: string): Readonly<Use> {
    return this.#useBySender.get(sender) ?? { messages: 0, bytes: 0 };
  }

  /** It waits in the store, as the store said when the inbox was loaded. */
  addStored(sender: string, id: string, bytes: number): void {
    this.#known.set(`${sender}\n${id}`, 'stored');
    this.#count(sender, 1, bytes);
  }

  /** A new message, live or on its way to the store. */
  add(item: Item): void {
    this.#known.set(`${item.sender}\n${item.id}`, item);
    if (item.state === 'live') {
      this.liveCount++;
      this.hand(item);
    } else this.#count(item.sender, 1, item.bytes);
  }

  /** The message is handed to the clients. */
  hand(item: Item): void {
    this.unacknowledged.set(item.seq, item);
    this.windowBytes += item.bytes;
    this.#known.set(`${item.sender}\n${item.id}`, item);
    this.loadedSeq = Math.max(this.loadedSeq, item.seq);
  }

  /** From live to storing. */
  store(item: Item): void {
    item.state = 'storing';
    this.liveCount--;
    this.#count(item.sender, 1, item.bytes);
  }

  /** The store has it: what this process need not have is let go. */
  wasStored(item: Item): void {
    item.state = 'stored';
    const name = `${item.sender}\n${item.id}`;
    if (!this.unacknowledged.has(item.seq) && this.#known.get(name) === item) this.#known.set(name, 'stored');
  }

  /** It is gone: acknowledged, refused by the store, expired or left. */
  remove(message: WaitingMessage & Partial<Pick<Item, 'state'>>, remember: boolean): void {
    const item = this.unacknowledged.get(message.seq);
    if (item !== undefined) {
      this.unacknowledged.delete(message.seq);
      this.windowBytes -= message.bytes;
    }
    const name = `${message.sender}\n${message.id}`;
    const isLive = (item ?? message).state === 'live';
    if (isLive) this.liveCount--;
    else if (this.#known.has(name)) this.#count(message.sender, -1, -message.bytes);
    this.#known.delete(name);
    if (remember) this.#remember(name);
  }

  /** Takes it out of the window; it stays counted until the store has deleted it. */
  unhand(item: Item): void {
    if (this.unacknowledged.delete(item.seq)) this.windowBytes -= item.bytes;
  }

  #remember(name: string): void {
    this.#remembered.add(name);
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#remembered) {
      this.#remembered.delete(oldest);
      return;
    }
  }

  #count(sender: string, messages: 1 | -1, bytes: number): void {
    this.#use.messages += messages;
    this.#use.bytes += bytes;
    const use = this.#useBySender.get(sender) ?? { messages: 0, bytes: 0 };
    use.messages += messages;
    use.bytes += bytes;
    if (use.messages > 0) this.#useBySender.set(sender, use);
    else this.#useBySender.delete(sender);
  }
}
