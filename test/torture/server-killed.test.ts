/** A hundred cycles of the torture belong to every run of the tests: the exchange is killed. */
import * as assert from 'uvu/assert';
import { suite } from '../harness.ts';
import { isPassed, report, torture } from './torture.ts';
import { endVictims } from './victims.ts';

const test = suite('server killed');
test.after(endVictims);

/** So many that one test stays within its time on a busy machine. */
const CYCLES = 10;

for (const part of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  test(`nothing acknowledged is lost, doubled or out of order, part ${part} of 10`, async () => {
    const outcome = await torture(CYCLES, 'server');
    assert.ok(isPassed(outcome), report(outcome));
  });

test.run();
