/**
 * One client program as the protocol wants it to be: what it shows and what it has not been answered rests on its own disk and outlives
 * its crashes; the rest does not. Guests are the same without a key: nothing of theirs is kept. What it does of its own accord is
 * in `acts.ts`.
 */
import { readDeliveryId } from '../../src/exchange/sequence.ts';
import type { Checker } from './checker.ts';
import type { Dice } from './dice.ts';
import type { Frame } from './frames.ts';
import { proof } from './keys.ts';
import type { Letter } from './letters.ts';
import type { Network, Peer, Socket } from './network.ts';
import type { Person } from './people.ts';
import type { Plan } from './plan.ts';
import type { Schedule } from './schedule.ts';

export interface Surroundings {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly dice: Dice;
  readonly network: Network;
  readonly checker: Checker;
  readonly wall: () => number;
  readonly note: (...words: unknown[]) => void;
  /** Codes that people told each other, latest last. */
  readonly codes: { readonly code: string; readonly maker: string }[];
  /** No faults and no acts of one's own any more. */
  isCalm: boolean;
}

interface Outgoing {
  readonly letter: Letter;
  /** By the clock on the wall; after a week it is given up. */
  readonly writtenAt: number;
  sentAt: number;
  /** After a refusal: when it is sent again. */
  retryAt: number | undefined;
}

const RESEND_MS = 15_000;
const WEEK_MS = 7 * 24 * 3_600_000;
/** A client closed with this does not return by itself. */
const CLOSED_REPLACED = 4001;

export class Device implements Peer {
  readonly name: string;
  readonly person: Person;
  readonly address: string;
  frozenUntil = 0;
  socket: Socket | undefined;
  isIdentified = false;
  /** Switched off, or told not to return. */
  isAway = false;
  readonly friends = new Map<string, { readonly durable: boolean }>();
  readonly around: Surroundings;
  // What is on its disk.
  #outbox: Outgoing[] = [];
  readonly #shown = new Set<string>();
  #places = 0;
  // What is not.
  #acknowledgements: string[] = [];
  #resendIsDue = false;
  readonly #onShown: (device: Device, letter: Letter) => void;

  constructor(
    person: Person,
    name: string,
    address: string,
    around: Surroundings,
    onShown: (device: Device, letter: Letter) => void,
  ) {
    this.person = person;
    this.name = name;
    this.address = address;
    this.around = around;
    this.#onShown = onShown;
  }

  get unanswered(): number {
    return this.#outbox.length;
  }

  // --- coming and going ---

  connect(): void {
    if (this.socket !== undefined || this.isAway) return;
    this.socket = this.around.network.open(this);
  }

  connectIn(delayMs: number): void {
    this.around.schedule.after(delayMs, () => this.connect());
  }

