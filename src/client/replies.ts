/**
 * Who waits for which reply. Commands take effect in their order, so a reply belongs to the oldest command that it can answer; an error
 * names the command by its id.
 */
import type { ServerMessage } from '../protocol/messages.ts';

type MessageType = ServerMessage['type'];
type Reply<T extends MessageType> = Extract<ServerMessage, { type: T }>;
export type Refusal = Reply<'error'>;

/** What the exchange, or this client itself, refused. `code` is one of the protocol's, or `key_changed`, `outbox_full`, `gave_up`, `closed`. */
export class Refused extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  static by({ code, message, retryAfterMs }: Refusal): Refused {
    return new Refused(code, message, retryAfterMs);
  }
}

interface Waiting {
  readonly id: string;
  readonly fits: (message: ServerMessage) => boolean;
  readonly resolve: (message: never) => void;
  readonly reject: (error: Refused) => void;
}

export class Replies {
  #waiting: Waiting[] = [];

  /** The reply of `type` to the command with this `id`. */
  wait<T extends MessageType>(id: string, type: T, fits: (message: Reply<T>) => boolean = () => true) {
    return new Promise<Reply<T>>((resolve, reject) => {
      const isReply = (message: ServerMessage) => message.type === type && fits(message as Reply<T>);
      this.#waiting.push({ id, fits: isReply, resolve, reject });
    });
  }

  /** Tells who waits for it; returns whether somebody did. */
  told(message: ServerMessage): boolean {
    const isError = message.type === 'error';
    const found = this.#waiting.find(({ id, fits }) => (isError ? message.id === id : fits(message)));
    if (found === undefined) return false;
    this.#waiting.splice(this.#waiting.indexOf(found), 1);
    if (isError) found.reject(Refused.by(message));
    else found.resolve(message as never);
    return true;
  }

  /** Nobody will answer any more. */
  lost(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting)
      reject(new Refused('closed', 'The exchange went away before it answered. Try again.'));
  }
}
