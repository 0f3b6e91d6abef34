/**
 * Text → command or fault, message → text. Nothing here throws, whatever the text; a fault is itself the message that answers it.
 */
import type { ZodType } from 'zod';
import { type Fault, fault } from './faults.ts';
import {
  COMMANDS,
  CONTENT_BYTES_MAX,
  type Command,
  DELIVERY_IDS_MAX,
  REASON_MAX,
  type ServerMessage,
} from './messages.ts';
import { readId } from './names.ts';

const schemas = new Map<unknown, ZodType<Command>>(Object.entries(COMMANDS));

/**
 * A question or an answer as nearly all clients write it: strings with nothing escaped, in the order of the protocol's tables or with
 * `to` first, and no other field. JSON.parse and the schema would read the same at four times the cost; whatever does not fit goes
 * that way. The test of this file holds the two against each other.
 */
const PLAIN_MESSAGE = (() => {
  const text = '"([^"\\\\\\u0000-\\u001f\\ud800-\\udfff]*)"';
  const field = (name: string, value: string) => `"${name}": ?${value}`;
  const id = '"([A-Za-z0-9_-]{1,64})"';
  const optional = (part: string) => `(?:, ?${part})?`;
  const to = field('to', text);
  return new RegExp(
    `^\\{"type": ?"(ask|answer)", ?(?:${to}, ?)?${field('content', text)}${optional(to)}${optional(field('id', id))}${optional(field('replyTo', id))}\\}$`,
  );
})();
/** Longer content has to be measured, and its cost is elsewhere. */
const PLAIN_LENGTH_MAX = 4_096;

/** The same for the acknowledgement that comes with nearly every message over a durable connection. */
const PLAIN_RECEIVED = /^\{"type":"received", ?"deliveryIds": ?\["([0-9-]+(?:","[0-9-]+)*)"\]\}$/;

const TYPE_AT = '{"type":"'.length;

function decodePlain(text: string): Command | undefined {
  if (text.length > PLAIN_LENGTH_MAX) return undefined;
  // By its first letter: a question should not have to wait for this.
  const list = text[TYPE_AT] === 'r' ? PLAIN_RECEIVED.exec(text)?.[1] : undefined;
  if (list !== undefined) {
    const deliveryIds = list.split('","');
    return deliveryIds.length > DELIVERY_IDS_MAX ? undefined : { type: 'received', deliveryIds };
  }
  const parts = PLAIN_MESSAGE.exec(text);
  if (parts === null) return undefined;
  const content = parts[3] ?? '';
  // As in JSON, of two fields with one name the last counts.
  const to = parts[4] ?? parts[2];
  const id = parts[5];
  return parts[1] === 'ask' ? { type: 'ask', content, to, id } : { type: 'answer', content, to, id, replyTo: parts[6] };
}

/**
 * Reads one frame. `text` undefined means bytes that are not UTF-8. Faults: `bad_message` (naming the field), `unknown_type`,
 * `message_too_large` (content over 32 KiB of UTF-8; the frame's own bound is the caller's, who has the bytes).
 */
