/**
 * Who may talk to whom. A connection has two sides, one for each user; each side has the topic on which that user's clients listen.
 */
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
  readonly sides: readonly [Side, Side];
  /** When it was made or last carried a message. */
  usedAt: number;
}

export type EndReason = 'closed' | 'idle' | 'left';

export class Connections {
  readonly byId = new Map<string, Connection>();
  /** Made since the start. */
  total = 0;

  /** Joins two users who are not joined yet. */
  join(id: string, one: User, other: User, now: number): Connection {
    const connection = { id, usedAt: now } as { -readonly [K in keyof Connection]: Connection[K] };
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
    this.total++;
    addSide(first);
    addSide(second);
    return connection;
  }

  end(connection: Connection): void {
    this.byId.delete(connection.id);
    for (const side of connection.sides) removeSide(side);
  }

  /** Those that have carried nothing for `idleMs`. */
  idle(idleMs: number, now: number): Connection[] {
    const idle: Connection[] = [];
    for (const connection of this.byId.values()) if (now - connection.usedAt >= idleMs) idle.push(connection);
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
