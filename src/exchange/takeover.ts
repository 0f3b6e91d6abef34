/** Whether a name can be had: one that an open guest holds is freed when that guest no longer answers a ping (protocol part 1). */
import { type Fault, fault } from '../protocol/faults.ts';
import { closeClient } from './leave.ts';
import type { State } from './state.ts';
import type { Client } from './users.ts';

/** A client whose name, or place, was given to another: the socket is closed with this code. */
export const CLOSED_REPLACED = 4001;

export interface Manner {
  /** Without a nickname: the one that the user has stays. */
  readonly keepsNickname: boolean;
  /** A new name may be bound, whatever the policy is. */
  readonly isInvited: boolean;
  /** Says to the client, when it has become this user, that it has. */
  readonly greet: () => void;
}

/** Who a client wants to be. */
export interface Wish {
  readonly key: string;
  readonly username: string;
  /** Undefined when it was not said: a keyed user keeps its own, a guest's is its username. */
  readonly nickname: string | undefined;
}

/** Asks the guest who holds the name, if there is one, for a sign of life; without one in PROBE_MS its name is free. */
export async function isFree(state: State, key: string): Promise<Fault | undefined> {
  const holder = state.users.byKey.get(key);
  for (const held of [...(holder?.clients ?? [])]) {
    if (await isAlive(state, held, state.ports.clock())) return fault('username_taken');
    // Also when whoever asked has gone meanwhile: the name is free for the next.
    closeClient(state, held, state.ports.clock());
    state.ports.wire.close(held.id, CLOSED_REPLACED, 'replaced');
  }
  return undefined;
}

function isAlive(state: State, held: Client, now: number): Promise<boolean> {
  return new Promise((resolve) => {
    state.probes.set(held, { askedAt: now, resolve });
    state.ports.wire.ping(held.id);
  });
}
