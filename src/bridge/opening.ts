/** The one bridge of a process, opened when it is first asked for, and again later if settings, folder or disk did not allow it. */
import { openClient } from '../client/client.ts';
import type { ClientOptions } from '../client/options.ts';
import { Bridge } from './bridge.ts';

export class Opening {
  readonly #options: ClientOptions;
  /** Told once, when there is a bridge. */
  readonly #opened: (bridge: Bridge) => void;
  #bridge: Bridge | undefined;

  constructor(options: ClientOptions, opened: (bridge: Bridge) => void = () => {}) {
    this.#options = options;
    this.#opened = opened;
  }

  /** Rejects with MagiError, whose sentence says what to do; the next call tries again. */
  get = async (): Promise<Bridge> => {
    if (this.#bridge === undefined) {
      this.#bridge = new Bridge(openClient(this.#options));
      // Not waited for: without a network there is still much to look at.
      this.#bridge.client.identify().catch(() => {});
      this.#opened(this.#bridge);
    }
    return this.#bridge;
  };

  async close(): Promise<void> {
    await this.#bridge?.client.close();
  }
}
