/**
 * The code book's rules: how many codes a user may have, how long they live, and what guessing costs. The codes themselves are in the
 * store, which alone decides who redeems one.
 */
import { type Fault, passingFault } from '../protocol/faults.ts';
import {
  ATTEMPTS,
  AttemptBook,
  type Attempts,
  type Limits,
  Window,
  WRONG_CODES_PER_ADDRESS_UNDER_ATTACK,
} from './limits.ts';
import type { Chance, Invite, Store } from './ports.ts';
import type { Client, User } from './users.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** With a million live codes one draw in 888 is taken: sixteen in a row never are. */
const DRAWS_MAX = 16;

export class Invites {
  readonly #limits: Limits;
  readonly #store: Store;
  readonly #chance: Chance;
  readonly #byAddress = new AttemptBook(ATTEMPTS);
  readonly #wrong = new Window();
  /** Wrong codes since the start. */
  wrongTotal = 0;

  constructor(limits: Limits, store: Store, chance: Chance) {
    this.#limits = limits;
    this.#store = store;
    this.#chance = chance;
  }

  /** The life of a code in words: `30 minutes`. */
  get expiresIn(): string {
    return this.#limits.inviteMinutes === 1 ? '1 minute' : `${this.#limits.inviteMinutes} minutes`;
  }

  /** Everybody together guesses more than is allowed. */
  isUnderAttack(now: number): boolean {
    return this.#limits.wrongCodesTotal > 0 && this.#wrong.count(now) > this.#limits.wrongCodesTotal;
  }

  /** `too_many_invites`, or counts the one that is about to be made. */
  mayMake(user: User, now: number): Fault | undefined {
    const perHour = this.#limits.invitesPerHour;
    if (perHour === 0) return undefined;
    const { allowance } = user;
    allowance.invitesMadeAt = allowance.invitesMadeAt.filter((madeAt) => madeAt > now - HOUR_MS && madeAt <= now);
    const [oldest = now] = allowance.invitesMadeAt;
    if (allowance.invitesMadeAt.length >= perHour) return passingFault('too_many_invites', oldest + HOUR_MS - now);
    allowance.invitesMadeAt.push(now);
    return undefined;
  }

  /** Makes a code for the user. First retires the oldest beyond the live ones: whatever fails, there are never too many. */
  async make(user: User, now: number): Promise<Invite> {
    const { invitesLive, inviteMinutes } = this.#limits;
    user.invites = user.invites.filter((invite) => invite.expiresAt > now);
    const retired = invitesLive === 0 ? [] : user.invites.slice(0, Math.max(0, user.invites.length + 1 - invitesLive));
    if (retired.length > 0) await this.#retire(user, retired);
    for (let draw = 0; draw < DRAWS_MAX; draw++) {
      const expiresAt = now + inviteMinutes * MINUTE_MS;
      const userId = user.publicKey ?? user.id;
      const durable = user.publicKey !== undefined;
      const invite: Invite = { code: this.#chance.code(), userKey: user.key, userId, expiresAt, durable };
      if (!(await this.#store.addInvite(invite, now))) continue;
      user.invites.push(invite);
      return invite;
    }
    throw new Error('no free code found');
  }

  /** Out of the list at once, so that nobody gives them back meanwhile; into it again when the store keeps them. */
  async #retire(user: User, retired: User['invites']): Promise<void> {
    user.invites = user.invites.filter((invite) => !retired.includes(invite));
    try {
      await this.#store.removeInvites(retired.map((invite) => invite.code));
    } catch (error) {
      user.invites = [...retired, ...user.invites];
      throw error;
    }
  }

  /** The user is gone, and so are its codes. */
  async end(user: User): Promise<void> {
    const codes = user.invites.map((invite) => invite.code);
    user.invites = [];
    if (codes.length > 0) await this.#store.removeInvites(codes);
  }

  /** Whether the user still has this code: it may have been retired meanwhile. */
  has(user: User, code: string): boolean {
    return user.invites.some((invite) => invite.code === code);
  }

  forget(user: User, code: string): void {
    user.invites = user.invites.filter((invite) => invite.code !== code);
  }

  /** `too_many_attempts` while the client, its user or its address is locked. No code is looked at meanwhile. */
  mayTry(client: Client, now: number): Fault | undefined {
    const lockedMs = Math.max(
      attemptsOf(client).lockedMs(this.#limits.wrongCodesPerUser, now),
      this.#byAddress.lockedMs(client.address, this.#allowedAtAddress(now), now),
    );
    return lockedMs > 0 ? passingFault('too_many_attempts', lockedMs) : undefined;
  }

  /** Counts a wrong code. Returns true when the client or the address is locked from now on. */
  wrong(client: Client, now: number): boolean {
    this.wrongTotal++;
    this.#wrong.add(now);
    const clientLocked = attemptsOf(client).fail(this.#limits.wrongCodesPerUser, now);
    const addressLocked = this.#byAddress.fail(client.address, this.#allowedAtAddress(now), now);
    return clientLocked || addressLocked;
  }

  tick(now: number): void {
    this.#byAddress.tick(now);
  }

  #allowedAtAddress(now: number): number {
    const { wrongCodesPerAddress } = this.#limits;
    if (wrongCodesPerAddress === 0) return 0;
    return this.isUnderAttack(now)
      ? Math.min(WRONG_CODES_PER_ADDRESS_UNDER_ATTACK, wrongCodesPerAddress)
      : wrongCodesPerAddress;
  }
}

/** A guest's end with its client, a keyed user's do not. */
function attemptsOf({ user, wrongCodes }: Client): Attempts {
  return user?.publicKey === undefined ? wrongCodes : user.allowance.wrongCodes;
}
