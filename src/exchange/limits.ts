/**
 * Every bound of the exchange (protocol part 5), with its unit in the name and its reason beside it; and the three ways to count
 * against one: a bucket that refills, an attempt book that locks, a window that only counts. 0 switches a bound off.
 */

const MINUTE_MS = 60_000;

export interface Limits {
  questionsPerMinute: number;
  commandsPerMinute: number;
  framesPerSecond: number;
  wrongCodesPerUser: number;
  wrongCodesPerAddress: number;
  wrongCodesTotal: number;
  refusalsPerAddress: number;
  invitesLive: number;
  invitesPerHour: number;
  clientsPerAddress: number;
  connectionsPerUser: number;
  inviteMinutes: number;
  idleMinutes: number;
  keysPerAddress: number;
  clientsPerUser: number;
  mailboxMessages: number;
  mailboxBytes: number;
  mailboxDays: number;
  mailboxTotalBytes: number;
}

export const DEFAULT_LIMITS: Readonly<Limits> = {
  /** An assistant that asks more often is in a loop; each question costs the friend's owner money. */
  questionsPerMinute: 10,
  /** Nobody types two commands a second for a minute; a program that does has a fault. */
  commandsPerMinute: 120,
  /** Bounds the CPU that one socket can take: 50 frames of 64 KiB are about 10 ms of work. */
  framesPerSecond: 50,
  /** 5 guesses at 887,503,681 codes for a client, 10 for an address: a stranger gets in once in 88 million tries. */
  wrongCodesPerUser: 5,
  wrongCodesPerAddress: 10,
  /** Many addresses guessing together: from here on each is allowed only 2. */
  wrongCodesTotal: 100,
  /** Asking for taken names tells who is here: not more often than this in half an hour. */
  refusalsPerAddress: 20,
  /** Fewer live codes are fewer targets for a guess. */
  invitesLive: 3,
  invitesPerHour: 10,
  /** A household or an office behind one address fits; one machine cannot take all sockets. */
  clientsPerAddress: 1000,
  /** Each is a topic subscription of 0.25 to 0.5 KB for each client. */
  connectionsPerUser: 50,
  inviteMinutes: 30,
  idleMinutes: 30,
  /** A day. Names are for ever: an address that takes a hundred of them a day is not a household. */
  keysPerAddress: 100,
  /** Assistants and machines of one person; each gets every message. */
  clientsPerUser: 32,
  /** Of one mailbox; one sender may take a quarter of each. */
  mailboxMessages: 1000,
  mailboxBytes: 4 * 1024 * 1024,
  mailboxDays: 30,
  mailboxTotalBytes: 2 * 1024 * 1024 * 1024,
};

/** What the operator decides beside the bounds. */
export interface Policy {
  /** Who may bind a new name to a key: anybody, or only who comes with a valid code. */
  readonly registration: 'open' | 'invited';
  /** Whether messages are kept for users who are away. */
  readonly offlineDelivery: boolean;
}

export const DEFAULT_POLICY: Policy = { registration: 'open', offlineDelivery: true };

/** At most this much of one keyed user is unacknowledged at a time (protocol part 3). */
export const WINDOW_MESSAGES_MAX = 64;
export const WINDOW_BYTES_MAX = 256 * 1024;
/** A message that no client has acknowledged for this long goes to the mailbox. */
export const HOLD_MS = 5_000;
/** Acknowledged messages of each user that are remembered, so that a repeat is answered and not forwarded. */
export const REMEMBERED_MIN = 1_000;
/** One sender may take this part of a mailbox. */
export const SENDER_SHARE = 4;
/** A binding without a connection lapses after so long unused. */
export const UNUSED_MS = 30 * 24 * 60 * MINUTE_MS;

/** Questions that may be asked in a row before the rate counts. */
export const QUESTION_BURST = 10;
/** Frames in a row: a client that reconnects sends what it kept. */
export const FRAME_BURST_SECONDS = 10;
/** What one client may send while one of its commands waits for the store. */
export const WAITING_FRAMES_MAX = 64;
export const WAITING_BYTES_MAX = 256 * 1024;
/** How long an open guest has to answer a ping before its name is free. */
export const PROBE_MS = 3_000;
const CODE_WINDOW_MS = 30 * MINUTE_MS;
/** What an address is allowed of wrong codes once everybody together is over the total. */
export const WRONG_CODES_PER_ADDRESS_UNDER_ATTACK = 2;
/** Addresses remembered for their wrong attempts; the longest known are forgotten first. About 12 MB. */
const ATTEMPT_ENTRIES_MAX = 100_000;
/** Questions to one side that count as open: an answer to an open question costs no command. */
export const OPEN_QUESTIONS_MAX = 1_000;

/** `burst` at once, then one every `intervalMs`. An interval of 0 means no bound. */
export interface Rate {
  readonly burst: number;
  readonly intervalMs: number;
}

export function rate(count: number, perMs: number, burst: number): Rate {
  return count === 0 ? { burst: 0, intervalMs: 0 } : { burst, intervalMs: perMs / count };
}

/** A token bucket: when it was last full, and what was taken since. A time alone would gather rounding errors with every token. */
export class Bucket {
  #fullAt = 0;
  #taken = 0;

  /** Takes a token. Returns 0, or the milliseconds until there is one. */
  take({ burst, intervalMs }: Rate, now: number): number {
    if (intervalMs === 0) return 0;
    const owedMs = this.#owedMs(intervalMs, now);
    if (owedMs <= 0) this.#begin(now, 0);
    // Owing more than all there is means that the clock was set back.
    else if (owedMs > burst * intervalMs) this.#begin(now, burst);
    const waitMs = this.#owedMs(intervalMs, now) - (burst - 1) * intervalMs;
    // The slack is for binary fractions, such as 60,000 / 44.
    if (waitMs > 0.001) return waitMs;
    this.#taken++;
    return 0;
  }

