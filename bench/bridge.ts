/**
 * What an assistant waits for: `npm run bench -- --only bridge`. How long a bridge takes until it answers; a question and its answer through two
 * bridges, whose assistants reply at once. Both bridges and the exchange are the bundle, with their folders on disk, each a process of its
 * own; their pipes are driven by hand, so that no SDK's client is in the figures.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openClient } from '../src/client/client.ts';
import { Friends } from '../src/client/friends.ts';
import { openDatabase } from '../src/client/home.ts';
import { serve } from './people.ts';
import { BUNDLE } from './process.ts';

const STARTS = 21;
const SESSIONS = 40;
const QUESTIONS = 500;
/** Before those that count. */
const WARM_QUESTIONS = 1_000;
/** After more messages without the owner there would be a pause. */
const ALONE = 15;

type Json = Record<string, unknown>;

/** MAGI_HOME of each. */
interface Homes {
  readonly ada: string;
  readonly grace: string;
}

/** A bridge and the assistant that holds its pipes. Its owner agrees to whatever they are asked. */
class Assistant {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (result: Json) => void>();
  /** When its owner agreed last. */
  agreedAt = 0;
  #id = 0;

  constructor(server: string, home: string, username: string) {
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, MAGI_SERVER: server, MAGI_HOME: home, MAGI_USERNAME: username };
    this.#process = spawn(process.execPath, [BUNDLE, 'bridge'], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on('line', (line) => this.#hear(line));
  }

  async initialize(canAsk: boolean): Promise<void> {
    await this.#request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: canAsk ? { elicitation: {} } : {},
      clientInfo: { name: 'bench', version: '1' },
    });
    this.#send({ method: 'notifications/initialized' });
  }

  async call(tool: string, args: Json = {}): Promise<Json> {
    const { structuredContent } = await this.#request('tools/call', { name: tool, arguments: args });
    return structuredContent as Json;
  }

  /** Connected, and every part of it used once. */
  async warm(): Promise<void> {
    while ((await this.call('magi_status')).isConnected !== true)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin?.end();
    await ended;
  }

  #request(method: string, params: Json): Promise<Json> {
    const id = ++this.#id;
    this.#send({ id, method, params });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #send(message: Json): void {
    this.#process.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  #hear(line: string): void {
    const { id, method, result, error } = JSON.parse(line) as Json;
    if (method === 'elicitation/create') {
      this.agreedAt = performance.now();
      this.#send({ id, result: { action: 'accept', content: { agree: true } } });
    } else if (error !== undefined) throw new Error(line);
    else this.#waiting.get(id as number)?.(result as Json);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'magi-bench-bridge-'));
const exchange = await serve();
try {
  const url = `http://127.0.0.1:${exchange.port}`;
  const homes = { ada: join(folder, 'ada'), grace: join(folder, 'grace') };
  await befriend(url, homes.ada, homes.grace);
  await starts(url, homes.ada);
  const answering = new Assistant(url, homes.grace, 'grace');
  await answering.initialize(false);
  void answerAll(answering);
  await questions(url, homes);
  await sessions(url, homes);
  await answering.end();
} finally {
  await exchange.cleanUp();
  rmSync(folder, { recursive: true, force: true });
}

/** Each lets the other's questions through. */
async function befriend(server: string, one: string, other: string): Promise<void> {
  const ada = openClient({ home: one, server, username: 'ada' });
  const grace = openClient({ home: other, server, username: 'grace' });
  await ada.identify();
  await grace.connect((await ada.createInvite()).code);
  while (ada.friends().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await Promise.all([ada.close(), grace.close()]);
}

/** The owners have a hand in it, so that there is no pause. */
async function agree(homes: Homes): Promise<void> {
  for (const [home, friend] of [
    [homes.ada, 'grace'],
    [homes.grace, 'ada'],
  ] as const) {
    const database = openDatabase(home);
    await new Friends(database).setPolicy(friend, 'auto');
    database.close();
  }
}

async function answerAll(one: Assistant): Promise<void> {
  for (;;) {
    const { messages } = await one.call('magi_inbox', { wait_seconds: 3_600 });
    for (const { id, text } of messages as Json[]) await one.call('magi_answer', { question: id, text });
  }
}

/** From the start of the process to its answer to `initialize`. */
async function starts(url: string, home: string): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    const startedAt = performance.now();
    const one = new Assistant(url, home, 'ada');
    await one.initialize(false);
    times.push(performance.now() - startedAt);
    await one.end();
  }
  tell('bridge ready', times, 'asked: within 300 ms');
}

/** Milliseconds until the answer: from the call, and from the moment at which the owner agreed, if they were asked. */
async function ask(one: Assistant, text: string): Promise<{ all: number; agreed: number }> {
  const startedAt = performance.now();
  const { status } = await one.call('magi_ask', { friend: 'grace', text });
  const endedAt = performance.now();
  if (status !== 'answered') throw new Error(`the question was not answered but ${status}`);
  return { all: endedAt - startedAt, agreed: endedAt - Math.max(startedAt, one.agreedAt) };
}

/** The first question of a session, which nobody has to agree to: of a bridge that is connected, but has never asked before. */
async function sessions(url: string, homes: Homes): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < SESSIONS; n++) {
    if (n % ALONE === 0) await agree(homes);
    const one = new Assistant(url, homes.ada, 'ada');
    await one.initialize(false);
    await one.warm();
    times.push((await ask(one, `session ${n}`)).all);
    await one.end();
  }
  tell('the first of a session', times);
}

/** One after the other in one session. After the first answer each question is shown to its owner, who agrees at once. */
async function questions(url: string, homes: Homes): Promise<void> {
  const one = new Assistant(url, homes.ada, 'ada');
  await one.initialize(true);
  await one.warm();
  const times: { all: number; agreed: number }[] = [];
  for (let n = 0; n < WARM_QUESTIONS + QUESTIONS; n++) {
    if (n % ALONE === 0) await agree(homes);
    const time = await ask(one, `question ${n}`);
    if (n >= WARM_QUESTIONS) times.push(time);
  }
  tell(
    'question to answer, from the owner’s yes',
    times.map(({ agreed }) => agreed),
    'asked: p50 under 5 ms',
  );
  tell(
    'the same, from the call that asks the owner',
    times.map(({ all }) => all),
  );
  await one.end();
}

function tell(what: string, times: readonly number[], asked = ''): void {
  const sorted = [...times].sort((one, other) => one - other);
  const at = (part: number) => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);
  const more = asked === '' ? '' : ` (${asked})`;
  console.log(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms, ${times.length} times${more}`);
}
