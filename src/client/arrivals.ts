/**
 * Who waits for what arrives. An answer goes to the process that asked, also when another one received it; while somebody waits for it,
 * it is nobody else's news.
 */

import type { Entry } from './entries.ts';
import { MagiError } from './errors.ts';
import type { Answer, AskOptions } from './options.ts';
import type { Session } from './session.ts';

/** While a process waits for answers it says so again before this is over; when it is killed, its answers are news after that. */
const LEASE_MS = 60_000;
/** The longest time that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

interface Waiting extends PromiseWithResolvers<Answer> {
  readonly friend: string;
}

export class Arrivals {
  readonly #session: Session;
  /** By the id of the question. */
  readonly #answers = new Map<string, Set<Waiting>>();
  readonly #lookers = new Set<() => void>();
  #lease: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Until when an answer that somebody begins to wait for now is not news. */
  leaseEnd(): number {
    return Date.now() + LEASE_MS;
  }

  /** The friend's answer to the question; `sent` rejected: there will be none. */
  wait(
    asked: { id: string; sent: Promise<unknown> },
    friend: string,
    { timeout, signal }: AskOptions,
  ): Promise<Answer> {
    const { id, sent } = asked;
    const waiting: Waiting = { ...Promise.withResolvers<Answer>(), friend };
    // Who asked by `post` and does not wait must not be ended by it.
    waiting.promise.catch(() => {});
    const fail = (code: 'no_answer_yet' | 'aborted', message: string) =>
      this.#end(id, new MagiError(code, message, { id }), waiting);
    const abort = () => fail('aborted', 'Not waiting any more; the answer will come to your inbox.');
    const timer =
      timeout === undefined
        ? undefined
        : setTimeout(
            () => fail('no_answer_yet', 'No answer yet; it will come to your inbox. There is no need to ask again.'),
            Math.min(timeout, TIMER_MS_MAX),
          );
    signal?.addEventListener('abort', abort, { once: true });
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    };
    waiting.promise.then(done, done);
    this.#answers.set(id, (this.#answers.get(id) ?? new Set()).add(waiting));
    this.#lease ??= setInterval(() => this.#renew(), LEASE_MS / 3);
    sent.catch((error) => this.#end(id, error, waiting));
    if (signal?.aborted) abort();
    else this.#lookFor(id);
    return waiting.promise;
  }

  /** Fulfilled when something may have arrived, or at the signal. */
  next(signal?: AbortSignal): Promise<void> {
    if (this.#isClosed || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        this.#lookers.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      this.#lookers.add(end);
      signal?.addEventListener('abort', end);
    });
  }

  /** This has just come to this process. */
  arrived({ kind, id, replyTo = '' }: Entry): void {
    const asked = kind === 'answer' ? replyTo : id;
    this.#lookFor(asked);
    this.#wake();
  }

  /** Anything may have come. */
  look(): void {
    for (const id of [...this.#answers.keys()]) this.#lookFor(id);
    this.#wake();
  }

  close(): void {
    // What nobody waits for any more is news to whoever looks next.
    this.#session.outbox.awaited([...this.#answers.keys()], 0);
    this.#isClosed = true;
    for (const id of [...this.#answers.keys()])
      this.#end(id, new MagiError('closed', 'The client was closed.', { id }));
    this.#wake();
  }

  #wake(): void {
    for (const end of [...this.#lookers]) end();
  }

  #lookFor(id: string): void {
    const [waiting] = this.#answers.get(id) ?? [];
    const found = waiting === undefined ? undefined : this.#session.inbox.answerTo(id, waiting.friend);
    if (found === undefined) return;
    this.#session.inbox.read(found.number);
    this.#end(id, found);
  }

  /** For everybody who waits for it, or for one of them. */
  #end(id: string, outcome: Entry | unknown, one?: Waiting): void {
    const all = this.#answers.get(id);
    const ended = one === undefined ? [...(all ?? [])] : [one];
    for (const waiting of ended) all?.delete(waiting);
    if (all?.size === 0) {
      this.#answers.delete(id);
      if (!this.#isClosed) this.#session.outbox.awaited([id], 0);
    }
    if (this.#answers.size === 0) {
      clearInterval(this.#lease);
      this.#lease = undefined;
    }
    for (const waiting of ended) {
      if (outcome instanceof Error) waiting.reject(outcome);
      else answerBy(id, outcome as Entry).then(waiting.resolve, waiting.reject);
    }
  }

  #renew(): void {
    this.#session.outbox.awaited([...this.#answers.keys()], this.leaseEnd());
  }
}

/** What the entry says to who asked the question with this id. */
async function answerBy(id: string, { kind, news, number, from, content, at }: Entry): Promise<Answer> {
  if (kind === 'answer') return { id, number, from, text: content, at };
  if (content === '') throw new MagiError(news, SENTENCES[news] ?? news, { id });
  throw new MagiError(news, content, { id, isForeign: true });
}

const SENTENCES: Record<string, string> = {
  declined: 'Your friend will not answer this.',
  expired: 'Your friend did not come back in time to read this.',
  left: 'Your friend has ended the connection.',
};
