/**
 * What is on its way to one keyed user: messages that the exchange has taken and nobody else is responsible for yet, what is known of
 * those in the mailbox, and receipts. Data and arithmetic only; `mailbox.ts` and `receipts.ts` move things.
 *
 * A message is `live` while only this process has it, `storing` from then on until the store has it, then `stored`. It is handed, in any of
 * these states, while the user's clients have it and may acknowledge it. Order is the order of `seq`. While anything is storing or stored,
 * everything new goes behind it.
 */
import { InOrder } from './entries.ts';
import type { Known } from './known.ts';
import { WINDOW_BYTES_MAX, WINDOW_MESSAGES_MAX } from './limits.ts';
import type { WaitingHead, WaitingMessage, WaitingReceipt } from './ports.ts';

/** Who waits to be told what became of a message. */
export interface Asker {
  readonly clientId: string;
  readonly type: 'question' | 'answer';
  readonly remaining: number | undefined;
  /** Another client of the sender, which sent the same. */
  readonly next?: Asker | undefined;
}

export interface Entry {
  head: WaitingHead;
  /** Sender and id: see `nameOf`. */
  name: string;
  state: 'live' | 'storing' | 'stored';
  isHanded: boolean;
  /** Acknowledged, refused, expired, or its connection has ended. */
  isGone: boolean;
  /** Undefined when its content is in the store alone; else the same object as the head. */
  message: WaitingMessage | undefined;
  /** Undefined when nobody waits: all that were asked in an earlier life of the process. */
  asker: Asker | undefined;
}

/** A receipt that waits for the user's acknowledgement. */
export interface ReceiptEntry {
  readonly receipt: WaitingReceipt;
  readonly heldAt: number;
  /** The store has it, or was asked to keep it. */
  isStored: boolean;
  isHanded: boolean;
}

interface Use {
  messages: number;
  bytes: number;
}

const NONE: Readonly<Use> = { messages: 0, bytes: 0 };

export class Inbox {
  /** By seq, oldest first. */
  readonly entries = new InOrder<Entry>();
  readonly #known: Known<Entry>;
  readonly #window: Use = { messages: 0, bytes: 0 };
  /** What the mailbox takes, the storing included. */
  readonly #use: Use = { messages: 0, bytes: 0 };
  readonly #useBySender = new Map<string, Use>();
  #live = 0;
  /** Everything up to this seq has been handed to the clients that are here, or is gone. */
  handedSeq = 0;
  /** Somebody looks after its live messages. */
  isHolding = false;
  /** A load from the store is under way. */
  isDraining = false;
  /** Counts the times that the user went: what was loaded for the clients of an earlier time is not handed out. */
  visit = 0;
  /** The user's first client is on its way in. */
  isArriving = false;
  /** Undefined until what waits in the store is known. */
  loaded: Promise<void> | true | undefined;

  readonly receipts = new Map<number, ReceiptEntry>();
  readonly #receiptByName = new Map<string, number>();
  handedReceipts = 0;

  /** `known` outlives the inbox. */
  constructor(known: Known<Entry>) {
    this.#known = known;
  }

  get hasLive(): boolean {
    return this.#live > 0;
  }

  /** What is in the mailbox, or on its way there. */
  get use(): Readonly<Use> {
    return this.#use;
  }

  useOf(sender: string): Readonly<Use> {
    return this.#useBySender.get(sender) ?? NONE;
  }

