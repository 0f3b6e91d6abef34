/** Runs seeds, here or in processes of their own. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Change, copySources, loadSources, removeSources, type Sources } from './sources.ts';
import { Trace } from './trace.ts';
import { type Outcome, World } from './world.ts';

const WORKER = fileURLToPath(new URL('worker.ts', import.meta.url));

/** A seed that takes longer than this goes round in a circle. */
export const SEED_MS_MAX = 60_000;

export async function runSeed(seed: number, sources: Sources, isTraced = false): Promise<Outcome> {
  const world = new World(seed, sources, new Trace(isTraced));
  const rejected = (error: unknown) =>
    world.broke('a promise that nobody looks after', error instanceof Error ? (error.stack ?? '') : String(error));
  process.on('unhandledRejection', rejected);
  try {
    await world.run();
  } finally {
    process.off('unhandledRejection', rejected);
  }
  return { seed, ...world.outcome };
}

export interface Range {
  readonly first: number;
  readonly count: number;
  readonly workers: number;
  readonly changes?: readonly Change[];
}

export interface Result {
  readonly runs: number;
  readonly steps: number;
  /** The failure with the lowest seed, as far as was run. */
  readonly failure: Outcome | undefined;
}

/** What a worker says of each bundle of seeds. */
export interface Progress {
  readonly runs: number;
  readonly steps: number;
  readonly failure: Outcome | undefined;
}

/** Runs the seeds in `workers` processes, by turns, until the first failure. */
export async function runSeeds({ first, count, workers, changes }: Range): Promise<Result> {
  const folder = copySources(changes);
  const total = { runs: 0, steps: 0, failure: undefined as Outcome | undefined };
  const children: ChildProcess[] = [];
  // Coverage of a copy tells nothing and takes time.
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  try {
    const ends = Array.from({ length: workers }, async (_, index) => {
      const args = [folder, String(first + index), String(first + count), String(workers)];
      const child = fork(WORKER, args, { env, stdio: 'inherit', execArgv: ['--disable-warning=ExperimentalWarning'] });
      children.push(child);
      child.on('message', ({ runs, steps, failure }: Progress) => {
        total.runs += runs;
        total.steps += steps;
        if (failure === undefined) return;
        if (total.failure === undefined || failure.seed < total.failure.seed) total.failure = failure;
        for (const other of children)
          if (other.connected) {
            // It may just have ended.
            other.send(failure.seed, () => {});
          }
      });
      const [code, signal] = await once(child, 'exit');
      if (code !== 0 && total.failure === undefined) throw new Error(`a worker ended with ${code ?? signal}`);
    });
    await Promise.all(ends);
  } finally {
    for (const child of children) child.kill();
    removeSources(folder);
  }
  return total;
}

/** Runs one seed here. */
export async function runOne(seed: number, isTraced: boolean, changes?: readonly Change[]): Promise<Outcome> {
  const folder = copySources(changes);
  try {
    return await runSeed(seed, await loadSources(folder), isTraced);
  } finally {
    removeSources(folder);
  }
}

/** A failure as it is shown. */
export function describe({ seed, violation, trace, steps }: Outcome): string {
  if (violation === undefined) return `seed ${seed}: nothing found in ${steps} events`;
  const replay = `npm run sim -- --seeds 1 --seed ${seed} --trace`;
  return [...trace, '', `seed ${seed}, event ${steps}: ${violation.rule}`, violation.detail, `replay: ${replay}`].join(
    '\n',
  );
}
