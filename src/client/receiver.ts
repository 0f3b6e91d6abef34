/** What friends say: put away and told, in the order of its arrival; acknowledged when it is safe (protocol part 3). */
import { DELIVERY_IDS_MAX } from '../protocol/messages.ts';
import type { Entry, Incoming } from './entries.ts';
import type { Inbox } from './inbox.ts';

export interface ReceiverOptions {
  readonly inbox: Inbox;
  readonly acknowledge: (deliveryIds: readonly string[]) => void;
  /** It is here, and was not before. */
  readonly arrived: (entry: Entry) => void;
  /** It was here before; another process of this user may have put it here a moment ago. */
  readonly repeated: () => void;
  /** A message could not be put away. The exchange says it only once on each socket: another one has to be opened. */
  readonly missed: (error: unknown) => void;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  /** Deliveries that are here, and not safe yet. */
  #unsafe: string[] = [];
  #received: string[] = [];
  #isOpen = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  opened(): void {
    this.#isOpen = true;
  }

  /** What is not acknowledged by now comes again, and is then acknowledged as a repeat. */
  closed(): void {
    this.#isOpen = false;
    this.#unsafe = [];
    this.#received = [];
  }

  async take(message: Incoming): Promise<void> {
    const { inbox, missed, repeated, arrived } = this.#options;
    // What a guest connection brings is not acknowledged: nobody keeps it.
    const { deliveryId } = message;
    let entry: Entry | undefined;
    try {
      entry = await inbox.put(message, Date.now());
    } catch (error) {
      missed(error);
      return;
    }
    if (deliveryId !== undefined && this.#isOpen) this.#unsafe.push(deliveryId);
    // Whoever waits for it need not wait for the disk. The exchange has to: it forgets what is acknowledged.
    const safe = inbox.safe().then(
      () => true,
      (error) => {
        missed(error);
        return false;
      },
    );
    if (entry === undefined) repeated();
    else arrived(entry);
    if ((await safe) && deliveryId !== undefined) this.#acknowledge(deliveryId);
  }

  /** What became safe in the same flush is acknowledged in one frame. */
  #acknowledge(deliveryId: string): void {
    const at = this.#unsafe.indexOf(deliveryId);
    // The socket on which it came is gone.
    if (at < 0) return;
    this.#unsafe.splice(at, 1);
    this.#received.push(deliveryId);
    if (this.#received.length === 1) setImmediate(() => this.#tell());
  }

  #tell(): void {
    while (this.#received.length > 0) this.#options.acknowledge(this.#received.splice(0, DELIVERY_IDS_MAX));
  }

  /** The socket is about to close: what is here is made safe, and acknowledged, now. */
  flush(): void {
    if (this.#unsafe.length > 0)
      try {
        this.#options.inbox.makeSafe();
        this.#received.push(...this.#unsafe);
      } catch (error) {
        this.#options.missed(error);
      }
    this.#unsafe = [];
    this.#tell();
  }
}
