/** What friends say: put safely away, then acknowledged, then told, in the order of its arrival (protocol part 3). */
import { DELIVERY_IDS_MAX } from '../protocol/messages.ts';
import type { Entry, Incoming } from './entries.ts';
import type { Inbox } from './inbox.ts';

export interface ReceiverOptions {
  readonly inbox: Inbox;
  readonly acknowledge: (deliveryIds: readonly string[]) => void;
  /** It is safe, and was not here before. */
  readonly arrived: (entry: Entry) => void;
  /** It was here before; another process of this user may have put it here a moment ago. */
  readonly repeated: () => void;
  /** A message could not be put away. The exchange says it only once on each socket: another one has to be opened. */
  readonly missed: (error: unknown) => void;
}

export class Receiver {
  readonly #options: ReceiverOptions;
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
    this.#received = [];
  }

  async take(message: Incoming): Promise<void> {
    let entry: Entry | undefined;
    try {
      entry = await this.#options.inbox.put(message, Date.now());
    } catch (error) {
      this.#options.missed(error);
      return;
    }
    // What a guest connection brings is not acknowledged: nobody keeps it.
    if (message.deliveryId !== undefined) this.#acknowledge(message.deliveryId);
    if (entry === undefined) this.#options.repeated();
    else this.#options.arrived(entry);
  }

  /** What became safe in the same commit is acknowledged in one frame. */
  #acknowledge(deliveryId: string): void {
    if (!this.#isOpen) return;
    this.#received.push(deliveryId);
    if (this.#received.length > 1) return;
    setImmediate(() => this.flush());
  }

  /** What is safe is acknowledged now, since the socket is about to close. */
  flush(): void {
    while (this.#received.length > 0) this.#options.acknowledge(this.#received.splice(0, DELIVERY_IDS_MAX));
  }
}
