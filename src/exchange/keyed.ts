/**
 * Names that belong to a key (protocol part 2): a client proves with a signature over this socket's challenge that it holds the key. The
 * first to do so binds the name.
 */
import { type Fault, fault, passingFault } from '../protocol/faults.ts';
import { closeClient } from './leave.ts';
import type { KeyedUser } from './ports.ts';
import { dismiss, enter, summon } from './presence.ts';
import type { State } from './state.ts';
import { CLOSED_REPLACED, isFree, type Manner, type Wish } from './takeover.ts';
import { type Client, isKeyed, type Keyed } from './users.ts';

export interface Proof {
  readonly publicKey?: string | undefined;
  readonly host?: string | undefined;
  readonly signature?: string | undefined;
}

/** A proof of which nothing is missing. */
export interface Proven {
  readonly publicKey: string;
  readonly host: string;
  readonly signature: string;
}

/** 32 and 64 bytes in base64url, each in the one way to write them: a key is compared as text. */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;
const AUTHORITY = /^[a-z0-9.:[\]-]{1,261}$/;

const DAY_MS = 24 * 3_600_000;

/** What is needed to prove who holds a key; undefined for a guest, a fault when something is missing or malformed. */
export function readProof({ publicKey, host, signature }: Proof): Proven | Fault | undefined {
  if (publicKey === undefined && host === undefined && signature === undefined) return undefined;
  if (publicKey === undefined || !PUBLIC_KEY.test(publicKey))
    return fault(
      'bad_message',
      'The field "publicKey" must be a raw Ed25519 key: 32 bytes in base64url without padding.',
    );
  if (host === undefined)
    return fault('bad_message', 'The field "host" is missing: send the authority that you dialled.');
  if (signature === undefined || !SIGNATURE.test(signature))
    return fault('bad_message', 'The field "signature" must be 64 bytes in base64url without padding.');
  return { publicKey, host, signature };
}

/** What has to be signed. `key`: the username as compared. */
export function signedText(challenge: string, key: string, host: string): string {
  return `magi-exchange:identify:v1\n${challenge}\n${key}\n${host}`;
}

/** Makes the client one of the keyed user, whose name the caller has claimed. `bound`: as the store has it. */
export async function becomeKeyed(
  state: State,
  client: Client,
  wish: Wish,
  proof: Proven,
  bound: KeyedUser | undefined,
  manner: Manner,
): Promise<Fault | undefined> {
  const refusal =
    unproven(state, client, wish, proof, bound) ??
    (bound === undefined ? await mayBind(state, client, wish, manner) : undefined);
  if (refusal !== undefined || !client.open) return refusal;
  const owner = bound ?? (await bind(state, client, wish, proof));
  if (!client.open) return undefined;
  const here = state.users.byKey.get(wish.key);
  const user = here !== undefined && isKeyed(here) ? here : await summon(state, owner);
  if (!client.open) {
    dismiss(state, user);
    return undefined;
  }
  client.challenge = undefined;
  const now = state.ports.clock();
  // Kept when it is said, or when most of a month would else have passed; not each time that somebody comes back.
  user.touchedAt = owner.usedAt;
  renameKeyed(state, user, wish.nickname ?? owner.nickname, now);
  if (isStale(user, now)) touch(state, user, now);
  enter(state, user, client, manner.greet, now);
  makeRoom(state, user, client, now);
  return undefined;
}

function unproven(
  state: State,
  client: Client,
  wish: Wish,
  { publicKey, host, signature }: Proven,
  bound: KeyedUser | undefined,
): Fault | undefined {
  const hosts = state.ports.keys.hosts();
  if (hosts.length === 0)
    return fault(
      'bad_signature',
      'This exchange does not know by which hosts it is reached, so no key can identify here: its operator has to set PUBLIC_HOSTS.',
    );
  if (!hosts.includes(host)) {
    const given = AUTHORITY.test(host) ? `"${host}"` : 'something that is no host';
    return fault(
      'bad_signature',
      `You signed for ${given}; this exchange is ${hosts.slice(0, 8).join(' or ')}. Dial one of these and sign for it.`,
    );
  }
  if (bound !== undefined && bound.publicKey !== publicKey)
    return fault('bad_signature', 'This username belongs to another key. Choose another one, or sign with that key.');
  const { challenge } = client;
  const isRight =
    challenge !== undefined && state.ports.keys.verify(publicKey, signedText(challenge, wish.key, host), signature);
  if (isRight) return undefined;
  return fault(
    'bad_signature',
    `The signature does not fit the challenge of this socket, the username in lower case, the host "${host}" and the key.`,
  );
}

/** Whether this client may bind the name, which nobody has bound. */
async function mayBind(state: State, client: Client, wish: Wish, manner: Manner): Promise<Fault | undefined> {
  if (state.policy.registration === 'invited' && !manner.isInvited) return fault('registration_closed');
  const lockedMs = state.bindings.lockedMs(client.address, state.limits.keysPerAddress, state.ports.clock());
  if (lockedMs > 0) return passingFault('rate_limited', lockedMs);
  return isFree(state, wish.key);
}

async function bind(state: State, client: Client, wish: Wish, { publicKey }: Proven): Promise<KeyedUser> {
  const { key, username, nickname = username } = wish;
  const now = state.ports.clock();
  const user = { key, username, nickname, publicKey, usedAt: now };
  // Who has the claim is the only one to bind it.
  if (!(await state.ports.store.bindUser(user))) throw new Error('the name was bound meanwhile');
  state.bindings.fail(client.address, state.limits.keysPerAddress, now);
  return user;
}

/** A user has only so many clients: the one that was silent for longest gives way to the new one. */
function makeRoom(state: State, user: Keyed, newest: Client, now: number): void {
  const { clientsPerUser } = state.limits;
  while (clientsPerUser > 0 && user.clients.size > clientsPerUser) {
    let silent: Client | undefined;
    for (const client of user.clients)
      if (client !== newest && (silent === undefined || client.heardAt < silent.heardAt)) silent = client;
    if (silent === undefined) return;
    closeClient(state, silent, now);
    state.ports.wire.close(silent.id, CLOSED_REPLACED, 'replaced');
  }
}

export function renameKeyed(state: State, user: Keyed, nickname: string, now: number): void {
  if (nickname === user.nickname) return;
  state.rename(user, nickname);
  touch(state, user, now);
}

/** To be called now and then: a user who stays for a month is using its name. */
export function touchThoseHere(state: State, now: number): void {
  for (const user of state.users.byKey.values()) if (isKeyed(user) && isStale(user, now)) touch(state, user, now);
}

/** Also when the clock was set back. */
function isStale(user: Keyed, now: number): boolean {
  return Math.abs(now - user.touchedAt) >= DAY_MS;
}

function touch(state: State, user: Keyed, now: number): void {
  user.touchedAt = now;
  state.ports.store
    .touchUser(user.key, user.nickname, now)
    .catch((error: unknown) => state.ports.observer.failed('users.touch', error, now));
}
