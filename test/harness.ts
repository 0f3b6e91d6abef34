/**
 * What every test of the running exchange needs: a real server process on port 0, clients that remember what they were told,
 * plain HTTP and bare TCP beside them, and a limit on how long a test may take (uvu has none of its own).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request as nodeRequest } from 'node:http';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { suite as uvuSuite } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/**
 * The bound of one test and of one wait; a hang becomes a failure that names what it waited for. A wait ends when what it waits for is
 * there, so the bounds are for the slowest machine.
 */
const TEST_MS_MAX = 300_000;
const WAIT_MS_MAX = 30_000;

export type Json = Record<string, unknown>;

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface Exchange {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Every log entry printed so far, oldest first (LOG_FORMAT=json). */
  readonly logs: Json[];
  readonly stderr: () => string;
  readonly process: ChildProcess;
  /** The exit code, once the process has ended; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  /** SIGTERM, then waits for the end. Returns the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Every limit that is counted by address, by client or by time, switched off: for tests of something else, whose clients
 * all share one address.
 */
export const UNLIMITED = {
  QUESTIONS_PER_MINUTE: '0',
  COMMANDS_PER_MINUTE: '0',
  FRAMES_PER_SECOND: '0',
  WRONG_CODES_PER_USER: '0',
  WRONG_CODES_PER_ADDRESS: '0',
  WRONG_CODES_TOTAL: '0',
  REFUSALS_PER_ADDRESS: '0',
  INVITES_PER_HOUR: '0',
  CLIENTS_PER_ADDRESS: '0',
};

/**
 * Starts the exchange in its own process on a free port of 127.0.0.1, in memory, with `env` on top. `logFile`: where the test finds
 * LOG_FILE, if that is set.
 */
export async function startExchange(
  env: Record<string, string> = {},
  command?: string[],
  cwd: string = ROOT,
  logFile: string | undefined = env.LOG_FILE,
): Promise<Exchange> {
  const [program = process.execPath, ...args] = command ?? [process.execPath, MAIN];
  const child = spawn(program, args, {
    cwd,
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
    if (logFile !== undefined) void startedIn(logFile).then(resolve);
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
    ended: exited,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return await within(exited, 'the exchange to end', 60_000);
    },
  };
}

/** The port in the first entry of a log file that says so. */
async function startedIn(file: string): Promise<number> {
  const entry = await eventually(
    () =>
      existsSync(file) &&
      readFileSync(file, 'utf8')
        .split('\n')
        .find((line) => line.includes('"event":"started"')),
    `the exchange to say in ${file} that it listens`,
  );
  return (JSON.parse(entry) as Json).port as number;
}

/** Starts an exchange for one test and stops it afterwards, also when the test fails. */
export async function withExchange(
  env: Record<string, string>,
  run: (exchange: Exchange) => Promise<void>,
): Promise<void> {
  const exchange = await startExchange(env);
  try {
    await run(exchange);
  } finally {
    await exchange.stop();
  }
}

/** Runs the exchange's program to its end: for settings that stop the start, `--version`, and the like. */
export async function runMain(args: string[], env: Record<string, string> = {}, cwd: string = ROOT) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
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
const folders = new Set<string>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder, removed when the tests end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'magi-exchange-test-'));
  folders.add(folder);
  return folder;
}

