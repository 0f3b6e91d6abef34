/** What the operator should know: codes in the stats that say nothing else, and a sentence in the log, once. */
import * as assert from 'uvu/assert';
import { type Exchange, eventually, httpRequest, suite, TestClient, UNLIMITED, withExchange } from '../harness.ts';

const test = suite('notices');

async function notices(exchange: Exchange): Promise<unknown> {
  return JSON.parse((await httpRequest(exchange, '/api/stats')).text).notices;
}

function warnings(exchange: Exchange, words: RegExp): number {
  return exchange.logs.filter(({ event, hint }) => event === 'warning' && words.test(String(hint))).length;
}

/** An entry is printed a little after it is made. */
async function warnedOnce(exchange: Exchange, words: RegExp): Promise<void> {
  await eventually(() => warnings(exchange, words) > 0, `a warning of ${words}`);
  assert.is(warnings(exchange, words), 1);
}

test('an exchange on a loopback address with a password of its own has nothing to tell', async () => {
  await withExchange({ ADMIN_PASSWORD: 'correct horse battery staple' }, async (exchange) => {
    assert.equal(await notices(exchange), []);
    assert.is(warnings(exchange, /./), 0);
  });
});

test('the trial password', async () => {
  await withExchange({ ADMIN_PASSWORD: 'magi2024' }, async (exchange) => {
    assert.equal(await notices(exchange), ['trial_password']);
    await warnedOnce(exchange, /trial/);
    const { text } = await httpRequest(exchange, '/api/stats');
    assert.not.match(text, /magi2024/);
  });
});

test('an address that others can reach, and no PUBLIC_HOSTS', async () => {
  await withExchange({ HOST: '0.0.0.0' }, async (exchange) => {
    assert.equal(await notices(exchange), ['hosts_unset']);
    await warnedOnce(exchange, /PUBLIC_HOSTS/);
  });
  await withExchange({ HOST: '0.0.0.0', PUBLIC_HOSTS: 'exchange.example.org' }, async (exchange) => {
    const { text } = await httpRequest(exchange, '/api/stats', { headers: { Host: 'exchange.example.org' } });
    assert.equal(JSON.parse(text).notices, []);
  });
});

test('a forwarding header without TRUST_PROXY, from the first one on', async () => {
  await withExchange({}, async (exchange) => {
    assert.equal(await notices(exchange), []);
    for (let n = 0; n < 3; n++)
      await httpRequest(exchange, '/healthz', { headers: { 'X-Forwarded-For': `192.0.2.${n}` } });
    assert.equal(await notices(exchange), ['proxy_untrusted']);
    await warnedOnce(exchange, /TRUST_PROXY/);
    assert.not.match((await httpRequest(exchange, '/api/stats')).text, /192\.0\.2/);
  });
  await withExchange({ TRUST_PROXY: '1' }, async (exchange) => {
    await httpRequest(exchange, '/healthz', { headers: { 'X-Forwarded-For': '192.0.2.1' } });
    assert.equal(await notices(exchange), []);
  });
});

test('most clients at one address, for as long as that is so', async () => {
  await withExchange(UNLIMITED, async (exchange) => {
    const clients: TestClient[] = [];
    for (let n = 0; n < 20; n++) clients.push(await TestClient.unidentified(exchange));
    await eventually(async () => String(await notices(exchange)) === 'one_address', 'the notice');
    for (const client of clients) await client.close();
    await eventually(async () => String(await notices(exchange)) === '', 'the notice to be taken back');
    await warnedOnce(exchange, /one address/);
  });
});

test('a setting that is not one; its name is for the log alone', async () => {
  await withExchange({ QUESTION_PER_MINUTE: '5', PUBLIC_HOST: 'x' }, async (exchange) => {
    assert.equal(await notices(exchange), ['setting_unknown']);
    await warnedOnce(exchange, /QUESTION_PER_MINUTE/);
    await warnedOnce(exchange, /PUBLIC_HOST /);
  });
});

test.run();
