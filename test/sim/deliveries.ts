/**
 * Rules for what the exchange hands to readers: it is what the sender wrote, the two are connected, nothing comes twice or out of order,
 * and no more than a window of it is unacknowledged (protocol part 3).
 */

import type { WaitingMessage } from '../../src/exchange/ports.ts';
import { deliveryIdOf, readDeliveryId } from '../../src/exchange/sequence.ts';
import type { Facts } from './facts.ts';
import type { Frame } from './frames.ts';
import type { Letter } from './letters.ts';
import type { Socket } from './network.ts';

const WINDOW_MESSAGES_MAX = 64;
const WINDOW_BYTES_MAX = 256 * 1024;
const LARGEST_BYTES = 32 * 1024;
/** With this much in it, a window may have no room for a large message. */
const ROOM_FOR_LARGE_BYTES = 192 * 1024;
/** The exchange notices what the clock says at its ticks. */
const JUMP_NOTICED_MS = 5_000;

export class Deliveries {
  readonly facts: Facts;
  /** What each deliveryId stands for, in all lives. */
  readonly #meanings = new Map<string, string>();
  /** Of each user, what was handed out and not acknowledged: the letters by seq. */
  readonly #windows = new Map<string, Map<string, Letter>>();

  /** How many messages of each user may still be in its window, although they look as if they were not. */
  readonly #stuck = new Map<string, number>();
  readonly #receiptsAcknowledged = new Set<string>();
  #jumpedAt = Number.NEGATIVE_INFINITY;
  /** Users whose window was full in this event. */
  readonly #wereFull = new Set<string>();

  constructor(facts: Facts) {
    this.facts = facts;
  }

  crashed(): void {
    this.#windows.clear();
    for (const letter of this.facts.letters.all) {
      if (letter.seq === undefined || letter.storedSeq !== undefined) continue;
      letter.seq = undefined;
    }
  }

  /** The user has no client left: nobody is handed anything. */
  gone(user: string): void {
    this.#windows.delete(user);
    if (this.facts.schedule.now - this.#jumpedAt < JUMP_NOTICED_MS) this.#forgetTheAbsent();
  }

  /** The clock was set forward by more than what is acknowledged is remembered for, of users who have nobody here. */
  clockJumped(): void {
    this.#jumpedAt = this.facts.schedule.now;
    this.#forgetTheAbsent();
  }

  #forgetTheAbsent(): void {
    const { letters, here } = this.facts;
    for (const letter of letters.all)
      if (!here.has(letter.recipient) && !here.has(letter.sender)) letter.rememberedLife = 0;
  }

  /** Of the two, nothing is held any more. */
  ended(one: string, other: string): void {
    for (const user of [one, other])
      for (const [seq, letter] of this.#windows.get(user) ?? []) {
        if (letter.sender !== one && letter.sender !== other) continue;
        this.#windows.get(user)?.delete(seq);
        // Of one direction it is still delivered.
        this.#mayStill(user);
      }
    for (const letter of this.facts.letters.all) {
      const isTheirs =
        (letter.sender === one && letter.recipient === other) || (letter.sender === other && letter.recipient === one);
      if (isTheirs && letter.storedSeq === undefined) this.release(letter);
    }
  }

  /** The exchange may have let go of it: a repeat may be taken as new. */
  release(letter: Letter): void {
    letter.refusedStep = this.facts.schedule.steps;
    letter.isLate = true;
    letter.rememberedLife = 0;
    if (letter.seq !== undefined) this.#takeOut(letter.recipient, deliveryIdOf(letter.seq));
  }

  acknowledged(socket: Socket, deliveryId: string): void {
    const { letters, life } = this.facts;
    const meaning = this.#meanings.get(deliveryId);
    if (meaning === undefined) return;
    if (meaning.startsWith('receipt ')) this.#receiptsAcknowledged.add(deliveryId);
    const letter = letters.byId(meaning.split(' ')[2]);
    if (letter === undefined || !meaning.startsWith('message ') || letter.recipient !== socket.user) return;
    letter.acknowledgements++;
    letter.acknowledgedLife = Math.min(letter.acknowledgedLife, life);
    // Behind a command that waits it takes effect later, if at all.
    const isNow = socket.isOpen && socket.client?.waiting === undefined;
    if (isNow) letter.acknowledgedSeq = readDeliveryId(deliveryId);
    else this.#mayStill(letter.recipient);
    const isCertain = isNow && letter.seq === readDeliveryId(deliveryId) && this.facts.isKnown(letter);
    if (isCertain) letter.rememberedLife = life;
    this.#takeOut(letter.recipient, deliveryId);
  }

  isReceiptAcknowledged(seq: number): boolean {
    return this.#receiptsAcknowledged.has(deliveryIdOf(seq));
  }

  /** Whether the window of a user is about full, or was in this event. */
  isFull(user: string): boolean {
    if (this.#wereFull.has(user)) return true;
    const { messages, bytes } = this.#window(user);
    const stuck = this.#stuck.get(user) ?? 0;
    return messages + stuck >= WINDOW_MESSAGES_MAX || bytes + stuck * LARGEST_BYTES >= ROOM_FOR_LARGE_BYTES;
  }

  stepEnds(): void {
    this.#wereFull.clear();
  }

  #mayStill(user: string): void {
    this.#stuck.set(user, (this.#stuck.get(user) ?? 0) + 1);
  }

