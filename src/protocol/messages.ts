/**
 * Every message of the protocol (parts 1 to 4), both directions, as zod schemas; the types come from here. Unknown fields
 * are ignored: zod strips them. What a field may hold beyond its kind (names, codes, the length of content) is checked where the
 * protocol gives it an error code of its own: `names.ts` and `codec.ts`.
 */
import * as z from 'zod';

/** A frame may be this long; up to twice as much is answered with `message_too_large`, beyond that the WebSocket layer closes. */
export const FRAME_BYTES_MAX = 64 * 1024;
export const FRAME_BYTES_CLOSE = 2 * FRAME_BYTES_MAX;
/** UTF-8 bytes of `content`. */
export const CONTENT_BYTES_MAX = 32 * 1024;
/** Deliveries that one `received` may acknowledge; the exchange has at most 64 unacknowledged at a time. */
export const DELIVERY_IDS_MAX = 1_024;
/** Characters of a receipt's reason. */
export const REASON_MAX = 200;

/** What a client that holds a key says besides its name (part 2). */
const proof = {
  publicKey: z.string().optional(),
  host: z.string().optional(),
  signature: z.string().optional(),
};

/** What a client may send. `id` and `replyTo` are read by `readId`: in a guest connection a malformed one is ignored, not an error. */
export const COMMANDS = {
  identify: z.object({
    type: z.literal('identify'),
    username: z.string(),
    nickname: z.string().optional(),
    ...proof,
    id: z.unknown().optional(),
  }),
  create_invite: z.object({ type: z.literal('create_invite'), id: z.unknown().optional() }),
  connect: z.object({
    type: z.literal('connect'),
    code: z.string(),
    username: z.string().optional(),
    nickname: z.string().optional(),
    ...proof,
    from: z.string().optional(),
    id: z.unknown().optional(),
  }),
  ask: z.object({ type: z.literal('ask'), content: z.string(), to: z.string().optional(), id: z.unknown().optional() }),
  answer: z.object({
    type: z.literal('answer'),
    content: z.string(),
    to: z.string().optional(),
    id: z.unknown().optional(),
    replyTo: z.unknown().optional(),
  }),
  list_connections: z.object({ type: z.literal('list_connections'), id: z.unknown().optional() }),
  disconnect: z.object({ type: z.literal('disconnect'), to: z.string(), id: z.unknown().optional() }),
  received: z.object({
    type: z.literal('received'),
    deliveryIds: z.array(z.string()).max(DELIVERY_IDS_MAX),
    id: z.unknown().optional(),
  }),
  receipt: z.object({
    type: z.literal('receipt'),
    id: z.unknown(),
    to: z.string(),
    status: z.enum(['read', 'declined']),
    reason: z.string().max(REASON_MAX).optional(),
  }),
  forget_me: z.object({ type: z.literal('forget_me'), id: z.unknown().optional() }),
  ping: z.object({ type: z.literal('ping'), id: z.unknown().optional() }),
} as const;

export type CommandType = keyof typeof COMMANDS;
export type CommandOf<T extends CommandType> = z.infer<(typeof COMMANDS)[T]>;
export type Command = { [T in CommandType]: CommandOf<T> }[CommandType];

const Friend = z.object({ username: z.string(), nickname: z.string(), publicKey: z.string().optional() });
const Id = z.string().optional();
const ConnectionEntry = z.object({
  connectionId: z.string(),
  friend: Friend,
  online: z.boolean(),
  durable: z.boolean(),
});
const Presence = { connectionId: z.string(), friend: Friend };
/** A `*_sent` of a durable connection carries the id and leaves the content out. */
const Sent = {
  content: z.string().optional(),
  to: z.string(),
  status: z.enum(['forwarded', 'delivered', 'queued']),
  id: Id,
};
const Delivered = {
  content: z.string(),
  from: z.string(),
  fromNickname: z.string(),
  id: Id,
  deliveryId: z.string().optional(),
};

/** What the exchange may say. Times are milliseconds since the epoch. */
export const ServerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('connected'), clientId: z.string(), version: z.string(), challenge: z.string() }),
  z.object({
    type: z.literal('identified'),
    username: z.string(),
    nickname: z.string(),
    clientId: z.string(),
    keyed: z.literal(true).optional(),
    connections: z.array(ConnectionEntry).optional(),
    pending: z.number().optional(),
  }),
  z.object({
    type: z.literal('invite_created'),
    code: z.string(),
    from: z.string(),
    expiresIn: z.string(),
    expiresAt: z.number(),
  }),
  z.object({ type: z.literal('connected_to_friend'), ...Presence, durable: z.boolean() }),
  z.object({ type: z.literal('friend_connected'), ...Presence, durable: z.boolean() }),
  z.object({ type: z.literal('friend_disconnected'), ...Presence, reason: z.enum(['closed', 'idle', 'left']) }),
  z.object({ type: z.literal('friend_online'), ...Presence }),
  z.object({ type: z.literal('friend_away'), ...Presence }),
  z.object({ type: z.literal('question_sent'), ...Sent, remaining: z.number().optional() }),
  z.object({ type: z.literal('answer_sent'), ...Sent }),
  z.object({ type: z.literal('question'), ...Delivered }),
  z.object({ type: z.literal('answer'), ...Delivered, replyTo: z.string().optional() }),
  z.object({
    type: z.literal('receipt'),
    id: z.string(),
    from: z.string(),
    status: z.enum(['read', 'declined', 'delivered', 'expired', 'left']),
    reason: z.string().optional(),
    at: z.number(),
    deliveryId: z.string(),
  }),
  z.object({ type: z.literal('handled'), id: z.string(), from: z.string() }),
  z.object({ type: z.literal('connections'), connections: z.array(ConnectionEntry) }),
  z.object({ type: z.literal('forgotten') }),
  z.object({ type: z.literal('pong'), id: Id }),
  z.object({ type: z.literal('restarting'), retryAfterMs: z.number() }),
  z.object({
    type: z.literal('error'),
    code: z.string(),
    message: z.string(),
    request: z.string().optional(),
    id: Id,
    retryAfterMs: z.number().optional(),
  }),
]);

export type ServerMessage = z.infer<typeof ServerMessage>;
