/**
 * What every test of the running exchange needs: a real server process on port 0, clients that remember what they were told,
 * and a limit on how long a test may take (uvu has none of its own).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite as uvuSuite } from 'uvu';
import { WebSocket } from 'ws';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** The bound of one test and of one wait; a hang becomes a failure that names what it waited for. */
const TEST_MS_MAX = 60_000;
const WAIT_MS_MAX = 10_000;

export type Json = Record<string, unknown>;

export interface Exchange {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Every log entry printed so far, oldest first (LOG_FORMAT=json). */
  readonly logs: Json[];
  readonly stderr: () => string;
  readonly process: ChildProcess;
  /** SIGTERM, then waits for the end. Returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the exchange in its own process on a free port of 127.0.0.1, in memory, with `env` on top. */
export async function startExchange(env: Record<string, string> = {}, command?: string[]): Promise<Exchange> {
  const [program = process.execPath, ...args] = command ?? [process.execPath, MAIN];
  const child = spawn(program, args, {
    env: { ...inheritedEnvironment(), PORT: '0', DATA_DIR: 'memory', LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const exited = once(child, 'exit').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const logs: Json[] = [];
  const started = new Promise<number>((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const entry = JSON.parse(line) as Json;
      logs.push(entry);
      if (entry.event === 'started') resolve(entry.port as number);
    });
  });
  const port = await within(
    Promise.race([
      started,
      exited.then((code) => {
        throw new Error(`the exchange ended with ${code} before it listened: ${stderr}`);
      }),
    ]),
    'the exchange to listen',
  );
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    logs,
    stderr: () => stderr,
    process: child,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return await within(exited, 'the exchange to end', 15_000);
    },
  };
}

/** Runs the exchange's program to its end: for settings that stop the start, `--version`, and the like. */
export async function runMain(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...inheritedEnvironment(), LOG_FORMAT: 'json', DATA_DIR: 'memory', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await within(once(child, 'close'), `main ${args.join(' ')} to end`);
  running.delete(child);
  return { code: code as number | null, stdout, stderr };
}

/** Only what a process needs to run: the settings of whoever runs the tests must not reach the exchange. */
function inheritedEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR, NODE_V8_COVERAGE } = process.env;
  return {
    PATH,
    HOME,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(NODE_V8_COVERAGE === undefined ? {} : { NODE_V8_COVERAGE }),
  };
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A WebSocket client of the published protocol. Everything it is told is kept until a test takes it, in order. */
export class TestClient {
  readonly socket: WebSocket;
  /** The messages that no test has taken yet, oldest first. */
  readonly inbox: Json[] = [];
  /** The close code, once closed. */
  closed: number | undefined;
  #wake: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      this.inbox.push(JSON.parse(String(data)) as Json);
      this.#wake();
    });
    socket.on('close', (code) => {
      this.closed = code;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  /** Opens a socket; does not wait for `connected`. */
  static async open(
    exchange: { port: number },
    { path = '/', headers = {}, localAddress = '127.0.0.1' }: { path?: string; headers?: Record<string, string>; localAddress?: string } = {},
  ): Promise<TestClient> {
    const socket = new WebSocket(`ws://127.0.0.1:${exchange.port}${path}`, { headers, localAddress, perMessageDeflate: false });
    const client = new TestClient(socket);
    await within(once(socket, 'open'), 'a socket to open');
    return client;
  }

  /** Opens a socket, takes `connected`, identifies, takes `identified`. */
  static async identified(exchange: { port: number }, username: string, nickname?: string): Promise<TestClient> {
    const client = await TestClient.open(exchange);
    await client.next('connected');
    client.send({ type: 'identify', username, ...(nickname === undefined ? {} : { nickname }) });
    await client.next('identified');
    return client;
  }

  /** Two identified users in a connection, nothing left in their inboxes. */
  static async pair(exchange: { port: number }, one: string, other: string): Promise<[TestClient, TestClient]> {
    const inviter = await TestClient.identified(exchange, one);
    const friend = await TestClient.identified(exchange, other);
    await friend.connectTo(inviter);
    return [inviter, friend];
  }

  /** Connects this client by a fresh code of `inviter`; takes both sides' messages. */
  async connectTo(inviter: TestClient): Promise<Json> {
    inviter.send({ type: 'create_invite' });
    const { code } = await inviter.next('invite_created');
    this.send({ type: 'connect', code });
    const connected = await this.next('connected_to_friend');
    await inviter.next('friend_connected');
    return connected;
  }

  /** An object is sent as JSON in a text frame, a string as it is, bytes as a binary frame. */
  send(message: Json | string | Uint8Array): void {
    this.socket.send(typeof message === 'string' || message instanceof Uint8Array ? message : JSON.stringify(message));
  }

  /** Takes the oldest message, which must be of `type` (any type if left out). */
  async next(type?: string): Promise<Json> {
    await within(
      new Promise<void>((resolve) => {
        const look = () => {
          if (this.inbox.length > 0 || this.closed !== undefined) resolve();
        };
        this.#wake = look;
        look();
      }),
      `a message${type === undefined ? '' : ` of type ${type}`}`,
    );
    const message = this.inbox.shift();
    if (message === undefined) throw new Error(`closed with ${this.closed} while waiting for ${type ?? 'a message'}`);
    if (type !== undefined && message.type !== type)
      throw new Error(`expected ${type}, was told ${JSON.stringify(message).slice(0, 500)}`);
    return message;
  }

  /** Sends and takes the next message, of any type. */
  async request(message: Json | string | Uint8Array, type?: string): Promise<Json> {
    this.send(message);
    return await this.next(type);
  }

  /** Proves that nothing else was said: a ping is answered by the very next message. */
  async quiet(): Promise<void> {
    this.send({ type: 'ping', id: 'quiet' });
    const message = await this.next();
    if (message.type !== 'pong') throw new Error(`expected silence, was told ${JSON.stringify(message).slice(0, 500)}`);
  }

  /** Waits until the socket is closed; returns the close code. */
  async whenClosed(): Promise<number> {
    await within(
      new Promise<void>((resolve) => {
        this.#wake = () => {
          if (this.closed !== undefined) resolve();
        };
        this.#wake();
      }),
      'the socket to close',
    );
    return this.closed ?? 0;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.whenClosed();
  }

  /** Ends the TCP connection at once, without a close frame. */
  terminate(): void {
    this.socket.terminate();
  }
}

/** Waits for `promise`, but not for ever. */
export async function within<T>(promise: Promise<T>, what: string, milliseconds = WAIT_MS_MAX): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${milliseconds} ms for ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again until `look` returns something other than undefined or false. */
export async function eventually<T>(look: () => T | undefined | false | Promise<T | undefined | false>, what: string): Promise<T> {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${WAIT_MS_MAX} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A uvu suite whose tests have a time limit. Call `.run()` at the end of the file. */
export function suite(name: string) {
  const tests = uvuSuite(name);
  const add = (title: string, run: () => unknown | Promise<unknown>): void => {
    tests(title, async () => {
      await within(Promise.resolve(run()), `the test "${title}"`, TEST_MS_MAX);
    });
  };
  return Object.assign(add, {
    run: tests.run,
    before: tests.before,
    after: tests.after,
    beforeEach: tests.before.each,
    afterEach: tests.after.each,
  });
}
