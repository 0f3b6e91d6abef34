/** What goes wrong for a user of the client: one kind of error, told apart by its code. */
import type { FaultCode } from '../protocol/faults.ts';
import type { ServerMessage } from '../protocol/messages.ts';

/** What the exchange refuses is called as in the protocol (part 1, "Errors"). These the client says itself. */
export type ClientCode =
  /** The answer did not come in the time that was given; it is not too late. `id` names the question. */
  | 'no_answer_yet'
  /** The caller's signal was aborted; the question stays asked. */
  | 'aborted'
  /** The friend will not answer; the message is their reason. */
  | 'declined'
  /** The message waited longer than a mailbox keeps it. */
  | 'expired'
  /** The connection with the friend ended before there was an answer. */
  | 'left'
  /** Nobody took the message for 7 days. */
  | 'gave_up'
  /** The friend's key is not the one that is known: nothing is sent or shown until the owner decides. */
  | 'key_changed'
  /** So many messages wait to be sent that no more are taken. */
  | 'outbox_full'
  /** The client was closed, or the exchange went away before it answered. */
  | 'closed'
  /** Another client of this user has taken this one's place. */
  | 'replaced'
  /** The exchange cannot be reached. */
  | 'unreachable'
  /** Plain ws:// to another machine, and not told that this is meant. */
  | 'insecure'
  /** No friend has this name, or several have. */
  | 'unknown_friend'
  | 'ambiguous_friend'
  /** The question was answered or declined already, or another process is answering it. */
  | 'already_answered'
  | 'claimed'
  /** There is no such question, answer or draft. */
  | 'unknown_id'
  /** A setting is missing or cannot be used. */
  | 'bad_settings';

export type MagiErrorCode = FaultCode | ClientCode;

export class MagiError extends Error {
  override readonly name = 'MagiError';
  /** One of the protocol's codes or of ClientCode; a later release of the exchange may know more of them. */
  readonly code: MagiErrorCode | (string & {});
  /** Milliseconds until the same may succeed. */
  readonly retryAfterMs: number | undefined;
  /** The id of the message that it is about. */
  readonly id: string | undefined;
  /** The sentence was written on another machine, by the exchange or a friend: it says what they like. */
  readonly isForeign: boolean;

  constructor(
    code: MagiError['code'],
    message: string,
    more: { retryAfterMs?: number; id?: string; isForeign?: boolean } = {},
  ) {
    super(message);
    this.code = code;
    this.retryAfterMs = more.retryAfterMs;
    this.id = more.id;
    this.isForeign = more.isForeign === true;
  }

  /** What the exchange said. */
  static by({ code, message, retryAfterMs, id }: Extract<ServerMessage, { type: 'error' }>): MagiError {
    return new MagiError(code, message, {
      isForeign: true,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(id === undefined ? {} : { id }),
    });
  }
}
