/**
 * Looks on and says which rule the exchange breaks first. It sees every frame that comes to the exchange or leaves it at the very
 * moment, every effect on the disk, and what devices show; it asks the exchange nothing.
 */
import type { DurableConnection, Invite, WaitingMessage } from '../../src/exchange/ports.ts';
import { ServerMessage } from '../../src/protocol/messages.ts';
import { Deliveries } from './deliveries.ts';
import type { DiskWitness, Ending } from './disk.ts';
import type { Facts } from './facts.ts';
import type { Frame } from './frames.ts';
import type { Letter } from './letters.ts';
import type { Socket } from './network.ts';
import { Promises } from './promises.ts';
import type { SimulatedStore } from './store.ts';

export class Checker implements DiskWitness {
  readonly facts: Facts;
  readonly promises: Promises;
  readonly #deliveries: Deliveries;
  readonly #codesUsed = new Set<string>();
  /** Called for in this event, for readers whose mailbox was empty. */
  readonly #needlessPuts: WaitingMessage[] = [];
  /** Sockets whose `connect` with a username has no reply yet. */
  readonly #entering = new Set<Socket>();
  /** Users of whom a client has come in this event. */
  readonly #joined = new Set<string>();
  /** What each device has shown last, by source. */
  readonly #latest = new Map<string, number>();
  isDraining = false;

  constructor(facts: Facts) {
    this.facts = facts;
    this.#deliveries = new Deliveries(facts);
    this.promises = new Promises(facts, this.#deliveries);
  }

  broke(rule: string, detail: string): void {
    this.facts.broke(rule, detail);
  }

  begins(life: number, store: SimulatedStore): void {
    this.facts.life = life;
    this.facts.store = store;
    this.isDraining = false;
  }

  crashed(): void {
    this.facts.store = undefined;
    this.facts.here.clear();
    this.facts.hereSince.clear();
    this.facts.links.crashed();
    this.#deliveries.crashed();
    this.#needlessPuts.length = 0;
    this.#entering.clear();
    this.#joined.clear();
    this.#deliveries.stepEnds();
  }

  read(text: string): Frame {
    const message: unknown = JSON.parse(text);
    const read = ServerMessage.safeParse(message);
    if (!read.success) this.broke('not in the protocol', `${text}: ${read.error.message}`);
    return message as Frame;
  }

  // --- what comes to the exchange ---

  arrived(socket: Socket, frame: Frame): void {
    const { facts } = this;
    if (frame.type === 'ask' || frame.type === 'answer') {
      const letter = facts.letters.byId(frame.id);
      letter?.arrivals.push({
        life: facts.life,
        step: facts.schedule.steps,
        at: facts.wall(),
        socket,
        generation: facts.generation(letter.recipient),
      });
    } else if (frame.type === 'received') {
      for (const deliveryId of frame.deliveryIds ?? []) this.#deliveries.acknowledged(socket, deliveryId);
    } else if (frame.type === 'identify') socket.wish = frame.username;
    else if (frame.type === 'connect') {
      socket.connecting.push(frame.code ?? '');
      if (frame.username === undefined) return;
      socket.wish = frame.username;
      if (socket.user === undefined) this.#entering.add(socket);
    }
  }

  closed(socket: Socket): void {
    this.left(socket);
  }

  /** The exchange has nothing to do with this socket any more. */
  left(socket: Socket): void {
    const user = this.facts.left(socket);
    this.#entering.delete(socket);
    if (user === undefined) return;
    this.#deliveries.gone(user);
    // Who comes with `connect` may be here before that is answered.
    if (![...this.#entering].some(({ wish }) => wish === user)) this.facts.links.gone(user);
  }

  // --- what the exchange says ---

  said(socket: Socket, frame: Frame): void {
    const { facts } = this;
    switch (frame.type) {
      case 'identified':
        this.#joins(socket, frame.username);
        this.#pending(frame);
        break;
      case 'connected_to_friend':
        this.#joins(socket, socket.wish);
        this.#redeemed(socket.connecting.shift());
        break;
      case 'error':
        if (frame.request === 'connect') socket.connecting.shift();
        this.promises.refused(socket, frame);
        break;
      case 'question_sent':
      case 'answer_sent':
        this.promises.sent(socket, frame);
        break;
      case 'question':
      case 'answer':
        this.#joins(socket, socket.user ?? socket.wish);
        this.#deliveries.handed(socket, frame);
        break;
      case 'receipt':
        this.#joins(socket, socket.user ?? socket.wish);
        this.promises.receipt(socket, frame);
        break;
      case 'friend_disconnected':
        facts.links.guestEnded(frame.connectionId ?? '');
        break;
      case 'forgotten':
        this.left(socket);
        socket.user = undefined;
        socket.wish = undefined;
        break;
      case 'restarting':
        this.isDraining = true;
        break;
    }
    const isNewLink = frame.type === 'connected_to_friend' || frame.type === 'friend_connected';
    if (isNewLink && frame.durable === false && socket.user !== undefined)
      facts.links.guestConnected(frame.connectionId ?? '', socket.user, frame.friend?.username ?? '');
  }

  #joins(socket: Socket, user: string | undefined): void {
    if (user === undefined || socket.user === user) return;
    this.#entering.delete(socket);
    this.facts.joined(socket, user);
    this.#joined.add(user);
  }

  /** It says how many messages wait; while the disk is doing something about them, nobody knows. */
  #pending({ username = '', pending }: Frame): void {
    const { disk, store, plan } = this.facts;
    // What has just expired may still be counted.
    const isCertain = plan.faults.fullDisk === 0 && plan.faults.clockForward === 0;
    if (pending === undefined || !isCertain || store?.isChanging(username) !== false) return;
    const waiting = disk.messagesFor(username).length;
    if (pending !== waiting) this.broke('pending', `${username}: said ${pending}, ${waiting} wait`);
  }

  #redeemed(code: string | undefined): void {
    if (code === undefined) {
      this.broke('connected without asking', '');
      return;
    }
    if (this.#codesUsed.has(code)) this.broke('a code used twice', code);
    this.#codesUsed.add(code);
  }

  clockJumped(): void {
    this.#deliveries.clockJumped();
  }

  // --- what the disk does ---

  stored(message: WaitingMessage): void {
    this.promises.stored(message);
  }

  gone(message: WaitingMessage, ending: Ending): void {
    this.promises.gone(message, ending);
  }

  refused(messages: readonly WaitingMessage[]): void {
    for (const { id } of messages) {
      const letter = this.facts.letters.byId(id);
      if (letter !== undefined) this.#deliveries.release(letter);
    }
  }

  forgotten(key: string): void {
    const { facts } = this;
    facts.generations.set(key, facts.generation(key) + 1);
    for (const letter of facts.letters.all) {
      if (letter.sender !== key && letter.recipient !== key) continue;
      letter.isForgotten = true;
      if (letter.storedSeq === undefined) this.#deliveries.release(letter);
    }
  }

  invited(invite: Invite, live: number): void {
    const { invitesLive } = this.facts.plan.limits;
    if (invitesLive > 0 && live > invitesLive) this.broke('too many live codes', `${live} of ${invite.userKey}`);
  }

  connected(connection: DurableConnection, counts: readonly number[]): void {
    const [one, other] = connection.userKeys;
    this.facts.links.connected(one, other, this.facts.schedule.steps);
    const { connectionsPerUser } = this.facts.plan.limits;
    if (connectionsPerUser > 0 && Math.max(...counts) > connectionsPerUser)
      this.broke('too many connections', `${one} ${other}: ${counts}`);
  }

  ended(connection: DurableConnection): void {
    const [one, other] = connection.userKeys;
    this.facts.links.ended(one, other, this.facts.schedule.steps);
    this.#deliveries.ended(one, other);
  }

  /** The exchange wants to keep these: for readers who are here and acknowledge in time that is not needed. */
  putCalled(messages: readonly WaitingMessage[]): void {
    for (const message of messages) {
      const { recipient } = message;
      const isEmpty = this.facts.disk.messagesFor(recipient).length === 0;
      if (isEmpty && this.facts.store?.isChanging(recipient) === false) this.#needlessPuts.push(message);
    }
  }

  // --- what devices show ---

  shown(device: string, letter: Letter, seq: number): void {
    if (letter.shownBy.has(device)) this.broke('shown twice', `${letter.id} by ${device}`);
    letter.shownBy.add(device);
    // What another device acknowledged before a crash may come again, for this device after what was written later.
    const isAgain = letter.acknowledgedLife < this.facts.life;
    if (!isAgain) this.#inOrder(`${device} ${letter.sender}`, seq, letter);
    // The order of the sender's own device; what was refused or expired may come again later.
    if (!isAgain && !letter.isLate && this.facts.hasRoomForAll)
      this.#inOrder(`${device} ${letter.device} ${letter.recipient}`, letter.place, letter);
  }

  #inOrder(source: string, position: number, letter: Letter): void {
    const latest = this.#latest.get(source) ?? Number.NEGATIVE_INFINITY;
    if (position <= latest) this.broke('shown out of order', `${letter.id} at ${position} after ${latest}: ${source}`);
    this.#latest.set(source, position);
  }

