/** Protocol part 1: invites, their codes, and how often a code works. */
import * as assert from 'uvu/assert';
import {
  assertError,
  type Exchange,
  eventually,
  type Json,
  startExchange,
  suite,
  TestClient,
  UNLIMITED,
  withExchange,
} from '../harness.ts';

const test = suite('invites');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

const ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
const MINUTE_MS = 60_000;

/** Tries a code that must not work. */
async function refused(client: TestClient, code: string): Promise<Json> {
  const reply = await client.request({ type: 'connect', code });
  assertError(reply, 'invalid_code', { request: 'connect' });
  return reply;
}

test('an invite tells its code, its maker and its life', async () => {
  const maker = await TestClient.identified(exchange, 'maker', 'Mia');
  const before = Date.now();
  const { code, expiresAt, ...rest } = await maker.request({ type: 'create_invite' });
  assert.equal(rest, { type: 'invite_created', from: 'Mia', expiresIn: '30 minutes' });
  assert.match(code as string, new RegExp(`^[${ALPHABET}]{6}$`));
  // A second of slack on both sides: the exchange may round or use a clock of its own.
  assert.ok((expiresAt as number) >= before + 30 * MINUTE_MS - 1_000, `expiresAt ${expiresAt}`);
  assert.ok((expiresAt as number) <= Date.now() + 30 * MINUTE_MS + 1_000, `expiresAt ${expiresAt}`);
  await maker.quiet();
});

test('expiresIn tells the truth when the life is configured', async () => {
  await withExchange({ INVITE_MINUTES: '1' }, async (short) => {
    const maker = await TestClient.identified(short, 'maker');
    const invite = await maker.request({ type: 'create_invite' }, 'invite_created');
    assert.is(invite.expiresIn, '1 minute');
    assert.ok((invite.expiresAt as number) <= Date.now() + MINUTE_MS + 1_000);
  });
});

test('codes use the whole alphabet and do not repeat', async () => {
  const maker = await TestClient.identified(exchange, 'minter');
  const codes = new Set<string>();
  for (let n = 0; n < 300; n += 1) maker.send({ type: 'create_invite' });
  for (let n = 0; n < 300; n += 1) codes.add((await maker.next('invite_created')).code as string);
  assert.is(codes.size, 300);
  assert.is([...new Set([...codes].join(''))].sort().join(''), ALPHABET);
});

test('codes are read without regard to case, spaces and hyphens', async () => {
  const maker = await TestClient.identified(exchange, 'reader');
  const spellings: ((code: string) => string)[] = [
    (code) => code.toLowerCase(),
    (code) => ` ${code.slice(0, 3)} ${code.slice(3)} `,
    (code) => [...code.toLowerCase()].join('-'),
    (code) => `-${code.slice(0, 1)} - ${code.slice(1)}`,
  ];
  for (const [n, spell] of spellings.entries()) {
    const guest = await TestClient.identified(exchange, `guest of reader ${n}`);
    await guest.request({ type: 'connect', code: spell(await maker.invite()) }, 'connected_to_friend');
    await maker.next('friend_connected');
  }
});

test('a code works once', async () => {
  const maker = await TestClient.identified(exchange, 'once');
  const code = await maker.invite();
  const first = await TestClient.identified(exchange, 'first');
  const second = await TestClient.identified(exchange, 'second');
  await first.request({ type: 'connect', code }, 'connected_to_friend');
  await refused(second, code);
  await refused(first, code);
  await maker.next('friend_connected');
  await maker.quiet();
});

test('of users who race for one code, one wins', async () => {
  const maker = await TestClient.identified(exchange, 'raced');
  const code = await maker.invite();
  const racers = await Promise.all(Array.from({ length: 8 }, (_, n) => TestClient.identified(exchange, `racer ${n}`)));
  for (const racer of racers) racer.send({ type: 'connect', code });
  const replies = await Promise.all(racers.map((racer) => racer.next()));
  assert.is(replies.filter(({ type }) => type === 'connected_to_friend').length, 1);
  for (const reply of replies.filter(({ type }) => type === 'error')) {
    assertError(reply, 'invalid_code', { request: 'connect' });
  }
  await maker.next('friend_connected');
  await maker.quiet();
});

