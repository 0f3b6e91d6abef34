/** `npm run sim`: runs seeds until one fails, replays one, or looks for the planted bugs. */
import { parseArgs } from 'node:util';
import { BUGS } from './bugs.ts';
import { describe, runOne, runSeeds } from './seeds.ts';

const WORKERS = 2;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    bugs: { type: 'boolean', default: false },
  },
});
const [first, count] = [Number(values.seed), Number(values.seeds)];

if (values.bugs) {
  for (const { name, change } of BUGS) {
    const { failure, runs } = await runSeeds({ first, count, workers: WORKERS, changes: [change] });
    const found =
      failure === undefined ? `not found in ${runs} seeds` : `seed ${failure.seed}: ${failure.violation?.rule}`;
    process.stdout.write(`${failure === undefined ? '✗' : '✓'} ${name}: ${found}\n`);
    if (failure === undefined) process.exitCode = 1;
  }
} else if (values.trace) {
  const outcome = await runOne(first, true);
  process.stdout.write(
    `${outcome.violation === undefined ? `${outcome.trace.join('\n')}\n` : ''}${describe(outcome)}\n`,
  );
} else {
  const startedAt = performance.now();
  const { runs, steps, failure } = await runSeeds({ first, count, workers: Math.min(WORKERS, count) });
  const seconds = (performance.now() - startedAt) / 1_000;
  if (failure !== undefined) process.stdout.write(`${describe(failure)}\n`);
  const rate = `${(runs / seconds).toFixed(0)} seeds and ${(steps / seconds).toFixed(0)} events a second`;
  process.stdout.write(`${runs} seeds, ${steps} events, ${seconds.toFixed(1)} s: ${rate}\n`);
  process.exitCode = failure === undefined ? 0 : 1;
}