  // --- after each event ---

  stepEnds(): void {
    for (const message of this.#needlessPuts.splice(0)) this.#checkPut(message);
    for (const user of this.#joined) this.#checkClients(user);
    this.#joined.clear();
    this.#deliveries.stepEnds();
  }

  #checkPut(message: WaitingMessage): void {
    const { facts } = this;
    const since = facts.hereSince.get(message.recipient);
    const letter = facts.letters.byId(message.id);
    if (since === undefined || letter === undefined || this.isDraining) return;
    const arrival = letter.arrivals.find(({ life }) => life === facts.life);
    if (arrival === undefined || since >= arrival.step) return;
    if (this.#deliveries.isFull(message.recipient)) return;
    for (const other of facts.letters.all) if (other.recipient === message.recipient && this.#isLate(other)) return;
    this.broke('stored without need', `${letter.id} for ${letter.recipient}`);
  }

  /** Its reader did not acknowledge in time, or a clock was set so that it looks like that. */
  #isLate(letter: Letter): boolean {
    // What is refused in this very event was held until now.
    const wasRefused = letter.erredStep >= letter.seqStep && letter.erredStep < this.facts.schedule.steps;
    const isOver = letter.acknowledgedSeq === letter.seq || letter.endings.size > 0;
    return !isOver && !wasRefused && this.facts.isHeldTooLong(letter);
  }

  #checkClients(user: string): void {
    const { facts } = this;
    const count = facts.here.get(user)?.size ?? 0;
    const isKeyed = facts.disk.holders.has(user);
    const most = isKeyed ? facts.plan.limits.clientsPerUser : 1;
    if (most > 0 && count > most) this.broke('too many clients of a user', `${user}: ${count}`);
  }
}
