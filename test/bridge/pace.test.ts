/** Talk between two assistants without their owners ends after 20 rounds in 10 minutes, and only an owner lets it go on. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  arrived,
  leaving,
  ownerActed,
  PAUSED_HERE,
  PAUSED_THERE,
  type Pace,
  RETURNS_MAX,
  UNHURRIED,
  WINDOW_MS,
} from '../../src/bridge/pace.ts';
import { suite } from '../harness.ts';

const test = suite('pace');

/** One round: something arrives, something leaves. */
function round(pace: Pace, now: number) {
  return leaving(arrived(pace), now);
}

/** So many rounds, one second apart, that all went. */
function rounds(count: number, from = 0): Pace {
  let pace = UNHURRIED;
  for (let index = 0; index < count; index++) {
    const next = round(pace, from + index * 1_000);
    assert.is(next.verdict, 'go', `round ${index + 1}`);
    pace = next.pace;
  }
  return pace;
}

test('20 times in 10 minutes go, the 21st is one too many', () => {
  const pace = rounds(20);
  const next = round(pace, 20_000);
  assert.is(next.verdict, 'pause');
  assert.ok(next.pace.isPaused);
  assert.is(leaving(next.pace, 21_000).verdict, 'paused');
});

test('a pause does not pass by itself, whatever arrives and however long', () => {
  let { pace } = round(rounds(20), 20_000);
  for (const now of [21_000, WINDOW_MS * 2, WINDOW_MS * 1_000]) {
    const next = round(pace, now);
    assert.is(next.verdict, 'paused');
    pace = next.pace;
  }
  assert.is(JSON.stringify(JSON.parse(JSON.stringify(pace))), JSON.stringify(pace));
});

test('the owner begins the count again', () => {
  let { pace } = round(rounds(20), 20_000);
  pace = ownerActed(pace);
  assert.is(leaving(pace, 21_000).verdict, 'go');
  pace = ownerActed(rounds(19));
  for (let index = 0; index < 20; index++) {
    const next = round(pace, 20_000 + index);
    assert.is(next.verdict, 'go');
    pace = next.pace;
  }
  assert.is(round(pace, 30_000).verdict, 'pause');
});

test('slower is no hurry', () => {
  let pace = UNHURRIED;
  for (let index = 0; index < 200; index++) {
    const next = round(pace, index * (WINDOW_MS / RETURNS_MAX));
    assert.is(next.verdict, 'go');
    pace = next.pace;
  }
  assert.ok(pace.returns.length <= RETURNS_MAX);
});

test('the window is 10 minutes, to the millisecond', () => {
  assert.is(round(rounds(20), WINDOW_MS - 1).verdict, 'pause');
  assert.is(round(rounds(20), WINDOW_MS).verdict, 'go');
});

test('one side alone goes back and forth with nobody', () => {
  let pace = UNHURRIED;
  for (let index = 0; index < 100; index++) {
    const next = leaving(pace, index);
    assert.is(next.verdict, 'go');
    pace = next.pace;
  }
  for (let index = 0; index < 100; index++) pace = arrived(pace);
  assert.is(leaving(pace, 100).verdict, 'go');
  assert.is(pace.returns.length, 0);
});

test('a clock that is set back forgives nothing', () => {
  assert.is(round(rounds(20, 1e9), 5).verdict, 'pause');
});

test('the friend is told in as many characters as a reason may have', () => {
  assert.ok(PAUSED_THERE.length <= 200);
  assert.match(PAUSED_HERE, /20 times in 10 minutes/);
});

test('whatever happens, no more than 20 returns leave in 10 minutes without an owner', () => {
  const events = fc.array(
    fc.record({ event: fc.constantFrom('in', 'in', 'out', 'out', 'owner'), after: fc.nat({ max: 120_000 }) }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(events, (list) => {
      let pace = UNHURRIED;
      let now = 0;
      let answering = false;
      let left: number[] = [];
      for (const { event, after } of list) {
        now += after;
        if (event === 'in') [pace, answering] = [arrived(pace), true];
        else if (event === 'owner') [pace, left] = [ownerActed(pace), []];
        else {
          const next = leaving(pace, now);
          pace = next.pace;
          if (next.verdict !== 'go') continue;
          if (answering) left.push(now);
          answering = false;
        }
        assert.ok(left.filter((at) => now - at < WINDOW_MS).length <= RETURNS_MAX);
      }
    }),
  );
});

test.run();
