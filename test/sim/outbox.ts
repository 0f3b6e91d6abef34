/**
 * What a device has written and not been answered, on its own disk: sent again in order with the same ids, on coming back and after a
 * while without an answer (protocol part 3).
 */
import type { Frame } from './frames.ts';
import type { Letter } from './letters.ts';
import type { Surroundings } from './surroundings.ts';

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

export class Outbox {
  #entries: Outgoing[] = [];
  #isWaiting = false;
  readonly #around: Surroundings;
  /** False when the device cannot send now. */
  readonly #send: (letter: Letter) => boolean;

  constructor(around: Surroundings, send: (letter: Letter) => boolean) {
    this.#around = around;
    this.#send = send;
  }

  get size(): number {
    return this.#entries.length;
  }

  /** To be sent by the caller. */
  put(letter: Letter): void {
    const { wall, schedule } = this.#around;
    this.#entries.push({ letter, writtenAt: wall(), sentAt: schedule.now, retryAt: undefined });
    this.#lookLater();
  }

  /** Its owner has given up the name, or it was only in memory. */
  empty(): void {
    for (const { letter } of this.#entries) letter.isAbandoned = true;
    this.#entries = [];
  }

  sendAgain(isMeant: (entry: Outgoing) => boolean = () => true): void {
    const { wall, schedule } = this.#around;
    this.#entries = this.#entries.filter(({ letter, writtenAt }) => {
      const isOld = wall() - writtenAt >= WEEK_MS;
      // It may still be on its way on an earlier socket.
      if (isOld) letter.isLate = true;
      return !isOld;
    });
    // What was refused was taken out of its place: it comes after what is still unanswered.
    this.#entries.sort((one, other) => Number(one.retryAt !== undefined) - Number(other.retryAt !== undefined));
    for (const entry of this.#entries.filter(isMeant)) if (this.#send(entry.letter)) entry.sentAt = schedule.now;
    this.#lookLater();
  }

  /** `question_sent` or `answer_sent`. */
  settled({ id = '', status = '' }: Frame): void {
    this.#around.checker.facts.letters.byId(id)?.heard.add(status);
    this.#entries = this.#entries.filter(({ letter }) => letter.id !== id);
  }

  /** An error about one of them: the owner gives up, or tries again later. */
  refused({ id, code = '', retryAfterMs }: Frame): void {
    const { dice, isCalm, schedule } = this.#around;
    const entry = this.#entries.find(({ letter }) => letter.id === id);
    if (entry === undefined) return;
    entry.letter.heard.add(`error ${code}`);
    const isFinal = isCalm || code === 'no_connection' || code === 'bad_message' || dice.chance(0.4);
    this.#entries = this.#entries.filter((other) => other !== entry);
    if (isFinal) return;
    entry.retryAt = schedule.now + (retryAfterMs ?? dice.between(1_000, 20_000));
    this.#entries.push(entry);
    schedule.at(entry.retryAt, () => {
      if (this.#entries.includes(entry) && this.#send(entry.letter)) entry.sentAt = schedule.now;
    });
  }

  #lookLater(): void {
    if (this.#isWaiting || this.#entries.length === 0) return;
    this.#isWaiting = true;
    const { schedule } = this.#around;
    schedule.after(RESEND_MS, () => {
      this.#isWaiting = false;
      const isDue = ({ retryAt }: Outgoing) => retryAt === undefined || retryAt <= schedule.now;
      const isOverdue = this.#entries.some((entry) => isDue(entry) && schedule.now - entry.sentAt >= RESEND_MS);
      if (isOverdue) this.sendAgain(isDue);
      else this.#lookLater();
    });
  }
}
