/**
 * Which messages wait for whom, in memory. As an index on disk it would cost more than the messages themselves: each commit would touch
 * a page of it for every recipient. It is read from the table at the start; eight bytes a message.
 */
import type { Undo } from './group.ts';
import { bytesOnDisk } from './rules.ts';

/** A message as it is counted. */
export interface Counted {
  readonly recipient: string;
  readonly seq: number;
  readonly sender: string;
  readonly bytes: number;
}

export class Waiting {
  readonly #undo: Undo;
  /** Oldest first. */
  readonly #byRecipient = new Map<string, number[]>();
  /** How many each sender has sent, so that who has none need not be looked for. */
  readonly #bySender = new Map<string, number>();
  messages = 0;
  /** Of all contents. */
  bytes = 0;

  constructor(undo: Undo) {
    this.#undo = undo;
  }

  /** As `totalBytes` of the port. */
  get onDisk(): number {
    return bytesOnDisk(this);
  }

  /** Begins anew with these, oldest first. */
  recount(rows: Iterable<Counted>): void {
    this.messages = 0;
    this.bytes = 0;
    this.#byRecipient.clear();
    this.#bySender.clear();
    for (const row of rows) this.#add(row);
  }

  add(message: Counted): void {
    this.#add(message);
    this.#undo.add(() => this.#remove(message));
  }

  remove(message: Counted): void {
    this.#remove(message);
    this.#undo.add(() => this.#add(message));
  }

  has(recipient: string, seq: number): boolean {
    const seqs = this.of(recipient);
    return seqs[position(seqs, seq)] === seq;
  }

  of(recipient: string): readonly number[] {
    return this.#byRecipient.get(recipient) ?? [];
  }

  after(recipient: string, seq: number, count: number): readonly number[] {
    const seqs = this.of(recipient);
    const from = position(seqs, seq + 1);
    return seqs.slice(from, from + count);
  }

  sentBy(sender: string): number {
    return this.#bySender.get(sender) ?? 0;
  }

  renameSender(from: string, to: string): void {
    const count = this.sentBy(from);
    this.#countSender(from, -count);
    this.#countSender(to, count);
    this.#undo.add(() => {
      this.#countSender(to, -count);
      this.#countSender(from, count);
    });
  }

  #add({ recipient, seq, sender, bytes }: Counted): void {
    const seqs = this.#byRecipient.get(recipient);
    if (seqs === undefined) this.#byRecipient.set(recipient, [seq]);
    else if (seq > (seqs.at(-1) ?? 0)) seqs.push(seq);
    else seqs.splice(position(seqs, seq), 0, seq);
    this.messages += 1;
    this.bytes += bytes;
    this.#countSender(sender, 1);
  }

  #remove({ recipient, seq, sender, bytes }: Counted): void {
    const seqs = this.#byRecipient.get(recipient) ?? [];
    seqs.splice(position(seqs, seq), 1);
    if (seqs.length === 0) this.#byRecipient.delete(recipient);
    this.messages -= 1;
    this.bytes -= bytes;
    this.#countSender(sender, -1);
  }

  #countSender(sender: string, more: number): void {
    const count = this.sentBy(sender) + more;
    if (count === 0) this.#bySender.delete(sender);
    else this.#bySender.set(sender, count);
  }
}

/** Where `seq` is in the sorted list, or would be. */
function position(seqs: readonly number[], seq: number): number {
  let [low, high] = [0, seqs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((seqs[middle] ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
