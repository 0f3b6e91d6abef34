/**
 * Where the contents of waiting messages rest: rows of one size, which are written over in place and never deleted.
 *
 * Why not in the rows of the messages: SQLite moves rows between its pages when others come and go, and may leave a copy behind that
 * `secure_delete` does not find when the row is deleted. Here nothing is ever moved: a row is appended behind the last one, and an
 * UPDATE to the same size overwrites its bytes where they are. Several small contents share a page, so that one write serves them all.
 * Price: the file keeps the room of the most that ever waited at once.
 */
import type { Undo } from './group.ts';
import type { SlotStatements, Statements } from './statements.ts';

/** Eight of them, with what SQLite keeps beside each, fill a page of 4 KiB. */
export const SMALL_BYTES = 498;
/** One fills a page: a larger row would not stay in one piece. */
export const LARGE_BYTES = 4_050;
/** What is left of a content is put into a large slot if it is more than this. */
const SMALL_SLOTS_MAX = 3;

/** Which slots a content has, in order: the first, and the others if it is long. Large slots have negative numbers. */
export interface Place {
  readonly slot: number;
  readonly more: string | null;
  /** UTF-8 bytes of the content. */
  readonly length: number;
}

export class Slots {
  readonly #small: SlotTable;
  readonly #large: SlotTable;

  constructor(sql: Statements, undo: Undo) {
    this.#small = new SlotTable(sql.small, SMALL_BYTES, undo);
    this.#large = new SlotTable(sql.large, LARGE_BYTES, undo);
  }

  /** Reads anew which are free: all but those of these places. */
  recount(used: Iterable<Pick<Place, 'slot' | 'more'>>): void {
    const slots: number[] = [];
    for (const { slot, more } of used) {
      slots.push(slot);
      if (more !== null) slots.push(...numbers(more));
    }
    this.#small.recount(slots.filter((slot) => slot > 0));
    this.#large.recount(slots.filter((slot) => slot < 0).map((slot) => -slot));
  }

  put(content: string): Place {
    // No unit of a JavaScript string takes more than three bytes.
    if (content.length * 3 <= SMALL_BYTES) {
      const length = this.#small.scratch.write(content);
      return { slot: this.#small.write(length), more: null, length };
    }
    const bytes = Buffer.from(content);
    const slots: number[] = [];
    for (let from = 0; from < bytes.length; ) {
      const isLarge = bytes.length - from > SMALL_SLOTS_MAX * SMALL_BYTES;
      const table = isLarge ? this.#large : this.#small;
      const copied = bytes.copy(table.scratch, 0, from);
      const slot = table.write(copied);
      slots.push(isLarge ? -slot : slot);
      from += copied;
    }
    const [slot = 0, ...others] = slots;
    return { slot, more: others.length === 0 ? null : others.join(' '), length: bytes.length };
  }

  /** The content of a place that has several slots. */
  read({ slot, more, length }: Place): string {
    const parts = [slot, ...numbers(more)].map((number) =>
      number < 0 ? this.#large.read(-number) : this.#small.read(number),
    );
    return Buffer.concat(parts).toString('utf8', 0, length);
  }

  wipe({ slot, more }: Pick<Place, 'slot' | 'more'>): void {
    this.#wipe(slot);
    if (more !== null) for (const other of numbers(more)) this.#wipe(other);
  }

  #wipe(slot: number): void {
    if (slot < 0) this.#large.wipe(-slot);
    else this.#small.wipe(slot);
  }
}

/** The slots of one size, numbered from 1. */
class SlotTable {
  readonly #sql: SlotStatements;
  readonly #undo: Undo;
  /** What `write` writes. */
  readonly scratch: Buffer;
  /** Those that are wiped, the next to use last. */
  #free: number[] = [];
  #count = 0;

  constructor(sql: SlotStatements, bytes: number, undo: Undo) {
    this.#sql = sql;
    this.#undo = undo;
    this.scratch = Buffer.alloc(bytes);
  }

  recount(used: readonly number[]): void {
    this.#count = this.#sql.last.get()?.slot ?? 0;
    const isUsed = new Uint8Array(this.#count + 1);
    for (const slot of used) isUsed[slot] = 1;
    this.#free = [];
    for (let slot = this.#count; slot > 0; slot--) if (isUsed[slot] === 0) this.#free.push(slot);
  }

  /** Writes the first `length` bytes of `scratch` into a free slot. */
  write(length: number): number {
    this.scratch.fill(0, length);
    const free = this.#free.pop();
    if (free === undefined) {
      const slot = this.#count + 1;
      this.#sql.add.run(slot, this.scratch);
      this.#count = slot;
      this.#undo.add(() => this.#count--);
      return slot;
    }
    this.#undo.add(() => this.#free.push(free));
    this.#sql.write.run(this.scratch, free);
    return free;
  }

  read(slot: number): Uint8Array {
    return this.#sql.read.get(slot)?.content ?? new Uint8Array();
  }

  wipe(slot: number): void {
    this.#sql.wipe.run(slot);
    this.#free.push(slot);
    this.#undo.add(() => this.#free.pop());
  }
}

function numbers(more: string | null): number[] {
  return more === null ? [] : more.split(' ').map(Number);
}
