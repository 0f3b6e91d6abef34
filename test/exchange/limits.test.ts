/** Protocol part 5: the figures, and the three ways to count against one. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  ATTEMPTS,
  AttemptBook,
  Attempts,
  Bucket,
  DEFAULT_LIMITS,
  FRAME_BURST_SECONDS,
  PROBE_MS,
  QUESTION_BURST,
  rate,
  WAITING_BYTES_MAX,
  WAITING_FRAMES_MAX,
  Window,
  WRONG_CODES_PER_ADDRESS_UNDER_ATTACK,
} from '../../src/exchange/limits.ts';
import { suite } from '../harness.ts';
import { HOUR, MINUTE, START } from './world.ts';

const test = suite('limits');

const DAY = 24 * HOUR;
const QUESTIONS = rate(10, MINUTE, 10);

test('the figures are those of the protocol', () => {
  assert.equal(DEFAULT_LIMITS, {
    questionsPerMinute: 10,
    commandsPerMinute: 120,
    framesPerSecond: 50,
    wrongCodesPerUser: 5,
    wrongCodesPerAddress: 10,
    wrongCodesTotal: 100,
    refusalsPerAddress: 20,
    invitesLive: 3,
    invitesPerHour: 10,
    clientsPerAddress: 1000,
    connectionsPerUser: 50,
    inviteMinutes: 30,
    idleMinutes: 30,
    keysPerAddress: 100,
    clientsPerUser: 32,
    mailboxMessages: 1000,
    mailboxBytes: 4 * 1024 ** 2,
    mailboxDays: 30,
    mailboxTotalBytes: 2 * 1024 ** 3,
  });
  assert.equal([QUESTION_BURST, DEFAULT_LIMITS.framesPerSecond * FRAME_BURST_SECONDS], [10, 500]);
  assert.equal([WAITING_FRAMES_MAX, WAITING_BYTES_MAX, PROBE_MS], [64, 256 * 1024, 3_000]);
  assert.equal(ATTEMPTS, { windowMs: 30 * MINUTE, lockMsMax: HOUR });
  assert.is(WRONG_CODES_PER_ADDRESS_UNDER_ATTACK, 2);
});

test('a bucket gives its burst at once and then one token each interval', () => {
  const bucket = new Bucket();
  for (let left = 9; left >= 0; left--) {
    assert.is(bucket.take(QUESTIONS, START), 0);
    assert.is(bucket.remaining(QUESTIONS, START), left);
  }
  assert.is(bucket.take(QUESTIONS, START), 6_000);
  assert.is(bucket.take(QUESTIONS, START + 5_999), 1);
  assert.is(bucket.take(QUESTIONS, START + 6_000), 0);
  assert.is(bucket.take(QUESTIONS, START + 6_000), 6_000);
  assert.is(bucket.remaining(QUESTIONS, START + 17_990), 1);
  assert.is(bucket.remaining(QUESTIONS, START + 18_000), 2);
});

test('a bucket holds no more than its burst, however long nobody takes', () => {
  const bucket = new Bucket();
  assert.is(bucket.take(QUESTIONS, START), 0);
  assert.is(bucket.remaining(QUESTIONS, START + DAY), 10);
  for (let n = 0; n < 10; n++) assert.is(bucket.take(QUESTIONS, START + DAY), 0);
  assert.is(bucket.take(QUESTIONS, START + DAY), 6_000);
});

test('a bound of 0 is none', () => {
  const bucket = new Bucket();
  const none = rate(0, MINUTE, 10);
  for (let n = 0; n < 1_000; n++) assert.is(bucket.take(none, START), 0);
  assert.is(bucket.remaining(none, START), undefined);
});

test('a full bucket gives exactly its burst, for any rate', () => {
  const rates = [10, 50, 120, 500].map((burst) => (count: number) => rate(count, MINUTE, burst));
  rates.push((count) => rate(count, MINUTE, count));
  for (const rateOf of rates)
    for (let count = 1; count <= 300; count++) {
      const [bucket, limit] = [new Bucket(), rateOf(count)];
      for (let n = 1; n <= limit.burst; n++)
        if (bucket.take(limit, START) !== 0) assert.unreachable(`no token ${n} of ${limit.burst}, ${count} a minute`);
      if (bucket.take(limit, START) === 0) assert.unreachable(`a token more than ${limit.burst}, ${count} a minute`);
    }
});

test('a bucket does what one that counts tokens does, for any rate and any times', () => {
  const times = fc.array(fc.nat({ max: 10_000 }), { maxLength: 100 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 130 }), fc.integer({ min: 1, max: 20 }), times, (perMinute, burst, waits) => {
      const bucket = new Bucket();
      const limit = rate(perMinute, MINUTE, burst);
      // Tokens in 60,000ths, so that the slow count is one of whole numbers; the fast one may be a few of them off.
      const slack = MINUTE / 500;
      let [tokens, now] = [burst * MINUTE, START];
      for (const wait of waits) {
        now += wait;
        tokens = Math.min(burst * MINUTE, tokens + wait * perMinute);
        const remaining = bucket.remaining(limit, now) ?? Number.NaN;
        const [least, most] = [Math.floor((tokens - slack) / MINUTE), Math.floor((tokens + slack) / MINUTE)];
        assert.ok(remaining >= least && remaining <= most && remaining >= 0, `${remaining} of ${tokens}`);
        const waitMs = bucket.take(limit, now);
        if (Math.abs(tokens - MINUTE) > slack) assert.is(waitMs === 0, tokens > MINUTE);
        if (waitMs === 0) tokens -= MINUTE;
        else assert.ok(Math.abs(waitMs * perMinute - (MINUTE - tokens)) <= slack, `${waitMs} for ${tokens}`);
      }
    }),
  );
});

test('a bucket whose clock is set back gives one token after the wait that it tells', () => {
  const bucket = new Bucket();
  for (let n = 0; n < 10; n++) bucket.take(QUESTIONS, START);
  const back = START - DAY;
  const waitMs = bucket.take(QUESTIONS, back);
  assert.ok(waitMs <= 6_000, `${waitMs}`);
  assert.is(bucket.take(QUESTIONS, back + waitMs), 0, 'the token is there');
});

/** Fails `times` times; returns whether the last one locked. */
function fail(attempts: Attempts, times: number, now: number): boolean {
  for (let n = 1; n < times; n++) assert.not(attempts.fail(5, now));
  return attempts.fail(5, now);
}

