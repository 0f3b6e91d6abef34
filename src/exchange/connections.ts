/**
 * Who may talk to whom. A connection has two sides, one for each user; each side has the topic on which that user's clients listen.
 * Durable ones (both users are keyed) are in the store; here are those of which at least one user is here.
 */
import { type Fault, fault } from '../protocol/faults.ts';
import { usernameKey } from '../protocol/names.ts';
import type { User } from './users.ts';

export interface Side {
  readonly connection: Connection;
  readonly user: User;
  readonly other: Side;
  /** `<connectionId>/<0 or 1>`: this user's clients subscribe to it, the friend's messages are published to it. */
  readonly topic: string;
  /** Questions that this user was asked and has not answered. */
  openQuestions: number;
  /** Where the observer may keep what it needs for every message from here. */
  noted: unknown;
}

export interface Connection {
  readonly id: string;
  readonly isDurable: boolean;
  readonly sides: readonly [Side, Side];
  /** When it was made or last carried a message. */
  usedAt: number;
  /** The store is being told of its end: nothing goes over it any more. */
  isEnding: boolean;
}

export type EndReason = 'closed' | 'idle' | 'left';

export class Connections {
  readonly byId = new Map<string, Connection>();
  /** Made since the start. */
  total = 0;

  /** Joins two users who are not joined yet. */
  join(id: string, one: User, other: User, isDurable: boolean, now: number): Connection {
    const connection = { id, isDurable, usedAt: now, isEnding: false } as {
      -readonly [K in keyof Connection]: Connection[K];
    };
    const first = { connection, user: one, topic: `${id}/0`, openQuestions: 0, noted: undefined } as {
      -readonly [K in keyof Side]: Side[K];
    };
    const second: Side = {
      connection,
      user: other,
      other: first,
      topic: `${id}/1`,
      openQuestions: 0,
      noted: undefined,
    };
    first.other = second;
    connection.sides = [first, second];
    this.byId.set(id, connection);
    addSide(first);
    addSide(second);
    return connection;
  }

  /** It has ended, or nobody of it is here any more. */
  remove(connection: Connection): void {
    this.byId.delete(connection.id);
    for (const side of connection.sides) removeSide(side);
  }

  /** The guest connections that have carried nothing for `idleMs`. */
  idle(idleMs: number, now: number): Connection[] {
    const idle: Connection[] = [];
    for (const connection of this.byId.values())
      if (!connection.isDurable && now - connection.usedAt >= idleMs) idle.push(connection);
    return idle;
  }
}

function addSide(side: Side): void {
  const { sides } = side.user;
  sides.set(side.other.user.key, side);
  side.user.onlySide = sides.size === 1 ? side : undefined;
}

function removeSide(side: Side): void {
  const { sides } = side.user;
  sides.delete(side.other.user.key);
  side.user.onlySide = undefined;
  if (sides.size === 1) for (const only of sides.values()) side.user.onlySide = only;
}

/**
 * This user's side of the connection meant by `to`, a username; without `to` the only one. A question is never sent to a friend the
 * user did not name: with several friends and no `to` it is `recipient_required`.
 */
export function sideTo(user: User, to: string | undefined): Side | Fault {
  if (to === undefined && user.sides.size > 1) return fault('recipient_required');
  const side = to === undefined ? user.onlySide : (user.sides.get(to) ?? user.sides.get(usernameKey(to)));
  return side === undefined || side.connection.isEnding ? fault('no_connection') : side;
}
