/**
 * `identify`: a client says who it is. As a guest (protocol part 1): a name is unique among open clients; one that an open guest holds is
 * freed when that guest no longer answers a ping. With a key (part 2): see `keyed.ts`.
 */
import { type Fault, fault, passingFault } from '../protocol/faults.ts';
import { readNickname, readUsername, usernameKey } from '../protocol/names.ts';
import { becomeKeyed, type Proof, type Proven, readProof, renameKeyed } from './keyed.ts';
import { connectionEntry } from './presence.ts';
import type { Outcome, State } from './state.ts';
import { isFree, type Manner, type Wish } from './takeover.ts';
import { type Client, isKeyed } from './users.ts';

export interface Names extends Proof {
  readonly username: string;
  readonly nickname?: string | undefined;
}

/** Answers `identified`. */
export function identify(state: State, client: Client, names: Names, now: number): Outcome {
  const greet = () => sayIdentified(state, client);
  return become(state, client, names, { keepsNickname: false, isInvited: false, greet }, now);
}

function sayIdentified(state: State, client: Client): void {
  const { user } = client;
  if (!client.open || user === undefined) return;
  const { username, nickname } = user;
  const identified = { type: 'identified', username, nickname, clientId: client.id } as const;
  if (!isKeyed(user)) {
    state.say(client, identified);
    return;
  }
  const connections = [...user.sides.values()].map(connectionEntry);
  state.say(client, { ...identified, keyed: true, connections, pending: user.inbox.use.messages });
}

/** Makes the client a user of this name, or changes the nickname of the one it is. */
export function become(state: State, client: Client, names: Names, manner: Manner, now: number): Outcome {
  const username = readUsername(names.username);
  if (username === undefined) return fault('invalid_username');
  const nickname = names.nickname === undefined ? undefined : readNickname(names.nickname);
  if (nickname === undefined && names.nickname !== undefined) return fault('invalid_nickname');
  const key = usernameKey(username);
  const { user } = client;
  if (user !== undefined) {
    if (user.key !== key) return fault('already_identified');
    // The bound of a nickname is for a given one: by default it is the username, which may be longer.
    const byDefault = manner.keepsNickname || isKeyed(user) ? user.nickname : username;
    if (isKeyed(user)) renameKeyed(state, user, nickname ?? byDefault, now);
    else state.rename(user, nickname ?? byDefault);
    manner.greet();
    return undefined;
  }
  const proof = readProof(names);
  if (proof !== undefined && 'code' in proof) return proof;
  const lockedMs = state.refusals.lockedMs(client.address, state.limits.refusalsPerAddress, now);
  if (lockedMs > 0) return passingFault('too_many_attempts', lockedMs);
  return claimName(state, client, { key, username, nickname }, proof, manner);
}

/** One after the other for each name: whoever has the claim finds out whose it is. */
async function claimName(
  state: State,
  client: Client,
  wish: Wish,
  proof: Proven | undefined,
  manner: Manner,
): Promise<Fault | undefined> {
  const release = await state.users.claim(wish.key);
  try {
    if (!client.open) return undefined;
    const bound = await state.ports.store.findUser(wish.key);
    if (!client.open) return undefined;
    const refusal =
      proof === undefined
        ? bound !== undefined
          ? fault('username_reserved')
          : await becomeGuest(state, client, wish, manner)
        : await becomeKeyed(state, client, wish, proof, bound, manner);
    if (refusal !== undefined && client.open && REFUSALS.has(refusal.code))
      state.refusals.fail(client.address, state.limits.refusalsPerAddress, state.ports.clock());
    return refusal;
  } finally {
    release();
  }
}

/** Asking for names that others have, or without their key, tells who is there. */
const REFUSALS: ReadonlySet<string> = new Set(['username_taken', 'username_reserved', 'bad_signature']);

async function becomeGuest(state: State, client: Client, wish: Wish, manner: Manner): Promise<Fault | undefined> {
  const refusal = await isFree(state, wish.key);
  if (!client.open) return undefined;
  if (refusal !== undefined) return refusal;
  const { users, ports } = state;
  const { key, username, nickname = username } = wish;
  const now = ports.clock();
  users.enter(users.make({ id: client.id, key, username, nickname, tag: ports.observer.tag(key) }, now), client);
  ports.observer.happened({ event: 'identified', client }, now);
  manner.greet();
  return undefined;
}
