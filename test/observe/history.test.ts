/** What the dashboard's charts are drawn from: three ranges, in rings of a fixed size. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Histogram } from '../../src/observe/histogram.ts';
import { type Elapsed, History } from '../../src/observe/history.ts';
import { suite } from '../harness.ts';

const test = suite('history');

/** A whole day by the clock, so that every range begins a new point here. */
const START = 20_000 * 86_400_000;
const SECOND = 1_000;

function histogram(...microseconds: number[]): Histogram {
  const made = new Histogram();
  for (const value of microseconds) made.add(value * 1_000);
  return made;
}

function elapsed(given: Partial<Elapsed> = {}): Elapsed {
  return { messages: 0, clients: 0, delayMs: 0, handling: histogram(), refused: 0, ...given };
}

type Points = (number | null)[][];

function ranges(history: History): { step: number; length: number; points: Points }[] {
  return JSON.parse(history.json()).ranges;
}

function pointsOf(history: History, step: number): Points {
  return ranges(history).find((range) => range.step === step)?.points ?? [];
}

test('the ranges are a minute, a quarter of an hour and a day', () => {
  const { columns, ranges } = JSON.parse(new History(START).json());
  assert.equal(columns, ['time', 'messagesPerSecond', 'peak', 'clients', 'delayMs', 'handlingUs', 'refused']);
  assert.equal(
    ranges.map(({ step, length, points }: { step: number; length: number; points: Points }) => [step * length, points]),
    [
      [60, []],
      [900, []],
      [86_400, []],
    ],
  );
});

test('a second is a point, and part of a longer one', () => {
  const history = new History(START);
  history.second(START + SECOND, elapsed({ messages: 10, clients: 3, delayMs: 1.5, refused: 1 }));
  history.second(
    START + 2 * SECOND,
    elapsed({ messages: 4, clients: 5, delayMs: 0.5, refused: 2, handling: histogram(90) }),
  );
  const time = START / 1_000;
  const [, last] = pointsOf(history, 1);
  const handled = last?.[5] as number;
  assert.ok(handled >= 90 && handled <= 113, `${handled}`);
  assert.equal(pointsOf(history, 1), [
    [time + 1, 10, 10, 3, 1.5, null, 1],
    [time + 2, 4, 4, 5, 0.5, handled, 2],
  ]);
  assert.equal(pointsOf(history, 5), [[time + 5, 7, 10, 5, 1.5, handled, 3]]);
  assert.equal(pointsOf(history, 300), [[time + 300, 7, 10, 5, 1.5, handled, 3]]);
  assert.equal(history.latest, [
    [1, time + 2, 4, 4, 5, 0.5, handled, 2],
    [5, time + 5, 7, 10, 5, 1.5, handled, 3],
    [300, time + 300, 7, 10, 5, 1.5, handled, 3],
  ]);
});

test('the handling time of a long point is that of all its messages', () => {
  const history = new History(START);
  // 99 quick ones in one second and a slow one in the next: the 99th percentile of all is quick.
  history.second(START + SECOND, elapsed({ handling: histogram(...Array(199).fill(10)) }));
  history.second(START + 2 * SECOND, elapsed({ handling: histogram(5_000) }));
  const of = (step: number) => pointsOf(history, step).at(-1)?.[5] as number;
  assert.ok(of(1) > 4_000, `${of(1)}`);
  assert.ok(of(5) < 20, `${of(5)}`);
});

test('of an endless run only so much is kept, the newest', () => {
  const history = new History(START);
  const days = 3;
  for (let second = 1; second <= days * 86_400; second++)
    history.second(START + second * SECOND, elapsed({ messages: second % 7, clients: second }));
  const end = START / 1_000 + days * 86_400;
  for (const { step, length, points } of ranges(history)) {
    assert.is(points.length, length);
    assert.equal(
      points.map(([time]) => time),
      Array.from({ length }, (_, index) => end - (length - 1 - index) * step),
    );
    assert.is(points.at(-1)?.[3], days * 86_400);
  }
  assert.ok(history.json().length < 40_000, `${history.json().length} bytes`);
});

test('a late call stands for all the seconds since the one before', () => {
  const history = new History(START);
  history.second(START + SECOND, elapsed({ messages: 2 }));
  history.second(START + 4 * SECOND, elapsed({ messages: 6, delayMs: 2_000, refused: 1 }));
  const time = START / 1_000;
  assert.equal(
    pointsOf(history, 1).map(([at, rate, , , delay, , refused]) => [at, rate, delay, refused]),
    [
      [time + 1, 2, 0, 0],
      [time + 2, 2, 2_000, 0],
      [time + 3, 2, 2_000, 0],
      [time + 4, 2, 2_000, 1],
    ],
  );
  assert.equal(pointsOf(history, 5)[0]?.slice(1, 3), [2, 2]);
});

test('a machine that slept leaves a gap', () => {
  const history = new History(START);
  history.second(START + SECOND, elapsed({ messages: 1 }));
  history.second(START + 1_800 * SECOND, elapsed({ messages: 5 }));
  const time = START / 1_000;
  assert.equal(pointsOf(history, 1), [[time + 1_800, 5, 5, 0, 0, null, 0]]);
  assert.equal(
    pointsOf(history, 5).map(([at]) => at),
    [time + 1_800],
  );
  assert.equal(
    pointsOf(history, 300).map(([at]) => at),
    [time + 300, time + 1_800],
  );
});

test('a clock that is set back forgets what has not been yet', () => {
  const history = new History(START);
  for (let second = 1; second <= 30; second++) history.second(START + second * SECOND, elapsed({ messages: 1 }));
  history.second(START + 10 * SECOND, elapsed({ messages: 4 }));
  const time = START / 1_000;
  const points = pointsOf(history, 1);
  assert.equal(
    points.map(([at]) => at),
    Array.from({ length: 10 }, (_, index) => time + 1 + index),
  );
  assert.equal(points.at(-1), [time + 10, 4, 4, 0, 0, null, 0]);
});

test('whatever the clock does, times grow, nothing is lost from a count, and every number is one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -5_000, max: 90_000 }), fc.nat(1_000), fc.nat(50)), { maxLength: 80 }),
      (calls) => {
        const history = new History(START);
        let now = START;
        for (const [later, messages, refused] of calls) {
          now += later;
          history.second(now, elapsed({ messages, refused, handling: histogram(messages + 1) }));
        }
        for (const { step, length, points } of ranges(history)) {
          const times = points.map(([time]) => time as number);
          assert.equal(
            times,
            [...new Set(times)].sort((a, b) => a - b),
          );
          assert.ok(times.every((time) => time % step === 0 && time > Math.round(now / 1_000) - (length + 1) * step));
          assert.ok((times.at(-1) ?? 0) < Math.round(now / 1_000) + step);
          for (const point of points) for (const value of point) assert.ok(value === null || value >= 0, `${value}`);
        }
      },
    ),
  );
});

test('the text is made anew only when there is something new', () => {
  const history = new History(START);
  history.second(START + SECOND, elapsed({ messages: 1 }));
  const text = history.json();
  assert.is(history.json(), text);
  history.second(START + 2 * SECOND, elapsed({ messages: 2 }));
  assert.is.not(history.json(), text);
});

test.run();
