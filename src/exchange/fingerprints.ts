/**
 * The last names that were added, as fingerprints of 96 bits in plain memory: for each keyed user a thousand of them live on for as long
 * as the user does, and as strings they would be most of what the garbage collector has to look at. A name that was not added
 * is taken for one that was once in 2^85 times.
 */
const WORDS = 3;
const SLOTS_MIN = 32;

/** The fingerprint of the name that was looked at last. */
let looked: string | undefined;
let first = 0;
let second = 0;
let third = 0;

/**
 * Murmur's mixing, three times with other constants. The first word is never 0, which marks an empty slot. Signed, since V8 keeps such
 * numbers without an object for each.
 */
function look(name: string): void {
  if (name === looked) return;
  looked = name;
  let a = 0x1e3779b1;
  let b = 0x05ebca77;
  let c = 0x42b2ae3d;
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    a = Math.imul(a ^ unit, 0x5bd1e995);
    a ^= a >>> 15;
    b = Math.imul(b ^ unit, 0x1b873593);
    b ^= b >>> 13;
    c = Math.imul(c ^ unit, 0x27d4eb2f);
    c ^= c >>> 14;
  }
  first = Math.imul(a ^ (b >>> 16), 0x85ebca6b) || 1;
  second = Math.imul(b ^ (c >>> 16), 0xc2b2ae35);
  third = Math.imul(c ^ (a >>> 16), 0x165667b1);
}

/** 32 bits of the name's fingerprint, for a table. */
export function fingerprint(name: string): number {
  look(name);
  return first;
}

export class Fingerprints {
  readonly #lastMin: number;
  #current = new Int32Array(0);
  #previous = new Int32Array(0);
  #count = 0;

  /** At least the last `lastMin` names are known, at most twice as many. */
  constructor(lastMin: number) {
    this.#lastMin = lastMin;
  }

  has(name: string): boolean {
    look(name);
    return contains(this.#current) || contains(this.#previous);
  }

  add(name: string): void {
    if (this.#count === this.#lastMin) {
      this.#previous = this.#current;
      this.#current = new Int32Array(this.#previous.length);
      this.#count = 0;
    }
    if (this.#count * WORDS * 2 >= this.#current.length) this.#grow();
    look(name);
    insert(this.#current);
    this.#count++;
  }

  clear(): void {
    this.#current = new Int32Array(0);
    this.#previous = this.#current;
    this.#count = 0;
  }

  #grow(): void {
    const old = this.#current;
    this.#current = new Int32Array(Math.max(SLOTS_MIN * WORDS, old.length * 2));
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at] === 0) continue;
      first = old[at] ?? 0;
      second = old[at + 1] ?? 0;
      third = old[at + 2] ?? 0;
      insert(this.#current);
    }
    looked = undefined;
  }
}

function contains(table: Int32Array): boolean {
  if (table.length === 0) return false;
  const slots = table.length / WORDS;
  // At most half of the slots are taken: there is always an empty one to end at.
  for (let slot = first & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
    const at = slot * WORDS;
    if (table[at] === 0) return false;
    if (table[at] === first && table[at + 1] === second && table[at + 2] === third) return true;
  }
}

function insert(table: Int32Array): void {
  const slots = table.length / WORDS;
  let slot = first & (slots - 1);
  while (table[slot * WORDS] !== 0) slot = (slot + 1) & (slots - 1);
  table[slot * WORDS] = first;
  table[slot * WORDS + 1] = second;
  table[slot * WORDS + 2] = third;
}
