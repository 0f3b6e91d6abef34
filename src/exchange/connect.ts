/**
 * `create_invite`, `connect`, `disconnect`, `list_connections`: the way from a six-character code to two users who may talk to each
 * other (protocol parts 1 and 4).
 */
import { type Fault, fault } from '../protocol/faults.ts';
import type { CommandOf } from '../protocol/messages.ts';
import { CODE_LENGTH, readCode, usernameKey } from '../protocol/names.ts';
import type { Side } from './connections.ts';
import { become } from './identify.ts';
import { endConnection } from './leave.ts';
import type { Invite } from './ports.ts';
import { friend, type Outcome, type State } from './state.ts';
import type { Client, User } from './users.ts';

/** What is looked up for text that cannot be a code, so that a malformed code costs the same as a wrong one. No code looks like it. */
const NO_CODE = '0'.repeat(CODE_LENGTH);

export function createInvite(state: State, client: Client, user: User, now: number): Outcome {
  return state.invites.mayMake(user, now) ?? makeInvite(state, client, user, now);
}

async function makeInvite(state: State, client: Client, user: User, now: number): Promise<undefined> {
  const invite = await state.invites.make(user, now);
  const later = state.ports.clock();
  if (!client.open) {
    // It closed before the code was in its list: the list is what its end goes by.
    await state.invites.end(user);
    return;
  }
  state.ports.observer.happened({ event: 'invite_created', user, code: invite.code }, later);
  const { expiresIn } = state.invites;
  state.say(client, {
    type: 'invite_created',
    code: invite.code,
    from: user.nickname,
    expiresIn,
    expiresAt: invite.expiresAt,
  });
}

export async function connect(
  state: State,
  client: Client,
  command: CommandOf<'connect'>,
  now: number,
): Promise<Fault | undefined> {
  if (command.username !== undefined) {
    const { username, nickname } = command;
    // Who only repeats the username, since this form asks for it, keeps the nickname.
    const refusal = await become(state, client, { username, nickname, keepsNickname: true }, now);
    if (refusal !== undefined) return refusal;
  }
  const { user } = client;
  if (user === undefined || !client.open) return fault('not_identified');
  const locked = state.invites.mayTry(client, state.ports.clock());
  if (locked !== undefined) return locked;

  const code = readCode(command.code) ?? NO_CODE;
  const invite = await state.ports.store.findInvite(code, state.ports.clock());
  const later = state.ports.clock();
  if (!client.open) return undefined;
  const maker = invite === undefined ? undefined : makerOf(state, invite);
  const meant = command.from === undefined || maker?.key === usernameKey(command.from);
  if (invite === undefined || maker === undefined || !meant) return wrongCode(state, client, later);
  if (maker === user) return fault('own_invite');
  return mayJoin(state, user, maker) ?? (await redeem(state, client, user, maker, invite));
}

/** The user who made the invite, if it is still the same one and still here. */
function makerOf(state: State, invite: Invite): User | undefined {
  const maker = state.users.byKey.get(invite.userKey);
  return maker?.id === invite.userId ? maker : undefined;
}

function mayJoin(state: State, one: User, other: User): Fault | undefined {
  const { connectionsPerUser } = state.limits;
  if (connectionsPerUser === 0 || one.sides.has(other.key)) return undefined;
  const full = one.sides.size >= connectionsPerUser || other.sides.size >= connectionsPerUser;
  return full ? fault('too_many_connections') : undefined;
}

/** The store decides who of several gets the code. What changed while it decided gives the code back. */
async function redeem(
  state: State,
  client: Client,
  user: User,
  maker: User,
  invite: Invite,
): Promise<Fault | undefined> {
  const won = await state.ports.store.redeemInvite(invite.code, state.ports.clock());
  const now = state.ports.clock();
  if (!won) return client.open ? wrongCode(state, client, now) : undefined;
  const makerIsHere = makerOf(state, invite) === maker;
  const refusal = mayJoin(state, user, maker);
  if (makerIsHere && (!client.open || refusal !== undefined)) {
    if (state.invites.has(maker, invite.code)) await state.ports.store.addInvite(invite, now);
    return refusal;
  }
  if (!client.open) return undefined;
  if (!makerIsHere) return wrongCode(state, client, now);
  state.invites.forget(maker, invite.code);
  state.ports.observer.happened({ event: 'invite_used', user: maker, code: invite.code }, now);
  join(state, client, user, maker, now);
  return undefined;
}

function join(state: State, client: Client, user: User, maker: User, now: number): void {
  const existing = user.sides.get(maker.key)?.connection;
  const connection = existing ?? state.connections.join(state.ports.chance.id(), maker, user, now);
  if (existing === undefined) {
    for (const side of connection.sides)
      for (const listener of side.user.clients) state.ports.wire.subscribe(listener.id, side.topic);
    state.ports.observer.happened({ event: 'connected', connection }, now);
  }
  const connectionId = connection.id;
  state.say(client, { type: 'connected_to_friend', connectionId, friend: friend(maker), durable: false });
  state.tell(maker, { type: 'friend_connected', connectionId, friend: friend(user), durable: false });
}

function wrongCode(state: State, client: Client, now: number): Fault {
  const locked = state.invites.wrong(client, now);
  state.ports.observer.happened({ event: 'invite_refused', client, locked }, now);
  return fault('invalid_code');
}

/**
 * This user's side of the connection meant by `to`, a username; without `to` the only one. A question is never sent to a friend the
 * user did not name: with several friends and no `to` it is `recipient_required`.
 */
export function sideTo(user: User, to: string | undefined): Side | Fault {
  if (to === undefined) return user.onlySide ?? fault(user.sides.size === 0 ? 'no_connection' : 'recipient_required');
  return user.sides.get(to) ?? user.sides.get(usernameKey(to)) ?? fault('no_connection');
}

export function disconnect(state: State, user: User, command: CommandOf<'disconnect'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side) return side;
  endConnection(state, side.connection, 'left', now);
  return undefined;
}

export function listConnections(state: State, client: Client, user: User): undefined {
  const connections = [...user.sides.values()].map(({ connection, other }) => ({
    connectionId: connection.id,
    friend: friend(other.user),
    online: other.user.clients.size > 0,
    durable: false,
  }));
  state.say(client, { type: 'connections', connections });
}
