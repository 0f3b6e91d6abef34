/**
 * Wakes an idle Claude Code by events of its channel. Nothing acknowledges such an event, and it is lost when the session did not load the
 * channel: so it is a short notice with a number, the text is fetched by `magi_inbox`, and the notice comes again until it was. Only
 * the process that has taken a question on wakes its assistant; one whose notices nobody follows gives the question back.
 */
import type { Entry } from '../client/entries.ts';
import { wakeSentence } from '../client/wakes.ts';
import type { Bridge } from './bridge.ts';
import { SHOWN } from './reading.ts';

/** Sends one event. `meta`: keys of letters, digits and underscore; others are dropped without a word. */
export type Push = (content: string, meta: Record<string, string>) => Promise<void>;

/** After the first notice, in milliseconds. */
const AGAIN_MS = [30_000, 60_000, 120_000];

export class Waker {
  readonly #bridge: Bridge;
  readonly #push: Push;
  readonly #stopped = new AbortController();
  /** Notices that nobody has followed yet, by number. */
  readonly #open = new Map<number, NodeJS.Timeout>();
  /** Answers that were announced: who does not fetch them sees them under the next result. */
  readonly #announced = new Set<number>();

  constructor(bridge: Bridge, push: Push) {
    this.#bridge = bridge;
    this.#push = push;
    bridge.reading.fetched = ({ number }) => this.#settle(number);
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#look();
      await this.#bridge.client.changed(signal);
    }
  }

  stop(): void {
    this.#stopped.abort();
    for (const number of [...this.#open.keys()]) {
      this.#settle(number);
      this.#giveBack(number);
    }
  }

  async #look(): Promise<void> {
    try {
      const word = this.#bridge.client.wakes.take('channel');
      if (word !== undefined) this.#say(wakeSentence(word), { wake_test: word });
      for (let next = await this.#take(); next !== undefined; next = await this.#take()) this.#announce(next.number, 0);
      for (const entry of this.#answers()) {
        this.#announced.add(entry.number);
        this.#say('An answer to your question has come. Read it with magi_inbox.', { answer: `${entry.number}` });
      }
    } catch {
      // The disk refuses, or the client was closed: what waits is seen at the next look, or under the next result.
    }
  }

  #take(): Promise<Entry | undefined> {
    const { inbox, process } = this.#bridge.client.session;
    return inbox.claimNext(process, SHOWN, Date.now());
  }

  #giveBack(number: number): void {
    const { inbox, process } = this.#bridge.client.session;
    inbox.release(number, process);
  }

  /** Answers that came late, for the process that asked; for anybody when that is gone. */
  #answers(): Entry[] {
    const { client } = this.#bridge;
    const { outbox, process } = client.session;
    return client
      .inbox({ limit: 50, after: 0, onlyWaiting: true, policies: SHOWN })
      .filter(({ kind, number }) => kind === 'answer' && !this.#announced.has(number))
      .filter(({ replyTo = '' }) => outbox.isNewsFor(process, replyTo, Date.now()));
  }

  #announce(number: number, times: number): void {
    // Names and texts are the friend's: neither belongs into what wakes the model.
    this.#say(`A friend asks you something: question #${number}. Read it with magi_inbox.`, { question: `${number}` });
    const pause = AGAIN_MS[times];
    const next = () => {
      if (pause !== undefined) this.#announce(number, times + 1);
      else {
        this.#open.delete(number);
        this.#giveBack(number);
      }
    };
    this.#open.set(number, setTimeout(next, pause ?? AGAIN_MS.at(-1)));
  }

  #settle(number: number): void {
    clearTimeout(this.#open.get(number));
    this.#open.delete(number);
  }

  #say(content: string, meta: Record<string, string>): void {
    // It goes through a pipe that may just have been closed.
    this.#push(content, meta).catch(() => {});
  }
}
