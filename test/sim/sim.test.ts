/** Ten thousand worlds, each from its own seed: no rule may be broken in any of them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { describe, runOne, runSeeds } from './seeds.ts';

const SEEDS = 10_000;
/** The runner has another file on the other core. */
const WORKERS = 1;

const test = suite('simulator');

test('one seed is one run', async () => {
  const [one, other] = [await runOne(7, true), await runOne(7, true)];
  assert.ok(one.trace.length > 100);
  assert.equal(one.trace, other.trace);
});

test(`no rule is broken in ${SEEDS} runs`, async () => {
  const { runs, failure } = await runSeeds({ first: 1, count: SEEDS, workers: WORKERS });
  if (failure !== undefined) assert.unreachable(describe(failure));
  assert.is(runs, SEEDS);
});

test.run();
