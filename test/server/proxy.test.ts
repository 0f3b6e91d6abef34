/** Protocol part 5, TRUST_PROXY: whose address counts when others stand in front. */
import * as assert from 'uvu/assert';
import { assertError, type Exchange, eventually, httpRequest, suite, TestClient, withExchange } from '../harness.ts';

const test = suite('proxy');

let names = 0;

/** Says whether a client that shows `forwarded` may still give wrong codes: one uses an address's allowance up. */
async function mayGuess(exchange: Exchange, forwarded: string | undefined): Promise<boolean> {
  names += 1;
  const headers: Record<string, string> = forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded };
  const client = await TestClient.identified(exchange, `guest ${names}`, undefined, { headers });
  const reply = await client.request({ type: 'connect', code: '222222' });
  await client.close();
  if (reply.code === 'invalid_code') return true;
  assertError(reply, 'too_many_attempts', { request: 'connect' });
  return false;
}

/** The clients that are shown are one address in the eyes of the exchange, and a further one is another. */
async function assertOneAddress(exchange: Exchange, same: (string | undefined)[], other: string): Promise<void> {
  for (const [n, forwarded] of same.entries()) {
    assert.is(await mayGuess(exchange, forwarded), n === 0, `${forwarded} as number ${n} of one address`);
  }
  assert.is(await mayGuess(exchange, other), true, `${other} as another address`);
}

const ONE_GUESS = { WRONG_CODES_PER_ADDRESS: '1' };

test('with TRUST_PROXY=1 the last entry counts, whatever a client writes before it', async () => {
  await withExchange({ ...ONE_GUESS, TRUST_PROXY: '1' }, async (exchange) => {
    const same = ['203.0.113.1', '198.51.100.7, 203.0.113.1', '203.0.113.2,203.0.113.1', 'x, y,  203.0.113.1 '];
    await assertOneAddress(exchange, same, '203.0.113.2');
  });
});

test('with TRUST_PROXY=2 the entry before the last counts', async () => {
  await withExchange({ ...ONE_GUESS, TRUST_PROXY: '2' }, async (exchange) => {
    const same = ['203.0.113.1, 10.0.0.1', 'spoofed, 203.0.113.1, 10.0.0.2', '203.0.113.9, 203.0.113.1, 10.0.0.1'];
    await assertOneAddress(exchange, same, '203.0.113.1, 203.0.113.2, 10.0.0.1');
  });
});

test('an IPv6 address counts by its /64, an IPv4 one also where it is written as IPv6', async () => {
  await withExchange({ ...ONE_GUESS, TRUST_PROXY: '1' }, async (exchange) => {
    const network = ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', '2001:0DB8:0001:0002::9'];
    await assertOneAddress(exchange, network, '2001:db8:1:3::1');
    await assertOneAddress(exchange, ['203.0.113.1', '::ffff:203.0.113.1'], '::ffff:203.0.113.2');
  });
});

test('the lock of the admin routes is counted by the same address', async () => {
  await withExchange({ TRUST_PROXY: '1', ADMIN_PASSWORD: 'correct horse battery staple' }, async (exchange) => {
    const verify = async (password: string, forwarded: string) => {
      const headers = { 'X-Forwarded-For': forwarded };
      return (await httpRequest(exchange, '/api/admin/verify', { method: 'POST', headers, body: { password } })).status;
    };
    for (let n = 0; n < 5; n += 1) assert.is(await verify('wrong', `10.0.0.${n}, 203.0.113.1`), 401);
    assert.is(await verify('correct horse battery staple', '203.0.113.1'), 429);
    assert.is(await verify('correct horse battery staple', '203.0.113.2'), 200);
  });
});

test('a proxy that adds a line of its own is heard, not the line that the client wrote', async () => {
  await withExchange({ TRUST_PROXY: '1', ADMIN_PASSWORD: 'correct horse battery staple' }, async (exchange) => {
    const verify = async (password: string, own: string, forwarded: string) => {
      const headers = { 'X-Forwarded-For': [own, forwarded] };
      return (await httpRequest(exchange, '/api/admin/verify', { method: 'POST', headers, body: { password } })).status;
    };
    for (let n = 0; n < 5; n += 1) assert.is(await verify('wrong', n === 0 ? '' : `10.0.0.${n}`, '203.0.113.1'), 401);
    assert.is(await verify('correct horse battery staple', '10.0.0.9', '203.0.113.1'), 429);
    assert.is(await verify('correct horse battery staple', '10.0.0.1', '203.0.113.2'), 200);
  });
});

test('without TRUST_PROXY the header changes nothing and is warned of once', async () => {
  await withExchange(ONE_GUESS, async (exchange) => {
    const warnings = () =>
      exchange.logs.filter((entry) => entry.level === 'warn' && /TRUST_PROXY|forward/i.test(JSON.stringify(entry)));
    assert.is(await mayGuess(exchange, undefined), true);
    assert.is(warnings().length, 0);
    for (const forwarded of ['203.0.113.1', '203.0.113.2, 203.0.113.3', '127.0.0.2']) {
      assert.is(await mayGuess(exchange, forwarded), false);
    }
    await eventually(() => warnings().length > 0, 'a warning of the forwarding header');
    assert.is(warnings().length, 1);
  });
});

test('a header that is missing or no address is no way around the limit', async () => {
  await withExchange({ ...ONE_GUESS, TRUST_PROXY: '1' }, async (exchange) => {
    for (const forwarded of [
      undefined,
      'unknown',
      '',
      ',',
      '203.0.113.1, ',
      '999.1.1.1',
      'a'.repeat(500),
      '127.0.0.1',
    ]) {
      await mayGuess(exchange, forwarded);
      assert.is(await mayGuess(exchange, forwarded), false, `a second guess as ${forwarded}`);
    }
  });
});

test.run();
