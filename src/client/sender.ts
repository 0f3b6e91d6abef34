/**
 * Questions and answers on their way out: into the outbox, to the exchange, and again with the same id and content, in order, on
 * reconnecting or when nobody said `*_sent` for 15 s; for at most 7 days (protocol part 3).
 */
import { randomBytes } from 'node:crypto';
import { fitsUtf8 } from '../protocol/codec.ts';
import { CONTENT_BYTES_MAX, FRAME_BYTES_MAX, type ServerMessage } from '../protocol/messages.ts';
import type { Sendable } from './link.ts';
import type { Outbox, Outgoing } from './outbox.ts';
import { Refused } from './replies.ts';

const RESEND_MS = 15_000;
const GIVE_UP_MS = 7 * 24 * 60 * 60 * 1000;
/** More than this waits only when nobody is there to take it. */
const WAITING_MAX = 1_000;

export type Status = 'delivered' | 'queued' | 'forwarded';
type Sent = Extract<ServerMessage, { type: 'question_sent' | 'answer_sent' }>;

export interface SenderOptions {
  readonly outbox: Outbox;
  readonly send: (command: Sendable) => void;
  /** False while a friend must not be written to. */
  readonly mayWriteTo: (username: string) => boolean;
  readonly sent: (message: Outgoing, status: Status) => void;
  readonly failed: (message: Outgoing, refused: Refused) => void;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #outbox: Outbox;
  /** When each message was last sent on the present socket. */
  readonly #sentAt = new Map<string, number>();
  readonly #promises = new Map<string, PromiseWithResolvers<Status>>();
  #isOpen = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#outbox = options.outbox;
  }

  /** Fulfilled when the exchange says who has the message; rejected with Refused. */
  add(type: Outgoing['type'], to: string, content: string, replyTo?: string): { id: string; sent: Promise<Status> } {
    const message: Outgoing = {
      type,
      id: randomBytes(16).toString('base64url'),
      to,
      content,
      ...(replyTo === undefined ? {} : { replyTo }),
      at: Date.now(),
    };
    const waiting = Promise.withResolvers<Status>();
    // Who does not care for it is told by the callback, and must not be ended by it.
    waiting.promise.catch(() => {});
    this.#promises.set(message.id, waiting);
    const refused = this.#refusal(message);
    if (refused !== undefined) this.#settle(message, refused);
    else
      this.#outbox.add(message).then(
        () => this.#send(message),
        (error) => this.#settle(message, new Refused('storage_failed', `The outbox did not take it: ${error}`)),
      );
    return { id: message.id, sent: waiting.promise };
  }

  /** The exchange is there: everything that waits goes to it. */
  opened(): void {
    this.#isOpen = true;
    this.#sentAt.clear();
    this.#resend(0);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#resend(RESEND_MS), RESEND_MS / 8);
  }

  closed(): void {
    this.#isOpen = false;
    clearInterval(this.#timer);
  }

  /** `question_sent` or `answer_sent`. */
  told({ id = '', status }: Sent): void {
    const message = this.#outbox.find(id);
    if (message === undefined) return;
    this.#options.sent(message, status);
    this.#settle(message, status);
  }

  /** Whether the refusal was about one of these messages. */
  refused(id: string | undefined, refused: Refused): boolean {
    const message = this.#outbox.find(id ?? '');
    if (message === undefined) return false;
    this.#settle(message, refused);
    return true;
  }

  /** Nothing that waits will be sent by this client; what is on disk is, by a later one. */
  abandon(): void {
    for (const { reject } of this.#promises.values())
      reject(new Refused('closed', 'The client was closed before anybody had taken this.'));
    this.#promises.clear();
  }

  /** A guest's connections are gone with its socket, and so is what it had not said. */
  forget(): void {
    for (const message of [...this.#outbox.waiting()])
      this.#settle(message, new Refused('closed', 'The exchange went away before it answered.'));
  }

  /** What can be said without asking. A frame that is too long would close the socket, again and again. */
  #refusal(message: Outgoing): Refused | undefined {
    const { to, content } = message;
    if (!content.isWellFormed()) return new Refused('bad_message', 'The text holds half of a surrogate pair.');
    if (!fitsUtf8(content, CONTENT_BYTES_MAX) || !fitsUtf8(JSON.stringify(message), FRAME_BYTES_MAX))
      return new Refused('message_too_large', `Send at most ${CONTENT_BYTES_MAX} bytes of text.`);
    if (!this.#options.mayWriteTo(to))
      return new Refused(
        'key_changed',
        "This friend's key is another one than before: ask them in person, then trust it.",
      );
    if (this.#outbox.size >= WAITING_MAX)
      return new Refused('outbox_full', `${WAITING_MAX} messages wait to be sent already.`);
    return undefined;
  }

  #resend(olderThanMs: number): void {
    const now = Date.now();
    for (const message of [...this.#outbox.waiting()]) {
      if (now - message.at > GIVE_UP_MS)
        this.#settle(message, new Refused('gave_up', 'Nobody has taken this for 7 days.'));
      else if (now - (this.#sentAt.get(message.id) ?? 0) >= olderThanMs) this.#send(message);
    }
  }

  #send(message: Outgoing): void {
    if (!this.#isOpen || !this.#options.mayWriteTo(message.to)) return;
    this.#sentAt.set(message.id, Date.now());
    const { at: _, ...command } = message;
    this.#options.send(command);
  }

  #settle(message: Outgoing, outcome: Status | Refused): void {
    const { id } = message;
    this.#outbox.remove(id);
    this.#sentAt.delete(id);
    const waiting = this.#promises.get(id);
    this.#promises.delete(id);
    if (outcome instanceof Refused) {
      this.#options.failed(message, outcome);
      waiting?.reject(outcome);
    } else waiting?.resolve(outcome);
  }
}