export interface OpenOptions {
  path?: string;
  headers?: Record<string, string>;
  /** Another address of 127.0.0.0/8 makes the client another one in the eyes of limits by address. */
  localAddress?: string;
  /** False: a client that is half dead, its socket open and its pings unanswered. */
  autoPong?: boolean;
  /** The certificate to trust; with it the socket is opened over TLS. */
  ca?: string;
}

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
    { path = '/', headers = {}, localAddress = '127.0.0.1', autoPong = true, ca }: OpenOptions = {},
  ): Promise<TestClient> {
    const url = `${ca === undefined ? 'ws' : 'wss'}://127.0.0.1:${exchange.port}${path}`;
    const trust = ca === undefined ? {} : { ca };
    const socket = new WebSocket(url, { headers, localAddress, autoPong, perMessageDeflate: false, ...trust });
    const client = new TestClient(socket);
    await within(once(socket, 'open'), 'a socket to open');
    return client;
  }

  /** Opens a socket and takes `connected`. */
  static async unidentified(exchange: { port: number }, options: OpenOptions = {}): Promise<TestClient> {
    const client = await TestClient.open(exchange, options);
    await client.next('connected');
    return client;
  }

  /** Opens a socket, takes `connected`, identifies, takes `identified`. */
  static async identified(
    exchange: { port: number },
    username: string,
    nickname?: string,
    options: OpenOptions = {},
  ): Promise<TestClient> {
    const client = await TestClient.unidentified(exchange, options);
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

  /** A fresh code of this client's user. */
  async invite(): Promise<string> {
    const { code } = await this.request({ type: 'create_invite' }, 'invite_created');
    return code as string;
  }

  /** This client's connections, as it is told them. */
  async connections(): Promise<Json[]> {
    return (await this.request({ type: 'list_connections' }, 'connections')).connections as Json[];
  }

  /** Connects this client by a fresh code of `inviter`; takes both sides' messages. */
  async connectTo(inviter: TestClient): Promise<Json> {
    this.send({ type: 'connect', code: await inviter.invite() });
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

/** The HTTP status that answers a WebSocket upgrade: 101 if it opens. */
export async function upgradeStatus(exchange: { port: number }, options: OpenOptions): Promise<number> {
  try {
    (await TestClient.open(exchange, options)).terminate();
    return 101;
  } catch (error) {
    const status = /Unexpected server response: (\d+)/.exec(String(error))?.[1];
    if (status === undefined) throw error;
    return Number(status);
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** One HTTP request on a connection of its own. A `body` that is not a string is sent as JSON. */
export async function httpRequest(
  exchange: { port: number },
  path: string,
  options: {
    method?: string;
    /** Several values: as many lines. */
    headers?: Record<string, string | string[]>;
    body?: string | Json;
    localAddress?: string;
  } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body, localAddress = '127.0.0.1' } = options;
  const sent = nodeRequest({
    host: '127.0.0.1',
    port: exchange.port,
    path,
    method,
    headers,
    localAddress,
    agent: false,
  });
  const answered = once(sent, 'response');
  sent.end(typeof body === 'object' ? JSON.stringify(body) : body);
  const [response] = await within(answered, `an answer to ${method} ${path}`);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}

/**
 * Sends chunks over a bare TCP connection, each in a packet of its own, and returns what came back: until `enough` of it
 * is there, or, after a FIN, until the exchange closes. A chunk that is a function is a pause until what was received
 * satisfies it. A reset by the exchange is an end like any other.
 */
export async function sendRaw(
  exchange: { port: number },
  chunks: readonly (string | Uint8Array | ((received: string) => boolean))[],
  enough?: (received: string) => boolean,
): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: exchange.port, noDelay: true });
  let received = '';
  let look = () => {};
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  socket.on('data', (data) => {
    received += data.toString('latin1');
    if (enough?.(received)) socket.destroy();
    look();
  });
  const conversation = async () => {
    await Promise.race([new Promise((resolve) => socket.on('connect', resolve)), closed]);
    for (const [index, chunk] of chunks.entries()) {
      if (typeof chunk === 'function') {
        const satisfied = new Promise<void>((resolve) => {
          look = () => {
            if (chunk(received)) resolve();
          };
          look();
        });
        await Promise.race([satisfied, closed]);
      } else {
        // The pause lets the exchange read what was sent so far; without it the kernel joins the packets again.
        if (index > 0) await new Promise((resolve) => setTimeout(resolve, 2));
        if (!socket.destroyed) socket.write(chunk);
      }
    }
    if (enough === undefined) socket.end();
    await closed;
  };
  try {
    await within(conversation(), 'the exchange to answer and close a bare connection', 30_000);
  } finally {
    socket.destroy();
  }
  return received;
}

/**
 * Asserts an error of part 1: its code, the fields that belong to it and no others, and `retryAfterMs` exactly where
 * the table has it. `expected` names the command's `request` and its `id`, if it had one.
 */
export function assertError(reply: Json, code: string, expected: { request?: string; id?: string } = {}): void {
  const { type, message, retryAfterMs, ...fields } = reply;
  assert.is(type, 'error', `expected the error ${code}, was told ${JSON.stringify(reply).slice(0, 500)}`);
  assert.equal(fields, { code, ...expected });
  assert.match(message as string, /^[^\n]+$/);
  const mayRetry = ['rate_limited', 'too_many_attempts', 'too_many_invites'].includes(code);
  assert.is(mayRetry, retryAfterMs !== undefined, `retryAfterMs ${retryAfterMs} in ${code}`);
  if (mayRetry)
    assert.ok(Number.isInteger(retryAfterMs) && (retryAfterMs as number) > 0, `retryAfterMs ${retryAfterMs}`);
}

