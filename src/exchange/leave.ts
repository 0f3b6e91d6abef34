/**
 * How things end: a client closes, a guest goes with its last client, a guest connection goes with either of its users, or after too
 * long a silence, any connection by `disconnect` (protocol parts 1, 3 and 4).
 */
import type { Connection, EndReason } from './connections.ts';
import { depart } from './presence.ts';
import { friendAt, type State } from './state.ts';
import { type Client, isKeyed, type User } from './users.ts';

/** The client is gone, whether its socket knows it yet or not. */
export function closeClient(state: State, client: Client, now: number): void {
  if (!client.open) return;
  state.users.close(client);
  client.waiting = undefined;
  state.settleProbe(client, false);
  state.ports.observer.happened({ event: 'client_closed', client }, now);
  const { user } = client;
  if (user !== undefined && user.clients.size === 0) endUser(state, user, now);
}

/** Ends the connection and tells both sides, as far as they are still here. */
export function endConnection(state: State, connection: Connection, reason: EndReason, now: number): void {
  state.connections.remove(connection);
  for (const side of connection.sides) {
    for (const client of side.user.clients) state.ports.wire.unsubscribe(client.id, side.topic);
    // When everybody is sent away, each is told so once.
    if (!state.isDraining)
      state.tell(side.user, {
        type: 'friend_disconnected',
        friend: friendAt(side.other),
        connectionId: connection.id,
        reason,
      });
  }
  state.ports.observer.happened({ event: 'disconnected', connection, reason }, now);
}

/** The last client of a user is gone: so are its guest connections, and of a guest its name and its codes. */
function endUser(state: State, user: User, now: number): void {
  for (const side of [...user.sides.values()])
    if (!side.connection.isDurable) endConnection(state, side.connection, 'closed', now);
  if (isKeyed(user)) {
    depart(state, user);
    return;
  }
  state.users.leave(user);
  state.invites.end(user).catch((error: unknown) => state.ports.observer.failed('invites.end', error, now));
}
