/** The processes that are killed: the exchange, always on the same port and folder, and those who talk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Chance, ROOT, UNLIMITED, within } from '../harness.ts';

const START_MS_MAX = 60_000;

const running = new Set<ChildProcess>();
process.on('exit', endVictims);

/** Ends what a test that failed has left: for `after`, since a child keeps the file from ending. */
export function endVictims(): void {
  for (const child of running) child.kill('SIGKILL');
}

export class Victim {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #lines: string[] = [];
  /** What it said last, whatever it was. */
  #last = '';
  readonly #startedAt = performance.now();
  #look: () => void = () => {};
  #isMeant = false;
  /** Milliseconds from the start of the process until it said what was waited for. */
  startMs = 0;

  constructor(args: readonly string[], env: Record<string, string>, isWorthKeeping: (line: string) => boolean) {
    const { PATH = '', HOME = '', TMPDIR } = process.env;
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: ROOT,
      env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    running.add(this.#child);
    this.#exited = new Promise((resolve) => {
      this.#child.on('exit', () => {
        running.delete(this.#child);
        resolve();
      });
    });
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#last = line;
      if (isWorthKeeping(line)) this.#lines.push(line);
      this.#look();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits for a line that has `text` in it. */
  async line(text: string, millisecondsMax = START_MS_MAX): Promise<string> {
    const found = new Promise<string>((resolve, reject) => {
      this.#look = () => {
        const line = this.#lines.find((line) => line.includes(text));
        if (line !== undefined) resolve(line);
      };
      this.#look();
      void this.#exited.then(() =>
        reject(new Error(`the process ended before it said ${text}; the last was: ${this.#last}`)),
      );
    });
    const line = await within(found, text, millisecondsMax);
    this.startMs = performance.now() - this.#startedAt;
    return line;
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  get hasDied(): boolean {
    return !this.#isMeant && (this.#child.exitCode !== null || this.#child.signalCode !== null);
  }

  async kill(): Promise<void> {
    if (this.hasDied) throw new Error('a process ended before it was killed');
    this.#isMeant = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

/**
 * A port that is free now. Not one that the system gives out by itself: while the exchange is down, one of those who dial it may be given
 * its port as their own, and is then connected to itself.
 */
export async function freePort(chance: Pick<Chance, 'below'>): Promise<number> {
  for (;;) {
    const port = 20_000 + chance.below(10_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    probe.close();
    if (isFree) return port;
  }
}

/** Starts the real exchange and waits until it listens. Whatever it logs as a fault of its own is given to `fault`. */
export async function startServer(
  folder: string,
  port: number,
  fault: (line: string) => void,
  more: Record<string, string> = {},
): Promise<Victim> {
  const env = {
    ...UNLIMITED,
    KEYS_PER_ADDRESS: '0',
    HOST: '127.0.0.1',
    PORT: `${port}`,
    DATA_DIR: folder,
    LOG_FORMAT: 'json',
    ...more,
  };
  const server = new Victim(['src/main.ts'], env, (line) => {
    if (/"level":"(error|fatal)"/.test(line)) fault(line);
    return line.includes('"event":"started"');
  });
  await server.line('"event":"started"');
  return server;
}

/** Starts those who talk; waits until all of them are connected. */
export async function startLoad(folder: string, port: number, pairs: number, seed: number): Promise<Victim> {
  const file = fileURLToPath(new URL('./load.ts', import.meta.url));
  const args = [file, `ws://127.0.0.1:${port}`, join(folder), `${pairs}`, `${seed}`];
  const load = new Victim(args, {}, () => true);
  await load.line('ready');
  return load;
}
