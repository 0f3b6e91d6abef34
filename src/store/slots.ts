/**
 * Where the contents of waiting messages rest: rows of one size, which are written over in place and never deleted.
 *
 * Why not in the rows of the messages: SQLite moves rows between its pages when others come and go, and may leave a copy behind that
 * `secure_delete` does not find when the row is deleted. Here nothing is ever moved: a row is appended behind the last one, and an
 * UPDATE to the same size overwrites its bytes where they are. Several small contents share a page, so that one write serves them all.
 * Price: the file keeps the room of the most that ever waited at once.
 */
import type { Undo } from './group.ts';
import type { Statements } from './statements.ts';

/** Eight of them, with what SQLite keeps beside each, fill a page of 4 KiB. */
export const SLOT_BYTES = 498;

/** Which slots a content has: the first, and the others in order, if it is long. */
export interface Place {
  readonly slot: number;
  readonly more: string | null;
  /** UTF-8 bytes of the content. */
  readonly length: number;
}

export class Slots {
  readonly #sql: Statements;
  readonly #undo: Undo;
  readonly #scratch = Buffer.alloc(SLOT_BYTES);
  /** Those that are wiped, the next to use last. */
  #free: number[] = [];
  /** Slots are numbered from 1. */
  #count = 0;

  constructor(sql: Statements, undo: Undo) {
    this.#sql = sql;
    this.#undo = undo;
  }

  /** Reads anew which are free: all but those of these places. */
  recount(used: Iterable<Pick<Place, 'slot' | 'more'>>): void {
    this.#count = this.#sql.slots.get()?.count ?? 0;
    const isUsed = new Uint8Array(this.#count + 1);
    for (const { slot, more } of used) {
      isUsed[slot] = 1;
      for (const other of numbers(more)) isUsed[other] = 1;
    }
    this.#free = [];
    for (let slot = this.#count; slot > 0; slot--) if (isUsed[slot] === 0) this.#free.push(slot);
  }

  put(content: string): Place {
    // No character of JavaScript's takes more than three bytes.
    if (content.length * 3 <= SLOT_BYTES) {
      const length = this.#scratch.write(content);
      this.#scratch.fill(0, length);
      return { slot: this.#write(this.#scratch), more: null, length };
    }
    const bytes = Buffer.from(content);
    const slots: number[] = [];
    for (let from = 0; from < bytes.length; from += SLOT_BYTES) {
      const copied = bytes.copy(this.#scratch, 0, from);
      this.#scratch.fill(0, copied);
      slots.push(this.#write(this.#scratch));
    }
    const [slot = 0, ...others] = slots;
    return { slot, more: others.length === 0 ? null : others.join(' '), length: bytes.length };
  }

  /** The content of a place that has several slots. */
  read({ slot, more, length }: Place): string {
    const parts = [slot, ...numbers(more)].map((number) => this.#sql.readSlot.get(number)?.content ?? new Uint8Array());
    return Buffer.concat(parts).toString('utf8', 0, length);
  }

  wipe({ slot, more }: Pick<Place, 'slot' | 'more'>): void {
    this.#wipe(slot);
    for (const other of numbers(more)) this.#wipe(other);
  }

  #write(content: Uint8Array): number {
    const free = this.#free.pop();
    if (free === undefined) {
      const slot = this.#count + 1;
      this.#sql.addSlot.run(slot, content);
      this.#count = slot;
      this.#undo.add(() => this.#count--);
      return slot;
    }
    this.#undo.add(() => this.#free.push(free));
    this.#sql.writeSlot.run(content, free);
    return free;
  }

  #wipe(slot: number): void {
    this.#sql.wipeSlot.run(slot);
    this.#free.push(slot);
    this.#undo.add(() => this.#free.pop());
  }
}

function numbers(more: string | null): number[] {
  return more === null ? [] : more.split(' ').map(Number);
}
