/** A process that runs every STEP-th seed from FIRST to before END, with the copy of the exchange in FOLDER. */
import { type Progress, runSeed, SEED_MS_MAX } from './seeds.ts';
import { loadSources } from './sources.ts';

const BUNDLE = 20;

const [folder = '', first, end, step] = process.argv.slice(2);
const sources = await loadSources(folder);
let progress: { runs: number; steps: number } = { runs: 0, steps: 0 };

function tell(failure?: Progress['failure']): void {
  process.send?.({ ...progress, failure } satisfies Progress);
  progress = { runs: 0, steps: 0 };
}

/** Another worker has found something at this seed: only what comes before it is of interest. */
let before = Number(end);
process.on('message', (seed: number) => {
  before = Math.min(before, seed);
});

for (let seed = Number(first); seed < before; seed += Number(step)) {
  const watchdog = setTimeout(() => {
    process.stderr.write(`seed ${seed} takes longer than ${SEED_MS_MAX / 1_000} s\n`);
    process.exit(1);
  }, SEED_MS_MAX);
  const outcome = await runSeed(seed, sources);
  clearTimeout(watchdog);
  progress.runs++;
  progress.steps += outcome.steps;
  if (outcome.violation !== undefined) {
    tell(outcome);
    break;
  }
  if (progress.runs === BUNDLE) tell();
}
tell();
process.disconnect?.();
