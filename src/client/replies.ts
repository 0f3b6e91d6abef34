/**
 * Who waits for which reply. Commands take effect in their order, so a reply belongs to the oldest command that it can answer; an error
 * names the command by its id.
 */
import type { ServerMessage } from '../protocol/messages.ts';
import { MagiError } from './errors.ts';

type MessageType = ServerMessage['type'];
export type Message<T extends MessageType> = Extract<ServerMessage, { type: T }>;

interface Waiting {
  readonly id: string;
  readonly fits: (message: ServerMessage) => boolean;
  readonly resolve: (message: never) => void;
  readonly reject: (error: MagiError) => void;
}

export class Replies {
  #waiting: Waiting[] = [];

  /** The reply of `type` to the command with this `id`. */
  wait<T extends MessageType>(id: string, type: T, fits: (message: Message<T>) => boolean = () => true) {
    return new Promise<Message<T>>((resolve, reject) => {
      const isReply = (message: ServerMessage) => message.type === type && fits(message as Message<T>);
      this.#waiting.push({ id, fits: isReply, resolve, reject });
    });
  }

  /** Tells who waits for it; returns whether somebody did. */
  told(message: ServerMessage): boolean {
    const isError = message.type === 'error';
    const found = this.#waiting.find(({ id, fits }) => (isError ? message.id === id : fits(message)));
    if (found === undefined) return false;
    this.#waiting.splice(this.#waiting.indexOf(found), 1);
    if (isError) found.reject(MagiError.by(message));
    else found.resolve(message as never);
    return true;
  }

  /** Nobody will answer any more. */
  lost(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting)
      reject(new MagiError('closed', 'The exchange went away before it answered. Try again.'));
  }
}

/** Whether the exchange knows the user, for those who wait for it. */
interface Identified extends PromiseWithResolvers<Message<'identified'>> {
  isDone: boolean;
}

export function newIdentified(): Identified {
  const identified = { ...Promise.withResolvers<Message<'identified'>>(), isDone: false };
  // Who does not wait for it is told by the callback `closed`.
  identified.promise.catch(() => {});
  return identified;
}
