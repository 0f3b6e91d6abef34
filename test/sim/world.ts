/** One run: the exchange, its disk, a network and devices, all from one seed. First trouble, then calm, then everybody leaves. */

import type { StorageFailed } from '../../src/exchange/ports.ts';
import { live, respond } from './acts.ts';
import { Checker } from './checker.ts';
import { Device } from './device.ts';
import { Dice } from './dice.ts';
import { Disk } from './disk.ts';
import { Facts } from './facts.ts';
import { trouble } from './faults.ts';
import { Host } from './host.ts';
import { leaks } from './leaks.ts';
import { Network } from './network.ts';
import { newKey, Person } from './people.ts';
import { drawPlan, type Plan } from './plan.ts';
import { Schedule } from './schedule.ts';
import type { Sources } from './sources.ts';
import type { DiskMood } from './store.ts';
import type { Surroundings } from './surroundings.ts';
import type { Trace } from './trace.ts';

const START = 1_750_000_000_000;
const HOUR_MS = 3_600_000;
/** Less than how long the exchange remembers what was acknowledged by users of whom nobody is here. */
const REMEMBERED_MS = 300_000;
/** After the faults: until all have found back, then how long delivery may take. */
const RETURN_MS = 30_000;
const DELIVERY_MS = 60_000;

export interface Outcome {
  readonly seed: number;
  readonly steps: number;
  readonly violation: { readonly rule: string; readonly detail: string } | undefined;
  readonly trace: readonly string[];
}

export class World {
  readonly plan: Plan;
  readonly dice: Dice;
  readonly schedule = new Schedule();
  readonly trace: Trace;
  readonly mood: DiskMood = { commitMs: 10, isFull: false, deletesWhenFull: true };
  readonly host: Host;
  readonly network: Network;
  readonly devices: Device[] = [];
  readonly surroundings: Surroundings;
  readonly #facts: Facts;
  readonly #checker: Checker;
  readonly #disk: Disk;
  #clockOffset = START;