  /** Whether a message of so many bytes may be handed out now. */
  hasRoom(bytes: number): boolean {
    const { messages } = this.#window;
    return messages === 0 || (messages < WINDOW_MESSAGES_MAX && this.#window.bytes + bytes <= WINDOW_BYTES_MAX);
  }

  get room(): Readonly<Use> {
    return { messages: WINDOW_MESSAGES_MAX - this.#window.messages, bytes: WINDOW_BYTES_MAX - this.#window.bytes };
  }

  /** Something waits in the mailbox that the user's clients do not have. */
  get isBehind(): boolean {
    return this.#live + this.#use.messages > this.#window.messages;
  }

  /** The oldest message that the user's clients do not have. */
  firstBehind(): Entry | undefined {
    for (const entry of this.entries.values()) if (!entry.isHanded) return entry;
    return undefined;
  }

  /** `name`: see `nameOf`. */
  find(name: string): Entry | 'acknowledged' | undefined {
    return this.#known.get(name);
  }

  /** Nobody needs to know of this inbox any more. */
  release(): void {
    for (const entry of this.entries.values()) this.#known.remove(entry);
  }

  /** What the store said that waits, oldest first. */
  load(heads: readonly WaitingHead[]): void {
    for (const head of heads) {
      const name = nameOf(head.sender, head.id);
      this.#add({ head, name, state: 'stored', isHanded: false, isGone: false, message: undefined, asker: undefined });
    }
  }

  /** Takes a message that is handed to the clients now, or goes to the store. */
  take(message: WaitingMessage, name: string, asker: Asker, isLive: boolean): Entry {
    const state = isLive ? 'live' : 'storing';
    const entry: Entry = { head: message, name, state, isHanded: false, isGone: false, message, asker };
    this.#add(entry);
    if (isLive) this.hand(entry);
    return entry;
  }

  /** The clients have it. */
  hand(entry: Entry): void {
    entry.isHanded = true;
    this.#window.messages++;
    this.#window.bytes += entry.head.bytes;
    this.handedSeq = Math.max(this.handedSeq, entry.head.seq);
  }

  /** It is on its way to the store from now on. */
  store(entry: Entry): void {
    entry.state = 'storing';
    this.#live--;
    this.#count(entry.head.sender, 1, entry.head.bytes);
  }

  /** The store has it. */
  wasStored(entry: Entry): void {
    entry.state = 'stored';
    if (!entry.isHanded) letGo(entry);
  }

  /** A client has it: a repeat of it is not to be forwarded again. */
  acknowledge(entry: Entry): void {
    this.#take(entry);
    this.#known.acknowledged(entry);
  }

  /** It is refused by the store, expired, or its connection has ended. */
  remove(entry: Entry): void {
    this.#take(entry);
    this.#known.remove(entry);
  }

  /** Nobody is here any more: what was handed has to be handed again. */
  unhandAll(): void {
    for (const entry of this.entries.values()) {
      this.#unhand(entry);
      if (entry.state === 'stored') letGo(entry);
    }
    this.handedSeq = 0;
    this.isDraining = false;
    this.visit++;
  }

  /** The name of a sender was given up: what it has sent belongs to nobody who may come to have it. */
  rename(sender: string, forgotten: string): void {
    for (const entry of this.entries.values()) {
      if (entry.head.sender !== sender) continue;
      this.#known.remove(entry);
      entry.name = nameOf(forgotten, entry.head.id);
      entry.head = { ...entry.head, sender: forgotten };
      if (entry.message !== undefined) entry.message = { ...entry.message, sender: forgotten };
      this.#known.add(entry);
    }
    const use = this.#useBySender.get(sender);
    this.#useBySender.delete(sender);
    if (use !== undefined) this.#useBySender.set(forgotten, use);
  }

  /** The newest receipt about the same message. */
  receiptAbout(friend: string, id: string): ReceiptEntry | undefined {
    return this.receipts.get(this.#receiptByName.get(nameOf(friend, id)) ?? -1);
  }

  /** Keeps the receipt in place of an earlier one about the same message. */
  addReceipt(receipt: WaitingReceipt, isStored: boolean, now: number): void {
    const earlier = this.receiptAbout(receipt.friend, receipt.id);
    if (earlier !== undefined) this.removeReceipt(earlier);
    this.receipts.set(receipt.seq, { receipt, heldAt: now, isStored, isHanded: false });
    this.#receiptByName.set(nameOf(receipt.friend, receipt.id), receipt.seq);
  }

  handReceipt(entry: ReceiptEntry): void {
    entry.isHanded = true;
    this.handedReceipts++;
  }

  removeReceipt(entry: ReceiptEntry): void {
    if (entry.isHanded) this.handedReceipts--;
    this.receipts.delete(entry.receipt.seq);
    this.#receiptByName.delete(nameOf(entry.receipt.friend, entry.receipt.id));
  }

  clearReceipts(): void {
    this.receipts.clear();
    this.#receiptByName.clear();
    this.handedReceipts = 0;
  }

  #add(entry: Entry): void {
    this.entries.add(entry);
    this.#known.add(entry);
    if (entry.state === 'live') this.#live++;
    else this.#count(entry.head.sender, 1, entry.head.bytes);
  }

  #take(entry: Entry): void {
    this.entries.remove(entry);
    this.#unhand(entry);
    if (entry.state === 'live') this.#live--;
    else this.#count(entry.head.sender, -1, -entry.head.bytes);
  }

  #unhand(entry: Entry): void {
    if (!entry.isHanded) return;
    entry.isHanded = false;
    this.#window.messages--;
    this.#window.bytes -= entry.head.bytes;
  }

  #count(sender: string, messages: 1 | -1, bytes: number): void {
    this.#use.messages += messages;
    this.#use.bytes += bytes;
    const use = this.#useBySender.get(sender);
    if (use === undefined) this.#useBySender.set(sender, { messages, bytes });
    else if (use.messages + messages === 0) this.#useBySender.delete(sender);
    else {
      use.messages += messages;
      use.bytes += bytes;
    }
  }
}

/** The content is in the store: what is kept here is small. */
function letGo(entry: Entry): void {
  const { seq, sender, bytes } = entry.head;
  // The id of the name, not the one that was cut out of the frame, which it would keep.
  entry.head = { seq, sender, id: entry.name.slice(sender.length + 1), bytes };
  entry.message = undefined;
}

/**
 * What tells the messages of an inbox apart: no username and no id holds a line end. Joined, not added: V8 would keep a sum as its parts,
 * and an id that was cut out of a frame keeps the whole frame.
 */
export function nameOf(friend: string, id: string): string {
  return [friend, id].join('\n');
}
