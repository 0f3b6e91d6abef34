/** What the operating system says of a server's process, and the beginning and end of the processes of this bench. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const BUNDLE = join(ROOT, 'dist/magi-exchange.mjs');
/** What `npm run build -- --binary` makes. */
const BINARY = join(ROOT, 'dist/magi-exchange');
const START_MS_MAX = 20_000;

/** CPU time of all threads of a process, to the nanosecond of the scheduler. */
export function cpuNanoseconds(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`))
    sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return sum;
}

/** CPU time of the whole machine, all processes together, to the tick of 10 ms. */
export function machineNanoseconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] as string
  )
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) * 1e7;
}

/** Resident memory of a process. */
export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** What of it is in no file that other processes share. */
export function privateBytes(pid: number): number {
  return Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

export interface Row {
  readonly name: string;
  readonly dialect: string;
  /** Instead of this Node. */
  readonly program?: string;
  /** Arguments of Node, from the root of the repository. */
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}

/** Every check is on, and no bound is so low that it would bite: 0 would switch the check off. */
const EXCHANGE_ENV = {
  PORT: '0',
  DATA_DIR: 'memory',
  LOG_LEVEL: 'info',
  LOG_FORMAT: 'json',
  QUESTIONS_PER_MINUTE: '1000000000',
  COMMANDS_PER_MINUTE: '1000000000',
  FRAMES_PER_SECOND: '1000000000',
  CLIENTS_PER_ADDRESS: '100000',
};

export const ROWS: readonly Row[] = [
  { name: 'exchange', dialect: 'json', args: [BUNDLE], env: EXCHANGE_ENV },
  { name: 'floor', dialect: 'floor', args: ['bench/rows/floor.ts'] },
  { name: 'ws', dialect: 'json', args: ['bench/rows/ws.ts'] },
  { name: 'socketio', dialect: 'socketio', args: ['bench/rows/socketio.ts'] },
];

/** The exchange as an executable, if one was built: for the time that it takes to start. */
export function binaryRow(): Row | undefined {
  return existsSync(BINARY)
    ? { name: 'executable', dialect: 'json', program: BINARY, args: [], env: EXCHANGE_ENV }
    : undefined;
}

export interface Server {
  readonly port: number;
  readonly pid: number;
  /** From the start of the process until it said that it listens. */
  readonly startMilliseconds: number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
const scratch: { folder?: string } = {};
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  if (scratch.folder !== undefined) rmSync(scratch.folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

/** A child process that ends with this one. */
export function start(
  args: readonly string[],
  env: Record<string, string>,
  output: 'pipe' | number,
  program = process.execPath,
): ChildProcess {
  const { PATH = '', HOME = '', TMPDIR = tmpdir() } = process.env;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { PATH, HOME, TMPDIR, ...env },
    stdio: ['ignore', output, 'inherit'],
  });
  running.add(child);
  child.on('exit', () => running.delete(child));
  return child;
}

/**
 * Starts a row's server. Its log goes to a file in a temporary folder: every entry is really written, and no third process
 * is woken to read it, which on a small machine would take its time from the two that are measured.
 */
export async function startRow(row: Row): Promise<Server> {
  scratch.folder ??= mkdtempSync(join(tmpdir(), 'magi-bench-'));
  const log = join(scratch.folder, `${row.name}.log`);
  const startedAt = performance.now();
  const child = start(row.args, row.env ?? {}, openSync(log, 'w'), row.program);
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  for (;;) {
    const line = existsSync(log) ? /^.*"event":"started".*$/m.exec(readFileSync(log, 'utf8'))?.[0] : undefined;
    const took = performance.now() - startedAt;
    if (line !== undefined)
      return {
        port: (JSON.parse(line) as { port: number }).port,
        pid: child.pid as number,
        startMilliseconds: took,
        async stop() {
          child.kill('SIGKILL');
          await exited;
          rmSync(log, { force: true });
        },
      };
    if (child.exitCode !== null || took > START_MS_MAX)
      throw new Error(`${row.name} did not start: ${readFileSync(log, 'utf8')}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
