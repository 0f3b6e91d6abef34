/**
 * A user's own store of what it was sent. What is here is safe, so its delivery may be acknowledged; what comes again is recognised for
 * 30 days and not shown again (protocol part 3). Each entry has a number, which is never used again and grows in the order of arrival:
 * whoever shows entries and is killed before it could take them can tell by the number what it has shown already.
 */
import type { ServerMessage } from '../protocol/messages.ts';
import { usernameKey } from '../protocol/names.ts';
import { type Journal, openJournal } from './journal.ts';

/** As long as the exchange keeps a message. */
const REMEMBERED_MS = 30 * 24 * 60 * 60 * 1000;

export type Incoming = Extract<ServerMessage, { type: 'question' | 'answer' | 'receipt' }>;

export interface Entry<M extends Incoming = Incoming> {
  readonly number: number;
  /** When it arrived here. */
  readonly at: number;
  readonly message: M;
}

export class Inbox {
  readonly #journal: Journal;
  /** When each message was first seen, oldest first. */
  readonly #seen = new Map<string, number>();
  readonly #waiting = new Map<number, Entry>();
  readonly #writing = new Map<string, Promise<void>>();
  #next = 1;

  /** `path` undefined: nothing outlives the process. */
  constructor(path?: string) {
    this.#journal = openJournal(path, { read: (record) => this.#read(record), live: () => this.#live() });
  }

  /** What is safe and has not been taken yet, oldest first. */
  waiting(): Entry[] {
    return [...this.#waiting.values()].filter((entry) => !this.#writing.has(nameOf(entry)));
  }

  /**
   * Fulfilled when the message is safe: with its entry, or undefined if it was here before. Rejected when the disk refuses; then it must
   * not be acknowledged. A message without an id (of a guest connection) is never a repeat.
   */
  async put(message: Incoming, now: number): Promise<Entry | undefined> {
    this.#forget(now - REMEMBERED_MS);
    const entry = { number: this.#next, at: now, message };
    const name = nameOf(entry);
    if (this.#seen.has(name)) {
      // The first of them may still be on its way to the disk.
      await this.#writing.get(name);
      return undefined;
    }
    this.#next++;
    this.#seen.set(name, now);
    this.#waiting.set(entry.number, entry);
    const written = this.#journal.append(entry);
    this.#writing.set(name, written);
    try {
      await written;
    } catch (error) {
      this.#seen.delete(name);
      this.#waiting.delete(entry.number);
      throw error;
    } finally {
      this.#writing.delete(name);
    }
    return entry;
  }

  /** The entry has been shown. Its content leaves the file when that is next rewritten. */
  async take(number: number): Promise<void> {
    if (this.#waiting.delete(number)) await this.#journal.append({ taken: number });
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #forget(before: number): void {
    for (const [name, at] of this.#seen) {
      if (at >= before) return;
      this.#seen.delete(name);
    }
  }

  #read(record: Record<string, unknown>): void {
    if (typeof record.taken === 'number') this.#waiting.delete(record.taken);
    else if (typeof record.next === 'number') this.#next = record.next;
    else if (typeof record.seen === 'string') this.#seen.set(record.seen, Number(record.at));
    else {
      const entry = record as unknown as Entry;
      const name = nameOf(entry);
      // After a full disk the same message may be here twice, with a number that was given up.
      if (this.#seen.has(name))
        for (const [number, other] of this.#waiting) if (nameOf(other) === name) this.#waiting.delete(number);
      this.#seen.set(name, entry.at);
      this.#waiting.set(entry.number, entry);
      this.#next = Math.max(this.#next, entry.number + 1);
    }
  }

  *#live(): Iterable<object> {
    yield { next: this.#next };
    for (const [seen, at] of this.#seen) yield { seen, at };
    yield* this.#waiting.values();
  }
}

/** Questions and answers of a friend share one space of ids; of what became of a message, each news is told once. */
function nameOf({ number, message }: Entry): string {
  const friend = usernameKey(message.from);
  if (message.type === 'receipt') return `${friend}\n${message.id}\n${message.status}`;
  return message.id === undefined ? `${friend}\n\n${number}` : `${friend}\n${message.id}`;
}
