/**
 * Questions and answers on their way out: into the outbox, to the exchange, and again with the same id and content, in order, on
 * reconnecting or when nobody said `*_sent` for 15 s; for at most 7 days (protocol part 3). A receipt has no reply of its own: commands
 * take effect in their order, so the `pong` to a `ping` behind it says that it was taken.
 */
import { fitsUtf8 } from '../protocol/codec.ts';
import { CONTENT_BYTES_MAX, FRAME_BYTES_MAX, REASON_MAX, type ServerMessage } from '../protocol/messages.ts';
import type { Database } from './database.ts';
import { MagiError } from './errors.ts';
import type { Sendable } from './link.ts';
import { newId, type Outbox, type Outgoing, type Status } from './outbox.ts';
import { isGone } from './processes.ts';

const RESEND_MS = 15_000;
/** A message of another process that lives but has not got rid of it for so long is sent by this one, too: a repeat is recognised. */
const ABANDONED_MS = 60_000;
const GIVE_UP_MS = 7 * 24 * 60 * 60 * 1000;
/** What waits for this user comes first: it may hold the answer to what nobody seems to have taken. */
const LAST_CHANCE_MS = 3_000;
/** More than this waits only when nobody is there to take it. */
const WAITING_MAX = 1_000;

type Sent = Extract<ServerMessage, { type: 'question_sent' | 'answer_sent' }>;

export interface SenderOptions {
  readonly database: Database;
  readonly outbox: Outbox;
  /** Names this process among those of the user. */
  readonly process: string;
  readonly send: (command: Sendable) => void;
  /** False while a friend must not be written to. */
  readonly mayWriteTo: (username: string) => boolean;
  /** False for a friend who cannot be told that there will be no answer. */
  readonly hearsReceipts: (username: string) => boolean;
  /** False for a guest, whose messages end with its socket. */
  readonly isKeyed: boolean;
  /** What became of a message, also of one that an earlier process has put here. */
  readonly settled: (message: Outgoing, outcome: Status | MagiError) => void;
}

export interface Letter {
  readonly kind: Outgoing['kind'];
  readonly to: string;
  readonly content: string;
  readonly replyTo?: string | undefined;
  readonly waitsUntil?: number;
}

