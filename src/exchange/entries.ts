/**
 * What an inbox holds, in the order of seq and by name. Two small structures of our own in place of Maps: a Map from which as much is
 * deleted as is added leaves a chain of old tables behind, each of which keeps the next one and all that was in it alive until the
 * garbage collector looks at everything. That was half of what a message cost.
 */
import { fingerprint } from './fingerprints.ts';

export interface Named {
  readonly head: { readonly seq: number };
  readonly name: string;
  isGone: boolean;
}

/** By seq, oldest first. Entries are added in this order. */
export class InOrder<Entry extends Named> {
  #list: Entry[] = [];
  /** Everything before is gone. */
  #first = 0;
  #gone = 0;

  get size(): number {
    return this.#list.length - this.#gone;
  }

  add(entry: Entry): void {
    this.#list.push(entry);
  }

  get(seq: number): Entry | undefined {
    let low = this.#first;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#seqAt(middle) < seq) low = middle + 1;
      else high = middle;
    }
    const entry = this.#list[low];
    return entry?.head.seq === seq && !entry.isGone ? entry : undefined;
  }

  remove(entry: Entry): void {
    entry.isGone = true;
    this.#gone++;
    while (this.#list[this.#first]?.isGone) this.#first++;
    if (this.#gone < 32 || this.#gone * 2 < this.#list.length) return;
    this.#list = this.#list.filter(({ isGone }) => !isGone);
    this.#first = 0;
    this.#gone = 0;
  }

  *values(): Generator<Entry> {
    // What is added or removed meanwhile does not disturb: a list that was cleared out is another one.
    const list = this.#list;
    for (let at = this.#first; at < list.length; at++) {
      const entry = list[at];
      if (entry !== undefined && !entry.isGone) yield entry;
    }
  }

  #seqAt(at: number): number {
    return this.#list[at]?.head.seq ?? 0;
  }
}

/** Enough for a client that asks sixteen things at once, without growing and shrinking all the time. */
const SLOTS_MIN = 64;

/** By name: an open table, at most half full. */
export class ByName<Entry extends Named> {
  #slots: (Entry | undefined)[] = new Array(SLOTS_MIN).fill(undefined);
  #count = 0;

  get(name: string): Entry | undefined {
    const slots = this.#slots;
    for (let at = fingerprint(name) & (slots.length - 1); ; at = (at + 1) & (slots.length - 1)) {
      const entry = slots[at];
      if (entry === undefined || entry.name === name) return entry;
    }
  }

  /** There must be none of this name. */
  add(entry: Entry): void {
    if (this.#count * 2 >= this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#place(entry);
    this.#count++;
  }

  remove(entry: Entry): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = fingerprint(entry.name) & mask;
    while (slots[hole] !== entry) {
      if (slots[hole] === undefined) return;
      hole = (hole + 1) & mask;
    }
    this.#count--;
    // Who stands behind its place because this one was in the way moves up.
    for (let at = (hole + 1) & mask; ; at = (at + 1) & mask) {
      const next = slots[at];
      if (next === undefined) break;
      const home = fingerprint(next.name) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      slots[hole] = next;
      hole = at;
    }
    slots[hole] = undefined;
    if (slots.length > SLOTS_MIN && this.#count * 8 < slots.length) this.#resize(slots.length / 2);
  }

  #place(entry: Entry): void {
    const slots = this.#slots;
    let at = fingerprint(entry.name) & (slots.length - 1);
    while (slots[at] !== undefined) at = (at + 1) & (slots.length - 1);
    slots[at] = entry;
  }

  #resize(length: number): void {
    const old = this.#slots;
    this.#slots = new Array(length).fill(undefined);
    for (const entry of old) if (entry !== undefined) this.#place(entry);
  }
}
