/**
 * `ask` and `answer`. In a guest connection the message is forwarded at once to the friend's topic, and the sender is told so in the same
 * turn of the event loop; nothing is kept. In a durable one it goes the way of `mailbox.ts`.
 */
import { contentPart, encodeForwarded, encodeSent, utf8Length } from '../protocol/codec.ts';
import { type Fault, fault, passingFault } from '../protocol/faults.ts';
import type { CommandOf } from '../protocol/messages.ts';
import { readId, usernameKey } from '../protocol/names.ts';
import { repeat } from './askers.ts';
import { type Side, sideTo } from './connections.ts';
import { type Asker, nameOf } from './inbox.ts';
import { OPEN_QUESTIONS_MAX } from './limits.ts';
import { load, take } from './mailbox.ts';
import type { WaitingMessage } from './ports.ts';
import { malformedId, tellHandled } from './receipts.ts';
import type { Outcome, State } from './state.ts';
import { type Client, isKeyed, type Keyed, type User } from './users.ts';

export function ask(state: State, client: Client, user: User, command: CommandOf<'ask'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side)
    return afterTheEnd(state, client, user, command) ? undefined : (overCommands(state, client, now) ?? side);
  if (side.connection.isDurable) return handOver(state, client, side, command, now);
  const over = overQuestions(state, user, now);
  if (over !== undefined) return over;

  const { other, connection } = side;
  const id = command.id === undefined ? undefined : readId(command.id);
  const content = contentPart(command.content);
  const remaining = user.allowance.questions.remaining(state.questions, now);
  state.ports.wire.publish(other.topic, encodeForwarded('question', content, user.senderPart, id, undefined));
  state.ports.wire.send(client.id, encodeSent('question', content, other.user.recipientPart, remaining, id));
  connection.usedAt = now;
  if (other.openQuestions < OPEN_QUESTIONS_MAX) other.openQuestions++;
  state.ports.observer.forwarded('question', side, command.content.length, now);
  return undefined;
}

export function answer(state: State, client: Client, user: User, command: CommandOf<'answer'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side)
    return afterTheEnd(state, client, user, command) ? undefined : (overCommands(state, client, now) ?? side);
  if (side.connection.isDurable) return handOver(state, client, side, command, now);
  const over = overAnswers(state, client, side, now);
  if (over !== undefined) return over;

  const { other, connection } = side;
  const id = command.id === undefined ? undefined : readId(command.id);
  const replyTo = command.replyTo === undefined ? undefined : readId(command.replyTo);
  const content = contentPart(command.content);
  state.ports.wire.publish(other.topic, encodeForwarded('answer', content, user.senderPart, id, replyTo));
  state.ports.wire.send(client.id, encodeSent('answer', content, other.user.recipientPart, undefined, id));
  connection.usedAt = now;
  state.ports.observer.forwarded('answer', side, command.content.length, now);
  if (replyTo !== undefined) tellHandled(state, client, user, replyTo, other.user);
  return undefined;
}

type Message = CommandOf<'ask'> | CommandOf<'answer'>;

/** Answers a repeat of what was taken before the connection ended: it is still delivered. */
function afterTheEnd(state: State, client: Client, user: User, { type, to, id: given }: Message): boolean {
  const recipient = to === undefined || !isKeyed(user) ? undefined : state.users.known(usernameKey(to));
  const id = readId(given);
  if (recipient === undefined || !isKeyed(recipient) || id === undefined) return false;
  const known = recipient.inbox.find(nameOf(user.key, id));
  if (known === undefined) return false;
  const asker = { clientId: client.id, type: type === 'ask' ? 'question' : 'answer', remaining: undefined } as const;
  repeat(state, recipient, known, id, asker);
  return true;
}

/** A message over a durable connection. It may have to wait until it is known what waits for the friend, who is away then. */
function handOver(state: State, client: Client, side: Side, command: Message, now: number): Outcome {
  const id = readId(command.id);
  if (id === undefined) return malformedId();
  const replyTo = command.type === 'answer' ? readId(command.replyTo) : undefined;
  if (command.type === 'answer' && command.replyTo !== undefined && replyTo === undefined)
    return fault('bad_message', 'The field "replyTo" must be the id of the question.');
  const loading = load(state, side.other.user as Keyed);
  if (loading === undefined) return handOverNow(state, client, side, command, id, replyTo, now);
  return loading.then(() => {
    if (!client.open) return undefined;
    const { connection } = side;
    if (connection.isEnding || state.connections.byId.get(connection.id) !== connection) return fault('no_connection');
    return handOverNow(state, client, side, command, id, replyTo, state.ports.clock());
  });
}

function handOverNow(
  state: State,
  client: Client,
  side: Side,
  command: Message,
  id: string,
  replyTo: string | undefined,
  now: number,
): Fault | undefined {
  const { content } = command;
  const user = side.user as Keyed;
  const type = command.type === 'ask' ? 'question' : 'answer';
  const name = nameOf(user.key, id);
  const friend = side.other.user as Keyed;
  const known = friend.inbox.find(name);
  if (known !== undefined)
    return repeat(state, friend, known, id, { clientId: client.id, type, remaining: left(state, user, type, now) });
  const over = type === 'question' ? overQuestions(state, user, now) : overAnswers(state, client, side, now);
  if (over !== undefined) return over;

  const asker: Asker = { clientId: client.id, type, remaining: left(state, user, type, now), next: undefined };
  const message: WaitingMessage = {
    seq: state.nextSeq(),
    type,
    recipient: friend.key,
    sender: user.key,
    username: user.username,
    nickname: user.nickname,
    id,
    replyTo,
    content,
    bytes: utf8Length(content),
    takenAt: now,
  };
  const taken = take(state, side, message, name, asker, contentPart(content));
  if (typeof taken !== 'string') return taken;
  side.connection.usedAt = now;
  if (type === 'question' && side.other.openQuestions < OPEN_QUESTIONS_MAX) side.other.openQuestions++;
  if (taken === 'live') state.ports.observer.forwarded(type, side, content.length, now);
  else state.ports.observer.kept(type, content.length, now);
  if (replyTo !== undefined) tellHandled(state, client, user, replyTo, side.other.user);
  return undefined;
}

/** Questions that the user may still ask at once. */
function left(state: State, user: User, type: 'question' | 'answer', now: number): number | undefined {
  return type === 'question' ? user.allowance.questions.remaining(state.questions, now) : undefined;
}

function overQuestions(state: State, user: User, now: number): Fault | undefined {
  const waitMs = user.allowance.questions.take(state.questions, now);
  return waitMs > 0 ? passingFault('rate_limited', waitMs) : undefined;
}

/** An answer to an open question is free; one that nobody asked for counts as any other command. */
function overAnswers(state: State, client: Client, side: Side, now: number): Fault | undefined {
  if (side.openQuestions === 0) return overCommands(state, client, now);
  side.openQuestions--;
  return undefined;
}

/** `rate_limited` if the client has no command left, else takes one. */
export function overCommands(state: State, client: Client, now: number): Fault | undefined {
  const waitMs = client.commands.take(state.commands, now);
  return waitMs > 0 ? passingFault('rate_limited', waitMs) : undefined;
}
