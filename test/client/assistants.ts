/** Two people and an exchange, each of them real processes that can be killed, stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import * as assert from 'uvu/assert';
import { openDatabase } from '../../src/client/home.ts';
import { eventually, ROOT, seededChance, temporaryFolder, within } from '../harness.ts';
import { freePort, startServer, type Victim } from '../torture/victims.ts';

/** The program in one file, which starts in a fourth of the time. */
const PROGRAM = join(temporaryFolder(), 'assistant.mjs');
await build({
  entryPoints: [fileURLToPath(new URL('./assistant.ts', import.meta.url))],
  outfile: PROGRAM,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  sourcemap: 'inline',
  banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
});
const CLOCK = new URL('./clock.ts', import.meta.url).href;
/** Shorter than the minute after which the client helps itself: what it should be told at once must not be found by that. */
const WAIT_MS_MAX = 50_000;

/** The Nodes on which the client's processes are run: this one, and those of MAGI_NODES, paths with a colon between. */
export const NODES = [process.execPath, ...(process.env.MAGI_NODES ?? '').split(':').filter((path) => path !== '')];

export type Line = Record<string, unknown>;

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface AssistantOptions {
  readonly node?: string;
  /** Its clock is so much later than ours. */
  readonly clockMs?: number;
  /** What its command begins with: enters a namespace, for example. */
  readonly enter?: readonly string[];
}

/** One process of a user. */
export class Assistant {
  /** Everything that it has said, oldest first. */
  readonly said: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #looks = new Set<() => void>();
  #complaint = '';

  private constructor(url: string, username: string, home: string, options: AssistantOptions) {
    const { node = process.execPath, clockMs = 0, enter = [] } = options;
    const { PATH = '', HOME = '', TMPDIR, NODE_V8_COVERAGE } = process.env;
    const later = clockMs === 0 ? {} : { NODE_OPTIONS: `--import=${CLOCK}`, MAGI_TEST_CLOCK_MS: `${clockMs}` };
    const kept = {
      ...(TMPDIR === undefined ? {} : { TMPDIR }),
      ...(NODE_V8_COVERAGE === undefined ? {} : { NODE_V8_COVERAGE }),
    };
    const [program = node, ...args] = [...enter, node, PROGRAM];
    this.#child = spawn(program, args, {
      cwd: ROOT,
      env: { PATH, HOME, ...kept, ...later, MAGI_SERVER: url, MAGI_USERNAME: username, MAGI_HOME: home },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#exited = once(this.#child, 'exit').then(() => {
      running.delete(this.#child);
      this.#wake();
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint += text;
    });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Line);
      this.#wake();
    });
  }

  static async start(url: string, username: string, home: string, options: AssistantOptions = {}): Promise<Assistant> {
    const assistant = new Assistant(url, username, home, options);
    await assistant.until('ready');
    return assistant;
  }

  /** What it wrote to its standard error. */
  get complaint(): string {
    return this.#complaint;
  }

  get isGone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  do(what: string, more: Line = {}): void {
    this.#child.stdin?.write(`${JSON.stringify({ do: what, ...more })}\n`);
  }

  /** Waits until it has said so many things of this kind that fit; returns the last of them. */
  async until(what: string, fits: Line = {}, count = 1): Promise<Line> {
    const found = await this.#until(
      () => {
        const all = this.heard(what, fits);
        return all.length >= count ? all[count - 1] : undefined;
      },
      `${count} ${what} ${JSON.stringify(fits)}`,
    );
    return found;
  }

  /** What it has said of this kind, with these fields. */
  heard(what: string, fits: Line = {}): Line[] {
    const isFit = (line: Line) => Object.entries(fits).every(([name, value]) => line[name] === value);
    return this.said.filter((line) => line.what === what && isFit(line));
  }

  /** Does it, and waits for what it says then. */
  async tell(what: string, more: Line, reply: string, fits: Line = {}): Promise<Line> {
    const count = this.heard(reply, fits).length + 1;
    this.do(what, more);
    return await this.until(reply, fits, count);
  }

  /** It is told nothing more, and ends when it has nothing to do. */
  dismiss(): void {
    this.#child.stdin?.end();
  }

  kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    return this.ended();
  }

  async ended(): Promise<void> {
    await within(this.#exited, 'a process to end', WAIT_MS_MAX);
  }

  #wake(): void {
    for (const look of [...this.#looks]) look();
  }

  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    const story = () => `${what}; it said: ${JSON.stringify(this.said.slice(-12))} ${this.#complaint}`;
    let end = () => {};
    const found = new Promise<T>((resolve, reject) => {
      end = () => {
        const result = look();
        if (result !== undefined) resolve(result);
        // What it said at last may still be on the way.
        else if (this.isGone) setTimeout(() => reject(new Error(`the process ended before ${story()}`)), 200);
      };
      this.#looks.add(end);
      end();
    });
    try {
      return await within(found, what, WAIT_MS_MAX).catch((error: Error) => {
        throw new Error(error.message.startsWith('waited') ? `waited for ${story()}` : error.message);
      });
    } finally {
      this.#looks.delete(end);
    }
  }
}

