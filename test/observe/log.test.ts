/** Protocol part 7: one event is one entry, made of fields from a list, kept for the admin panel and told to those who follow. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type EventName, type Fields, LEVELS, type Level } from '../../src/observe/events.ts';
import { Log, makeWay } from '../../src/observe/log.ts';
import { Output } from '../../src/observe/output.ts';
import { type Json, suite } from '../harness.ts';

const test = suite('log');

const NOW = 1_750_000_000_000;

/** A log, and what tells the lines that it has written since the last time. */
function logTo(level: Level | 'silent' = 'debug', format: 'json' | 'pretty' = 'json') {
  let text = '';
  const output = new Output(
    (chunk) => {
      text += chunk.toString();
    },
    () => {},
  );
  const log = new Log({ level, format, output });
  const written = () => {
    output.flush();
    const lines = text.split('\n');
    text = '';
    assert.is(lines.pop(), '', 'the last line ends');
    return lines;
  };
  return { log, written };
}

const times = (lines: string[]) => lines.map((line) => (JSON.parse(line) as Json).time);

test('an entry is one line of JSON: time, level, event, icon, message, then its fields', () => {
  const { log, written } = logTo();
  log.entry('connected', NOW, { user2: 'u_90b7e611', conn: 'def456', user1: 'u_3fa9c1d2' });
  const head = `{"time":${NOW},"level":"info","event":"connected","icon":"🤝","message":"Users connected"`;
  assert.equal(written(), [`${head},"conn":"def456","user1":"u_3fa9c1d2","user2":"u_90b7e611"}`]);
});

test('only fields of the list appear, and no value breaks the line', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('"}\n{"level":"error"'));
  const fields = fc.record(
    { reason: text, hint: text, where: text, length: fc.nat(), locked: fc.boolean() },
    { requiredKeys: [] },
  );
  const strangers = fc.record({
    content: text,
    username: text,
    nickname: text,
    password: text,
    time: text,
    event: text,
  });
  fc.assert(
    fc.property(fields, strangers, (fields, strangers) => {
      const { log, written } = logTo();
      log.entry('warning', NOW, { ...strangers, ...fields } as Fields);
      const [line = '', ...others] = written();
      assert.equal(others, []);
      const { time, level, event, icon, message, ...rest } = JSON.parse(line) as Json;
      assert.equal([time, level, event, icon, message], [NOW, 'warn', 'warning', '⚠️', 'Warning']);
      assert.equal(rest, JSON.parse(JSON.stringify(fields)));
    }),
  );
});

test('a message that was forwarded is logged like any other event, whenever and however long', () => {
  const moment = fc.integer({ min: 1_000_000_000_000, max: 9_999_999_999_999 });
  const length = fc.oneof(fc.nat({ max: 32_768 }), fc.constantFrom(0, 9, 10, 99, 100, 9_999, 10_000, 2 ** 31 - 1));
  const type = fc.constantFrom('question' as const, 'answer' as const);
  const messages = fc.array(fc.tuple(type, fc.constantFrom(0, 0, 1), moment, length), { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom('json' as const, 'pretty' as const), messages, (format, messages) => {
      const { log, written } = logTo('debug', format);
      const followed: string[] = [];
      log.follow((line) => followed.push(line));
      const fields = { conn: 'abc123', from: 'u_11111111', to: 'u_22222222' };
      const way = {
        question: makeWay('question_forwarded', fields.conn, fields.from, fields.to),
        answer: makeWay('answer_forwarded', fields.conn, fields.from, fields.to),
      };
      let now = NOW;
      for (const [type, isLater, moment, length] of messages) {
        if (isLater) now = moment;
        log.onWay(way[type], now, length);
        log.entry(`${type}_forwarded`, now, { ...fields, length });
      }
      for (const lines of [written(), followed, log.recent(0, 'debug')])
        for (let n = 0; n < lines.length; n += 2) assert.is(lines[n], lines[n + 1]);
      assert.is(followed.length, 2 * messages.length);
    }),
  );
});

test('the readable form', () => {
  const { log, written } = logTo('debug', 'pretty');
  const at = new Date(2025, 5, 1, 0, 8, 3, 6).getTime();
  log.entry('connected', at, { conn: 'def456', user1: 'u_3fa9c1d2', user2: 'u_90b7e611' });
  log.entry('client_closed', at);
  assert.equal(written(), [
    '🤝 [00:08:03.006] INFO: Users connected • Conn:def456 • User1:u_3fa9c1d2 • User2:u_90b7e611',
    '👋 [00:08:03.006] INFO: Client closed',
  ]);
  // What is kept and followed is JSON all the same.
  assert.equal(times(log.recent(0, 'debug')), [at, at]);
});

test('what is below the level is neither written nor kept nor followed', () => {
  const events: EventName[] = ['started', 'limit_hit', 'fault'];
  for (const [level, expected] of [
    ['debug', events],
    ['info', events],
    ['warn', events.slice(1)],
    ['error', events.slice(2)],
    ['silent', []],
  ] as const) {
    const { log, written } = logTo(level);
    const followed: string[] = [];
    log.follow((line) => followed.push(line));
    for (const event of events) log.entry(event, NOW);
    log.onWay(makeWay('question_forwarded', 'c', 'f', 't'), NOW, 1);
    const lines = written();
    const names = lines.map((line) => (JSON.parse(line) as Json).event);
    assert.equal(names, level === 'debug' || level === 'info' ? [...expected, 'question_forwarded'] : expected);
    assert.equal([log.recent(0, 'debug'), followed], [lines, lines]);
  }
});

test('the newest 500 are kept, oldest first', () => {
  const { log } = logTo();
  for (const count of [0, 1, 499, 500, 501, 1_000, 1_234]) {
    const { log } = logTo();
    for (let n = 1; n <= count; n++) log.entry('started', n);
    const kept = Math.min(count, 500);
    assert.equal(
      times(log.recent(0, 'debug')),
      Array.from({ length: kept }, (_, n) => count - kept + n + 1),
    );
  }
  assert.equal(log.recent(0, 'debug'), []);
});

test('of what is kept those later than a time and not below a level are told', () => {
  const { log } = logTo();
  const events: EventName[] = ['started', 'limit_hit', 'fault', 'connected'];
  for (const [n, event] of events.entries()) log.entry(event, 100 + n);
  const told: [level: Level, since: number, times: number[]][] = [
    ['debug', 0, [100, 101, 102, 103]],
    ['info', 100, [101, 102, 103]],
    ['warn', 0, [101, 102]],
    ['error', 0, [102]],
    ['error', 102, []],
    ['info', 103, []],
  ];
  for (const [level, since, expected] of told) assert.equal(times(log.recent(since, level)), expected);
});

test('followers are told each entry with its level until they stop', () => {
  const { log } = logTo();
  const [first, second]: [[string, Level][], [string, Level][]] = [[], []];
  const stop = log.follow((line, level) => first.push([line, level]));
  log.entry('fault', NOW);
  const stopSecond = log.follow((line, level) => second.push([line, level]));
  log.entry('limit_hit', NOW);
  stop();
  log.entry('started', NOW);
  stopSecond();
  stopSecond();
  log.entry('stopped', NOW);
  const [fault, limit, started] = log.recent(0, 'debug');
  assert.equal(first, [
    [fault, 'error'],
    [limit, 'warn'],
  ]);
  assert.equal(second, [
    [limit, 'warn'],
    [started, 'info'],
  ]);
  assert.equal(LEVELS, ['debug', 'info', 'warn', 'error']);
});

test.run();