  #takeOut(user: string, deliveryId: string): void {
    if (this.isFull(user)) this.#wereFull.add(user);
    this.#windows.get(user)?.delete(deliveryId);
  }

  #window(user: string): { messages: number; bytes: number } {
    let [messages, bytes] = [0, 0];
    for (const { content } of this.#windows.get(user)?.values() ?? []) {
      messages++;
      bytes += content.length;
    }
    return { messages, bytes };
  }

  handed(socket: Socket, frame: Frame): void {
    const { facts } = this;
    const letter = facts.letters.byId(frame.id);
    if (letter === undefined) {
      facts.broke('made up', JSON.stringify(frame));
      return;
    }
    const isIt =
      letter.type === frame.type &&
      letter.content === frame.content &&
      letter.sender === frame.from &&
      letter.replyTo === frame.replyTo;
    if (!isIt || letter.arrivals.length === 0) facts.broke('not what was written', JSON.stringify(frame));
    if (letter.recipient !== socket.user)
      facts.broke('handed to a stranger', `${letter.id} for ${letter.recipient} to ${socket.user}`);
    if (frame.deliveryId === undefined) this.#handedAtOnce(socket, letter);
    else this.#handedForReceipt(socket, letter, frame.deliveryId);
  }

  #handedAtOnce(socket: Socket, letter: Letter): void {
    const { facts } = this;
    letter.seqStep = facts.schedule.steps;
    if (!facts.links.areGuestConnected(letter.sender, letter.recipient))
      facts.broke('handed without a connection', letter.id);
    const arrival = letter.arrivals.at(-1);
    if (arrival !== undefined) this.#inOrder(socket, letter, `socket ${arrival.socket.number}`, letter.place);
  }

  #handedForReceipt(socket: Socket, letter: Letter, deliveryId: string): void {
    const { facts } = this;
    this.means(deliveryId, `message ${letter.recipient} ${letter.id}`);
    if (socket.had.has(deliveryId)) facts.broke('handed twice to one client', `${letter.id} as ${deliveryId}`);
    const seq = readDeliveryId(deliveryId);
    if (seq === undefined) {
      facts.broke('a deliveryId that is no seq', deliveryId);
      return;
    }
    this.#connected(letter);
    this.taken(letter, seq);
    socket.had.add(deliveryId);
    this.#inOrder(socket, letter, letter.sender, seq);
    this.#handOut(letter, deliveryId);
  }

  /** What was stored was taken as this seq, too. */
  stored(message: WaitingMessage, letter: Letter): void {
    this.means(deliveryIdOf(message.seq), `message ${letter.recipient} ${letter.id}`);
    this.taken(letter, message.seq);
    this.#connected(letter);
  }

  means(deliveryId: string, meaning: string): void {
    const known = this.#meanings.get(deliveryId);
    if (known === undefined) this.#meanings.set(deliveryId, meaning);
    else if (known !== meaning) this.facts.broke('a deliveryId used twice', `${deliveryId}: ${known}, ${meaning}`);
  }

  /** A new seq means that the exchange took the letter anew: only when it had let go of it. */
  taken(letter: Letter, seq: number): void {
    const { facts } = this;
    if (letter.seq === seq) return;
    if (facts.isKnown(letter)) facts.broke('two copies', `${letter.id} as ${letter.seq} and ${seq}`);
    // The user's other devices have it again after what was written later.
    if (letter.acknowledgements > 0) letter.isLate = true;
    letter.seq = seq;
    letter.seqLife = facts.life;
    letter.seqStep = facts.schedule.steps;
    letter.endings.clear();
  }

  #connected(letter: Letter): void {
    const { facts } = this;
    const { sender, recipient } = letter;
    const now = facts.schedule.steps;
    const isAllowed = letter.arrivals.some(
      ({ step, generation }) =>
        generation === facts.generation(recipient) && facts.links.wereConnected(sender, recipient, step, now),
    );
    if (!isAllowed) facts.broke('taken without a connection', `${letter.id} from ${sender} to ${recipient}`);
  }

  #inOrder(socket: Socket, letter: Letter, source: string, position: number): void {
    const latest = socket.latest.get(source) ?? Number.NEGATIVE_INFINITY;
    if (position <= latest) this.facts.broke('out of order', `${letter.id}: ${position} after ${latest}`);
    socket.latest.set(source, position);
  }

  #handOut(letter: Letter, deliveryId: string): void {
    const window = this.#windows.get(letter.recipient) ?? new Map<string, Letter>();
    this.#windows.set(letter.recipient, window);
    if (window.has(deliveryId)) return;
    window.set(deliveryId, letter);
    let bytes = this.#window(letter.recipient).bytes;
    if (window.size <= WINDOW_MESSAGES_MAX && bytes - letter.content.length < WINDOW_BYTES_MAX) return;
    // What the exchange may have dropped without a word, since nobody waits for one, counts no more.
    const certain = [...window.values()].filter(
      (held) => this.facts.isOnItsWayToDisk(held) || this.facts.isHeld(held) || held === letter,
    );
    bytes = certain.reduce((sum, { content }) => sum + content.length, -letter.content.length);
    if (certain.length > WINDOW_MESSAGES_MAX || bytes >= WINDOW_BYTES_MAX)
      this.facts.broke('window', `${certain.length} messages, ${bytes} bytes before the last, for ${letter.recipient}`);
  }
}