export interface Posted {
  readonly id: string;
  /** Fulfilled when the message is on disk: it will be sent, also by a later process. Rejected with MagiError. */
  readonly kept: Promise<void>;
  /** Fulfilled when the exchange says who has the message; rejected with MagiError. */
  readonly sent: Promise<Status>;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #database: Database;
  readonly #outbox: Outbox;
  /** When each message was last sent on the present socket, by a clock that nobody sets; RESEND_MS before it may be sent again. */
  readonly #sentAt = new Map<string, number>();
  /** Declined, and the exchange has refused it for now: the `pong` behind it says nothing. */
  readonly #untaken = new Set<string>();
  /** Settled, and not on disk yet. */
  readonly #settled = new Set<string>();
  readonly #waiting = new Map<string, PromiseWithResolvers<Status>>();
  #isOpen = false;
  #openedAt = 0;
  /** No question before then: one that came later must not overtake those that have to wait. */
  #limitedUntil = 0;
  /** Why this client sends nothing any more. */
  #abandoned: MagiError | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#database = options.database;
    this.#outbox = options.outbox;
  }

  /** `also` is done in the same transaction, before; what it throws is the reason why nothing is sent. */
  post(letter: Letter, also: () => void = () => {}): Posted {
    const id = newId();
    const { process } = this.#options;
    return this.#posted(id, () => {
      const refused = this.#refusal(letter);
      if (refused !== undefined) throw refused;
      also();
      this.#outbox.add({ ...letter, id, at: Date.now(), state: 'waiting', owner: process });
    });
  }

  #posted(id: string, keep: () => void): Posted {
    const waiting = this.#waitingFor(id);
    const written = this.#abandoned === undefined ? this.#database.note(keep) : Promise.reject(this.#abandoned);
    // It is on its way to the exchange while the disk flushes it; whoever posted it is told nothing before both are done.
    const kept = written.then(() => {
      this.#sendOne(id);
      return this.#database.flushed();
    });
    kept.catch((error) => this.#end(id, error));
    const sent = Promise.all([waiting.promise, kept]).then(([status]) => status);
    // Who does not care for it must not be ended by it.
    sent.catch(() => {});
    return { id, kept, sent };
  }

  /** Keeps it until the owner has agreed to it. Rejected with MagiError as `post`. */
  async draft(letter: Letter): Promise<string> {
    const id = newId();
    const refused = this.#refusal(letter);
    if (refused !== undefined) throw refused;
    const draft = { ...letter, id, at: Date.now(), state: 'draft', owner: this.#options.process } as const;
    await this.#database.write(() => this.#outbox.add(draft));
    return id;
  }

  /** Sends a draft that the owner has agreed to. `also` as in `post`. */
  approve({ id, to }: Outgoing, waitsUntil: number, also: () => void): Posted {
    const { process } = this.#options;
    return this.#posted(id, () => {
      const refused = this.#distrust(to);
      if (refused !== undefined) throw refused;
      also();
      if (!this.#outbox.approve(id, process, Date.now(), waitsUntil))
        throw new MagiError('unknown_id', 'This draft has been sent or discarded already.', { id });
    });
  }

  /** Who has a message that was posted before, by this process or another; rejected with MagiError when nobody will. */
  async follow({ id, state, code, reason }: Outgoing): Promise<Status> {
    if (state === 'refused') throw new MagiError(code ?? 'internal', reason ?? 'It was refused.', { id });
    if (state !== 'waiting' && state !== 'draft') return state;
    return await this.#waitingFor(id).promise;
  }

  /** Shared by all who want to know: a draft may be followed before it is sent. */
  #waitingFor(id: string): PromiseWithResolvers<Status> {
    const waiting = this.#waiting.get(id) ?? Promise.withResolvers<Status>();
    this.#waiting.set(id, waiting);
    return waiting;
  }

  /** The exchange is there: everything that waits goes to it. */
  opened(): void {
    this.#isOpen = true;
    // Who was not let in may have been since, with an invite.
    this.#abandoned = undefined;
    this.#openedAt = performance.now();
    this.#sentAt.clear();
    this.#untaken.clear();
    this.#resend();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#resend(), RESEND_MS / 8);
  }

  closed(): void {
    this.#isOpen = false;
    clearInterval(this.#timer);
    if (!this.#options.isKeyed) this.#forget();
  }

  /** `question_sent` or `answer_sent`. */
  told({ id = '', status }: Sent): void {
    this.#settle(this.#outbox.find(id), status);
  }

  /** The exchange has taken everything before the `ping` with this id. */
  ponged(id: string | undefined): void {
    const message = id === undefined || this.#untaken.delete(id) ? undefined : this.#outbox.find(id);
    if (message?.kind === 'declined') this.#settle(message, 'delivered');
  }

  /** Whether the error was about one of these messages. */
  refused(error: Extract<ServerMessage, { type: 'error' }>): boolean {
    const { id = '', code, request, retryAfterMs = RESEND_MS } = error;
    const message = request === 'receipt' ? this.#outbox.findDecline(id) : this.#outbox.find(id);
    // That a question was seen is a courtesy: nobody waits for it.
    if (message?.state !== 'waiting') return request === 'receipt';
    if (code === 'rate_limited') {
      this.#sentAt.set(id, performance.now() - RESEND_MS + retryAfterMs);
      if (message.kind === 'question') this.#limitedUntil = performance.now() + retryAfterMs;
      setTimeout(() => this.#resend(), retryAfterMs + 1).unref();
      return true;
    }
    // What passes by itself is sent again like what nobody has replied to.
    if (code !== 'storage_failed' && code !== 'internal') this.#settle(message, MagiError.by(error));
    else if (message.kind === 'declined') this.#untaken.add(message.id);
    return true;
  }

  /** Another process has written: it may have got the reply to what this one waits for. */
  look(): void {
    for (const id of this.#waiting.keys()) {
      const message = this.#outbox.find(id);
      if (message === undefined || message.state === 'waiting' || message.state === 'draft') continue;
      const { state, code, reason } = message;
      if (state !== 'refused') this.#end(id, state);
      else this.#end(id, new MagiError(code ?? 'internal', reason ?? 'It was refused.', { id, isForeign: true }));
    }
    // What the owner has approved in another process goes out with that one, or from here if it is gone.
    this.#resend();
  }

  /** Nothing that waits will be sent by this client; what is on disk is, by a later one. */
  abandon(why: MagiError): void {
    this.#abandoned = why;
    this.closed();
    for (const id of [...this.#waiting.keys()]) this.#end(id, why);
  }

  /** A guest's connections are gone with its socket, and so is what it had not said. */
  #forget(): void {
    for (const message of this.#outbox.waiting())
      this.#settle(message, new MagiError('closed', 'The exchange went away before it answered.', { id: message.id }));
  }

  /** What can be said without asking. A frame that is too long would close the socket, again and again. */
  #refusal(letter: Letter): MagiError | undefined {
    const { to, content, kind } = letter;
    if (!content.isWellFormed()) return new MagiError('bad_message', 'The text holds half of a surrogate pair.');
    if (kind === 'declined' && content.length > REASON_MAX)
      return new MagiError('message_too_large', `Give a reason of at most ${REASON_MAX} characters.`);
    // Room for the fields beside the text, which is longer once it is escaped.
    if (!fitsUtf8(content, CONTENT_BYTES_MAX) || !fitsUtf8(JSON.stringify(letter), FRAME_BYTES_MAX - 256))
      return new MagiError('message_too_large', `Send at most ${CONTENT_BYTES_MAX} bytes of text.`);
    const distrust = this.#distrust(to);
    if (distrust !== undefined) return distrust;
    if (this.#outbox.size >= WAITING_MAX)
      return new MagiError('outbox_full', `${WAITING_MAX} messages wait to be sent already.`);
    return undefined;
  }

  #distrust(to: string): MagiError | undefined {
    if (this.#options.mayWriteTo(to)) return undefined;
    const message = "This friend's key is another one than before: ask them in person, then trust it.";
    return new MagiError('key_changed', message);
  }

  #resend(): void {
    // A rate limit may end after the client.
    if (!this.#isOpen) return;
    const now = Date.now();
    for (const message of this.#outbox.waiting()) {
      if (this.#settled.has(message.id)) continue;
      // Whoever has answered has it, and what has expired was in the mailbox.
      const isRead = message.outcome === 'answered' || message.outcome === 'declined';
      if (message.outcome !== undefined) this.#settle(message, isRead ? 'delivered' : 'queued');
      else if (now - message.at > GIVE_UP_MS) {
        if (performance.now() - this.#openedAt < LAST_CHANCE_MS) continue;
        this.#settle(message, new MagiError('gave_up', 'Nobody has taken this for 7 days.', { id: message.id }));
      } else if (this.#isDue(message) && this.#isMine(message, now)) this.#send(message);
    }
  }

  #isDue({ id, kind }: Outgoing): boolean {
    const now = performance.now();
    if (kind === 'question' && now < this.#limitedUntil) return false;
    return now - (this.#sentAt.get(id) ?? Number.NEGATIVE_INFINITY) >= RESEND_MS;
  }

  #isMine({ id, owner, at }: Outgoing, now: number): boolean {
    if (owner === this.#options.process) return true;
    if (!isGone(owner) && now - at < ABANDONED_MS) return false;
    this.#outbox.adopt(id, this.#options.process);
    return true;
  }

  #sendOne(id: string): void {
    if (!this.#isOpen) return;
    const message = this.#outbox.find(id);
    if (message?.state === 'waiting' && this.#isDue(message)) this.#send(message);
  }

  #send(message: Outgoing): void {
    const { kind, id, to, content, replyTo } = message;
    const { send, mayWriteTo, hearsReceipts } = this.#options;
    if (!this.#isOpen || !mayWriteTo(to)) return;
    if (kind === 'declined' && !hearsReceipts(to)) {
      this.#settle(message, 'forwarded');
      return;
    }
    this.#sentAt.set(id, performance.now());
    if (kind === 'question') send({ type: 'ask', id, to, content });
    else if (kind === 'answer')
      send({ type: 'answer', id, to, content, ...(replyTo === undefined ? {} : { replyTo }) });
    else {
      const reason = content === '' ? {} : { reason: content };
      send({ type: 'receipt', id: replyTo, to, status: 'declined', ...reason });
      send({ type: 'ping', id });
    }
  }

  #settle(message: Outgoing | undefined, outcome: Status | MagiError): void {
    if (message?.state !== 'waiting' || this.#settled.has(message.id)) return;
    const { id } = message;
    this.#settled.add(id);
    const written =
      outcome instanceof MagiError
        ? this.#outbox.refused(id, outcome.code, outcome.message)
        : this.#outbox.taken(id, outcome);
    // If the disk refuses, a later process finds it out again.
    written.then(
      () => this.#settled.delete(id),
      () => {},
    );
    this.#options.settled(message, outcome);
    this.#end(id, outcome);
  }

  #end(id: string, outcome: Status | unknown): void {
    this.#sentAt.delete(id);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (outcome instanceof Error) waiting?.reject(outcome);
    else waiting?.resolve(outcome as Status);
  }
}