/** An exchange, Ada and Grace, who are friends; each has a folder, and as many processes as a test starts. */
export class World {
  readonly folder = temporaryFolder();
  readonly faults: string[] = [];
  readonly #assistants: Assistant[] = [];
  readonly #node: string;
  #port = 0;
  #server: Victim | undefined;

  constructor(node: string) {
    this.#node = node;
  }

  /** `settings`: those of the exchange. */
  async begin(settings: Record<string, string> = {}): Promise<[ada: Assistant, grace: Assistant]> {
    this.#port = await freePort(seededChance(`a world in ${this.folder}`));
    await this.startServer(0, settings);
    const [ada, grace] = await Promise.all([this.assistant('ada'), this.assistant('grace')]);
    const { code } = await ada.tell('invite', {}, 'invited');
    await grace.tell('connect', { code }, 'friend');
    await ada.until('presence', { type: 'friend_connected' });
    return [ada, grace];
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  homeOf(username: string): string {
    return join(this.folder, username);
  }

  dataFolder(): string {
    return join(this.folder, 'data');
  }

  async startServer(clockMs = 0, settings: Record<string, string> = {}): Promise<void> {
    const later = clockMs === 0 ? {} : { NODE_OPTIONS: `--import=${CLOCK}`, MAGI_TEST_CLOCK_MS: `${clockMs}` };
    this.#server = await startServer(this.dataFolder(), this.#port, (line) => this.faults.push(line), {
      ...settings,
      ...later,
    });
  }

  async killServer(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  /** The exchange says and hears nothing until it goes on. */
  pauseServer(): void {
    process.kill(this.#server?.pid ?? 0, 'SIGSTOP');
  }

  resumeServer(): void {
    process.kill(this.#server?.pid ?? 0, 'SIGCONT');
  }

  /** Bytes that have reached the exchange's sockets and that it has not read: what a paused exchange was sent. Linux only (proc(5)). */
  bytesUnread(): number {
    const port = this.#port.toString(16).toUpperCase().padStart(4, '0');
    return readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => local?.endsWith(`:${port}`) && state === '01')
      .reduce((sum, [, , , , queues]) => sum + Number.parseInt(queues?.split(':')[1] ?? '0', 16), 0);
  }

  async assistant(username: string, options: AssistantOptions & { readonly home?: string } = {}): Promise<Assistant> {
    const { home = this.homeOf(username) } = options;
    const assistant = await Assistant.start(this.url, username, home, { node: this.#node, ...options });
    this.#assistants.push(assistant);
    return assistant;
  }

  /** What is in a user's file, as one row for each line of the result. */
  rows(username: string, sql: string): Line[] {
    const database = openDatabase(this.homeOf(username));
    try {
      return database.all(sql).map((row) => ({ ...row }));
    } finally {
      database.close();
    }
  }

  /** Ada's question has been answered by Grace as she serves, once, and both know. */
  async assertTalked(id: unknown, text: string): Promise<void> {
    for (const name of ['ada', 'grace'])
      await eventually(() => this.unsent(name) === 0, `everything of ${name} to be taken`);
    const row = (name: string, sql: string) => this.rows(name, `${sql} = '${id}'`);
    const [asked] = row('ada', 'SELECT state, outcome FROM sent WHERE id');
    assert.ok(['delivered', 'queued'].includes(String(asked?.state)), `the question is ${asked?.state}`);
    assert.is(asked?.outcome, 'answered');
    const answers = row('ada', `SELECT content FROM inbox WHERE kind = 'answer' AND reply_to`);
    assert.equal(answers, [{ content: `re: ${text}` }], 'answered once');
    assert.equal(row('grace', `SELECT state FROM inbox WHERE kind = 'question' AND id`), [{ state: 'answered' }]);
  }

  /** Messages of a user that nobody has taken yet. */
  unsent(username: string): number {
    return this.rows(username, `SELECT * FROM sent WHERE state = 'waiting'`).length;
  }

  async end(): Promise<void> {
    await Promise.all(this.#assistants.map((assistant) => assistant.kill()));
    await this.killServer();
  }
}

/** A test in a world of its own, on each Node; everything in it ends with the test. */
export function onEachNode(
  test: (title: string, run: () => Promise<void>) => void,
  title: string,
  run: (world: World) => Promise<void>,
): void {
  for (const [at, node] of NODES.entries())
    test(at === 0 ? title : `${title}, on the Node of MAGI_NODES ${at}`, async () => {
      const world = new World(node);
      try {
        await run(world);
        if (world.faults.length > 0) throw new Error(`the exchange has found faults: ${world.faults.join('\n')}`);
      } finally {
        await world.end();
      }
    });
}
