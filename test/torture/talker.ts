/**
 * One of a pair that talks to each other while everything around them is killed. It writes down what it says, what the exchange says
 * about that, and what it is shown; its key, inbox and outbox are files, so another process can be the same user later.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Client, openClient } from '../../src/client/client.ts';
import type { Entry } from '../../src/client/entries.ts';
import { MagiError } from '../../src/client/errors.ts';
import type { Outgoing } from '../../src/client/outbox.ts';
import type { Chance } from '../harness.ts';
import type { Evidence, Line } from './evidence.ts';

/** Messages of one user that nobody has taken yet. A mailbox takes 250 of one sender. */
const UNSENT_MAX = 16;
const PADDING_MAX = 2_000;
/** What a client is told that was closed, or whose process was killed, in the middle of an answer. */
const LATER = new Set<string>(['closed', 'claimed', 'already_answered']);

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
  #next: number;
  /** The number of the inbox's entry that was written down last: what is shown again after a kill has this one or an earlier one. */
  #shown: number;
  #isShowing = false;
  #isAway = false;

  constructor(options: TalkerOptions) {
    this.#options = options;
    const { username, past } = options;
    this.#next = 1 + max(past.map((line) => (line.what === 'asked' && line.from === username ? line.n : 0)));
    this.#shown = max(past.map((line) => (line.what === 'shown' && line.to === username ? line.number : 0)));
    this.#client = this.#open();
  }

  get unsent(): number {
    return this.#client.waiting().unsent;
  }

  get client(): Client {
    return this.#client;
  }

  /** Says the next thing, unless too much waits already. */
  speak(): void {
    if (this.unsent < UNSENT_MAX) this.#client.post(this.#options.friend, this.#compose());
  }

  #compose(): string {
    const { username, evidence, chance } = this.#options;
    const n = this.#next++;
    void evidence.write({ what: 'asked', from: username, n });
    return compose(username, n, chance.below(PADDING_MAX));
  }

  /** Goes away and comes back. */
  async leave(milliseconds: number): Promise<void> {
    this.#isAway = true;
    await this.#client.close();
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    this.#isAway = false;
    this.#client = this.#open();
    await this.#client.identify();
  }

  async #answer({ number }: Entry): Promise<void> {
    try {
      const question = await this.#client.question(`${number}`);
      await question.answer(this.#compose());
    } catch (error) {
      // It may be closed, or killed and closed, in the middle of it.
      if (!(error instanceof MagiError) || !LATER.has(error.code)) this.#options.failed(error);
    }
  }

  #open(): Client {
    const { url, folder, username, evidence, failed } = this.#options;
    const client = openClient({
      server: url,
      username,
      home: join(folder, username),
      backoff: { minMs: 10, maxMs: 100 },
      on: {
        arrived: () => void this.#showAll(client),
        settled: (message, outcome) => {
          const named = this.#named(message);
          if (outcome instanceof MagiError) void evidence.write({ what: 'refused', code: outcome.code, ...named });
          else void evidence.write({ what: 'sent', status: outcome, ...named });
        },
        keyChanged: failed,
        trouble: failed,
        closed: (code) => code === 4001 && failed('replaced by another client of the same user'),
      },
    });
    // What was safe when an earlier process was killed, and not shown.
    void this.#showAll(client);
    return client;
  }

  /** Shows what is in the inbox behind what was shown last, in its order. */
  async #showAll(client: Client): Promise<void> {
    if (this.#isShowing) return;
    this.#isShowing = true;
    for (let next = this.#following(client); next !== undefined; next = this.#following(client)) {
      await this.#show(next);
      if (next.kind === 'question' && numberOf(next.content) % 4 === 0 && !this.#isAway) void this.#answer(next);
    }
    this.#isShowing = false;
  }

  #following(client: Client): Entry | undefined {
    if (this.#isAway) return undefined;
    return client.inbox({ limit: 8, after: this.#shown }).find(({ kind }) => kind !== 'receipt');
  }

  async #show({ number, from, id, content }: Entry): Promise<void> {
    this.#shown = number;
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
