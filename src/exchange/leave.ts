/**
 * How things end: a client closes, a guest goes with its last client, a connection goes with either of its users, by `disconnect`, or
 * after too long a silence (protocol parts 1 and 4).
 */
import type { Connection, EndReason } from './connections.ts';
import { friend, type State } from './state.ts';
import type { Client, User } from './users.ts';

/** The client is gone, whether its socket knows it yet or not. Its user goes with its last client. */
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
  state.connections.end(connection);
  for (const { user, other, topic } of connection.sides) {
    for (const client of user.clients) state.ports.wire.unsubscribe(client.id, topic);
    // When everybody is sent away, each is told so once.
    if (!state.isDraining)
      state.tell(user, {
        type: 'friend_disconnected',
        friend: friend(other.user),
        connectionId: connection.id,
        reason,
      });
  }
  state.ports.observer.happened({ event: 'disconnected', connection, reason }, now);
}

/** The last client of a guest is gone: so are its name, its connections and its codes. */
function endUser(state: State, user: User, now: number): void {
  state.users.leave(user);
  for (const side of [...user.sides.values()]) endConnection(state, side.connection, 'closed', now);
  state.invites.end(user).catch((error: unknown) => state.ports.observer.failed('invites.end', error, now));
}
