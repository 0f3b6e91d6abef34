/**
 * `create_invite`, `connect`, `disconnect`, `list_connections`: the way from a six-character code to two users who may talk to each
 * other (protocol parts 1 and 4).
 */
import { type Fault, fault } from '../protocol/faults.ts';
import type { CommandOf } from '../protocol/messages.ts';
import { CODE_LENGTH, readCode, usernameKey } from '../protocol/names.ts';
import { type Connection, type Side, sideTo } from './connections.ts';
import { disconnectKeyed } from './disconnect.ts';
import { become } from './identify.ts';
import { endConnection } from './leave.ts';
import type { Invite, KeyedUser } from './ports.ts';
import { connectionEntry, forgetIfAlone, joinSides, knownUser } from './presence.ts';
import { friendAt, type Outcome, type State } from './state.ts';
import { type Client, isKeyed, type Keyed, type User } from './users.ts';

/** What is looked up for text that cannot be a code, so that a malformed code costs the same as a wrong one. No code looks like it. */
const NO_CODE = '0'.repeat(CODE_LENGTH);

export function createInvite(state: State, client: Client, user: User, now: number): Outcome {
  return state.invites.mayMake(user, now) ?? makeInvite(state, client, user, now);
}

async function makeInvite(state: State, client: Client, user: User, now: number): Promise<undefined> {
  const invite = isKeyed(user) ? await makeInTurn(state, client, user) : await state.invites.make(user, now);
  if (invite === undefined) return;
  const later = state.ports.clock();
  if (!client.open) {
    // It closed before the code was in its list: the list is what a guest's end goes by. A keyed user may come back for it.
    if (!isKeyed(user)) await state.invites.end(user);
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

/** Several clients of one user share its list of codes. */
async function makeInTurn(state: State, client: Client, user: Keyed): Promise<Invite | undefined> {
  const release = await state.users.claim(user.key);
  try {
    // Its user may have gone meanwhile, or be forgotten.
    if (!client.open || client.user !== user) return undefined;
    return await state.invites.make(user, state.ports.clock());
  } finally {
    release();
  }
}

export async function connect(
  state: State,
  client: Client,
  command: CommandOf<'connect'>,
  now: number,
): Promise<Fault | undefined> {
  if (command.username !== undefined) {
    const refusal = await identifyFirst(state, client, { ...command, username: command.username }, now);
    if (refusal !== undefined) return refusal;
  }
  const { user } = client;
  if (!client.open) return undefined;
  if (user === undefined) return fault('not_identified');
  const found = await findInvite(state, client, command);
  if (!client.open || 'type' in found) return 'type' in found ? found : undefined;
  if (found.userKey === user.key) return fault('own_invite');
  const bound = await makerOf(state, found);
  if (!client.open) return undefined;
  if (bound === undefined) return wrongCode(state, client, state.ports.clock());
  if (bound !== 'guest' && isKeyed(user)) return connectKeyed(state, client, user, bound, found);
  const maker = state.users.byKey.get(found.userKey);
  // A guest connection lives while both are here. The code stays usable for when they are.
  return maker === undefined ? fault('friend_offline') : connectGuest(state, client, user, maker, found);
}

/** With a policy of invited registration, a new name is bound only for who has a code that works. */
async function identifyFirst(
  state: State,
  client: Client,
  command: CommandOf<'connect'> & { readonly username: string },
  now: number,
): Promise<Fault | undefined> {
  const mustBeInvited =
    state.policy.registration === 'invited' && command.publicKey !== undefined && client.user === undefined;
  if (mustBeInvited) {
    const found = await findInvite(state, client, command);
    if (!client.open || 'type' in found) return 'type' in found ? found : undefined;
  }
  // Who only repeats the username, since this form asks for it, keeps the nickname.
  const manner = { keepsNickname: true, isInvited: mustBeInvited, greet: () => {} };
  return become(state, client, command, manner, mustBeInvited ? state.ports.clock() : now);
}

/** The live invite that the command means. Wrong ones cost the client, or its user, an attempt. */
async function findInvite(state: State, client: Client, command: CommandOf<'connect'>): Promise<Invite | Fault> {
  const locked = state.invites.mayTry(client, state.ports.clock());
  if (locked !== undefined) return locked;
  const code = readCode(command.code) ?? NO_CODE;
  const invite = await state.ports.store.findInvite(code, state.ports.clock());
  const meant = command.from === undefined || invite?.userKey === usernameKey(command.from);
  if (!client.open || (invite !== undefined && meant)) return invite ?? fault('invalid_code');
  return wrongCode(state, client, state.ports.clock());
}

/** Who made the invite: a keyed user, here or away, or a guest who is here; undefined when that one is gone or not the same any more. */
async function makerOf(state: State, invite: Invite): Promise<KeyedUser | 'guest' | undefined> {
  if (invite.durable) {
    const bound = await state.ports.store.findUser(invite.userKey);
    return bound?.publicKey === invite.userId ? bound : undefined;
  }
  return isHere(state, invite) ? 'guest' : undefined;
}

function isHere(state: State, { userKey, userId }: Invite): boolean {
  const maker = state.users.byKey.get(userKey);
  return maker !== undefined && (maker.publicKey ?? maker.id) === userId;
}

function mayJoin(state: State, one: User, other: User): Fault | undefined {
  if (one.sides.has(other.key)) return undefined;
  return tooMany(state, one.sides.size) ?? tooMany(state, other.sides.size);
}

function tooMany(state: State, count: number): Fault | undefined {
  const { connectionsPerUser } = state.limits;
  return connectionsPerUser > 0 && count >= connectionsPerUser ? fault('too_many_connections') : undefined;
}

/** The store decides who of several gets the code. What changed while it decided gives the code back. */
async function connectGuest(
  state: State,
  client: Client,
  user: User,
  maker: User,
  invite: Invite,
): Promise<Fault | undefined> {
  const full = mayJoin(state, user, maker);
  if (full !== undefined) return full;
  const won = await state.ports.store.redeemInvite(invite.code, state.ports.clock());
  const now = state.ports.clock();
  if (!won) return client.open ? wrongCode(state, client, now) : undefined;
  const makerIsHere = isHere(state, invite);
  const refusal = mayJoin(state, user, maker);
  if (makerIsHere && (!client.open || refusal !== undefined)) {
    if (state.invites.has(maker, invite.code)) await state.ports.store.addInvite(invite, now);
    return refusal;
  }
  if (!client.open) return undefined;
  if (!makerIsHere) return wrongCode(state, client, now);
  joined(state, client, user, maker, invite, false, now);
  return undefined;
}

/** Both names are claimed meanwhile: neither comes, goes or connects elsewhere. The maker may be away. */
async function connectKeyed(
  state: State,
  client: Client,
  user: Keyed,
  bound: KeyedUser,
  invite: Invite,
): Promise<Fault | undefined> {
  const release = await state.users.claim(user.key, bound.key);
  try {
    const { store, clock, chance } = state.ports;
    if (!client.open) return undefined;
    // Forgotten, by another of its clients, while this one waited.
    if (client.user !== user) return fault('not_identified');
    const existing = user.sides.get(bound.key);
    if (existing === undefined) {
      const theirs = state.users.byKey.get(bound.key)?.sides.size ?? (await store.connectionsOf(bound.key)).length;
      const full = tooMany(state, user.sides.size) ?? tooMany(state, theirs);
      if (full !== undefined || !client.open) return full;
    }
    const id = existing?.connection.id ?? chance.id();
    const connection = { id, userKeys: [bound.key, user.key], madeAt: clock() } as const;
    const won = await store.redeemInvite(invite.code, clock(), existing === undefined ? connection : undefined);
    if (!won) return client.open ? wrongCode(state, client, clock()) : undefined;
    const now = clock();
    const maker = knownUser(state, bound, now);
    // It may have gone meanwhile, and be known here, if at all, only as one who is away.
    const joiner = knownUser(state, { ...user, usedAt: now }, now);
    // When nobody of the two is here any more, they find the connection when they come back.
    if (joiner.clients.size > 0 || maker.clients.size > 0) joined(state, client, joiner, maker, invite, true, now, id);
    forgetIfAlone(state, maker);
    forgetIfAlone(state, joiner);
    return undefined;
  } finally {
    release();
  }
}

function joined(
  state: State,
  client: Client,
  user: User,
  maker: User,
  invite: Invite,
  isDurable: boolean,
  now: number,
  id: string = state.ports.chance.id(),
): void {
  state.invites.forget(maker, invite.code);
  state.ports.observer.happened({ event: 'invite_used', user: maker, code: invite.code }, now);
  const connection = user.sides.get(maker.key)?.connection ?? joinSides(state, id, maker, user, isDurable, now);
  const [makerSide, userSide] = sidesOf(connection, maker);
  const { id: connectionId, isDurable: durable } = connection;
  const [toUser, toMaker] = [friendAt(makerSide), friendAt(userSide)];
  if (client.open) state.say(client, { type: 'connected_to_friend', connectionId, friend: toUser, durable });
  state.tell(user, { type: 'friend_connected', connectionId, friend: toUser, durable }, client);
  state.tell(maker, { type: 'friend_connected', connectionId, friend: toMaker, durable });
}

function sidesOf({ sides: [one, other] }: Connection, user: User): [Side, Side] {
  return one.user === user ? [one, other] : [other, one];
}

function wrongCode(state: State, client: Client, now: number): Fault {
  const locked = state.invites.wrong(client, now);
  state.ports.observer.happened({ event: 'invite_refused', client, locked }, now);
  return fault('invalid_code');
}

export function disconnect(state: State, user: User, command: CommandOf<'disconnect'>, now: number): Outcome {
  const side = sideTo(user, command.to);
  if ('code' in side) return side;
  if (side.connection.isDurable) return disconnectKeyed(state, side);
  endConnection(state, side.connection, 'left', now);
  return undefined;
}

export function listConnections(state: State, client: Client, user: User): undefined {
  state.say(client, { type: 'connections', connections: [...user.sides.values()].map(connectionEntry) });
}
