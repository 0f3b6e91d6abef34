/**
 * Coming and going of keyed users (protocol part 2). Of a keyed user who is here, all connections are known here; of one who is away,
 * those whose friend is here. What is known of nobody who is here is only in the store.
 */
import type { ServerMessage } from '../protocol/messages.ts';
import type { Connection, Side } from './connections.ts';
import { drain, handHeld, load, putAway } from './mailbox.ts';
import type { KeyedUser } from './ports.ts';
import { handHeldReceipts, handReceipts, loadReceipts, putReceiptsAway } from './receipts.ts';
import { friendAt, type State } from './state.ts';
import { type Client, isKeyed, type Keyed, type User } from './users.ts';

/** The keyed user as far as it is known here; from now on known as one who is away, if it was not. */
export function knownUser(state: State, bound: KeyedUser, now: number): Keyed {
  const { users, ports } = state;
  const known = users.known(bound.key);
  if (known !== undefined && isKeyed(known)) return known;
  const { key, username, nickname, publicKey } = bound;
  const tag = ports.observer.tag(key);
  const user = users.make({ id: ports.chance.id(), key, username, nickname, publicKey, tag }, now) as Keyed;
  users.away.set(key, user);
  return user;
}

/** Forgets a user of whom nobody needs to know. */
export function forgetIfAlone(state: State, user: User): void {
  if (!isKeyed(user) || user.clients.size > 0 || user.sides.size > 0 || user.inbox.isArriving) return;
  if (state.users.away.get(user.key) === user) state.users.away.delete(user.key);
  user.inbox.release();
}

/**
 * Reads all that belongs to the user, whose name the caller has claimed. Afterwards the user is not here yet, but nothing that happens
 * to it is missed. Throws StorageFailed.
 */
export async function summon(state: State, bound: KeyedUser): Promise<Keyed> {
  const { store, clock } = state.ports;
  const user = knownUser(state, bound, clock());
  user.inbox.isArriving = true;
  try {
    const [friends, receipts, invites] = await Promise.all([
      store.connectionsOf(user.key),
      store.receiptsFor(user.key),
      store.invitesOf(user.key, user.publicKey, clock()),
      load(state, user),
    ]);
    for (const { connection, friend } of friends)
      if (!user.sides.has(friend.key))
        state.connections.join(connection.id, knownUser(state, friend, clock()), user, true, clock());
    loadReceipts(state, user, receipts);
    user.invites = invites;
    return user;
  } catch (error) {
    dismiss(state, user);
    throw error;
  }
}

/** It is not coming after all. */
export function dismiss(state: State, user: Keyed): void {
  user.inbox.isArriving = false;
  if (user.clients.size > 0) return;
  user.inbox.clearReceipts();
  user.invites = [];
  letGo(state, user);
}

/** The client is this user's from now on; `greet` says so to it, before anything else is. */
export function enter(state: State, user: Keyed, client: Client, greet: () => void, now: number): void {
  const isFirst = user.clients.size === 0;
  state.users.enter(user, client);
  user.inbox.isArriving = false;
  if (isFirst) user.since = now;
  state.ports.wire.subscribe(client.id, client.id);
  for (const side of user.sides.values()) state.ports.wire.subscribe(client.id, side.topic);
  state.ports.observer.happened({ event: 'identified', client }, now);
  greet();
  if (isFirst) tellPresence(state, user, 'friend_online');
  handHeld(state, user, client.id);
  handHeldReceipts(state, user, client);
  drain(state, user);
  handReceipts(state, user);
}

/** The last client of the user is gone. What it had not acknowledged goes to the mailbox. */
export function depart(state: State, user: Keyed): void {
  state.users.leave(user);
  putAway(state, user);
  state.holding.delete(user);
  user.inbox.isHolding = false;
  user.inbox.unhandAll();
  putReceiptsAway(state, user);
  user.invites = [];
  if (!state.isDraining) tellPresence(state, user, 'friend_away');
  letGo(state, user);
}

/** Forgets what nobody who is here needs of a user who is away. */
function letGo(state: State, user: Keyed): void {
  for (const side of [...user.sides.values()]) {
    if (side.other.user.clients.size > 0 || isOnTheWay(side.other.user)) continue;
    state.connections.remove(side.connection);
    forgetIfAlone(state, side.other.user);
  }
  if (user.sides.size > 0) state.users.away.set(user.key, user);
  else forgetIfAlone(state, user);
}

function isOnTheWay(user: User): boolean {
  return isKeyed(user) && user.inbox.isArriving;
}

function tellPresence(state: State, user: Keyed, type: 'friend_online' | 'friend_away'): void {
  for (const side of user.sides.values()) {
    if (!side.connection.isDurable) continue;
    state.tell(side.other.user, { type, connectionId: side.connection.id, friend: friendAt(side) });
  }
}

/** Joins two users, at least one of whom is here, and lets their clients hear each other. */
export function joinSides(
  state: State,
  id: string,
  one: User,
  other: User,
  isDurable: boolean,
  now: number,
): Connection {
  const connection = state.connections.join(id, one, other, isDurable, now);
  for (const side of connection.sides)
    for (const listener of side.user.clients) state.ports.wire.subscribe(listener.id, side.topic);
  state.connections.total++;
  state.ports.observer.happened({ event: 'connected', connection }, now);
  return connection;
}

type ConnectionEntry = Extract<ServerMessage, { type: 'connections' }>['connections'][number];

export function connectionEntry({ connection, other }: Side): ConnectionEntry {
  return {
    connectionId: connection.id,
    friend: friendAt(other),
    online: other.user.clients.size > 0,
    durable: connection.isDurable,
  };
}