  constructor(seed: number, sources: Sources, trace: Trace) {
    const { schedule, mood } = this;
    const dice = new Dice(seed);
    this.dice = dice;
    this.trace = trace;
    this.plan = drawPlan(dice, sources.DEFAULT_LIMITS);
    const { plan } = this;
    const wall = () => Math.floor(schedule.now + this.#clockOffset);
    const note = (...words: unknown[]) => trace.note(schedule.now, words);
    this.#facts = new Facts(plan, schedule, wall);
    const checker = new Checker(this.#facts);
    this.#checker = checker;
    const refuse = (reason: string): StorageFailed => new sources.StorageFailed(reason);
    const disk = new Disk(checker, refuse);
    disk.expiredMax = plan.expiredMax;
    this.#disk = disk;
    this.#facts.disk = disk;
    this.host = new Host({ plan, sources, schedule, dice, disk, mood, checker, wall, note });
    this.network = new Network(schedule, dice, this.host);
    this.host.network = this.network;
    const { network } = this;
    this.surroundings = { plan, schedule, dice, network, checker, wall, note, codes: [], isCalm: false };
    this.#populate();
  }

  async run(): Promise<void> {
    this.host.start();
    for (const device of this.devices) {
      device.connectIn(this.dice.delay(5_000));
      live(device);
    }
    trouble(this);
    await this.#until(this.plan.chaosMs, this.plan.stepsMax);
    this.#calm();
    await this.#until(RETURN_MS + DELIVERY_MS, Number.POSITIVE_INFINITY);
    if (this.#facts.violation !== undefined) return;
    this.#checkCalm();
    if (this.#facts.violation !== undefined) return;
    await this.#leave();
  }

  setClock(byMs: number): void {
    this.#clockOffset += Math.floor(byMs);
    if (byMs > REMEMBERED_MS) this.#checker.clockJumped();
  }

  #populate(): void {
    const { plan, dice, surroundings } = this;
    const counts = [...plan.keyed, ...Array.from({ length: plan.guests }, () => 1)];
    const people = counts.map((count, index) => {
      const isKeyed = index < plan.keyed.length;
      const person = new Person(isKeyed ? `k${index}` : `g${index}`, isKeyed ? newKey(dice) : undefined);
      for (let number = 0; number < count; number++) {
        const address = dice.chance(0.1) ? '192.0.2.1' : `198.51.100.${index * 4 + number}`;
        person.devices.push(new Device(person, `${person.name}/${number}`, address, surroundings, respond));
      }
      this.devices.push(...person.devices);
      return person;
    });
    const keyed = people.filter(({ publicKey }) => publicKey !== undefined);
    if (plan.isSettled) this.#settle(keyed);
  }

  #settle(keyed: readonly Person[]): void {
    for (const { name, publicKey = '' } of keyed)
      this.#disk.bindUser({ key: name, username: name, nickname: name, publicKey, usedAt: START });
    const most = this.plan.limits.connectionsPerUser;
    for (const [index, { name: one }] of keyed.entries())
      for (const { name: other } of keyed.slice(index + 1)) {
        const counts = [one, other].map((key) => this.#disk.connectionsOf(key).length);
        if (Math.max(...counts) < most && this.dice.chance(0.8))
          this.#disk.connect({ id: `settled-${one}-${other}`, userKeys: [one, other], madeAt: START });
      }
  }

  /** Lets `ms` pass, or so many events. */
  async #until(ms: number, steps: number): Promise<void> {
    const { schedule, host } = this;
    const last = schedule.steps + steps;
    await schedule.runUntil(schedule.now + ms, () => {
      // What a crash cut short need not be right.
      host.crashIfDue();
      this.#checker.stepEnds();
      if (!host.isUp) this.#restartSoon();
      return this.#facts.violation !== undefined || schedule.steps >= last;
    });
  }

  #isRestarting = false;

  #restartSoon(): void {
    if (this.#isRestarting) return;
    this.#isRestarting = true;
    this.schedule.after(this.dice.delay(this.surroundings.isCalm ? 100 : 10_000), () => {
      this.#isRestarting = false;
      this.host.start();
    });
  }

  /** From now on nothing goes wrong and nobody begins anything; everybody comes back. */
  #calm(): void {
    const { mood, network, plan } = this;
    this.surroundings.isCalm = true;
    this.surroundings.note('calm');
    this.host.fuse = undefined;
    mood.commitMs = 10;
    mood.isFull = false;
    network.delayMs = 50;
    const perUser = plan.limits.clientsPerUser || Number.POSITIVE_INFINITY;
    for (const device of this.devices) {
      device.frozenUntil = 0;
      const isOneTooMany = device.person.devices.indexOf(device) >= perUser;
      device.isAway = isOneTooMany;
      if (isOneTooMany) device.hangUp();
      else if (device.socket?.isSevered === true) device.crash();
      device.connectIn(0);
      if (device.socket !== undefined) network.read(device.socket);
    }
  }

  #checkCalm(): void {
    this.#checker.promises.keptAll();
    for (const device of this.devices) {
      if (!device.isIdentified || device.unanswered === 0) continue;
      this.#checker.broke('never answered', `${device.unanswered} of ${device.name}`);
    }
  }

  /** Everybody closes, and a day passes. */
  async #leave(): Promise<void> {
    this.surroundings.note('everybody leaves');
    for (const device of this.devices) {
      device.isAway = true;
      device.hangUp();
    }
    await this.#until(100_000, Number.POSITIVE_INFINITY);
    for (let hour = 0; hour < 26; hour++) {
      this.setClock(HOUR_MS);
      this.host.tickNow();
      await this.#until(2_000, Number.POSITIVE_INFINITY);
    }
    const { exchange } = this.host;
    for (const path of exchange === undefined ? [] : leaks(exchange.state)) this.#checker.broke('kept for ever', path);
  }

  broke(rule: string, detail: string): void {
    this.#checker.broke(rule, detail);
  }

  get outcome(): Omit<Outcome, 'seed'> {
    return { steps: this.schedule.steps, violation: this.#facts.violation, trace: this.trace.lines() };
  }
}
