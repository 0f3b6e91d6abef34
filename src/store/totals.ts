/** What waits for all users together, counted in memory: a sum in a table would cost a page of every commit. */
import type { Undo } from './group.ts';
import { bytesOnDisk } from './rules.ts';

/** Messages and the bytes of their contents that came, or, below zero, went. */
interface Change {
  readonly sender: string;
  readonly messages: number;
  readonly bytes: number;
}

export class Totals {
  readonly #undo: Undo;
  /** How many each sender has sent, so that who has none need not be looked for. */
  readonly #bySender = new Map<string, number>();
  messages = 0;
  bytes = 0;

  constructor(undo: Undo) {
    this.#undo = undo;
  }

  /** As `totalBytes` of the port. */
  get onDisk(): number {
    return bytesOnDisk(this);
  }

  recount(changes: Iterable<Change>): void {
    this.messages = 0;
    this.bytes = 0;
    this.#bySender.clear();
    for (const { sender, messages, bytes } of changes) this.#apply(sender, messages, bytes);
  }

  change(sender: string, messages: number, bytes: number): void {
    this.#apply(sender, messages, bytes);
    this.#undo.add(() => this.#apply(sender, -messages, -bytes));
  }

  sentBy(sender: string): number {
    return this.#bySender.get(sender) ?? 0;
  }

  #apply(sender: string, messages: number, bytes: number): void {
    this.messages += messages;
    this.bytes += bytes;
    const count = this.sentBy(sender) + messages;
    if (count === 0) this.#bySender.delete(sender);
    else this.#bySender.set(sender, count);
  }
}
