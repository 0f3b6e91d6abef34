/** Protocol part 6: what the dashboard and `/api/stats` say, and that it is of nobody in particular. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Counts } from '../../src/observe/metrics.ts';
import { initial, Stats, uptime } from '../../src/observe/stats.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { MINUTE, SECOND, START, UNLIMITED, World, WRONG_CODE } from '../exchange/world.ts';
import { type Json, suite } from '../harness.ts';

const test = suite('stats');

const NO_STORE = { store: memoryStore(1), diskFree: () => undefined };

/** Reads the stats of a world, and stops measuring. */
function read(stats: Stats, now: number): Json {
  stats.stop();
  return JSON.parse(stats.json(now)) as Json;
}

test('of a nickname only the first letter or digit is told', () => {
  const told: [nickname: string, initial: string][] = [
    ...(['ann', 'Ann', 'a'] as const).map((name): [string, string] => [name, 'A']),
    ...([
      ['éva', 'É'],
      ['李小龍', '李'],
      ['жук', 'Ж'],
      ['7up', '7'],
      ['٣', '٣'],
      ['𝒜', '𝒜'],
      ['𐐨', '𐐀'],
    ] as [string, string][]),
    // What has no upper case of one character stays as it is.
    ...([
      ['ßen', 'ß'],
      ['ŉ', 'ŉ'],
      ['ﬁ', 'ﬁ'],
      ['ǆ', 'Ǆ'],
      ['ª', 'ª'],
    ] as [string, string][]),
    ...['🦊', '', ' a', '_a', '<b>', '"', '\u0301', '\ud800', '\u200b'].map((name): [string, string] => [name, '•']),
  ];
  for (const [nickname, expected] of told) assert.is(initial(nickname), expected, JSON.stringify(nickname));
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (nickname) => {
      assert.match(initial(nickname), /^(?:[\p{L}\p{N}]|•)$/u);
    }),
    { numRuns: 1_000 },
  );
});

test('the uptime in words', () => {
  const [minute, hour, day] = [60, 3_600, 86_400];
  const told: [seconds: number, words: string][] = [
    ...([
      [0, '0s'],
      [59, '59s'],
      [minute, '1m 0s'],
      [hour - 1, '59m 59s'],
      [hour, '1h 0m'],
    ] as [number, string][]),
    ...([
      [2 * hour + 15 * minute + 59, '2h 15m'],
      [day - 1, '23h 59m'],
      [day, '1d 0h 0m'],
    ] as [number, string][]),
    [400 * day + 4 * hour + 5 * minute, '400d 4h 5m'],
  ];
  for (const [seconds, words] of told) assert.is(uptime(seconds), words);
});

test('an exchange that has just started', () => {
  const { eventLoopDelayP99Ms, ...rest } = read(
    new Stats(new World().exchange.state, new Counts(), NO_STORE, '1.2.3', START),
    START,
  );
  assert.type(eventLoopDelayP99Ms, 'number');
  assert.equal(rest, {
    ...{ liveClients: 0, activeConnections: 0, totalConnections: 0, totalMessages: 0, messagesPerSecond: 0 },
    ...{ uptime: '0s', uptimeSeconds: 0, startTime: START, version: '1.2.3', connectedUsers: [], lastMessage: null },
    ...{ mailboxMessages: 0, mailboxBytes: 0, mailboxOldestSeconds: 0, diskFreeBytes: null, commitP99Ms: 0 },
    ...{ queued: 0, delivered: 0, handlingP99Us: 0, refusedCodes: 0, wrongCodesLocked: false, errors: {} },
    ...{ users: 0, guests: 0, notices: [], latest: [] },
  });
});