test('a fourth live code retires the oldest', async () => {
  const maker = await TestClient.identified(exchange, 'fourth');
  const codes = [await maker.invite(), await maker.invite(), await maker.invite(), await maker.invite()];
  for (const [n, code] of codes.entries()) {
    const guest = await TestClient.identified(exchange, `guest of fourth ${n}`);
    if (n === 0) await refused(guest, code);
    else await guest.request({ type: 'connect', code }, 'connected_to_friend');
  }
});

test('a used code makes room: it does not count among the three', async () => {
  const maker = await TestClient.identified(exchange, 'roomy');
  const guests = [await TestClient.identified(exchange, 'roomy a'), await TestClient.identified(exchange, 'roomy b')];
  const [used, kept] = [await maker.invite(), await maker.invite()];
  await guests[0]?.request({ type: 'connect', code: used }, 'connected_to_friend');
  await maker.next('friend_connected');
  await maker.invite();
  await maker.invite();
  await guests[1]?.request({ type: 'connect', code: kept }, 'connected_to_friend');
});

test("a guest's invites end with its client, also for a later holder of the name", async () => {
  const maker = await TestClient.identified(exchange, 'leaver');
  const code = await maker.invite();
  await maker.close();
  const guest = await TestClient.identified(exchange, 'too late');
  await refused(guest, code);
  const heir = await TestClient.unidentified(exchange);
  await eventually(
    async () => (await heir.request({ type: 'identify', username: 'leaver' })).type === 'identified',
    'the name to be free',
  );
  await refused(guest, code);
  await heir.quiet();
});

test('wrong, malformed, used and retired codes get one answer', async () => {
  const maker = await TestClient.identified(exchange, 'oracle');
  const guest = await TestClient.identified(exchange, 'guesser');
  const used = await maker.invite();
  await guest.request({ type: 'connect', code: used }, 'connected_to_friend');
  await maker.next('friend_connected');
  const retired = await maker.invite();
  for (let n = 0; n < 3; n += 1) await maker.invite();
  const expected = await refused(guest, '222222');
  const codes = [
    used,
    retired,
    'ABCDEF',
    'OOOOOO',
    '',
    '-',
    'A',
    'ABCDEFG',
    'x'.repeat(10_000),
    'АВСЕНК',
    '\u0000',
    '__proto__',
  ];
  for (const code of codes) assert.equal(await refused(guest, code), expected);
});

test("one's own code is refused and stays usable", async () => {
  const maker = await TestClient.identified(exchange, 'narcissus');
  const guest = await TestClient.identified(exchange, 'echo');
  const code = await maker.invite();
  for (let n = 0; n < 2; n += 1) {
    assertError(await maker.request({ type: 'connect', code }), 'own_invite', { request: 'connect' });
  }
  await guest.request({ type: 'connect', code }, 'connected_to_friend');
});

test("with from, only that user's codes count, and another's stays usable", async () => {
  const maker = await TestClient.identified(exchange, 'Fróm', 'Nickname');
  const other = await TestClient.identified(exchange, 'not from');
  const guest = await TestClient.identified(exchange, 'from reader');
  const code = await maker.invite();
  await other.invite();
  for (const from of ['not from', 'nobody at all', 'Nickname', '']) {
    assertError(await guest.request({ type: 'connect', code, from }), 'invalid_code', { request: 'connect' });
  }
  await guest.request({ type: 'connect', code, from: 'FRÓM' }, 'connected_to_friend');
});

test('a field of the wrong kind is named', async () => {
  const client = await TestClient.identified(exchange, 'mistaken');
  const mistakes: [string, Json][] = [
    ['code', {}],
    ['code', { code: 234567 }],
    ['code', { code: null }],
    ['code', { code: ['ABC234'] }],
    ['from', { code: 'ABC234', from: null }],
    ['from', { code: 'ABC234', from: 7 }],
    ['username', { code: 'ABC234', username: null }],
    ['nickname', { code: 'ABC234', username: 'mistaken', nickname: 7 }],
  ];
  for (const [field, fields] of mistakes) {
    const reply = await client.request({ type: 'connect', ...fields });
    assertError(reply, 'bad_message', { request: 'connect' });
    assert.match(reply.message as string, new RegExp(field));
  }
});

test.run();
