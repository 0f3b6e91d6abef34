/**
 * A message's way to its reader. In a guest connection: forwarded at once to the friend's topic, and the sender is told so in the
 * same turn of the event loop. Nothing is kept.
 */
import { contentPart, encodeForwarded, encodeSent } from '../protocol/codec.ts';
import { type Fault, passingFault } from '../protocol/faults.ts';
import type { CommandOf } from '../protocol/messages.ts';
import { readId } from '../protocol/names.ts';
import { sideTo } from './connect.ts';
import { OPEN_QUESTIONS_MAX } from './limits.ts';
import type { Outcome, State } from './state.ts';
import type { Client, User } from './users.ts';

export function ask(state: State, client: Client, user: User, command: CommandOf<'ask'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side) return overCommands(state, client, now) ?? side;
  const waitMs = user.questions.take(state.questions, now);
  if (waitMs > 0) return passingFault('rate_limited', waitMs);

  const { other, connection } = side;
  const id = command.id === undefined ? undefined : readId(command.id);
  const content = contentPart(command.content);
  const remaining = user.questions.remaining(state.questions, now);
  state.ports.wire.publish(other.topic, encodeForwarded('question', content, user.senderPart, id, undefined));
  state.ports.wire.send(client.id, encodeSent('question', content, other.user.recipientPart, remaining, id));
  connection.usedAt = now;
  if (other.openQuestions < OPEN_QUESTIONS_MAX) other.openQuestions++;
  state.ports.observer.forwarded('question', side, command.content.length, now);
  return undefined;
}

export function answer(state: State, client: Client, user: User, command: CommandOf<'answer'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side) return overCommands(state, client, now) ?? side;
  // An answer to an open question is free; one that nobody asked for counts as any other command.
  if (side.openQuestions > 0) side.openQuestions--;
  else {
    const over = overCommands(state, client, now);
    if (over !== undefined) return over;
  }

  const { other, connection } = side;
  const id = command.id === undefined ? undefined : readId(command.id);
  const replyTo = command.replyTo === undefined ? undefined : readId(command.replyTo);
  const content = contentPart(command.content);
  state.ports.wire.publish(other.topic, encodeForwarded('answer', content, user.senderPart, id, replyTo));
  state.ports.wire.send(client.id, encodeSent('answer', content, other.user.recipientPart, undefined, id));
  connection.usedAt = now;
  state.ports.observer.forwarded('answer', side, command.content.length, now);
  return undefined;
}

/** `rate_limited` if the client has no command left, else takes one. */
export function overCommands(state: State, client: Client, now: number): Fault | undefined {
  const waitMs = client.commands.take(state.commands, now);
  return waitMs > 0 ? passingFault('rate_limited', waitMs) : undefined;
}
