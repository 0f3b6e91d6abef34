/**
 * One client program as the protocol wants it to be: what it shows and what it has not been answered rests on its own disk and outlives
 * its crashes; the rest does not. Guests are the same without a key: nothing of theirs is kept. What it does of its own accord is
 * in `acts.ts`.
 */
import { readDeliveryId } from '../../src/exchange/sequence.ts';
import type { Frame } from './frames.ts';
import { proof } from './keys.ts';
import type { Letter } from './letters.ts';
import type { Peer, Socket } from './network.ts';
import { Outbox } from './outbox.ts';
import type { Person } from './people.ts';
import type { Surroundings } from './surroundings.ts';

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
  readonly #outbox: Outbox;
  readonly #shown = new Set<string>();
  #places = 0;
  // What is not.
  #acknowledgements: string[] = [];
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
    this.#outbox = new Outbox(around, (letter) => this.#send(letter));
  }

  get unanswered(): number {
    return this.#outbox.size;
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
    if (this.person.publicKey === undefined) this.#outbox.empty();
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
        this.#outbox.settled(frame);
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
    this.#outbox.sendAgain();
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
    if (crashes()) {
      this.#crashAndReturn();
      return;
    }
    if (!this.#shown.has(letter.id)) {
      this.#shown.add(letter.id);
      checker.shown(this.name, letter, readDeliveryId(frame.deliveryId) ?? 0);
      if (crashes()) {
        this.#crashAndReturn();
        return;
      }
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
    const { checker, dice, plan, isCalm } = this.around;
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
    if (this.friends.get(to)?.durable === true) this.#outbox.put(letter);
    if (!isCalm && dice.chance(plan.deviceCrashAtStep)) this.#crashAndReturn();
    else this.#send(letter);
  }

  #send({ type, content, recipient: to, id, replyTo }: Letter): boolean {
    if (!this.isIdentified) return false;
    const reply = replyTo === undefined ? {} : { replyTo };
    this.say({ type: type === 'question' ? 'ask' : 'answer', content, to, id, ...reply });
    return true;
  }

  #refused(frame: Frame): void {
    const { dice, isCalm, codes } = this.around;
    const { request, code = '' } = frame;
    if (request === 'connect' && code === 'invalid_code') codes.pop();
    const isEntry = (request === 'identify' || request === 'connect') && !this.isIdentified;
    if (isEntry) {
      // The next try is on a new socket, with a new challenge.
      this.hangUp();
      this.connectIn(isCalm ? dice.between(500, 3_000) : dice.between(2_000, 20_000));
    }
    this.#outbox.refused(frame);
  }

  /** Its owner has given up the name. */
  startOver(): void {
    this.#outbox.empty();
    this.#acknowledgements = [];
    this.hangUp();
  }
}
