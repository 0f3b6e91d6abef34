/** Fifty cycles of the torture belong to every run of the tests in which those who talk are killed. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { isPassed, report, torture } from './torture.ts';
import { endVictims } from './victims.ts';

const test = suite('clients killed');
test.after(endVictims);

/** So many that one test stays within its time on a busy machine. */
const CYCLES = 10;

for (const part of [1, 2, 3, 4, 5])
  test(`nothing acknowledged is lost, doubled or out of order, part ${part} of 5`, async () => {
    const outcome = await torture(CYCLES, 'clients');
    assert.ok(isPassed(outcome), report(outcome));
  });

test.run();
