/** The socket to the exchange: dialled again when it is lost, each time after a longer pause; the only place that knows WebSockets. */
import { WebSocket } from 'ws';
import { ServerMessage } from '../protocol/messages.ts';

/** The exchange closes with this when another client has taken this one's place (protocol part 2): returning would take it back. */
const CLOSE_REPLACED = 4001;
/** The exchange pings at least once a minute: after this long in silence nobody is there. */
const SILENCE_MS_MAX = 90_000;
/** Whoever leaves waits so long for the exchange to have everything that was sent. */
const CLOSE_MS_MAX = 1_000;
/** An operator may allow thousands of friends, who are all in one message. */
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
/** Its types do not know `closeTimeout` yet. */
const SOCKET_OPTIONS = { perMessageDeflate: false, maxPayload: FRAME_BYTES_MAX, closeTimeout: CLOSE_MS_MAX };

export interface Backoff {
  /** The bound of the first pause, in milliseconds; that of each further one is twice as long. The pause is random below its bound. */
  readonly minMs: number;
  readonly maxMs: number;
}

/** One of the protocol's commands. */
export type Sendable = { readonly type: string; readonly [field: string]: unknown };

export interface LinkEvents {
  readonly message: (message: ServerMessage) => void;
  /** `willReturn` false: it is up to the owner now. `reason`: what the system said, if anything. */
  readonly closed: (code: number, willReturn: boolean, reason: Error | undefined) => void;
}

export class Link {
  readonly #url: string;
  readonly #backoff: Backoff;
  readonly #on: LinkEvents;
  #socket: WebSocket | undefined;
  #redial: NodeJS.Timeout | undefined;
  #silence: NodeJS.Timeout | undefined;
  #failures = 0;
  #retryAfterMs: number | undefined;
  #isWanted = false;

  constructor(url: string, backoff: Backoff, on: LinkEvents) {
    this.#url = url;
    this.#backoff = backoff;
    this.#on = on;
  }

  open(): void {
    this.#isWanted = true;
    if (this.#socket === undefined && this.#redial === undefined) this.#dial();
  }

  /** Nothing if there is no socket: what matters is sent again later. */
  send(command: Sendable): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(command));
  }

  /** All is well: the next pause is a short one. */
  settled(): void {
    this.#failures = 0;
  }

  /** Drops the socket and dials again; not before `retryAfterMs` if the exchange has said so. */
  again(retryAfterMs?: number): void {
    this.#retryAfterMs = retryAfterMs;
    this.#socket?.terminate();
  }

  /** Fulfilled when the exchange has everything that was sent, or does not answer. */
  close(): Promise<void> {
    this.#isWanted = false;
    clearTimeout(this.#redial);
    this.#redial = undefined;
    const socket = this.#socket;
    if (socket === undefined) return Promise.resolve();
    socket.close(1000);
    const timer = setTimeout(() => socket.terminate(), CLOSE_MS_MAX);
    return new Promise((resolve) =>
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      }),
    );
  }

  #dial(): void {
    const socket = new WebSocket(this.#url, SOCKET_OPTIONS);
    this.#socket = socket;
    this.#heard(socket);
    socket.on('message', (data) => {
      this.#heard(socket);
      if (socket.readyState === WebSocket.OPEN) this.#read(String(data));
    });
    socket.on('ping', () => this.#heard(socket));
    // Whatever it is, `close` follows.
    let reason: Error | undefined;
    socket.on('error', (error) => {
      reason = error;
    });
    socket.on('close', (code) => this.#lost(code, reason));
  }

  #heard(socket: WebSocket): void {
    if (this.#silence?.refresh() !== undefined) return;
    this.#silence = setTimeout(() => socket.terminate(), SILENCE_MS_MAX);
  }

  #read(text: string): void {
    const read = ServerMessage.safeParse(parse(text));
    // A later release of the exchange may say more than this one knows.
    if (!read.success) return;
    if (read.data.type === 'restarting') this.#retryAfterMs = read.data.retryAfterMs;
    this.#on.message(read.data);
  }

  #lost(code: number, reason: Error | undefined): void {
    clearTimeout(this.#silence);
    this.#silence = undefined;
    this.#socket = undefined;
    if (code === CLOSE_REPLACED) this.#isWanted = false;
    if (this.#isWanted) {
      this.#redial = setTimeout(() => {
        this.#redial = undefined;
        this.#dial();
      }, this.#pauseMs());
    }
    this.#on.closed(code, this.#isWanted, reason);
  }

  #pauseMs(): number {
    const told = this.#retryAfterMs;
    this.#retryAfterMs = undefined;
    if (told !== undefined) return told;
    const { minMs, maxMs } = this.#backoff;
    const pause = Math.min(maxMs, minMs * 2 ** Math.min(this.#failures++, 30));
    // Clients that were thrown out together must not return together.
    return pause * Math.random();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
