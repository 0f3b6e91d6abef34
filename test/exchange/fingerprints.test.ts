/** What was acknowledged lately: at least the last names are known, none that was not added, and old ones are forgotten. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Fingerprints } from '../../src/exchange/fingerprints.ts';
import { suite } from '../harness.ts';

const test = suite('fingerprints');

test('the last names are known, whatever they are, and no other', () => {
  const name = fc.string({ maxLength: 80 });
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 120 }),
      fc.array(name),
      fc.integer({ min: 1, max: 40 }),
      (added, others, last) => {
        const names = new Fingerprints(last);
        for (const one of added) {
          assert.type(names.has(one), 'boolean');
          names.add(one);
          assert.ok(names.has(one));
        }
        for (const one of added.slice(-last)) assert.ok(names.has(one));
        const old = new Set(added.slice(-2 * last));
        for (const one of [...others, ...added]) if (!old.has(one)) assert.not(names.has(one));
        names.clear();
        for (const one of added) assert.not(names.has(one));
      },
    ),
  );
});

test('a hundred thousand names that differ in a digit are told apart', () => {
  const names = new Fingerprints(100_000);
  for (let n = 0; n < 100_000; n++) {
    assert.not(names.has(`ann\nq${n}`));
    names.add(`ann\nq${n}`);
  }
  for (let n = 0; n < 100_000; n++) {
    assert.ok(names.has(`ann\nq${n}`));
    assert.not(names.has(`bob\nq${n}`));
  }
});

test.run();
