/**
 * The WebSocket of clients: events → exchange, and the exchange's Wire on sockets and pub/sub topics. The only owner of sockets;
 * everything else has the client's id. What uWebSockets.js does not forgive is met here: no call on a closed socket, no call of the
 * exchange from within its own, no bytes kept past the handler.
 */
import type { Exchange } from '../exchange/exchange.ts';
import type { Wire } from '../exchange/ports.ts';
import type { Client } from '../exchange/users.ts';
import { FRAME_BYTES_CLOSE } from '../protocol/messages.ts';
import { DISABLED, type TemplatedApp, type WebSocket } from './uws.ts';

export interface SocketData {
  readonly address: string;
  client: Client | undefined;
}

export interface SocketOptions {
  /** Bytes that may wait for one client. */
  readonly backpressureBytes: number;
  readonly clock: () => number;
  /** Milliseconds with a fraction, for measuring: never set back. */
  readonly stopwatch: () => number;
  readonly handled: (milliseconds: number) => void;
  readonly failed: (where: string, error: unknown) => void;
}

/** Seconds. With the ping that comes before it, a client that went silent is gone within 68 s. */
const IDLE_SECONDS = 60;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Sockets {
  readonly #options: SocketOptions;
  readonly #apps: TemplatedApp[] = [];
  readonly #sockets = new Map<string, WebSocket<SocketData>>();
  /** The socket whose message is being handled: what is sent to it now goes out with what it sent. */
  #current: WebSocket<SocketData> | undefined;
  #currentId: string | undefined;
  /** What is said to clients at the end of this turn of the event loop. */
  #soon = new Map<string, string[]>();
  #exchange: Exchange | undefined;

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** The exchange's Wire. */
  readonly wire: Wire = {
    send: (clientId, text) => {
      // What is to be said soon was said before.
      const texts = this.#soon.size === 0 ? undefined : this.#soon.get(clientId);
      if (texts !== undefined) {
        texts.push(text);
        return;
      }
      if (clientId === this.#currentId) {
        this.#current?.send(text);
        return;
      }
      const socket = this.#sockets.get(clientId);
      socket?.cork(() => socket.send(text));
    },
    sendSoon: (clientId, text) => {
      const texts = this.#soon.get(clientId);
      if (texts !== undefined) {
        texts.push(text);
        return;
      }
      if (this.#soon.size === 0) setImmediate(() => this.#flush());
      this.#soon.set(clientId, [text]);
    },
    publish: (topic, text) => {
      for (const app of this.#apps) app.publish(topic, text);
    },
    subscribe: (clientId, topic) => {
      this.#sockets.get(clientId)?.subscribe(topic);
    },
    unsubscribe: (clientId, topic) => {
      this.#sockets.get(clientId)?.unsubscribe(topic);
    },
    ping: (clientId) => {
      this.#sockets.get(clientId)?.ping();
    },
    close: (clientId, code, reason) => {
      // `end` calls our close handler at once; the exchange is in the middle of something.
      setImmediate(() => this.#sockets.get(clientId)?.end(code, reason));
    },
  };

  attach(exchange: Exchange): void {
    this.#exchange = exchange;
  }

  /** Serves clients on `path` of `app`. `upgrade` decides who may open a socket, and completes or answers the request. */
  serve(app: TemplatedApp, path: string, upgrade: Parameters<TemplatedApp['ws']>[1]['upgrade']): void {
    if (!this.#apps.includes(app)) this.#apps.push(app);
    app.ws<SocketData>(path, {
      compression: DISABLED,
      maxPayloadLength: FRAME_BYTES_CLOSE,
      maxBackpressure: this.#options.backpressureBytes,
      closeOnBackpressureLimit: true,
      idleTimeout: IDLE_SECONDS,
      sendPingsAutomatically: true,
      ...(upgrade === undefined ? {} : { upgrade }),
      open: (ws) => this.#guard('open', () => this.#opened(ws)),
      message: (ws, message) => this.#message(ws, message),
      pong: (ws) => this.#guard('pong', () => this.#ponged(ws)),
      close: (ws) => this.#guard('close', () => this.#closed(ws)),
    });
  }

  /** Closes without a word whoever is still open: for the end of a drain. */
  terminateAll(): void {
    for (const socket of [...this.#sockets.values()]) socket.close();
  }

  #opened(ws: WebSocket<SocketData>): void {
    const data = ws.getUserData();
    const client = this.#exchange?.opened(data.address, this.#options.clock());
    if (client === undefined) return;
    data.client = client;
    this.#sockets.set(client.id, ws);
    this.#exchange?.greet(client);
  }

  /** Every frame comes through here: kept flat, without closures. */
  #message(ws: WebSocket<SocketData>, message: ArrayBuffer): void {
    const { client } = ws.getUserData();
    if (client === undefined) return;
    const { stopwatch, clock, handled, failed } = this.#options;
    const startedAt = stopwatch();
    this.#current = ws;
    this.#currentId = client.id;
    try {
      // A TextDecoder is a third faster than a Buffer here, and as fast when it checks.
      this.#exchange?.received(client, decodeUtf8(message), message.byteLength, clock());
    } catch (error) {
      failed('message', error);
    }
    this.#current = undefined;
    this.#currentId = undefined;
    handled(stopwatch() - startedAt);
  }

  /** Not within the handling of a message: only one socket at a time gathers what is sent to it into one write. */
  #flush(): void {
    const soon = this.#soon;
    this.#soon = new Map();
    for (const [clientId, texts] of soon)
      this.#guard('send', () =>
        this.#sockets.get(clientId)?.cork(() => {
          // One of them may be one too many for a slow client, which is then closed.
          for (const text of texts) this.#sockets.get(clientId)?.send(text);
        }),
      );
  }

  #ponged(ws: WebSocket<SocketData>): void {
    const { client } = ws.getUserData();
    if (client !== undefined) this.#exchange?.ponged(client);
  }

  #closed(ws: WebSocket<SocketData>): void {
    const { client } = ws.getUserData();
    if (client === undefined) return;
    this.#sockets.delete(client.id);
    if (this.#currentId === client.id) [this.#current, this.#currentId] = [undefined, undefined];
    this.#exchange?.closed(client, this.#options.clock());
  }

  /** An exception in a handler would end the process. */
  #guard(where: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.failed(where, error);
    }
  }
}

/** Undefined when the bytes are not UTF-8, as only those of a binary frame can be. */
function decodeUtf8(bytes: ArrayBuffer): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}
