/** How each row's server is spoken to. The load itself is the same for all of them. */
import { maskedFrame, RawSocket } from './socket.ts';

export type Message = { readonly type: string } & Record<string, unknown>;
export type Side = 'a' | 'b';

export interface Dialect {
  path(pair: number, side: Side): string;
  encode(message: Message): string;
  /** undefined: not one of ours, but part of the transport. */
  decode(text: string): Message | undefined;
  /** Where in a frame the first letter of its type stands: q(uestion…), a(nswer…), e(rror). */
  readonly typeAt: number;
  /** What has to be said after the socket has opened, before anything else. */
  readonly greeting?: string;
  /** The transport's own heartbeat: a frame that is exactly `ping` is answered with `pong`. */
  readonly heartbeat?: { readonly ping: string; readonly pong: string };
  /** False: the server pairs sockets by their path and knows no commands. */
  readonly commands: boolean;
}

const json: Dialect = {
  path: () => '/',
  encode: (message) => JSON.stringify(message),
  decode: (text) => JSON.parse(text) as Message,
  typeAt: '{"type":"'.length,
  commands: true,
};

const floor: Dialect = { ...json, path: (pair, side) => `/?pair=${pair}&side=${side}`, commands: false };

/** Socket.IO 4 on Engine.IO 4: an event is `42["type",{…fields}]`. It keeps the name `connect` for itself. */
const socketio: Dialect = {
  path: () => '/socket.io/?EIO=4&transport=websocket',
  encode: ({ type, ...fields }) => `42${JSON.stringify([type === 'connect' ? 'connect_to' : type, fields])}`,
  decode(text) {
    if (!text.startsWith('42')) return undefined;
    const [type, fields] = JSON.parse(text.slice(2)) as [string, Record<string, unknown>];
    return { ...fields, type };
  },
  typeAt: '42["'.length,
  greeting: '40',
  heartbeat: { ping: '2', pong: '3' },
  commands: true,
};

export const DIALECTS: Record<string, Dialect> = { json, floor, socketio };

const ANSWER_MS_MAX = 20_000;

/** A client for the part of a run that is not measured: it says one thing and waits for the answer. */
export class Client {
  readonly dialect: Dialect;
  readonly socket: RawSocket;
  readonly #inbox: Message[] = [];
  #wake = () => {};

  private constructor(dialect: Dialect, socket: RawSocket) {
    this.dialect = dialect;
    this.socket = socket;
  }

  static async open(dialect: Dialect, port: number, path: string, localAddress?: string): Promise<Client> {
    const made: { client?: Client } = {};
    const socket = await RawSocket.open(port, path, localAddress, (opening) => {
      const client = new Client(dialect, opening);
      made.client = client;
      opening.onFrame = (bytes, start, end) => client.#received(bytes.toString('utf8', start, end));
    });
    if (made.client === undefined) throw new Error('no client');
    if (dialect.greeting !== undefined) socket.write(maskedFrame(dialect.greeting));
    return made.client;
  }

  #received(text: string): void {
    const { heartbeat } = this.dialect;
    if (text === heartbeat?.ping) this.socket.write(maskedFrame(heartbeat.pong));
    const message = this.dialect.decode(text);
    if (message === undefined) return;
    this.#inbox.push(message);
    this.#wake();
  }

  say(message: Message): void {
    this.socket.write(maskedFrame(this.dialect.encode(message)));
  }

  /** Takes the next message, which must be of this type. */
  async next(type: string): Promise<Message> {
    if (this.#inbox.length === 0)
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`waited ${ANSWER_MS_MAX} ms for ${type}`)), ANSWER_MS_MAX);
        this.#wake = () => {
          clearTimeout(late);
          resolve();
        };
      });
    const message = this.#inbox.shift();
    if (message?.type !== type) throw new Error(`expected ${type}, was told ${JSON.stringify(message)}`);
    return message;
  }

  /** Says `message` and returns the answer, which must be of this type. */
  async ask(message: Message, type: string): Promise<Message> {
    this.say(message);
    return await this.next(type);
  }
}
