/** Protocol part 6: which Host and which Origin a request may name. */
import * as assert from 'uvu/assert';
import { type Exchange, httpRequest, suite, upgradeStatus, withExchange } from '../harness.ts';

const test = suite('origins');

const PASSWORD = 'correct horse battery staple';
const ROUTES = ['/', '/api/stats', '/api/admin/logs', '/metrics', '/nothing'];
const SOCKETS = ['/', '/ws', '/live'];

/** The status of a plain request for `path` that names `Host`, with the right to everything. */
async function statusOf(exchange: Exchange, path: string, headers: Record<string, string>): Promise<number> {
  return (await httpRequest(exchange, path, { headers: { Authorization: `Bearer ${PASSWORD}`, ...headers } })).status;
}

async function assertHost(exchange: Exchange, Host: string, allowed: boolean): Promise<void> {
  for (const path of ROUTES) {
    assert.is((await statusOf(exchange, path, { Host })) === 403, !allowed, `${Host} on ${path}`);
  }
  const verify = await httpRequest(exchange, '/api/admin/verify', {
    method: 'POST',
    headers: { Host },
    body: { password: PASSWORD },
  });
  assert.is(verify.status, allowed ? 200 : 403, `${Host} on verify`);
  for (const path of SOCKETS) {
    assert.is(await upgradeStatus(exchange, { path, headers: { Host } }), allowed ? 101 : 403, `${Host} on ${path}`);
  }
  for (const path of ['/healthz', '/readyz']) {
    assert.is(await statusOf(exchange, path, { Host }), 200, `${Host} on ${path}`);
  }
}

async function assertOrigin(exchange: Exchange, Origin: string, allowed: boolean, Host?: string): Promise<void> {
  const headers = { Origin, ...(Host === undefined ? {} : { Host }) };
  for (const path of SOCKETS) {
    assert.is(await upgradeStatus(exchange, { path, headers }), allowed ? 101 : 403, `${Origin} on ${path}`);
  }
  assert.is(await statusOf(exchange, '/api/admin/logs', headers), allowed ? 200 : 403, `${Origin} on logs`);
  const verify = await httpRequest(exchange, '/api/admin/verify', {
    method: 'POST',
    headers,
    body: { password: PASSWORD },
  });
  assert.is(verify.status, allowed ? 200 : 403, `${Origin} on verify`);
  for (const path of ['/api/stats', '/healthz']) {
    assert.is(await statusOf(exchange, path, headers), 200, `${Origin} on ${path}`);
  }
}

test('on a loopback address only its own names are answered', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const { port } = exchange;
    for (const host of ['localhost', '127.0.0.1', '[::1]']) await assertHost(exchange, `${host}:${port}`, true);
    const foreign = [
      ...['evil.example', `evil.example:${port}`, `localhost.evil.example:${port}`, `127.0.0.1.evil.example:${port}`],
      ...[
        `127.0.0.1:${port === 65_535 ? 1 : port + 1}`,
        `127.0.0.2:${port}`,
        `localhost:${port}.evil.example`,
        'localhost:',
      ],
      ...[`user@localhost:${port}`, `evil.example#localhost:${port}`, `0.0.0.0:${port}`, `xlocalhost:${port}`],
    ];
    for (const host of foreign) await assertHost(exchange, host, false);
  });
});

test('PUBLIC_HOSTS takes the place of those names', async () => {
  const env = { ADMIN_PASSWORD: PASSWORD, PUBLIC_HOSTS: 'magi.example,other.example:8443' };
  await withExchange(env, async (exchange) => {
    await assertHost(exchange, 'magi.example', true);
    await assertHost(exchange, 'other.example:8443', true);
    for (const host of [`127.0.0.1:${exchange.port}`, 'other.example', 'sub.magi.example', 'magi.example:81']) {
      await assertHost(exchange, host, false);
    }
    await assertOrigin(exchange, 'https://magi.example', true, 'magi.example');
    await assertOrigin(exchange, 'https://other.example:8443', true, 'magi.example');
    await assertOrigin(exchange, 'https://sub.magi.example', false, 'magi.example');
    await assertOrigin(exchange, 'https://other.example', false, 'magi.example');
  });
});

test('a foreign Origin gets 403 on WebSocket and admin routes; the own one and none are allowed', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const { port } = exchange;
    for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`, `http://[::1]:${port}`]) {
      await assertOrigin(exchange, origin, true);
    }
    const foreign = [
      ...['http://evil.example', `http://evil.example:${port}`, 'null', `http://localhost:${port}.evil.example`],
      ...[
        `http://127.0.0.2:${port}`,
        'http://localhost',
        'file://',
        'localhost',
        `http://evil.example/localhost:${port}`,
      ],
      ...[`http://localhost:${port}@evil.example`, `http://evil.example?localhost:${port}`, 'http://127.0.0.1:1'],
    ];
    for (const origin of foreign) await assertOrigin(exchange, origin, false);
    for (const path of SOCKETS) assert.is(await upgradeStatus(exchange, { path }), 101);
  });
});

test('ALLOWED_ORIGINS adds origins, exactly as written', async () => {
  const env = { ADMIN_PASSWORD: PASSWORD, ALLOWED_ORIGINS: 'https://panel.example,http://panel.example:3000' };
  await withExchange(env, async (exchange) => {
    await assertOrigin(exchange, 'https://panel.example', true);
    await assertOrigin(exchange, 'http://panel.example:3000', true);
    await assertOrigin(exchange, `http://localhost:${exchange.port}`, true);
    for (const origin of ['http://panel.example', 'https://panel.example:3000', 'https://panel.example.evil.example']) {
      await assertOrigin(exchange, origin, false);
    }
  });
});

test('a foreign Origin is refused before the password is looked at', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const verify = (password: string, headers: Record<string, string>) =>
      httpRequest(exchange, '/api/admin/verify', { method: 'POST', headers, body: { password } });
    // A page in the owner's browser must not be able to lock the owner out.
    for (let n = 0; n < 8; n += 1) {
      assert.is((await verify('wrong', { Origin: 'http://evil.example' })).status, 403);
    }
    assert.is((await verify(PASSWORD, {})).status, 200);
  });
});

test.run();
