/** What friends say: put safely away, then acknowledged, then shown, in the order of its arrival (protocol part 3). */
import type { Entry, Inbox, Incoming } from './inbox.ts';

/** Deliveries that one `received` may name. */
const DELIVERY_IDS_MAX = 1_024;

export interface ReceiverOptions {
  readonly inbox: Inbox;
  /** False while nothing of this friend is shown. */
  readonly mayShow: (username: string) => boolean;
  readonly acknowledge: (deliveryIds: readonly string[]) => void;
  /** The entry counts as shown when this has returned, or the promise that it returned is fulfilled. */
  readonly show: (entry: Entry) => void | Promise<void>;
  /** The disk refused something. */
  readonly failed: (error: unknown) => void;
  /** A message could not be put away. The exchange says it only once on each socket: another one has to be opened. */
  readonly missed: () => void;
}

export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #inbox: Inbox;
  /** Entries whose callback has not returned yet. */
  readonly #showing = new Set<number>();
  #received: string[] = [];
  #isOpen = false;
  #hasBegun = false;
  #isStopped = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#inbox = options.inbox;
  }

  /** The exchange knows this user, and what it knows of the friends' keys has been looked at. */
  opened(): void {
    this.#isOpen = true;
    if (!this.#hasBegun) this.showWaiting(() => true);
    this.#hasBegun = true;
  }

  /** What is not acknowledged by now comes again, and is then acknowledged as a repeat. */
  closed(): void {
    this.#isOpen = false;
    this.#received = [];
  }

  /** Shows nothing from now on: what arrives meanwhile waits for the next client with this inbox. */
  stop(): void {
    this.closed();
    this.#isStopped = true;
  }

  async arrived(message: Incoming): Promise<void> {
    const { deliveryId, from } = message;
    if (deliveryId === undefined) {
      await this.#options.show({ number: 0, at: Date.now(), message });
      return;
    }
    let entry: Entry | undefined;
    try {
      entry = await this.#inbox.put(message, Date.now());
    } catch (error) {
      if (this.#isStopped) return;
      this.#options.failed(error);
      this.#options.missed();
      return;
    }
    this.#acknowledge(deliveryId);
    if (entry !== undefined && this.#options.mayShow(from)) await this.#show(entry);
  }

  /** What an earlier client with this inbox was not able to show, or what was held back. */
  showWaiting(isMeant: (username: string) => boolean): void {
    for (const entry of this.#inbox.waiting()) {
      const { from } = entry.message;
      if (isMeant(from) && this.#options.mayShow(from)) void this.#show(entry);
    }
  }

  /** What became safe in the same turn of the event loop is acknowledged in one frame. */
  #acknowledge(deliveryId: string): void {
    if (!this.#isOpen) return;
    this.#received.push(deliveryId);
    if (this.#received.length > 1) return;
    setImmediate(() => {
      while (this.#received.length > 0) this.#options.acknowledge(this.#received.splice(0, DELIVERY_IDS_MAX));
    });
  }

  async #show(entry: Entry): Promise<void> {
    if (this.#isStopped || this.#showing.has(entry.number)) return;
    this.#showing.add(entry.number);
    await this.#options.show(entry);
    this.#showing.delete(entry.number);
    // If the disk refuses this, the entry is shown once more by the next client with this inbox, with the same number.
    await this.#inbox.take(entry.number).catch((error) => this.#isStopped || this.#options.failed(error));
  }
}
