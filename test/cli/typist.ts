/** People who type commands: each a folder of their own, each command a real process, in a pipe or at a terminal. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  type Json,
  ROOT,
  startExchange,
  temporaryFolder,
  UNLIMITED,
  within,
} from '../harness.ts';

/** The one file, as people have it: it starts in a quarter of the time that the sources take. */
export const PROGRAM = join(ROOT, 'dist/magi-exchange.mjs');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export class Running {
  readonly child: ChildProcess;
  readonly #ended: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(program: string, args: readonly string[], env: Record<string, string>) {
    this.child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(this.child);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // Who has ended takes no more input.
    this.child.stdin?.on('error', () => {});
    this.#ended = once(this.child, 'close').then(([code]) => {
      running.delete(this.child);
      return code as number | null;
    });
  }

  /** Waits until this was printed, on a terminal or in a pipe. */
  async prints(what: RegExp): Promise<void> {
    const isOver = () => what.test(this.stdout) || what.test(this.stderr) || this.child.exitCode !== null;
    // What it printed instead says more than that it took too long.
    await eventually(isOver, `${what}`).catch(() => {});
    assert.match(this.stdout + this.stderr, what);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  async ends(): Promise<Ended> {
    const code = await within(this.#ended, `the end of a command that printed ${JSON.stringify(this.stdout)}`, 60_000);
    return { code, stdout: this.stdout, stderr: this.stderr };
  }
}

const running = new Set<ChildProcess>();
process.on('exit', endTypists);

/** What `policy` asks of a friend on hold, and the answer. */
export const IS_FRIEND = [/Is that your friend\?/, 'y'] as const;

/** Two people who have not met, with names that nobody else has. */
export function newPair(exchange: Exchange): [Typist, Typist] {
  const suffix = Math.random().toString(36).slice(2, 8);
  return [
    new Typist(exchange, `ada-${suffix}`, { MAGI_NICKNAME: 'Ada' }),
    new Typist(exchange, `grace-${suffix}`, { MAGI_NICKNAME: 'Grace' }),
  ];
}

/** Ends what a test that failed has left: for `after`, since a child keeps the file from ending. */
export function endTypists(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** An exchange that keeps what waits, without limits by time. */
export async function startKeeping(env: Record<string, string> = {}): Promise<Exchange> {
  return await startExchange({ ...UNLIMITED, DATA_DIR: temporaryFolder(), ...env });
}

export class Typist {
  readonly home: string;
  readonly env: Record<string, string>;
  readonly #columns: number;

  /** Without a `home`, a new folder. `more`: further settings. `columns`: of the terminal. */
  constructor(exchange: { url: string }, username: string, more: Record<string, string> = {}, columns = 80) {
    this.#columns = columns;
    this.home = more.MAGI_HOME ?? join(temporaryFolder(), 'home');
    const { PATH = '', NODE_V8_COVERAGE } = process.env;
    this.env = {
      PATH,
      HOME: temporaryFolder(),
      TERM: 'xterm-256color',
      ...(NODE_V8_COVERAGE === undefined ? {} : { NODE_V8_COVERAGE }),
      MAGI_HOME: this.home,
      MAGI_SERVER: exchange.url,
      MAGI_USERNAME: username,
      ...more,
    };
  }

  /** The same person with other settings. */
  with(more: Record<string, string>): Typist {
    return new Typist({ url: '' }, '', { ...this.env, ...more }, this.#columns);
  }

  /** In a pipe; its standard input stays open. */
  start(...args: string[]): Running {
    return new Running(process.execPath, [PROGRAM, ...args], this.env);
  }

  /** In a pipe, to its end. */
  async run(...args: string[]): Promise<Ended> {
    return await this.pipe('', ...args);
  }

  /** With this on standard input. */
  async pipe(input: string | Uint8Array, ...args: string[]): Promise<Ended> {
    const command = this.start(...args);
    command.child.stdin?.end(input);
    return await command.ends();
  }

  /** To its end, which is exit code 0; returns what was printed. */
  async done(...args: string[]): Promise<string> {
    const ended = await this.run(...args);
    assert.is(ended.code, 0, JSON.stringify(ended));
    return ended.stdout;
  }

  /** The document that `--json` prints. */
  async json(...args: string[]): Promise<Json> {
    return JSON.parse(await this.done(...args, '--json')) as Json;
  }

  /** As json, with another exit code than 0. */
  async document(code: number, ...args: string[]): Promise<Json> {
    const ended = await this.run(...args, '--json');
    assert.is(ended.code, code, JSON.stringify(ended));
    assert.match(ended.stdout, /^\{/, JSON.stringify(ended));
    return JSON.parse(ended.stdout) as Json;
  }

  /** Expects this exit code and one line on standard error; returns it. */
  async refused(code: number, ...args: string[]): Promise<string> {
    const ended = await this.run(...args);
    assert.is(ended.code, code, JSON.stringify(ended));
    assert.match(ended.stderr, /^magi-exchange: [^\n]+\n$/);
    return ended.stderr;
  }

  /** At a terminal, which script(1) of util-linux makes. Everything comes on its one screen: `stdout`. */
  terminal(...args: string[]): Running {
    const command = [process.execPath, PROGRAM, ...args].map(quoted).join(' ');
    return new Running(
      'script',
      ['-qefc', `stty cols ${this.#columns} rows 24; exec ${command}`, '/dev/null'],
      this.env,
    );
  }

  /** At a terminal, to its end: each time that something is asked, the next line is typed. */
  async types(
    args: readonly string[],
    ...dialogue: readonly (readonly [asked: RegExp, typed: string])[]
  ): Promise<Ended> {
    const command = this.terminal(...args);
    for (const [asked, typed] of dialogue) {
      await command.prints(asked);
      // A terminal that was not yet switched to single keys would echo and edit what comes too early.
      await new Promise((resolve) => setTimeout(resolve, 50));
      command.type(`${typed}\r`);
    }
    return await command.ends();
  }

  /** Uses a fresh code of that person: connected for good, each on hold for the other. */
  async befriend(other: Typist): Promise<void> {
    const { code } = await other.json('invite');
    await this.done('connect', code as string);
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** What no terminal may be sent: everything that is not shown as it is, but for line breaks and the program's own colours. */
export function assertVisible(screen: string): void {
  // Colours, and how Node's readline asks for a line.
  const own = new RegExp(`${String.fromCharCode(27)}\\[([0-9;]*m|0J|[0-9]+G)`, 'g');
  const bare = screen.replaceAll(own, '').replaceAll(/\r+\n/g, '\n');
  assert.not.match(bare, /[^\P{C}\n\t]/u, JSON.stringify(bare));
  assert.not.match(bare, /\p{Bidi_Control}|\p{Default_Ignorable_Code_Point}/u, JSON.stringify(bare));
}