test('five wrong attempts lock for 30 minutes, then for 60, and never for longer', () => {
  const attempts = new Attempts(ATTEMPTS);
  let now = START;
  for (const lockMs of [30 * MINUTE, HOUR, HOUR, HOUR]) {
    assert.is(attempts.lockedMs(5, now), 0);
    assert.ok(fail(attempts, 5, now));
    assert.is(attempts.lockedMs(5, now), lockMs);
    assert.is(attempts.lockedMs(5, now + lockMs - 1), 1);
    now += lockMs;
  }
  assert.is(attempts.lockedMs(5, now), 0);
  // Each lock is twice the one before, as far as the policy goes.
  const others = new Attempts({ windowMs: MINUTE, lockMsMax: 5 * MINUTE });
  for (const lockMs of [MINUTE, 2 * MINUTE, 4 * MINUTE, 5 * MINUTE, 5 * MINUTE]) {
    assert.ok(fail(others, 5, now));
    assert.is(others.lockedMs(5, now), lockMs);
    now += lockMs;
  }
});

test('wrong attempts are forgotten half an hour after the first of them', () => {
  const attempts = new Attempts(ATTEMPTS);
  assert.not(fail(attempts, 4, START));
  assert.not(attempts.fail(5, START + 30 * MINUTE));
  assert.not(fail(attempts, 3, START + 59 * MINUTE));
  assert.ok(attempts.fail(5, START + 60 * MINUTE - 1));
});

test('attempts are not counted against a bound of 0', () => {
  const attempts = new Attempts(ATTEMPTS);
  for (let n = 0; n < 1_000; n++) assert.not(attempts.fail(0, START));
  assert.is(attempts.lockedMs(0, START), 0);
});

test('a bound that is lowered locks until the attempts are forgotten', () => {
  const attempts = new Attempts(ATTEMPTS);
  fail(attempts, 3, START);
  assert.is(attempts.lockedMs(2, START + MINUTE), 29 * MINUTE);
  assert.is(attempts.lockedMs(10, START + MINUTE), 0);
  assert.is(attempts.lockedMs(2, START + 30 * MINUTE), 0);
});

test('a clock that is set back locks for no longer than the longest lock', () => {
  for (const times of [3, 5]) {
    const attempts = new Attempts(ATTEMPTS);
    fail(attempts, times, START);
    const back = START - DAY;
    assert.ok(attempts.lockedMs(2, back) <= HOUR, `${attempts.lockedMs(2, back)} ms at once`);
    assert.is(attempts.lockedMs(2, back + HOUR), 0, 'the longest lock later');
  }
});

test('a book counts each address by itself and forgets it when the next lock would be a short one again', () => {
  const book = new AttemptBook(ATTEMPTS);
  for (let n = 0; n < 4; n++) assert.not(book.fail('192.0.2.1', 5, START));
  assert.not(book.fail('192.0.2.2', 5, START));
  assert.ok(book.fail('192.0.2.1', 5, START));
  assert.is(book.lockedMs('192.0.2.1', 5, START), 30 * MINUTE);
  assert.is(book.lockedMs('192.0.2.2', 5, START), 0);
  assert.is(book.lockedMs('192.0.2.3', 5, START), 0);
  book.tick(START + 30 * MINUTE - 1);
  assert.is(book.size, 2);
  book.tick(START + 30 * MINUTE);
  assert.is(book.size, 1, 'one wrong attempt is forgotten, the lock is not');
  book.tick(START + 90 * MINUTE);
  assert.is(book.size, 1);
  book.tick(START + 90 * MINUTE + 1);
  assert.is(book.size, 0);
});

test('a book remembers 100,000 addresses and forgets the longest known first', () => {
  const book = new AttemptBook(ATTEMPTS);
  for (let n = 0; n < 100_002; n++) book.fail(`address ${n}`, 1, START);
  assert.is(book.size, 100_000);
  assert.equal(
    ['address 0', 'address 1', 'address 2', 'address 100001'].map((address) => book.lockedMs(address, 1, START) > 0),
    [false, false, true, true],
  );
});

test('a window counts the last half hour, to the minute', () => {
  const window = new Window();
  for (let n = 0; n < 101; n++) window.add(START);
  window.add(START + MINUTE);
  assert.is(window.count(START + 29 * MINUTE), 102);
  assert.is(window.count(START + 30 * MINUTE), 1);
  assert.is(window.count(START + 31 * MINUTE), 0);
});

test('a window whose clock is set back has forgotten everything half an hour later', () => {
  const window = new Window();
  window.add(START);
  window.add(START - DAY);
  assert.is(window.count(START - DAY + 31 * MINUTE), 0);
});

test.run();
