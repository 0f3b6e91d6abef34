/** Protocol part 7: what the exchange's events become in the log, the counts and the stats, and that nobody's words are among it. */
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { ExchangeEvent } from '../../src/exchange/ports.ts';
import { Log } from '../../src/observe/log.ts';
import { Counts } from '../../src/observe/metrics.ts';
import { describe, observer, userTag } from '../../src/observe/observer.ts';
import { Output } from '../../src/observe/output.ts';
import { Stats } from '../../src/observe/stats.ts';
import { addressKind } from '../../src/server/address.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { MINUTE, START, World, WRONG_CODE } from '../exchange/world.ts';
import { type Json, suite } from '../harness.ts';

const test = suite('observer');

const NO_STORE = { store: memoryStore(1), diskFree: () => undefined };
const KEY = Buffer.from('a key of some thirty-two bytes..');

function watch() {
  const output = new Output(
    () => {},
    () => {},
  );
  const log = new Log({ level: 'debug', format: 'json', output });
  const counts = new Counts();
  const stats = new Stats(new World().exchange.state, counts, NO_STORE, '1.2.3', START);
  stats.stop();
  const watching = observer({ log, counts, stats: () => stats, tagKey: KEY, addressKind });
  let lines: string[] = [];
  log.follow((line) => lines.push(line));
  /** The entries since the last time. */
  const entries = () => {
    output.flush();
    const read = lines.map((line): Json => {
      const { time, level, icon, message, ...entry } = JSON.parse(line) as Json;
      assert.ok(typeof time === 'number' && typeof icon === 'string' && typeof message === 'string');
      return { level, ...entry };
    });
    lines = [];
    return read;
  };
  return { watching, counts, stats, entries };
}

test('a tag is a hash that needs the key, the same for the same user', () => {
  assert.match(userTag(KEY, 'ann'), /^u_[0-9a-f]{8}$/);
  assert.is(userTag(KEY, 'ann'), userTag(KEY, 'ann'));
  assert.is.not(userTag(KEY, 'ann'), userTag(KEY, 'bob'));
  assert.is.not(userTag(KEY, 'ann'), userTag(Buffer.from('another'), 'ann'));
  assert.is(watch().watching.tag('ann'), userTag(KEY, 'ann'));
});

/** All events that two people can bring about, one after the other. */
async function everyEvent(): Promise<ExchangeEvent[]> {
  const world = new World({ commandsPerMinute: 5, wrongCodesPerUser: 1 });
  const [ann, bob] = [
    await world.identified('secret-ann', '203.0.113.7'),
    await world.identified('secret-bob', '127.0.0.1'),
  ];
  await world.connect(ann, bob);
  await world.request(bob, { type: 'connect', code: WRONG_CODE });
  await world.request(bob, { type: 'connect', code: WRONG_CODE });
  await world.request(bob, { type: 'disconnect', to: 'secret-ann' });
  await world.request(bob, { type: 'list_connections' });
  world.now += MINUTE;
  await world.close(bob);
  return world.events;
}

test('every event becomes one entry of tags and short ids', async () => {
  const { watching, entries } = watch();
  const told: Json[] = [];
  for (const event of await everyEvent()) {
    watching.happened(event, START);
    const [entry = {}, ...others] = entries();
    assert.equal(others, []);
    told.push(entry);
  }
  const [user1, user2] = ['tag of secret-ann', 'tag of secret-bob'];
  const info = (event: string, fields: Json) => ({ level: 'info', event, ...fields });
  assert.equal(told, [
    info('client_opened', { client: 'id-1', address: 'remote' }),
    info('identified', { client: 'id-1', user: user1 }),
    info('client_opened', { client: 'id-2', address: 'localhost' }),
    info('identified', { client: 'id-2', user: user2 }),
    info('invite_created', { user: user1, invite: '22····' }),
    info('invite_used', { user: user1, invite: '22····' }),
    info('connected', { conn: 'id-3', user1, user2 }),
    { level: 'warn', event: 'invite_refused', client: 'id-2', user: user2, locked: true },
    { level: 'warn', event: 'limit_hit', client: 'id-2', user: user2, code: 'too_many_attempts' },
    info('disconnected', { conn: 'id-3', user1, user2, reason: 'left' }),
    info('client_closed', { client: 'id-2', user: user2 }),
  ]);
});