  /** Whole tokens left; undefined when there is no bound. */
  remaining({ burst, intervalMs }: Rate, now: number): number | undefined {
    if (intervalMs === 0) return undefined;
    const owed = Math.max(0, this.#owedMs(intervalMs, now)) / intervalMs;
    return Math.max(0, Math.floor(burst - owed + 0.001));
  }

  /** Milliseconds until it is full again. */
  #owedMs(intervalMs: number, now: number): number {
    return this.#fullAt + this.#taken * intervalMs - now;
  }

  #begin(fullAt: number, taken: number): void {
    this.#fullAt = fullAt;
    this.#taken = taken;
  }
}

export interface AttemptPolicy {
  /** Wrong attempts count for this long, and the first lock lasts as long. */
  readonly windowMs: number;
  /** Each further lock is twice as long, up to this. */
  readonly lockMsMax: number;
}

/** For invite codes and for refused identifies. */
export const ATTEMPTS: AttemptPolicy = { windowMs: CODE_WINDOW_MS, lockMsMax: 60 * MINUTE_MS };

/** For new bindings, which are counted for a day. */
export const BINDINGS: AttemptPolicy = { windowMs: 24 * 60 * MINUTE_MS, lockMsMax: 24 * 60 * MINUTE_MS };

/** Wrong attempts of one client, user or address. */
export class Attempts {
  readonly #policy: AttemptPolicy;
  #count = 0;
  #since = 0;
  #lockedUntil = 0;
  #lockMs = 0;

  constructor(policy: AttemptPolicy) {
    this.#policy = policy;
  }

  /** Milliseconds until the next attempt is allowed, 0 if now. `allowed`: attempts in a window. */
  lockedMs(allowed: number, now: number): number {
    if (allowed === 0) return 0;
    // A clock that was set back must not lock for longer than the longest lock, nor make the window longer.
    this.#lockedUntil = Math.min(this.#lockedUntil, now + this.#policy.lockMsMax);
    this.#since = Math.min(this.#since, now);
    if (this.#lockedUntil > now) return this.#lockedUntil - now;
    // Over a bound that was lowered meanwhile (see WRONG_CODES_PER_ADDRESS_UNDER_ATTACK).
    if (this.#count >= allowed && this.#inWindow(now)) return this.#since + this.#policy.windowMs - now;
    return 0;
  }

  /** Counts a wrong attempt. Returns true when it was the one that locks. */
  fail(allowed: number, now: number): boolean {
    if (!this.#inWindow(now)) {
      this.#count = 0;
      this.#since = now;
    }
    this.#count++;
    if (allowed === 0 || this.#count < allowed) return false;
    this.#lockMs = this.#lockMs === 0 ? this.#policy.windowMs : Math.min(this.#lockMs * 2, this.#policy.lockMsMax);
    this.#lockedUntil = now + this.#lockMs;
    this.#count = 0;
    return true;
  }

  /** Nothing left to remember: the lock is over, and so is the time in which another one would be longer. */
  isOver(now: number): boolean {
    return !this.#inWindow(now) && now > this.#lockedUntil + this.#policy.lockMsMax;
  }

  #inWindow(now: number): boolean {
    return this.#since !== 0 && now < this.#since + this.#policy.windowMs;
  }
}

/** Wrong attempts by address or by user. Bounded: an attacker with many addresses costs memory only up to ATTEMPT_ENTRIES_MAX. */
export class AttemptBook {
  readonly #policy: AttemptPolicy;
  readonly #entries = new Map<string, Attempts>();

  constructor(policy: AttemptPolicy) {
    this.#policy = policy;
  }

  get size(): number {
    return this.#entries.size;
  }

  lockedMs(address: string, allowed: number, now: number): number {
    return this.#entries.get(address)?.lockedMs(allowed, now) ?? 0;
  }

  /** Counts a wrong attempt. Returns true when it was the one that locks. */
  fail(address: string, allowed: number, now: number): boolean {
    let attempts = this.#entries.get(address);
    if (attempts === undefined) {
      attempts = new Attempts(this.#policy);
      if (this.#entries.size >= ATTEMPT_ENTRIES_MAX) this.#forgetOldest();
      this.#entries.set(address, attempts);
    }
    return attempts.fail(allowed, now);
  }

  tick(now: number): void {
    for (const [address, attempts] of this.#entries) if (attempts.isOver(now)) this.#entries.delete(address);
  }

  #forgetOldest(): void {
    for (const address of this.#entries.keys()) {
      this.#entries.delete(address);
      return;
    }
  }
}

/** How often something happened in the last half hour, to the minute. */
export class Window {
  readonly #minutes = new Map<number, number>();

  add(now: number): void {
    const minute = this.#forget(now);
    this.#minutes.set(minute, (this.#minutes.get(minute) ?? 0) + 1);
  }

  count(now: number): number {
    this.#forget(now);
    let total = 0;
    for (const count of this.#minutes.values()) total += count;
    return total;
  }

  /** Forgets what is older than half an hour; at most 31 entries are left. Returns the current minute. */
  #forget(now: number): number {
    const current = Math.floor(now / MINUTE_MS);
    const oldest = Math.floor((now - CODE_WINDOW_MS) / MINUTE_MS);
    for (const [minute, count] of this.#minutes) {
      if (minute > oldest && minute <= current) continue;
      this.#minutes.delete(minute);
      // What seems to be to come was before the clock was set back: it counts from now.
      if (minute > current) this.#minutes.set(current, (this.#minutes.get(current) ?? 0) + count);
    }
    return current;
  }
}
