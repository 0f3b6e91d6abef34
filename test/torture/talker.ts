/**
 * One of a pair that talks to each other while everything around them is killed. It writes down what it says, what the exchange says
 * about that, and what it is shown; its key, inbox and outbox are files, so another process can be the same user later.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Client } from '../../src/client/client.ts';
import { Identity } from '../../src/client/identity.ts';
import { type Entry, Inbox, type Incoming } from '../../src/client/inbox.ts';
import { Outbox, type Outgoing } from '../../src/client/outbox.ts';
import { Pins } from '../../src/client/pins.ts';
import type { Chance } from '../harness.ts';
import type { Evidence, Line } from './evidence.ts';

/** Messages of one user that nobody has taken yet. A mailbox takes 250 of one sender. */
const UNSENT_MAX = 16;
const PADDING_MAX = 2_000;

export interface TalkerOptions {
  readonly url: string;
  readonly folder: string;
  readonly username: string;
  readonly friend: string;
  readonly evidence: Evidence;
  /** What earlier processes have written down about this user. */
  readonly past: readonly Line[];
  readonly chance: Chance;
  readonly failed: (error: unknown) => void;
}

export class Talker {
  readonly #options: TalkerOptions;
  #client: Client;
  #outbox!: Outbox;
  #next: number;
  /** The number of the inbox's entry that was written down last: what is shown again after a kill has this one or an earlier one. */
  #shown: number;

  constructor(options: TalkerOptions) {
    this.#options = options;
    const { username, past } = options;
    this.#next = 1 + max(past.map((line) => (line.what === 'asked' && line.from === username ? line.n : 0)));
    this.#shown = max(past.map((line) => (line.what === 'shown' && line.to === username ? line.number : 0)));
    this.#client = this.#open();
  }

  get unsent(): number {
    return this.#outbox.size;
  }

  get client(): Client {
    return this.#client;
  }

  /** Says the next thing, unless too much waits already. */
  speak(replyTo?: string): void {
    if (this.#outbox.size >= UNSENT_MAX && replyTo === undefined) return;
    const { username, friend, evidence, chance } = this.#options;
    const n = this.#next++;
    void evidence.write({ what: 'asked', from: username, n });
    const content = compose(username, n, chance.below(PADDING_MAX));
    if (replyTo === undefined) this.#client.ask(friend, content);
    else this.#client.answer(friend, content, replyTo);
  }

  /** Goes away and comes back. */
  async leave(milliseconds: number): Promise<void> {
    await this.#client.close();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    this.#client = this.#open();
    await this.#client.identify();
  }

  #open(): Client {
    const { url, folder, username, evidence, failed } = this.#options;
    const path = (kind: string) => join(folder, `${username}.${kind}`);
    this.#outbox = new Outbox(path('outbox'));
    return new Client({
      url,
      username,
      identity: Identity.load(path('key')),
      inbox: new Inbox(path('inbox')),
      outbox: this.#outbox,
      pins: new Pins(path('pins')),
      backoff: { minMs: 10, maxMs: 100 },
      on: {
        question: async (entry) => {
          await this.#show(entry);
          if (numberOf(entry.message.content) % 4 === 0) this.speak(entry.message.id);
        },
        answer: (entry) => this.#show(entry),
        sent: (message, status) => void evidence.write({ what: 'sent', status, ...this.#named(message) }),
        failed: (message, { code }) => void evidence.write({ what: 'refused', code, ...this.#named(message) }),
        keyChanged: failed,
        trouble: failed,
        closed: (code) => code === 4001 && failed('replaced by another client of the same user'),
      },
    });
  }

  async #show({ number, message }: Entry<Extract<Incoming, { content: string }>>): Promise<void> {
    if (number <= this.#shown) return;
    this.#shown = number;
    const { from, id = '', content } = message;
    const n = numberOf(content);
    const isWhole = content === compose(from, n, content.length);
    await this.#options.evidence.write({ what: 'shown', from, to: this.#options.username, n, id, number, isWhole });
  }

  #named({ id, to, content }: Outgoing) {
    return { from: this.#options.username, to, n: numberOf(content), id };
  }
}

/** A text that tells who made it, and could not have been made otherwise: `<n> <username> <letters that follow from both>`. */
function compose(username: string, n: number, lengthMin: number): string {
  const seed = createHash('sha256').update(`${username} ${n}`).digest('hex');
  const head = `${n} ${username} `;
  return head + seed.repeat(Math.ceil(PADDING_MAX / seed.length)).slice(0, Math.max(1, lengthMin - head.length));
}

function numberOf(content: string): number {
  return Number.parseInt(content, 10);
}

function max(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => Math.max(one, other), 0);
}
