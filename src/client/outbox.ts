/**
 * What a user has asked or answered and nobody has taken over yet: on disk before it is sent, until the exchange has said `*_sent`
 * or refused it (protocol part 3).
 */
import { type Journal, openJournal } from './journal.ts';

export interface Outgoing {
  readonly type: 'ask' | 'answer';
  readonly id: string;
  readonly to: string;
  readonly content: string;
  readonly replyTo?: string;
  /** When it was put here. */
  readonly at: number;
}

export class Outbox {
  readonly #journal: Journal;
  readonly #messages = new Map<string, Outgoing>();
  readonly #writing = new Set<string>();

  /** `path` undefined: nothing outlives the process. */
  constructor(path?: string) {
    this.#journal = openJournal(path, { read: (record) => this.#read(record), live: () => this.#live() });
  }

  get size(): number {
    return this.#messages.size;
  }

  /** What may be sent, oldest first. */
  *waiting(): Iterable<Outgoing> {
    // The disk takes them in their order: behind the first that it does not have yet, it has none.
    for (const message of this.#messages.values()) {
      if (this.#writing.has(message.id)) return;
      yield message;
    }
  }

  find(id: string): Outgoing | undefined {
    return this.#messages.get(id);
  }

  /** Fulfilled, in the order of the calls, when the message may be sent. */
  async add(message: Outgoing): Promise<void> {
    this.#messages.set(message.id, message);
    this.#writing.add(message.id);
    try {
      await this.#journal.append({ message });
    } catch (error) {
      this.#messages.delete(message.id);
      throw error;
    } finally {
      this.#writing.delete(message.id);
    }
  }

  /** Somebody else has it, or nobody will. Not waited for: if this is lost, the message is sent once more and recognised. */
  remove(id: string): void {
    if (this.#messages.delete(id)) this.#journal.append({ removed: id }).catch(() => {});
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #read(record: Record<string, unknown>): void {
    if (typeof record.removed === 'string') this.#messages.delete(record.removed);
    else {
      const message = record.message as Outgoing;
      this.#messages.set(message.id, message);
    }
  }

  *#live(): Iterable<object> {
    for (const message of this.#messages.values()) yield { message };
  }
}
