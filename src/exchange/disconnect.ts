/**
 * The end of what lasts: a durable connection ends by `disconnect` alone (protocol part 3), a binding by `forget_me` (part 2). What waits for
 * who leaves, from that friend, is deleted and reported; what it has sent is still delivered.
 */
import { type Fault, fault } from '../protocol/faults.ts';
import type { Connection, Side } from './connections.ts';
import { endConnection } from './leave.ts';
import { drop } from './mailbox.ts';
import { forgottenSender } from './ports.ts';
import { dismiss, forgetIfAlone } from './presence.ts';
import { tellReceipts } from './receipts.ts';
import type { State } from './state.ts';
import { isKeyed, type Keyed, type User } from './users.ts';

/** The user of `side` leaves. */
export async function disconnectKeyed(state: State, side: Side): Promise<Fault | undefined> {
  const { connection } = side;
  const release = await state.users.claim(side.user.key, side.other.user.key);
  try {
    // Another client of the two was faster, or both have gone and it is known here no more.
    if (state.connections.byId.get(connection.id) !== connection) return fault('no_connection');
    await end(state, connection, side.user as Keyed, side.other.user as Keyed);
    return undefined;
  } finally {
    release();
  }
}

/** Both names are claimed. Throws StorageFailed; then the connection stays. */
async function end(state: State, connection: Connection, leaver: Keyed, other: Keyed): Promise<void> {
  const { store, clock } = state.ports;
  connection.isEnding = true;
  drop(state, leaver, other.key, 'live');
  try {
    const receipts = await store.endConnection(connection.id, leaver.key, other.key, state.nextSeq, clock());
    drop(state, leaver, other.key, 'all');
    tellReceipts(state, receipts, true);
  } catch (error) {
    connection.isEnding = false;
    throw error;
  }
  if (state.connections.byId.get(connection.id) === connection) endConnection(state, connection, 'left', clock());
  forgetIfAlone(state, leaver);
  forgetIfAlone(state, other);
}

/** `forget_me`: the user is a stranger from now on, and so are its clients. It is done also when the client that asked is gone meanwhile. */
export async function forgetMe(state: State, user: User): Promise<Fault | undefined> {
  if (!isKeyed(user))
    return fault('bad_message', 'There is nothing to forget: this user has no key and ends with its client.');
  for (const side of [...user.sides.values()])
    if (side.connection.isDurable && !side.connection.isEnding) await disconnectKeyed(state, side);
  const release = await state.users.claim(user.key);
  try {
    const bound = await state.ports.store.findUser(user.key);
    // Another client of the user was faster, and somebody else may have the name by now.
    if (bound?.publicKey !== user.publicKey) return undefined;
    await state.ports.store.forgetUser(user.key);
    // The user may have gone and come back while its friends were told.
    const known = state.users.known(user.key);
    strip(state, known !== undefined && isKeyed(known) ? known : user);
    return undefined;
  } finally {
    release();
  }
}

/** Takes the name from the user's clients, and the user out of everything. */
function strip(state: State, user: Keyed): void {
  const { users, ports } = state;
  const now = ports.clock();
  for (const side of [...user.sides.values()]) endConnection(state, side.connection, 'left', now);
  for (const other of [...users.byKey.values(), ...users.away.values()])
    other.inbox?.rename(user.key, forgottenSender(user.key, user.publicKey));
  for (const client of user.clients) {
    client.user = undefined;
    state.say(client, { type: 'forgotten' });
    ports.wire.unsubscribe(client.id, client.id);
  }
  user.clients.clear();
  user.inbox.release();
  user.allowance.known.forget();
  users.leave(user);
  dismiss(state, user);
  state.holding.delete(user);
  user.inbox.isHolding = false;
  state.receipting.delete(user);
  ports.observer.happened({ event: 'forgotten', user }, now);
}