/** A reproducible source of chance. The seed is printed; SEED=<number> plays it again. */
export function seededChance(what: string) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`${what}: SEED=${seed}`);
  let state = seed >>> 0;
  // Mulberry32: small, fast, and good enough to vary inputs.
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
  return {
    below,
    pick: <T>(from: readonly T[]): T => from[below(from.length)] as T,
    bytes: (length: number): Uint8Array => Uint8Array.from({ length }, () => below(256)),
  };
}
export type Chance = ReturnType<typeof seededChance>;

/** Runs `each` for 0 to `count`, `width` at a time: enough to keep the exchange busy, few enough for its listen queue. */
export async function inParallel(count: number, width: number, each: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await each(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/**
 * Two users who go on talking, word for word, while a test does its worst to the exchange beside them. `stop` returns the
 * number of answered questions, or throws what first went wrong.
 */
export async function startCanary(exchange: { port: number }): Promise<{ stop(): Promise<number> }> {
  const [one, other] = await TestClient.pair(exchange, 'canary one', 'canary other');
  let stopped = false;
  const talk = async () => {
    let rounds = 0;
    while (!stopped) {
      const [question, answer] = [`question ${rounds}`, `answer ${rounds}`];
      one.send({ type: 'ask', content: question });
      assert.is((await one.next('question_sent')).content, question);
      assert.is((await other.next('question')).content, question);
      other.send({ type: 'answer', content: answer });
      assert.is((await other.next('answer_sent')).content, answer);
      assert.is((await one.next('answer')).content, answer);
      rounds += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await Promise.all([one.close(), other.close()]);
    return rounds;
  };
  // Kept as a value, so that a failure in the middle is not an unhandled rejection.
  const outcome = talk().then(
    (rounds) => ({ rounds }),
    (error: unknown) => ({ error }),
  );
  return {
    async stop() {
      stopped = true;
      const ended = await outcome;
      if ('error' in ended) throw ended.error;
      return ended.rounds;
    },
  };
}

/**
 * Asserts that an exchange came through unharmed: the same process, no fault of its own, and once the attackers are gone
 * nothing of them left, neither clients nor, where the system tells, open files.
 */
export async function assertUnharmed(exchange: Exchange, clients: number, files: number): Promise<void> {
  assert.is(exchange.process.exitCode, null, exchange.stderr());
  assert.is(exchange.process.signalCode, null, exchange.stderr());
  const stats = async () => JSON.parse((await httpRequest(exchange, '/api/stats')).text) as Json;
  await eventually(async () => (await stats()).liveClients === clients, `liveClients to be ${clients} again`);
  // The request for the stats and a log file are the slack.
  await eventually(() => openFiles(exchange) <= files + 4, `the open files to be about ${files} again`);
  assert.equal(
    exchange.logs.filter(({ event, level }) => event === 'fault' || level === 'error' || level === 'fatal'),
    [],
  );
  assert.is(exchange.stderr(), '');
}

/** How many files and sockets the exchange has open; 0 where the system does not tell. */
export function openFiles(exchange: Exchange): number {
  const folder = `/proc/${exchange.process.pid}/fd`;
  return existsSync(folder) ? readdirSync(folder).length : 0;
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
export async function eventually<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  milliseconds = WAIT_MS_MAX,
): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited ${milliseconds} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A uvu suite whose tests have a time limit, `msMax`. Call `.run()` at the end of the file. */
export function suite(name: string, msMax = TEST_MS_MAX) {
  const tests = uvuSuite(name);
  const add = (title: string, run: () => unknown | Promise<unknown>): void => {
    tests(title, async () => {
      await within(Promise.resolve(run()), `the test "${title}"`, msMax);
    });
  };
  return Object.assign(add, {
    run: tests.run,
    /** Counted as skipped, which is a failure where CI=true. */
    skip: (title: string): void => tests.skip(title, () => {}),
    before: tests.before,
    after: (run: () => unknown): void => {
      tests.after(async () => {
        await run();
      });
    },
    beforeEach: tests.before.each,
    afterEach: tests.after.each,
  });
}
