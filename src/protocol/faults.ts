/**
 * The error codes of the protocol (part 1, "Errors") and the sentence that each of them says. A code is stable and for machines; the
 * sentence is for people, says what to do, and never repeats what the client sent.
 */

const SENTENCES = {
  bad_message: 'Send one JSON object with a "type" in each frame.',
  message_too_large: 'Send at most 65536 bytes in a frame and 32768 bytes of UTF-8 in "content".',
  unknown_type:
    'There is no command of this type. Send identify, create_invite, connect, ask, answer, list_connections, disconnect, received, receipt, forget_me or ping.',
  not_identified: 'Say who you are first: send identify with a "username".',
  already_identified: 'This client is identified with another username. Open a new WebSocket to use a different one.',
  invalid_username:
    'Choose a username of 1 to 128 characters without control, bidirectional or invisible characters and without a space at either end.',
  invalid_nickname:
    'Choose a nickname of 1 to 64 characters without control, bidirectional or invisible characters and without a space at either end.',
  username_taken: 'Somebody who is here uses this username. Choose another one.',
  username_reserved: 'This username belongs to a key. Choose another one, or sign with that key.',
  bad_signature:
    'The signature does not fit the challenge, the username, the host and the key that is bound to the name.',
  registration_closed:
    'New names are bound here only together with an invite: send connect with a code, your username and your key.',
  invalid_code: 'This code does not work: it may be mistyped, expired or used. Ask your friend for a new one.',
  own_invite: 'This is your own code. Give it to a friend: it stays usable.',
  no_connection: 'You have no connection with that user. Connect with a code of theirs first.',
  recipient_required: 'You have several friends here. Name one of them: put the username in "to".',
  friend_offline: 'Your friend is away and the message could not be kept. Send it again when they are back.',
  mailbox_full: "Your friend's mailbox is full. Nothing was dropped; send it again when they have read something.",
  rate_limited: 'Too fast. Wait "retryAfterMs" milliseconds and send it again.',
  too_many_attempts: 'Too many wrong attempts. Wait "retryAfterMs" milliseconds and try again.',
  too_many_invites: 'You made many codes lately. Wait "retryAfterMs" milliseconds, or use one that you have.',
  too_many_connections:
    'You or your friend have as many connections as allowed. End one of them with disconnect; the code stays usable.',
  storage_failed: 'The exchange could not store this and has acknowledged nothing. Send it again later.',
  internal: 'The exchange failed here. Nothing was done; send it again, and tell the operator if it stays.',
} as const;

export type FaultCode = keyof typeof SENTENCES;

export const FAULT_CODES = Object.keys(SENTENCES) as FaultCode[];

/** A peer's mistake: a value that is answered, never thrown. `request` and `id` are added where the command is known. */
export interface Fault {
  readonly type: 'error';
  readonly code: FaultCode;
  readonly message: string;
  request?: string;
  id?: string;
  /** Milliseconds until the same command may succeed. */
  readonly retryAfterMs?: number;
}

export function fault(code: FaultCode, message: string = SENTENCES[code]): Fault {
  return { type: 'error', code, message };
}

/** A fault that passes by itself. `retryAfterMs`: whole milliseconds, at least 1. */
export function passingFault(code: FaultCode, retryAfterMs: number): Fault {
  return { type: 'error', code, message: SENTENCES[code], retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) };
}
