/** Tells friends that their questions were seen, which is a courtesy: what is answered at once says as much. */
import type { Entry } from './entries.ts';
import type { Friends } from './friends.ts';
import type { Inbox } from './inbox.ts';
import type { Sendable } from './link.ts';

const ANSWERED_MS = 250;

export interface ReadsOptions {
  readonly inbox: Inbox;
  readonly friends: Friends;
  readonly isIdentified: () => boolean;
  readonly send: (receipt: Sendable) => void;
}

export class Reads {
  readonly #options: ReadsOptions;
  /** While the exchange is away they wait in memory. */
  #seen: Entry[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  add(question: Entry): void {
    if (!this.#options.friends.isDurable(question.from)) return;
    this.#seen.push(question);
    this.#timer ??= setTimeout(() => this.tell(), ANSWERED_MS).unref();
  }

  /** Tells now of those that are open still. */
  tell(): void {
    const { inbox, isIdentified, send } = this.#options;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!isIdentified()) return;
    for (const { number, id, from } of this.#seen.splice(0))
      if (inbox.find(number)?.state === 'open') send({ type: 'receipt', id, to: from, status: 'read' });
  }
}
