/**
 * `identify`: a client says who it is (protocol part 1). A name is unique among open clients; one that an open guest holds is freed
 * when that guest no longer answers a ping.
 */
import { type Fault, fault, passingFault } from '../protocol/faults.ts';
import { readNickname, readUsername, usernameKey } from '../protocol/names.ts';
import { closeClient } from './leave.ts';
import type { Outcome, State } from './state.ts';
import type { Client } from './users.ts';

/** A client whose name was given to another: the socket is closed with this code. */
const CLOSED_REPLACED = 4001;

export interface Names {
  readonly username: string;
  readonly nickname?: string | undefined;
  /** Without a nickname: the one that the user has stays. */
  readonly keepsNickname?: boolean;
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
  const byDefault = names.keepsNickname === true ? (client.user?.nickname ?? username) : username;
  const nickname = names.nickname === undefined ? byDefault : readNickname(names.nickname);
  if (nickname === undefined) return fault('invalid_nickname');
  const key = usernameKey(username);
  const { user } = client;
  if (user !== undefined) {
    if (user.key !== key) return fault('already_identified');
    state.users.rename(user, nickname);
    return undefined;
  }
  const lockedMs = state.refusals.lockedMs(client.address, state.limits.refusalsPerAddress, now);
  if (lockedMs > 0) return passingFault('too_many_attempts', lockedMs);
  const wish = { key, username, nickname };
  if (state.users.byKey.has(key) || state.users.isClaimed(key)) return takeOver(state, client, wish);
  join(state, client, wish, now);
  return undefined;
}

interface Wish {
  readonly key: string;
  readonly username: string;
  readonly nickname: string;
}

/** Asks the holder, if there is still one when it is our turn, for a sign of life; without one in PROBE_MS its name is free. */
async function takeOver(state: State, client: Client, wish: Wish): Promise<Fault | undefined> {
  let release = state.users.claim(wish.key);
  while (release === undefined) {
    await state.users.claimEnds(wish.key);
    release = state.users.claim(wish.key);
  }
  try {
    const holder = state.users.byKey.get(wish.key);
    for (const held of [...(holder?.clients ?? [])]) {
      if (await isAlive(state, held, state.ports.clock())) return client.open ? taken(state, client) : undefined;
      // Also when whoever asked has gone meanwhile: the name is free for the next.
      closeClient(state, held, state.ports.clock());
      state.ports.wire.close(held.id, CLOSED_REPLACED, 'replaced');
    }
    if (client.open) join(state, client, wish, state.ports.clock());
    return undefined;
  } finally {
    release();
  }
}

function isAlive(state: State, held: Client, now: number): Promise<boolean> {
  return new Promise((resolve) => {
    state.probes.set(held, { askedAt: now, resolve });
    state.ports.wire.ping(held.id);
  });
}

function taken(state: State, client: Client): Fault {
  state.refusals.fail(client.address, state.limits.refusalsPerAddress, state.ports.clock());
  return fault('username_taken');
}

function join(state: State, client: Client, { key, username, nickname }: Wish, now: number): void {
  state.users.join(client, key, username, nickname, state.ports.observer.tag(key), now);
  state.ports.observer.happened({ event: 'identified', client }, now);
}
