/**
 * `identify`: a client says who it is (protocol part 1). A name is unique among open clients; one that an open guest holds is freed
 * when that guest no longer answers a ping.
 */
import { type Fault, fault, passingFault } from '../protocol/faults.ts';
import { readNickname, readUsername, usernameKey } from '../protocol/names.ts';
import { closeClient } from './leave.ts';
import { PROBE_MS } from './limits.ts';
import type { Outcome, State } from './state.ts';
import type { Client, User } from './users.ts';

/** A client whose name was given to another: the socket is closed with this code. */
const CLOSED_REPLACED = 4001;

export interface Names {
  readonly username: string;
  readonly nickname?: string | undefined;
}

/** Answers `identified`. */
export function identify(state: State, client: Client, names: Names, now: number): Outcome {
  const outcome = become(state, client, names, now);
  if (outcome instanceof Promise)
    return outcome.then((refusal) => {
      if (refusal === undefined) sayIdentified(state, client);
      return refusal;
    });
  if (outcome === undefined) sayIdentified(state, client);
  return outcome;
}

function sayIdentified(state: State, client: Client): void {
  const { user } = client;
  if (!client.open || user === undefined) return;
  state.say(client, { type: 'identified', username: user.username, nickname: user.nickname, clientId: client.id });
}

/** Makes the client a guest of this name, or changes the nickname of the one it is. Says nothing: `connect` uses it too. */
export function become(state: State, client: Client, names: Names, now: number): Outcome {
  const username = readUsername(names.username);
  if (username === undefined) return fault('invalid_username');
  // The bound of a nickname is for a given one: by default it is the username, which may be longer.
  const nickname = names.nickname === undefined ? username : readNickname(names.nickname);
  if (nickname === undefined) return fault('invalid_nickname');
  const key = usernameKey(username);
  const { user } = client;
  if (user !== undefined) {
    if (user.key !== key) return fault('already_identified');
    state.users.rename(user, nickname);
    return undefined;
  }
  const holder = state.users.byKey.get(key);
  const lockedMs = state.refusals.lockedMs(client.address, state.limits.refusalsPerAddress, now);
  if (lockedMs > 0) return passingFault('too_many_attempts', lockedMs);
  if (holder === undefined && !state.users.isClaimed(key)) {
    join(state, client, { key, username, nickname }, now);
    return undefined;
  }
  if (holder === undefined || !state.users.claim(key)) return taken(state, client, now);
  return takeOver(state, client, holder, { key, username, nickname }, now);
}

interface Claim {
  readonly key: string;
  readonly username: string;
  readonly nickname: string;
}

/** Asks the holder for a sign of life; without one in PROBE_MS its name is free. */
async function takeOver(
  state: State,
  client: Client,
  holder: User,
  claim: Claim,
  now: number,
): Promise<Fault | undefined> {
  try {
    for (const held of [...holder.clients])
      if (await isAlive(state, held, now)) return taken(state, client, state.ports.clock());
    const later = state.ports.clock();
    if (!client.open) return undefined;
    for (const held of [...holder.clients]) {
      closeClient(state, held, later);
      state.ports.wire.close(held.id, CLOSED_REPLACED, 'replaced');
    }
    join(state, client, claim, later);
    return undefined;
  } finally {
    state.users.release(claim.key);
  }
}

function isAlive(state: State, held: Client, now: number): Promise<boolean> {
  return new Promise((resolve) => {
    state.probes.set(held, { deadline: now + PROBE_MS, resolve });
    state.ports.wire.ping(held.id);
  });
}

function taken(state: State, client: Client, now: number): Fault {
  state.refusals.fail(client.address, state.limits.refusalsPerAddress, now);
  return fault('username_taken');
}

function join(state: State, client: Client, { key, username, nickname }: Claim, now: number): void {
  state.users.join(client, key, username, nickname, state.ports.observer.tag(key), now);
  state.ports.observer.happened({ event: 'identified', client }, now);
}
