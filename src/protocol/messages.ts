/**
 * Every message of the published protocol (parts 1 and 4), both directions, as zod schemas; the types come from here. Unknown fields
 * are ignored: zod strips them. What a field may hold beyond its kind (names, codes, the length of content) is checked where the
 * protocol gives it an error code of its own: `names.ts` and `codec.ts`.
 */
import * as z from 'zod';

/** A frame may be this long; up to twice as much is answered with `message_too_large`, beyond that the WebSocket layer closes. */
export const FRAME_BYTES_MAX = 64 * 1024;
export const FRAME_BYTES_CLOSE = 2 * FRAME_BYTES_MAX;
/** UTF-8 bytes of `content`. */
export const CONTENT_BYTES_MAX = 32 * 1024;

/** What a client may send. `id` and `replyTo` are read by `readId`: in a guest connection a malformed one is ignored, not an error. */
export const COMMANDS = {
  identify: z.object({
    type: z.literal('identify'),
    username: z.string(),
    nickname: z.string().optional(),
    id: z.unknown().optional(),
  }),
  create_invite: z.object({ type: z.literal('create_invite'), id: z.unknown().optional() }),
  connect: z.object({
    type: z.literal('connect'),
    code: z.string(),
    username: z.string().optional(),
    nickname: z.string().optional(),
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
  ping: z.object({ type: z.literal('ping'), id: z.unknown().optional() }),
} as const;

export type CommandType = keyof typeof COMMANDS;
export type CommandOf<T extends CommandType> = z.infer<(typeof COMMANDS)[T]>;
export type Command = { [T in CommandType]: CommandOf<T> }[CommandType];

const Friend = z.object({ username: z.string(), nickname: z.string() });
const Id = z.string().optional();
const ConnectionEntry = z.object({
  connectionId: z.string(),
  friend: Friend,
  online: z.boolean(),
  durable: z.boolean(),
});

/** What the exchange may say. Times are milliseconds since the epoch. */
export const ServerMessage = z.discriminatedUnion('type', [
  z.object({ type: z.literal('connected'), clientId: z.string(), version: z.string() }),
  z.object({ type: z.literal('identified'), username: z.string(), nickname: z.string(), clientId: z.string() }),
  z.object({
    type: z.literal('invite_created'),
    code: z.string(),
    from: z.string(),
    expiresIn: z.string(),
    expiresAt: z.number(),
  }),
  z.object({ type: z.literal('connected_to_friend'), connectionId: z.string(), friend: Friend, durable: z.boolean() }),
  z.object({ type: z.literal('friend_connected'), connectionId: z.string(), friend: Friend, durable: z.boolean() }),
  z.object({
    type: z.literal('friend_disconnected'),
    friend: Friend,
    connectionId: z.string(),
    reason: z.enum(['closed', 'idle', 'left']),
  }),
  z.object({
    type: z.literal('question_sent'),
    content: z.string(),
    to: z.string(),
    status: z.literal('forwarded'),
    remaining: z.number().optional(),
    id: Id,
  }),
  z.object({
    type: z.literal('answer_sent'),
    content: z.string(),
    to: z.string(),
    status: z.literal('forwarded'),
    id: Id,
  }),
  z.object({ type: z.literal('question'), content: z.string(), from: z.string(), fromNickname: z.string(), id: Id }),
  z.object({
    type: z.literal('answer'),
    content: z.string(),
    from: z.string(),
    fromNickname: z.string(),
    id: Id,
    replyTo: z.string().optional(),
  }),
  z.object({ type: z.literal('connections'), connections: z.array(ConnectionEntry) }),
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
