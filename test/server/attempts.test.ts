/** Protocol part 5: wrong codes, refused identifies and clients, counted by client and by address. */
import * as assert from 'uvu/assert';
import {
  assertError,
  type Exchange,
  httpRequest,
  type Json,
  type OpenOptions,
  suite,
  TestClient,
  upgradeStatus,
  withExchange,
} from '../harness.ts';

const test = suite('attempts');

const WRONG = '222222';
const LOCK_MS = 30 * 60_000;
let names = 0;

/** An identified client under a name of its own. */
function guest(exchange: Exchange, options: OpenOptions = {}): Promise<TestClient> {
  names += 1;
  return TestClient.identified(exchange, `guest ${names}`, undefined, options);
}

async function guessWrong(client: TestClient, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    assertError(await client.request({ type: 'connect', code: WRONG }), 'invalid_code', { request: 'connect' });
  }
}

async function assertLocked(client: TestClient, code: string): Promise<void> {
  const reply = await client.request({ type: 'connect', code });
  assertError(reply, 'too_many_attempts', { request: 'connect' });
  assert.ok((reply.retryAfterMs as number) <= LOCK_MS, `retryAfterMs ${reply.retryAfterMs}`);
  assert.ok((reply.retryAfterMs as number) > LOCK_MS / 2, `retryAfterMs ${reply.retryAfterMs}`);
}

function connects(client: TestClient, code: string): Promise<unknown> {
  return client.request({ type: 'connect', code }, 'connected_to_friend');
}

test('a client may give five wrong codes; while it is locked no code is used up', async () => {
  await withExchange({}, async (exchange) => {
    const code = await (await guest(exchange)).invite();
    const guesser = await guest(exchange);
    await guessWrong(guesser, 5);
    await assertLocked(guesser, WRONG);
    await assertLocked(guesser, code);
    // Everything but codes goes on, and the code is good for another client of the same address.
    await guesser.request({ type: 'list_connections' }, 'connections');
    await connects(await guest(exchange), code);
  });
});

test('a right code resets nothing, and malformed codes count like wrong ones', async () => {
  await withExchange({ WRONG_CODES_PER_USER: '3' }, async (exchange) => {
    const maker = await guest(exchange);
    const guesser = await guest(exchange);
    await guessWrong(guesser, 1);
    assertError(await guesser.request({ type: 'connect', code: '!' }), 'invalid_code', { request: 'connect' });
    await connects(guesser, await maker.invite());
    await maker.next('friend_connected');
    await guessWrong(guesser, 1);
    await assertLocked(guesser, await maker.invite());
  });
});

test("one's own code is no guess", async () => {
  await withExchange({ WRONG_CODES_PER_USER: '2' }, async (exchange) => {
    const maker = await guest(exchange);
    const other = await guest(exchange);
    const code = await maker.invite();
    for (let n = 0; n < 4; n += 1) {
      assertError(await maker.request({ type: 'connect', code }), 'own_invite', { request: 'connect' });
    }
    await connects(maker, await other.invite());
  });
});

test('an address may give ten wrong codes, whatever clients it opens', async () => {
  await withExchange({}, async (exchange) => {
    const elsewhere = { localAddress: '127.0.0.2' };
    const code = await (await guest(exchange, elsewhere)).invite();
    await guessWrong(await guest(exchange), 5);
    await guessWrong(await guest(exchange), 5);
    await assertLocked(await guest(exchange), code);
    await connects(await guest(exchange, elsewhere), code);
  });
});

test('when wrong codes come from everywhere, an address is allowed two', async () => {
  await withExchange({ WRONG_CODES_TOTAL: '3' }, async (exchange) => {
    const code = await (await guest(exchange)).invite();
    await guessWrong(await guest(exchange, { localAddress: '127.0.0.2' }), 4);
    const honest = await guest(exchange, { localAddress: '127.0.0.3' });
    await guessWrong(honest, 2);
    await assertLocked(honest, code);
    await connects(await guest(exchange, { localAddress: '127.0.0.4' }), code);
  });
});

test('wrong codes are counted in the stats and in the metrics', async () => {
  await withExchange({}, async (exchange) => {
    /** The numbers under names with "code" in them, that of the error aside. */
    const counted = async () => {
      const stats = Object.entries(JSON.parse((await httpRequest(exchange, '/api/stats')).text) as Json);
      const metrics = (await httpRequest(exchange, '/metrics')).text.split('\n').map((line) => line.split(' '));
      const total = (from: unknown[][]) =>
        from.filter(([name]) => /^\w*code\w*$/i.test(String(name))).reduce((sum, [, value]) => sum + Number(value), 0);
      return [total(stats), total(metrics)];
    };
    const guesser = await guest(exchange);
    const before = await counted();
    await guessWrong(guesser, 3);
    assert.equal(
      await counted(),
      before.map((count) => count + 3),
    );
  });
});

test('0 switches the limits of wrong codes off', async () => {
  const off = { WRONG_CODES_PER_USER: '0', WRONG_CODES_PER_ADDRESS: '0', WRONG_CODES_TOTAL: '0' };
  await withExchange(off, async (exchange) => {
    const code = await (await guest(exchange)).invite();
    const guesser = await guest(exchange);
    await guessWrong(guesser, 100);
    await connects(guesser, code);
  });
});

test('refused identifies are counted by address; invalid names are not', async () => {
  await withExchange({ REFUSALS_PER_ADDRESS: '3' }, async (exchange) => {
    await TestClient.identified(exchange, 'taken');
    const [first, second] = [await TestClient.unidentified(exchange), await TestClient.unidentified(exchange)];
    for (let n = 0; n < 5; n += 1) {
      assertError(await first.request({ type: 'identify', username: '' }), 'invalid_username', { request: 'identify' });
    }
    for (const client of [first, first, second]) {
      assertError(await client.request({ type: 'identify', username: 'TAKEN' }), 'username_taken', {
        request: 'identify',
      });
    }
    const refused = await second.request({ type: 'identify', username: 'free' });
    assertError(refused, 'too_many_attempts', { request: 'identify' });
    const through = await second.request({ type: 'connect', code: WRONG, username: 'free' });
    assertError(through, 'too_many_attempts', { request: 'connect' });
    const elsewhere = await TestClient.unidentified(exchange, { localAddress: '127.0.0.2' });
    await elsewhere.request({ type: 'identify', username: 'free' }, 'identified');
  });
});

test('at the bound of clients of an address the oldest unidentified one gives way, else 429', async () => {
  await withExchange({ CLIENTS_PER_ADDRESS: '3' }, async (exchange) => {
    const identified = await guest(exchange);
    const [older, newer] = [await TestClient.unidentified(exchange), await TestClient.unidentified(exchange)];

    const third = await TestClient.unidentified(exchange);
    await older.whenClosed();
    await newer.request({ type: 'identify', username: 'newer' }, 'identified');
    await third.request({ type: 'identify', username: 'third' }, 'identified');

    assert.is(await upgradeStatus(exchange, {}), 429);
    assert.is(await upgradeStatus(exchange, { path: '/ws' }), 429);
    for (const client of [identified, newer, third]) await client.quiet();
    await TestClient.identified(exchange, 'elsewhere', undefined, { localAddress: '127.0.0.2' });
    await third.close();
    await TestClient.identified(exchange, 'room again');
  });
});

test.run();
