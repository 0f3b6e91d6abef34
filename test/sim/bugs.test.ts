/** The planted faults are found: what the simulator says of the exchange as it is means something. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BUGS } from './bugs.ts';
import { runSeeds } from './seeds.ts';

const SEEDS_MAX = 10_000;
/** The runner has another file on the other core. */
const WORKERS = 1;

const test = suite('planted faults');

test('there are enough of them', () => {
  assert.ok(BUGS.length >= 10);
});

for (const { name, change } of BUGS)
  test(name, async () => {
    const { failure } = await runSeeds({ first: 1, count: SEEDS_MAX, workers: WORKERS, changes: [change] });
    assert.ok(failure !== undefined, `not found in ${SEEDS_MAX} seeds`);
    // An exception would mean that the bug does not fit the code any more.
    assert.is.not(failure.violation?.rule, 'a fault of the exchange', failure.violation?.detail);
  });

test.run();
