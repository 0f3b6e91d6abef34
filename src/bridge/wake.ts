/**
 * Wakes an idle Claude Code by events of its channel. Nothing acknowledges such an event, and it is lost when the session did not load the
 * channel: so it is a short notice with a number, the text is fetched by `magi_inbox`, and the notice comes again until it was.
 *
 * One process of a user at a time wakes its assistant for a message; which one answers a question is decided only when its text is
 * fetched. A channel by which nobody has been woken yet gives the other ways, which may be the ones that work, a head start before each
 * notice; and a process whose notices nobody follows leaves the message to others.
 */
import type { Entry } from '../client/entries.ts';
import { MagiError } from '../client/errors.ts';
import { wakeSentence } from '../client/wakes.ts';
import type { Bridge } from './bridge.ts';

/** Sends one event. `meta`: keys of letters, digits and underscore; others are dropped without a word. */
export type Push = (content: string, meta: Record<string, string>) => Promise<void>;

export interface WakeTimes {
  /** So much later than others does a channel begin that has woken nobody yet. */
  readonly headStartMs: number;
  /** From one notice to the next; after the last one, as long again until it gives up. */
  readonly againMs: readonly number[];
}

export const WAKE_TIMES: WakeTimes = { headStartMs: 1_000, againMs: [30_000, 60_000, 120_000] };

/** After it has given up, a process leaves a message to others for so long, then twice as long, and so on. */
const LEFT_MS = 10 * 60 * 1000;
/** Beyond the time of the next notice, so that nobody comes in between. */
const SLACK_MS = 5_000;

export class Waker {
  readonly #bridge: Bridge;
  readonly #push: Push;
  readonly #times: WakeTimes;
  readonly #stopped = new AbortController();
  /** Notices that nobody has followed yet, by number. */
  readonly #open = new Map<number, NodeJS.Timeout | undefined>();
  /** What is left to others, until when. */
  readonly #left = new Map<number, { readonly until: number; readonly milliseconds: number }>();
  /** The last notice was followed: the channel is loaded. */
  #isHeard = false;
  /** What the assistant was to say back. */
  #word: string | undefined;
  #start: NodeJS.Timeout | undefined;

  constructor(bridge: Bridge, push: Push, times: WakeTimes = WAKE_TIMES) {
    this.#bridge = bridge;
    this.#push = push;
    this.#times = times;
    bridge.reading.fetched = ({ number }) => this.#followed(number);
    bridge.woken = (word) => {
      if (word === this.#word) this.#isHeard = true;
    };
  }

  async run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#tryWords();
      if (this.#isHeard) await this.#take();
      else
        this.#start ??= setTimeout(() => {
          this.#start = undefined;
          void this.#take();
        }, this.#times.headStartMs);
      await this.#bridge.client.changed(signal);
    }
  }

  stop(): void {
    this.#stopped.abort();
    clearTimeout(this.#start);
    for (const number of [...this.#open.keys()]) {
      this.#settle(number);
      this.#free(number);
    }
  }

  #tryWords(): void {
    const { wakes } = this.#bridge.client;
    try {
      const word = wakes.take('channel');
      if (word === undefined) return;
      this.#word = word;
      this.#say(wakeSentence(word), { wake_test: word });
    } catch (error) {
      // Whoever tries it sees that nothing comes.
      passing(error);
    }
  }

  async #take(): Promise<void> {
    const { waking, session } = this.#bridge.client;
    const now = Date.now();
    const left = [...this.#left].filter(([, { until }]) => until > now).map(([number]) => number);
    try {
      const entries = await waking.take(session.process, now, now + this.#holdMs(0), left);
      for (const entry of entries) this.#announce(entry, 0);
    } catch (error) {
      // What waits is seen at the next look, or under the next result.
      passing(error);
    }
  }

  #announce(entry: Entry, times: number): void {
    const { number, kind } = entry;
    // Names and texts are the friend's: neither belongs into what wakes the model.
    if (kind === 'question')
      this.#say(`A friend asks you something: question #${number}. Read it with magi_inbox.`, {
        question: `${number}`,
      });
    else this.#say('An answer to your question has come. Read it with magi_inbox.', { answer: `${number}` });
    const pause = this.#times.againMs[times] ?? this.#times.againMs.at(-1);
    this.#open.set(
      number,
      setTimeout(() => void this.#goOn(entry, times), pause),
    );
  }

  async #goOn(entry: Entry, times: number): Promise<void> {
    const { number } = entry;
    if (times === this.#times.againMs.length) {
      this.#giveUp(number);
      return;
    }
    if (!this.#isHeard) {
      this.#free(number);
      await new Promise((resolve) => this.#open.set(number, setTimeout(resolve, this.#times.headStartMs)));
      if (!this.#open.has(number)) return;
    }
    const { waking, session } = this.#bridge.client;
    const now = Date.now();
    const isOurs = await waking.keep(number, session.process, now, now + this.#holdMs(times + 1)).catch(passing);
    // Meanwhile it may have been fetched, or this may have been stopped.
    if (isOurs && this.#open.has(number)) this.#announce(entry, times + 1);
    else if (isOurs) this.#free(number);
    else this.#open.delete(number);
  }

  #holdMs(times: number): number {
    return (this.#times.againMs[times] ?? this.#times.againMs.at(-1) ?? 0) + SLACK_MS;
  }

  #giveUp(number: number): void {
    const milliseconds = (this.#left.get(number)?.milliseconds ?? LEFT_MS / 2) * 2;
    this.#isHeard = false;
    this.#open.delete(number);
    this.#left.set(number, { until: Date.now() + milliseconds, milliseconds });
    this.#free(number);
  }

  /** The assistant has fetched it. */
  #followed(number: number): void {
    this.#left.delete(number);
    if (!this.#open.has(number)) return;
    this.#isHeard = true;
    this.#settle(number);
    const { waking, session } = this.#bridge.client;
    waking.rest(number, session.process, Date.now());
  }

  #settle(number: number): void {
    clearTimeout(this.#open.get(number));
    this.#open.delete(number);
  }

  #free(number: number): void {
    const { waking, session } = this.#bridge.client;
    waking.free(number, session.process);
  }

  #say(content: string, meta: Record<string, string>): void {
    // It goes through a pipe that may just have been closed.
    this.#push(content, meta).catch(() => {});
  }
}

/** The disk refuses, or the client was closed: that passes. Anything else is a fault of ours, which must not end the bridge. */
function passing(error: unknown): false {
  if (!(error instanceof MagiError))
    process.stderr.write(`magi-exchange bridge: ${error instanceof Error ? error.stack : error}\n`);
  return false;
}
