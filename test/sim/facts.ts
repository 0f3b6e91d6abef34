/** What the rules of the checker share: who is here, what was written, and where to say that a rule is broken. */
import { deliveryIdOf } from '../../src/exchange/sequence.ts';
import type { Disk } from './disk.ts';
import { type Letter, Letters } from './letters.ts';
import { Links } from './links.ts';
import type { Socket } from './network.ts';
import type { Plan } from './plan.ts';
import type { Schedule } from './schedule.ts';
import type { SimulatedStore } from './store.ts';

/** How long the exchange holds what is not acknowledged (protocol part 3). */
const HELD_MS = 5_000;
/** More than all messages of a run take. */
const LARGE = 2 ** 30;

export class Facts {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly wall: () => number;
  readonly letters = new Letters();
  readonly links = new Links();
  disk!: Disk;
  store: SimulatedStore | undefined;
  life = 0;
  /** The first rule that was broken. */
  violation: { readonly rule: string; readonly detail: string } | undefined;
  /** How often a name was forgotten. */
  readonly generations = new Map<string, number>();
  /** Open sockets of each user. */
  readonly here = new Map<string, Set<Socket>>();
  /** Since when a user has had a client without a break: the step. */
  readonly hereSince = new Map<string, number>();

  constructor(plan: Plan, schedule: Schedule, wall: () => number) {
    this.plan = plan;
    this.schedule = schedule;
    this.wall = wall;
  }

  broke(rule: string, detail: string): void {
    if ((process.env.SIM_IGNORE ?? '').split(',').includes(rule)) return;
    this.violation ??= { rule, detail };
  }

  generation(user: string): number {
    return this.generations.get(user) ?? 0;
  }

  joined(socket: Socket, user: string): void {
    if (socket.user === user) return;
    socket.user = user;
    const sockets = this.here.get(user);
    if (sockets !== undefined) {
      sockets.add(socket);
      return;
    }
    this.here.set(user, new Set([socket]));
    this.hereSince.set(user, this.schedule.steps);
  }

  /** Returns the user, if this was its last client. */
  left(socket: Socket): string | undefined {
    const { user } = socket;
    const sockets = user === undefined ? undefined : this.here.get(user);
    if (user === undefined || sockets?.delete(socket) !== true || sockets.size > 0) return undefined;
    this.here.delete(user);
    this.hereSince.delete(user);
    return user;
  }

  /** The exchange may think that it has held the letter for HELD_MS: by the time of some arrival, or since a clock was set back. */
  isHeldTooLong(letter: Letter): boolean {
    const now = this.wall();
    return letter.arrivals.some(({ life, at }) => life === this.life && (now - at >= HELD_MS || now < at));
  }

  isOnItsWayToDisk(letter: Letter): boolean {
    return letter.storedSeq !== undefined || (letter.seq !== undefined && this.store?.isStoring(letter.seq) === true);
  }

  /**
   * The exchange certainly has the letter or remembers that it was acknowledged, so that it must know a repeat. Not certain is, among
   * others, what it holds without a reader: there may have been no room for it, and nobody to tell.
   */
  isKnown(letter: Letter): boolean {
    if (letter.seq === undefined || letter.seqStep <= letter.refusedStep) return false;
    if (letter.rememberedLife === this.life || this.isOnItsWayToDisk(letter)) return true;
    return this.isHeld(letter);
  }

  /** No mailbox can be full: nothing that is held is refused without a word, for want of somebody to tell. */
  get hasRoomForAll(): boolean {
    const { limits, policy } = this.plan;
    return (
      policy.offlineDelivery && limits.mailboxMessages >= 4 * this.letters.size && limits.mailboxTotalBytes > LARGE
    );
  }

  /** A client that is still here was handed it less than HELD_MS after it came. */
  isHeld(letter: Letter): boolean {
    if (letter.seq === undefined || letter.seqLife !== this.life || letter.endings.size > 0) return false;
    if (letter.seqStep <= letter.refusedStep || letter.isForgotten) return false;
    if (this.isHeldTooLong(letter) || !this.hasRoomForAll) return false;
    for (const socket of this.here.get(letter.recipient) ?? [])
      if (socket.had.has(deliveryIdOf(letter.seq))) return true;
    return false;
  }
}
