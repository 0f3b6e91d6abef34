/** The dashboard's feed (`/live`): the stats once a second, published once for any number of viewers. */
import { DISABLED, type TemplatedApp, type WebSocket } from './uws.ts';

const TOPIC = 'live';
/** A viewer says nothing; what it sends is ignored up to this, and closes it beyond. */
const PAYLOAD_BYTES_MAX = 1024;
/** A viewer that reads this far behind is closed, and opens again. */
const BACKPRESSURE_BYTES = 256 * 1024;

export interface ViewerData {
  readonly address: string;
}

export class Live {
  readonly #apps: TemplatedApp[] = [];
  readonly #viewers = new Set<WebSocket<ViewerData>>();
  readonly #byAddress = new Map<string, number>();
  readonly #perAddress: number;
  readonly #stats: () => string;

  /** `perAddress`: how many viewers one address may have, 0 for any number. */
  constructor(perAddress: number, stats: () => string) {
    this.#perAddress = perAddress;
    this.#stats = stats;
  }

  get viewers(): number {
    return this.#viewers.size;
  }

  admits(address: string): boolean {
    return this.#perAddress === 0 || (this.#byAddress.get(address) ?? 0) < this.#perAddress;
  }

  serve(app: TemplatedApp, upgrade: NonNullable<Parameters<TemplatedApp['ws']>[1]['upgrade']>): void {
    this.#apps.push(app);
    app.ws<ViewerData>('/live', {
      compression: DISABLED,
      maxPayloadLength: PAYLOAD_BYTES_MAX,
      maxBackpressure: BACKPRESSURE_BYTES,
      closeOnBackpressureLimit: true,
      idleTimeout: 60,
      sendPingsAutomatically: true,
      upgrade,
      open: (ws) => {
        this.#viewers.add(ws);
        this.#count(ws.getUserData().address, 1);
        ws.subscribe(TOPIC);
        ws.send(this.#stats());
      },
      close: (ws) => {
        this.#viewers.delete(ws);
        // The user data is ours and stays; the socket itself must not be touched any more.
        this.#count(ws.getUserData().address, -1);
      },
    });
  }

  /** Publishes the stats, if anybody looks. */
  second(): void {
    if (this.#viewers.size === 0) return;
    const text = this.#stats();
    for (const app of this.#apps) app.publish(TOPIC, text);
  }

  /** Says goodbye with 1012. */
  drain(): void {
    for (const viewer of [...this.#viewers]) viewer.end(1012, 'restarting');
  }

  #count(address: string, change: 1 | -1): void {
    const count = (this.#byAddress.get(address) ?? 0) + change;
    if (count > 0) this.#byAddress.set(address, count);
    else this.#byAddress.delete(address);
  }
}