  /** Closes the socket as a program does that ends well. */
  hangUp(): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.#lost();
    this.around.network.hangUp(socket);
  }

  /** The program is gone, with all that was not put away. */
  crash(): void {
    const { dice, network, schedule } = this.around;
    this.around.note('crash', this.name);
    const { socket } = this;
    this.#lost();
    this.#acknowledgements = [];
    this.frozenUntil = 0;
    if (this.person.publicKey === undefined) this.#outbox = [];
    if (socket === undefined) return;
    socket.isHeard = false;
    if (dice.chance(0.5)) network.sever(socket, dice.delay(68_000), 0);
    else schedule.after(dice.delay(100), () => network.sever(socket, 0, 0));
  }

  #lost(): void {
    this.socket = undefined;
    this.isIdentified = false;
    for (const [name, { durable }] of this.friends) if (!durable) this.friends.delete(name);
  }

  hungUp(socket: Socket, code: number): void {
    if (this.socket !== socket) return;
    this.#lost();
    const { isCalm, plan, dice } = this.around;
    if (code === CLOSED_REPLACED) this.isAway = true;
    else if (isCalm) this.connectIn(dice.delay(500));
    else this.connectIn(dice.chance(plan.absent) ? dice.between(5_000, 60_000) : dice.delay(5_000));
  }

  say(frame: Frame): void {
    if (this.socket !== undefined) this.around.network.up(this.socket, frame);
  }

  // --- what it hears ---

  heard(socket: Socket, frame: Frame): void {
    if (this.socket !== socket) return;
    switch (frame.type) {
      case 'connected':
        this.#introduce(frame.challenge ?? '');
        break;
      case 'identified':
        if (frame.connections !== undefined) this.friends.clear();
        this.#welcomed(frame.connections ?? []);
        break;
      case 'connected_to_friend':
      case 'friend_connected':
        this.friends.set(frame.friend?.username ?? '', { durable: frame.durable === true });
        if (!this.isIdentified && frame.type === 'connected_to_friend') this.#welcomed([]);
        break;
      case 'connections':
        for (const { friend, durable } of frame.connections ?? []) this.friends.set(friend.username, { durable });
        break;
      case 'friend_disconnected':
        this.friends.delete(frame.friend?.username ?? '');
        break;
      case 'invite_created':
        this.around.codes.push({ code: frame.code ?? '', maker: this.person.name });
        break;
      case 'question':
      case 'answer':
        this.#reads(frame);
        break;
      case 'receipt':
        this.#readsReceipt(frame);
        break;
      case 'question_sent':
      case 'answer_sent':
        this.#settled(frame.id ?? '', frame.status ?? '');
        break;
      case 'error':
        this.#refused(frame);
        break;
      case 'forgotten':
        this.person.forgotten(this.around.dice);
        break;
    }
  }

  #introduce(challenge: string): void {
    const { person, around } = this;
    const names = { username: person.name, nickname: `nick of ${person.name}` };
    const keyed = person.publicKey === undefined ? {} : proof(person.publicKey, challenge, person.name);
    const isFirst = around.plan.policy.registration === 'invited' && person.publicKey !== undefined;
    const code = around.codes.at(-1)?.code;
    if (code !== undefined && (around.dice.chance(0.1) || (isFirst && around.dice.chance(0.5))))
      this.say({ type: 'connect', code, ...names, ...keyed });
    else this.say({ type: 'identify', ...names, ...keyed });
  }

  #welcomed(connections: Frame['connections'] & object): void {
    for (const { friend, durable } of connections) this.friends.set(friend.username, { durable });
    if (this.isIdentified) return;
    this.isIdentified = true;
    this.#sendAgain(() => true);
    if (this.#acknowledgements.length > 0) this.#acknowledge();
  }

  #reads(frame: Frame): void {
    const { checker, dice, plan, isCalm } = this.around;
    const letter = checker.facts.letters.byId(frame.id);
    if (letter === undefined) return;
    if (frame.deliveryId === undefined) {
      this.#onShown(this, letter);
      return;
    }
    const crashes = () => !isCalm && dice.chance(plan.deviceCrashAtStep);
    if (crashes()) return this.#crashAndReturn();
    if (!this.#shown.has(letter.id)) {
      this.#shown.add(letter.id);
      checker.shown(this.name, letter, readDeliveryId(frame.deliveryId) ?? 0);
      if (crashes()) return this.#crashAndReturn();
      this.#onShown(this, letter);
    }
    this.#acknowledgeSoon(frame.deliveryId);
  }

  #readsReceipt(frame: Frame): void {
    const letter = this.around.checker.facts.letters.byId(frame.id);
    letter?.receipts.add(frame.status ?? '');
    this.#acknowledgeSoon(frame.deliveryId ?? '');
  }

  #crashAndReturn(): void {
    this.crash();
    this.connectIn(this.around.dice.delay(10_000));
  }

  #acknowledgeSoon(deliveryId: string): void {
    const { dice, plan, isCalm, schedule } = this.around;
    const isLazy = !isCalm && dice.chance(plan.lazy);
    const isFirst = this.#acknowledgements.push(deliveryId) === 1;
    if (isFirst) schedule.after(dice.delay(isLazy ? 20_000 : 300), () => this.#acknowledge());
  }

  #acknowledge(): void {
    if (!this.isIdentified || this.#acknowledgements.length === 0) return;
    this.say({ type: 'received', deliveryIds: this.#acknowledgements });
    this.#acknowledgements = [];
  }

  // --- what it writes ---

  /** Puts it into the outbox, then sends it. */
  write(type: 'question' | 'answer', to: string, content: string, replyTo: string | undefined): void {
    const { checker, dice, plan, wall, isCalm } = this.around;
    const id = dice.text(12);
    const letter = checker.facts.letters.write({
      type,
      sender: this.person.name,
      recipient: to,
      id,
      content: `${id} ${content}`,
      replyTo,
      device: this.name,
      place: ++this.#places,
    });
    if (this.friends.get(to)?.durable === true)
      this.#outbox.push({ letter, writtenAt: wall(), sentAt: this.around.schedule.now, retryAt: undefined });
    if (!isCalm && dice.chance(plan.deviceCrashAtStep)) this.#crashAndReturn();
    else this.#send(letter);
  }

  #send({ type, content, recipient: to, id, replyTo }: Letter): void {
    if (!this.isIdentified) return;
    const reply = replyTo === undefined ? {} : { replyTo };
    this.say({ type: type === 'question' ? 'ask' : 'answer', content, to, id, ...reply });
    this.#resendLater();
  }

  #resendLater(): void {
    if (this.#resendIsDue || this.#outbox.length === 0) return;
    this.#resendIsDue = true;
    const { schedule } = this.around;
    schedule.after(RESEND_MS, () => {
      this.#resendIsDue = false;
      const isOverdue = this.#outbox.some((entry) => this.#isDue(entry) && schedule.now - entry.sentAt >= RESEND_MS);
      if (isOverdue) this.#sendAgain((entry) => this.#isDue(entry));
      this.#resendLater();
    });
  }

  #isDue({ retryAt }: Outgoing): boolean {
    return retryAt === undefined || retryAt <= this.around.schedule.now;
  }

  /** In order, with the same ids. */
  #sendAgain(isMeant: (entry: Outgoing) => boolean): void {
    const { wall, schedule } = this.around;
    if (!this.isIdentified) return;
    this.#outbox = this.#outbox.filter(({ letter, writtenAt }) => {
      const isOld = wall() - writtenAt >= WEEK_MS;
      // It may still be on its way on an earlier socket.
      if (isOld) letter.isLate = true;
      return !isOld;
    });
    // What was refused was taken out of its place: it comes after what is still unanswered.
    this.#outbox.sort((one, other) => Number(one.retryAt !== undefined) - Number(other.retryAt !== undefined));
    for (const entry of this.#outbox.filter(isMeant)) {
      entry.sentAt = schedule.now;
      this.#send(entry.letter);
    }
  }

  #settled(id: string, status: string): void {
    this.around.checker.facts.letters.byId(id)?.heard.add(status);
    this.#outbox = this.#outbox.filter(({ letter }) => letter.id !== id);
  }

  #refused(frame: Frame): void {
    const { dice, isCalm, schedule, codes } = this.around;
    const { request, code = '' } = frame;
    if (request === 'connect' && code === 'invalid_code') codes.pop();
    const isEntry = (request === 'identify' || request === 'connect') && !this.isIdentified;
    if (isEntry) {
      // The next try is on a new socket, with a new challenge.
      this.hangUp();
      this.connectIn(isCalm ? dice.between(500, 3_000) : dice.between(2_000, 20_000));
    }
    const entry = this.#outbox.find(({ letter }) => letter.id === frame.id);
    if (entry === undefined) return;
    entry.letter.heard.add(`error ${code}`);
    const isFinal = isCalm || code === 'no_connection' || code === 'bad_message' || dice.chance(0.4);
    this.#outbox = this.#outbox.filter((other) => other !== entry);
    if (isFinal) return;
    entry.retryAt = schedule.now + (frame.retryAfterMs ?? dice.between(1_000, 20_000));
    this.#outbox.push(entry);
    schedule.at(entry.retryAt, () => {
      if (!this.#outbox.includes(entry)) return;
      entry.sentAt = schedule.now;
      this.#send(entry.letter);
    });
  }

  /** Its owner has given up the name. */
  startOver(): void {
    for (const { letter } of this.#outbox) letter.isAbandoned = true;
    this.#outbox = [];
    this.#acknowledgements = [];
    this.hangUp();
  }
}
