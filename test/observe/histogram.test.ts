/** The histogram against a sorted list. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Histogram } from '../../src/observe/histogram.ts';
import { suite } from '../harness.ts';

const test = suite('histogram');

const value = fc.oneof(fc.integer({ min: 4, max: 2 ** 31 - 1 }), fc.integer({ min: 4, max: 300 }));
const values = fc.array(value, { minLength: 1, maxLength: 200 });

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

test('nothing was added: everything is 0', () => {
  const histogram = new Histogram();
  assert.equal([histogram.count, histogram.sum, histogram.quantile(0.5), histogram.below(31)], [0, 0, 0, 0]);
});

test('it counts and sums what was added, fractions in the sum alone', () => {
  const histogram = filled([5.5, 6.25, 1_000_000]);
  assert.equal([histogram.count, histogram.sum], [3, 1_000_011.75]);
  assert.is(histogram.quantile(0.5), filled([6]).quantile(0.5));
});

test('how many are below a power of two is exact', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 2, max: 31 }), (values, power) => {
      assert.is(filled(values).below(power), values.filter((value) => value < 2 ** power).length);
    }),
  );
  assert.equal(
    [3, 4, 5, 6].map((power) => filled([8, 15, 16, 31, 32]).below(power)),
    [0, 2, 4, 5],
  );
});

test('a quantile is at most a quarter above the true one, and never below it', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, part) => {
      const sorted = [...values].sort((one, other) => one - other);
      const right = sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN;
      const told = filled(values).quantile(part);
      assert.ok(told > right && told <= right * 1.25, `${told} for ${right}`);
    }),
    { numRuns: 1_000 },
  );
});

test('values too small or too large are counted at an end, and break nothing', () => {
  const histogram = filled([0, 0.5, 1, 3.9]);
  assert.equal([histogram.count, histogram.below(3), histogram.quantile(1)], [4, 4, 5]);
  for (const value of [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    const one = filled([value]);
    assert.equal([one.count, one.sum], [1, value]);
    assert.is(
      one.counts.reduce((sum, count) => sum + count, 0),
      1,
      `${value} is in a bucket`,
    );
    assert.is(one.below(31), 0, `${value} is not a small one`);
  }
});

test('all the values of another one are as if they had been added here', () => {
  fc.assert(
    fc.property(values, values, (ours, others) => {
      const both = filled(ours);
      both.addAll(filled(others));
      const expected = filled([...ours, ...others]);
      assert.equal(both.counts, expected.counts);
      assert.is(both.count, expected.count);
      assert.ok(Math.abs(both.sum - expected.sum) < 1e-6 * Math.max(1, expected.sum));
    }),
  );
  const one = filled([5]);
  one.addAll(new Histogram());
  assert.equal(one, filled([5]));
});

test('a reset forgets everything', () => {
  const histogram = filled([5, 500]);
  histogram.reset();
  assert.equal(histogram, new Histogram());
});

test.run();