export function decode(text: string | undefined): Command | Fault {
  if (text === undefined) return fault('bad_message', 'Send UTF-8: these bytes are not.');
  const plain = decodePlain(text);
  if (plain !== undefined) return plain;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fault('bad_message', 'Send one JSON object in each frame: this is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fault('bad_message');
  const object = value as Record<string, unknown>;
  const schema = schemas.get(object.type);
  if (schema === undefined) {
    if (typeof object.type === 'string') return named(fault('unknown_type'), object);
    return named(fault('bad_message', 'The field "type" must be a string that names a command.'), object);
  }
  const read = schema.safeParse(object);
  if (!read.success) return wrongField(read.error.issues[0]?.path[0], object);
  const command = read.data;
  if (command.type === 'ask' || command.type === 'answer') {
    if (!command.content.isWellFormed())
      return named(
        fault('bad_message', 'The field "content" holds half of a surrogate pair: send whole characters.'),
        object,
      );
    if (!fitsUtf8(command.content, CONTENT_BYTES_MAX)) return named(fault('message_too_large'), object);
  }
  return command;
}

function wrongField(field: PropertyKey | undefined, object: Record<string, unknown>): Fault {
  const name = String(field);
  const takes = FIELD_TAKES.get(name) ?? 'a string';
  const lack = Object.hasOwn(object, name) ? `must be ${takes}` : `is missing: send ${takes}`;
  return named(fault('bad_message', `The field "${name}" ${lack}.`), object);
}

/** What a field takes that does not take any string. */
const FIELD_TAKES = new Map([
  ['deliveryIds', `an array of at most ${DELIVERY_IDS_MAX} strings`],
  ['status', '"read" or "declined"'],
  ['reason', `a string of at most ${REASON_MAX} characters`],
]);

/** Says which command the fault is about. Only a type that is ours, and only a well-formed id, is ever repeated. */
function named(fault: Fault, object: Record<string, unknown>): Fault {
  if (schemas.has(object.type)) fault.request = object.type as string;
  const id = readId(object.id);
  if (id !== undefined) fault.id = id;
  return fault;
}

/** Whether well-formed `text` takes at most `bytesMax` bytes of UTF-8. */
export function fitsUtf8(text: string, bytesMax: number): boolean {
  // A UTF-16 unit takes one to three bytes: short and long text is decided by its length alone.
  if (text.length * 3 <= bytesMax) return true;
  if (text.length > bytesMax) return false;
  return utf8Length(text) <= bytesMax;
}

/** Bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair adds one: four bytes in two units.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

export function encode(message: ServerMessage | Fault): string {
  return JSON.stringify(message);
}

/*
 * A question or an answer becomes two texts in one go, and most of each is the same from message to message. So these are put
 * together from parts that are made once: the content is quoted once, the names when the user identifies. The test of this file
 * compares the result with `encode`.
 */

/** What every message from this user holds: `,"from":…,"fromNickname":…`. */
export function senderPart(username: string, nickname: string): string {
  // Joined, not added: V8 keeps a sum as a chain of its parts, which would be walked for every message.
  return [',"from":', JSON.stringify(username), ',"fromNickname":', JSON.stringify(nickname)].join('');
}

/** What the reply to everyone who sends to this user holds. */
export function recipientPart(nickname: string): string {
  return [',"to":', JSON.stringify(nickname), ',"status":"forwarded"'].join('');
}

/** `content` in quotes, to be used for both texts. */
export function contentPart(content: string): string {
  return JSON.stringify(content);
}

export function encodeForwarded(
  type: 'question' | 'answer',
  content: string,
  sender: string,
  id: string | undefined,
  replyTo: string | undefined,
): string {
  const head = type === 'question' ? '{"type":"question","content":' : '{"type":"answer","content":';
  const reply = replyTo === undefined ? '}' : `,"replyTo":"${replyTo}"}`;
  return id === undefined ? head + content + sender + reply : `${head}${content}${sender},"id":"${id}"${reply}`;
}

/** A message over a durable connection (part 3). `sender`: see `senderPart`. */
export function encodeDelivery(
  type: 'question' | 'answer',
  content: string,
  sender: string,
  id: string,
  replyTo: string | undefined,
  deliveryId: string,
): string {
  const head = type === 'question' ? '{"type":"question","content":' : '{"type":"answer","content":';
  const reply = replyTo === undefined ? '' : `,"replyTo":"${replyTo}"`;
  return `${head}${content}${sender},"id":"${id}"${reply},"deliveryId":"${deliveryId}"}`;
}

/** What became of a message over a durable connection (part 3). `nickname`: the friend's, in quotes. */
export function encodeHandedOver(
  type: 'question' | 'answer',
  nickname: string,
  status: 'delivered' | 'queued',
  remaining: number | undefined,
  id: string,
): string {
  const left = remaining === undefined ? '' : `,"remaining":${remaining}`;
  return `{"type":"${type}_sent","to":${nickname},"status":"${status}"${left},"id":"${id}"}`;
}

export function encodeSent(
  type: 'question' | 'answer',
  content: string,
  recipient: string,
  remaining: number | undefined,
  id: string | undefined,
): string {
  const head = type === 'question' ? '{"type":"question_sent","content":' : '{"type":"answer_sent","content":';
  const left = remaining === undefined ? '' : `,"remaining":${remaining}`;
  return id === undefined
    ? `${head}${content}${recipient}${left}}`
    : `${head}${content}${recipient}${left},"id":"${id}"}`;
}