test('clients, users and connections are counted; names are not told', async () => {
  const world = new World(UNLIMITED);
  const [ann, bob] = [world.open(), world.open()];
  for (const [guest, username, nickname] of [
    [ann, 'secret-ann', 'zoë'],
    [bob, 'secret-bob', '🦊 fox'],
  ] as const)
    await world.request(guest, { type: 'identify', username, nickname });
  await world.connect(ann, bob);
  world.open();
  await world.request(bob, { type: 'connect', code: WRONG_CODE });
  world.now += 2 * MINUTE;
  const cy = await world.identified('secret-cy');
  await world.request(bob, { type: 'disconnect', to: 'secret-ann' }, 'friend_disconnected');
  await world.connect(bob, cy);
  const stats = new Stats(world.exchange.state, new Counts(), NO_STORE, '1.2.3', START);
  const told = read(stats, START + 90 * SECOND + 999);
  assert.equal([told.liveClients, told.activeConnections, told.totalConnections, told.refusedCodes], [4, 1, 2, 1]);
  assert.equal([told.users, told.guests], [3, 3]);
  assert.equal([told.uptimeSeconds, told.uptime, told.startTime], [90, '1m 30s', START]);
  assert.equal(told.connectedUsers, [
    { initial: 'Z', clientId: ann.client.id.slice(0, 8), since: START, connections: 0, status: 'idle' },
    { initial: '•', clientId: bob.client.id.slice(0, 8), since: START, connections: 1, status: 'connected' },
    {
      initial: 'S',
      clientId: cy.client.id.slice(0, 8),
      since: START + 2 * MINUTE,
      connections: 1,
      status: 'connected',
    },
  ]);
  assert.not.match(JSON.stringify(told), /secret|zo|fox/i);
  assert.is(read(stats, START - MINUTE).uptimeSeconds, 0, 'the clock was set back');
});

test('of very many users 200 are listed', async () => {
  const world = new World(UNLIMITED);
  for (let n = 0; n < 201; n++) await world.identified(`user ${n}`);
  const told = read(new Stats(world.exchange.state, new Counts(), NO_STORE, '1.2.3', START), START);
  assert.equal([told.liveClients, told.users, (told.connectedUsers as Json[]).length], [201, 201, 200]);
});

test('messages a second and handling times are those of the last second', () => {
  const counts = new Counts();
  const stats = new Stats(new World().exchange.state, counts, NO_STORE, '1.2.3', START);
  const second = (now: number, questions: number, answers: number) => {
    counts.questions += questions;
    counts.answers += answers;
    stats.second(now);
    return [stats.messagesPerSecond, stats.totalMessages];
  };
  stats.handlingNs.add(90_000);
  assert.equal(second(START + 1_000, 7, 3), [10, 10]);
  assert.ok(stats.handlingP99Us >= 90 && stats.handlingP99Us <= 113, `${stats.handlingP99Us}`);
  assert.equal(second(START + 3_000, 4, 4), [4, 18]);
  assert.is(stats.handlingP99Us, 0);
  assert.equal(second(START + 4_000, 0, 0), [0, 18]);
  // A clock that stands still or goes back makes no numbers that are none.
  for (const now of [START + 4_000, START]) assert.ok(Number.isSafeInteger(second(now, 1, 0)[0]));
  stats.last('question', 4, START);
  counts.errors.set('no_connection', 2);
  const told = read(stats, START);
  assert.equal(told.lastMessage, { time: START, length: 4, type: 'question' });
  assert.equal(told.errors, { no_connection: 2 });
});

test('every second becomes part of the history, with what was refused in it', () => {
  const counts = new Counts();
  const stats = new Stats(new World().exchange.state, counts, NO_STORE, '1.2.3', START, () => ['trial_password']);
  counts.errors.set('no_connection', 2);
  counts.questions = 5;
  stats.handlingNs.add(90_000);
  stats.second(START + 1_000);
  counts.errors.set('invalid_code', 1);
  stats.second(START + 2_000);
  const told = read(stats, START);
  assert.equal(told.notices, ['trial_password']);
  const { ranges } = JSON.parse(stats.history.json()) as { ranges: { points: number[][] }[] };
  const [first, second] = ranges[0]?.points ?? [];
  assert.equal([first?.[1], first?.[6], second?.[1], second?.[6]], [5, 2, 0, 1]);
  assert.ok((first?.[5] ?? 0) >= 90 && second?.[5] === null, `${first} ${second}`);
  assert.equal((told.latest as number[][])[0]?.slice(1), second);
});

test.run();
