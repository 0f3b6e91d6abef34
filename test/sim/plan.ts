/**
 * What a seed decides before anything happens: who takes part, how large the bounds are, and which faults occur how often. Each kind of
 * fault is absent from many runs, so that what hides behind one is found by another.
 */
import type { Limits } from '../../src/exchange/limits.ts';
import type { Dice } from './dice.ts';

interface Faults {
  exchangeCrash: number;
  drain: number;
  deviceCrash: number;
  sever: number;
  halfOpen: number;
  freeze: number;
  fullDisk: number;
  slowDisk: number;
  slowNetwork: number;
  clockForward: number;
  clockBack: number;
}

export interface Plan {
  readonly limits: Limits;
  readonly policy: { readonly registration: 'open' | 'invited'; readonly offlineDelivery: boolean };
  /** For each keyed user, how many devices it has. */
  readonly keyed: readonly number[];
  readonly guests: number;
  /** Users are bound and connected before the run begins. */
  readonly isSettled: boolean;
  /** A fault about this often; 0: none. */
  readonly faultEveryMs: number;
  readonly faults: Readonly<Faults>;
  readonly chaosMs: number;
  readonly stepsMax: number;
  readonly actEveryMs: number;
  readonly tickMs: number;
  /** How likely a question begins a flood of them. */
  readonly floods: number;
  /** How likely a message is large. */
  readonly large: number;
  /** How likely an acknowledgement takes more than the 5 s that the exchange waits for it. */
  readonly lazy: number;
  /** How likely a device crashes at each step of putting something away. */
  readonly deviceCrashAtStep: number;
  /** How likely a device stays away for long when it has gone. */
  readonly absent: number;
  /** Messages and bindings that one call of `expire` takes. */
  readonly expiredMax: number;
}

/** Larger than what one run writes. */
const MAILBOX_BYTES = 64 * 1024 * 1024;

function drawLimits(dice: Dice, defaults: Readonly<Limits>): Limits {
  const isSmall = dice.chance(0.3);
  return {
    ...defaults,
    questionsPerMinute: dice.chance(0.3) ? 10 : 0,
    commandsPerMinute: dice.chance(0.3) ? 120 : 0,
    framesPerSecond: 0,
    wrongCodesPerUser: dice.chance(0.2) ? 5 : 0,
    wrongCodesPerAddress: dice.chance(0.2) ? 10 : 0,
    refusalsPerAddress: 0,
    invitesLive: dice.between(1, 3),
    invitesPerHour: dice.chance(0.2) ? 10 : 0,
    clientsPerAddress: dice.chance(0.2) ? 2 : 0,
    clientsPerUser: dice.chance(0.3) ? dice.between(1, 2) : 32,
    connectionsPerUser: dice.chance(0.3) ? dice.between(1, 4) : 50,
    keysPerAddress: 0,
    mailboxMessages: isSmall ? 4 * dice.between(1, 6) : 1_000,
    mailboxBytes: isSmall ? 16_384 * dice.between(1, 8) : MAILBOX_BYTES,
    mailboxDays: dice.pick([1, 2, 30]),
    mailboxTotalBytes: dice.chance(0.1) ? 100_000 : 2 ** 31,
  };
}

function drawFaults(dice: Dice): Faults {
  const rate = (likely: number) => (dice.chance(likely) ? dice.next() : 0);
  return {
    exchangeCrash: rate(0.5),
    drain: rate(0.15),
    deviceCrash: rate(0.5),
    sever: rate(0.5),
    halfOpen: rate(0.4),
    freeze: rate(0.3),
    fullDisk: rate(0.3),
    slowDisk: rate(0.3),
    slowNetwork: rate(0.3),
    clockForward: rate(0.2),
    clockBack: rate(0.2),
  };
}

export function drawPlan(dice: Dice, defaults: Readonly<Limits>): Plan {
  const keyed = Array.from({ length: dice.between(1, 5) }, () => dice.between(1, 3));
  if (keyed.length === 1) keyed.push(1);
  const room = 20 - keyed.reduce((sum, devices) => sum + devices, 0);
  const faults = drawFaults(dice);
  const isQuiet = Object.values(faults).every((rate) => rate === 0) || dice.chance(0.1);
  return {
    limits: drawLimits(dice, defaults),
    policy: { registration: dice.chance(0.1) ? 'invited' : 'open', offlineDelivery: !dice.chance(0.1) },
    keyed,
    guests: dice.chance(0.5) ? 0 : dice.between(1, Math.min(4, room)),
    isSettled: dice.chance(0.8),
    faultEveryMs: isQuiet ? 0 : dice.between(1_000, 8_000),
    faults,
    chaosMs: dice.between(30_000, 150_000),
    stepsMax: dice.between(100, 900),
    actEveryMs: dice.between(500, 5_000),
    tickMs: dice.between(300, 1_500),
    floods: dice.chance(0.15) ? 0.2 : 0,
    large: dice.chance(0.3) ? dice.next() / 2 : 0,
    lazy: dice.chance(0.4) ? dice.next() / 2 : 0,
    deviceCrashAtStep: dice.chance(0.4) ? dice.next() / 10 : 0,
    absent: dice.chance(0.5) ? dice.next() / 2 : 0,
    expiredMax: dice.pick([1, 3, 256]),
  };
}
