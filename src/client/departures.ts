/** Friends who have left with a question of this user: whoever waits for the answer is told that there will be none. */
import type { Entry } from './entries.ts';
import type { Inbox } from './inbox.ts';

/** What such a friend has answered before comes out of the mailbox within this. */
const ANSWERS_MS = 10_000;

export interface DeparturesOptions {
  readonly inbox: Inbox;
  /** Whether the exchange has said which connections there are. */
  readonly isIdentified: () => boolean;
  /** An entry of the inbox says so of a question. */
  readonly arrived: (entry: Entry) => void;
  /** The disk refuses. */
  readonly missed: (error: unknown) => void;
}

export class Departures {
  readonly #options: DeparturesOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DeparturesOptions) {
    this.#options = options;
  }

  /** A connection has ended. Of a guest nothing more can come; with a key, what waits for this user is still handed out. */
  async ended(username: string): Promise<void> {
    const { inbox, arrived } = this.#options;
    for (const entry of await inbox.left(username, Date.now())) arrived(entry);
    this.look();
  }

  /** Looks, a little later, for friends who have left; they may have done so while this user was away. */
  look(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look().catch(this.#options.missed), ANSWERS_MS).unref();
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    const { inbox, isIdentified, arrived } = this.#options;
    if (!isIdentified()) return;
    for (const entry of await inbox.leftWithQuestions(Date.now())) arrived(entry);
  }
}
