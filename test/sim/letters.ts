/** Every question and answer that a device ever wrote, and all that became of it: the memory of the checker. */
import type { Socket } from './network.ts';

interface Arrival {
  /** Which life of the exchange. */
  readonly life: number;
  readonly step: number;
  /** By the clock on the wall. */
  readonly at: number;
  readonly socket: Socket;
  /** How often the recipient's name had been forgotten. */
  readonly generation: number;
}

export interface Letter {
  readonly type: 'question' | 'answer';
  readonly sender: string;
  readonly recipient: string;
  readonly id: string;
  readonly content: string;
  readonly replyTo: string | undefined;
  /** The device that wrote it, and its place among all that this device wrote. */
  readonly device: string;
  readonly place: number;
  readonly arrivals: Arrival[];
  /** Answers of any kind that the exchange gave. */
  answers: number;
  /** The latest seq under which the exchange has shown or stored it, and in which life. */
  seq: number | undefined;
  seqLife: number;
  seqStep: number;
  /** An error, an expiry or the like: it may be taken later than what was written after it. */
  isLate: boolean;
  /** The step in which the exchange last may have let go of it, and that in which it said so. */
  refusedStep: number;
  erredStep: number;
  /** The seq under which it is on disk. */
  storedSeq: number | undefined;
  /** How it left the disk. */
  readonly endings: Set<string>;
  /** Acknowledgements that reached the exchange. */
  acknowledgements: number;
  acknowledgedSeq: number | undefined;
  /** The first life in which one came. */
  acknowledgedLife: number;
  /** The life in which it was acknowledged while the exchange certainly had it: there, a repeat is known. */
  rememberedLife: number;
  /** What the exchange said of it, and what a device heard. */
  readonly said: Set<string>;
  readonly heard: Set<string>;
  /** Receipts that a device of the sender heard, and the sender's devices that wrote one. */
  readonly receipts: Set<string>;
  readonly receiptsGiven: Set<string>;
  /** Devices that show it. */
  readonly shownBy: Set<string>;
  /** The recipient's or the sender's name was forgotten since. */
  isForgotten: boolean;
  /** The devices' owner threw it away. */
  isAbandoned: boolean;
}

type Written = Pick<Letter, 'type' | 'sender' | 'recipient' | 'id' | 'content' | 'replyTo' | 'device' | 'place'>;

export class Letters {
  readonly #byId = new Map<string, Letter>();

  get all(): Iterable<Letter> {
    return this.#byId.values();
  }

  get size(): number {
    return this.#byId.size;
  }

  byId(id: string | undefined): Letter | undefined {
    return id === undefined ? undefined : this.#byId.get(id);
  }

  write(written: Written): Letter {
    const letter: Letter = {
      ...written,
      arrivals: [],
      answers: 0,
      seq: undefined,
      seqLife: 0,
      seqStep: 0,
      isLate: false,
      refusedStep: -1,
      erredStep: -1,
      storedSeq: undefined,
      endings: new Set(),
      acknowledgements: 0,
      acknowledgedSeq: undefined,
      acknowledgedLife: Number.POSITIVE_INFINITY,
      rememberedLife: 0,
      said: new Set(),
      heard: new Set(),
      receipts: new Set(),
      receiptsGiven: new Set(),
      shownBy: new Set(),
      isForgotten: false,
      isAbandoned: false,
    };
    this.#byId.set(letter.id, letter);
    return letter;
  }
}