test('ids are cut short: eight characters of a client, six of a connection, two of a code', async () => {
  const { watching, entries } = watch();
  const world = new World();
  const [ann] = await world.pair('ann', 'bob');
  const [connection] = world.exchange.state.connections.byId.values();
  if (connection === undefined || ann.client.user === undefined) throw new Error('not connected');
  const client = { ...ann.client, id: '0123456789abcdef' };
  watching.happened({ event: 'client_opened', client }, START);
  watching.happened({ event: 'connected', connection: { ...connection, id: '0123456789abcdef' } }, START);
  watching.happened({ event: 'invite_created', user: ann.client.user, code: 'WXYZ23' }, START);
  assert.equal(
    entries().map(({ client, conn, invite }) => client ?? conn ?? invite),
    ['01234567', '012345', 'WX····'],
  );
});

test('messages are counted by kind, with the length of their content alone', async () => {
  const { watching, counts, stats, entries } = watch();
  const world = new World();
  const [ann] = await world.pair('ann', 'bob');
  const side = ann.client.user?.onlySide;
  if (side === undefined) throw new Error('not connected');
  watching.forwarded('question', side, 5, START);
  watching.forwarded('answer', side, 7, START + 1);
  assert.equal([counts.questions, counts.answers], [1, 1]);
  assert.equal(stats.lastMessage, { time: START + 1, length: 7, type: 'answer' });
  const message = { level: 'info', conn: 'id-3', from: 'tag of ann', to: 'tag of bob' };
  assert.equal(entries(), [
    { ...message, event: 'question_forwarded', length: 5 },
    { ...message, event: 'answer_forwarded', length: 7 },
  ]);
  for (const type of ['ask', 'ask', 'fault'] as const) watching.received(type, 100);
  for (const code of ['internal', 'internal', 'no_connection'] as const) watching.refused(ann.client, code, START);
  assert.equal(
    Object.entries(counts.received).filter(([, count]) => count > 0),
    [
      ['ask', 2],
      ['fault', 1],
    ],
  );
  assert.equal(
    [...counts.errors],
    [
      ['internal', 2],
      ['no_connection', 1],
    ],
  );
  assert.equal([counts.frameBytes.count, counts.frameBytes.sum], [3, 300]);
  assert.equal(entries(), []);
});

test('a fault tells what kind of error it was and where, never its text', () => {
  // Text that looks like the places that follow it.
  const end = fc.constantFrom('\n', '\n    at jabberwock.ts:1:2', '\n    at jabberwock (file:///jabberwock.js:1:2)');
  const secret = fc
    .tuple(fc.string({ unit: 'binary', minLength: 1 }), end)
    .map(([text, end]) => `jabberwock ${text}\n    at jabberwock (${text})${end}`);
  const kinds = [Error, TypeError, SyntaxError, RangeError];
  fc.assert(
    fc.property(secret, fc.constantFrom(...kinds), (text, Kind) => {
      const errors: unknown[] = [
        new Kind(text),
        new Error('outer', { cause: new Kind(text) }),
        text,
        { text },
        [text],
        Symbol(text),
      ];
      errors.push(
        new AggregateError([new Kind(text)], text),
        Object.assign(new Kind(text), { content: text, code: 'E_CODE' }),
      );
      for (const error of errors) {
        const { watching, entries } = watch();
        watching.failed('ask', error, START);
        const [entry = {}] = entries();
        assert.equal([entry.event, entry.level, entry.where], ['fault', 'error', 'ask']);
        assert.not.match(inspect(entry), 'jabberwock');
        if (error instanceof Error) assert.match(`${entry.at}`, /observer\.test\.ts:\d+:\d+\)?$/);
      }
    }),
    { numRuns: 200 },
  );
});

test('an error is described by its name, its code and the first place', () => {
  const { error, at } = describe(Object.assign(new TypeError('text'), { code: 'ENOSPC' }));
  assert.is(error, 'TypeError ENOSPC');
  assert.match(`${at}`, 'observer.test.ts');
  assert.equal(describe('text'), { error: 'string' });
  assert.equal(describe(undefined), { error: 'undefined' });
  assert.equal(describe(null), { error: 'object' });
  const placeless = new Error('text');
  delete placeless.stack;
  assert.equal(describe(placeless), { error: 'Error' });
  assert.match(`${describe(new Error('')).at}`, 'observer.test.ts');
});

test('the place of an error that was awaited among others is told too', async () => {
  const failing = async () => {
    await Promise.resolve();
    throw new Error('text');
  };
  const error = await Promise.all([failing()]).catch((error: unknown) => error);
  assert.match(`${describe(error).at}`, 'observer.test.ts');
});

test('an error whose text was changed after it arose does not tell the old one either', () => {
  const error = new Error('jabberwock\n    at jabberwock');
  // Whoever looks at the stack fixes its text.
  assert.match(error.stack ?? '', 'jabberwock');
  error.message = 'changed';
  assert.not.match(inspect(describe(error)), 'jabberwock');
});

test.run();
