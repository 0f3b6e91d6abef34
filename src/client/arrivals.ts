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
  /** Of each question, who waits for the answer: an assistant may ask the same thing twice. */
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
      this.#end(id, waiting, new MagiError(code, message, { id }));
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
    const others = this.#answers.get(id) ?? new Set();
    this.#answers.set(id, others.add(waiting));
    this.#lease ??= setInterval(() => this.#renew(), LEASE_MS / 3);
    sent.catch((error) => this.#end(id, waiting, error));
    if (signal?.aborted) abort();
    else this.#lookFor(id, waiting);
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
    for (const waiting of [...(this.#answers.get(asked) ?? [])]) this.#lookFor(asked, waiting);
    this.#wake();
  }

  /** Anything may have come. */
  look(): void {
    for (const [id, all] of [...this.#answers]) for (const waiting of [...all]) this.#lookFor(id, waiting);
    this.#wake();
  }

  close(): void {
    // What nobody waits for any more is news to whoever looks next.
    this.#session.outbox.awaited([...this.#answers.keys()], 0, this.#session.process);
    this.#isClosed = true;
    for (const [id, all] of [...this.#answers])
      for (const waiting of [...all]) this.#end(id, waiting, new MagiError('closed', 'The client was closed.', { id }));
    this.#wake();
  }

  #wake(): void {
    for (const end of [...this.#lookers]) end();
  }

  #lookFor(id: string, waiting: Waiting): void {
    const found = this.#session.inbox.answerTo(id, waiting.friend);
    if (found === undefined) return;
    this.#session.inbox.read(found.number);
    this.#end(id, waiting, found);
  }

  #end(id: string, waiting: Waiting, outcome: Entry | unknown): void {
    const others = this.#answers.get(id);
    if (others?.delete(waiting) !== true) return;
    if (others.size === 0) {
      this.#answers.delete(id);
      if (!this.#isClosed) this.#session.outbox.awaited([id], 0, this.#session.process);
    }
    if (this.#answers.size === 0) {
      clearInterval(this.#lease);
      this.#lease = undefined;
    }
    if (outcome instanceof Error) waiting.reject(outcome);
    else {
      const { kind, news, number, from, content, at } = outcome as Entry;
      if (kind === 'answer') waiting.resolve({ id, number, from, text: content, at });
      else if (content === '') waiting.reject(new MagiError(news, SENTENCES[news] ?? news, { id }));
      else waiting.reject(new MagiError(news, content, { id, isForeign: true }));
    }
  }

  #renew(): void {
    this.#session.outbox.awaited([...this.#answers.keys()], this.leaseEnd(), this.#session.process);
  }
}

const SENTENCES: Record<string, string> = {
  declined: 'Your friend will not answer this.',
  expired: 'Your friend did not come back in time to read this.',
  left: 'The connection with your friend has ended: there will be no answer.',
};
