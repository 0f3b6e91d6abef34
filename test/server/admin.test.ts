/** Protocol part 6: the admin password, tokens, and the logs they open. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  type Answer,
  type Exchange,
  eventually,
  httpRequest,
  type Json,
  runMain,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
  withExchange,
} from '../harness.ts';

const test = suite('admin');

const PASSWORD = 'correct horse battery staple';
type Headers = Record<string, string>;

function verify(
  exchange: Exchange,
  body: string | Json,
  headers: Headers = {},
  localAddress?: string,
): Promise<Answer> {
  const where = localAddress === undefined ? {} : { localAddress };
  return httpRequest(exchange, '/api/admin/verify', { method: 'POST', body, headers, ...where });
}

function logs(exchange: Exchange, secret: string, query = ''): Promise<Answer> {
  return httpRequest(exchange, `/api/admin/logs${query}`, { headers: { Authorization: `Bearer ${secret}` } });
}

function entriesOf(answer: Answer): Json[] {
  assert.is(answer.status, 200);
  return (JSON.parse(answer.text) as { logs: Json[] }).logs;
}

test('the right password gives a token, a wrong one 401', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const right = await verify(exchange, { password: PASSWORD });
    assert.is(right.status, 200);
    const { success, token, expiresAt, ...rest } = JSON.parse(right.text) as Json;
    assert.is(success, true);
    assert.match(token as string, /^[\w.~+/-]{20,}=*$/);
    assert.is.not(token, PASSWORD);
    assert.ok((expiresAt as number) > Date.now());
    assert.equal(rest, {});
    for (const password of ['wrong', '', `${PASSWORD} `, PASSWORD.toUpperCase()]) {
      const wrong = await verify(exchange, { password });
      assert.is(wrong.status, 401);
      const { success: no, error, ...more } = JSON.parse(wrong.text) as Json;
      assert.is(no, false);
      assert.type(error, 'string');
      assert.equal(more, {});
    }
  });
});

test('a request without a password is refused, in JSON', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const bodies = [
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '{}',
      '{"password":null}',
      '{"password":["x"]}',
      '{"password":{}}',
      '\u0000',
    ];
    for (const body of bodies) {
      const { status, text } = await verify(exchange, body, {}, '127.0.0.2');
      assert.ok([400, 401, 429].includes(status), `${body}: ${status}`);
      if (status !== 429) assert.is((JSON.parse(text) as Json).success, false, body);
    }
    const huge = await verify(exchange, { password: 'x'.repeat(1_000_000) }, {}, '127.0.0.3').catch(() => undefined);
    assert.ok(huge === undefined || [400, 401, 413].includes(huge.status), `a huge body: ${huge?.status}`);
    assert.is((await verify(exchange, { password: PASSWORD })).status, 200);
  });
});

test('the logs open to the token and to the password, and to nothing else', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const { token } = JSON.parse((await verify(exchange, { password: PASSWORD })).text) as { token: string };
    for (const secret of [token, PASSWORD]) entriesOf(await logs(exchange, secret));
    const path = '/api/admin/logs';
    for (const headers of [
      {},
      { Authorization: '' },
      { Authorization: `Basic ${btoa(`admin:${PASSWORD}`)}` },
    ] as Headers[]) {
      assert.is((await httpRequest(exchange, path, { headers })).status, 401);
    }
    assert.is((await logs(exchange, `${token}x`)).status, 401);
    assert.is((await logs(exchange, token.slice(0, -1))).status, 401);
    assert.is(
      (await httpRequest(exchange, `${path}?token=${token}&password=${encodeURIComponent(PASSWORD)}`)).status,
      401,
    );
  });
});

test('the logs can be read from a moment on, and by level; the newest is last', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    await TestClient.identified(exchange, 'early');
    const first = await eventually(async () => {
      const entries = entriesOf(await logs(exchange, PASSWORD));
      return entries.some(({ event }) => /identified/.test(String(event))) && entries;
    }, 'the first entries');
    for (const entry of first) {
      for (const field of ['level', 'event', 'icon', 'message']) assert.type(entry[field], 'string', field);
      assert.type(entry.time, 'number');
    }
    const times = first.map(({ time }) => time as number);
    assert.equal(
      times,
      [...times].sort((a, b) => a - b),
    );
    const { now } = JSON.parse((await logs(exchange, PASSWORD)).text) as { now: number };
    assert.type(now, 'number');

    await new Promise((resolve) => setTimeout(resolve, 5));
    await TestClient.identified(exchange, 'late');
    const later = entriesOf(await logs(exchange, PASSWORD, `?since=${now}`));
    assert.ok(later.some(({ event }) => /identified/.test(String(event))));
    assert.ok(later.every(({ time }) => (time as number) >= now));
    assert.ok(entriesOf(await logs(exchange, PASSWORD, `?since=${now + 3_600_000}`)).length === 0);

    const errors = entriesOf(await logs(exchange, PASSWORD, '?level=error'));
    assert.ok(errors.every(({ level }) => level === 'error'));
    assert.equal(entriesOf(await logs(exchange, PASSWORD, '?since=0&level=')).slice(0, first.length), first);
    const infos = entriesOf(await logs(exchange, PASSWORD, '?level=info'));
    assert.ok(infos.some(({ level }) => level === 'info'));
    assert.ok((await logs(exchange, PASSWORD, '?since=yesterday&level=loud')).status < 500);
  });
});

test('the newest 500 entries are kept', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD, CLIENTS_PER_ADDRESS: '0' }, async (exchange) => {
    for (let n = 0; n < 300; n += 1) await (await TestClient.identified(exchange, `many ${n}`)).close();
    assert.is(entriesOf(await logs(exchange, PASSWORD)).length, 500);
  });
});

test('as an event stream the same entries come as they happen', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const stop = new AbortController();
    const response = await fetch(`${exchange.url}/api/admin/logs`, {
      headers: { Authorization: `Bearer ${PASSWORD}`, Accept: 'text/event-stream' },
      signal: stop.signal,
    });
    assert.is(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
    const streamed: Json[] = [];
    const reading = (async () => {
      let rest = '';
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const events = (rest + chunk).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) {
          const data = event
            .split('\n')
            .filter((line) => line.startsWith('data:'))
            .map((line) => line.slice(5))
            .join('\n');
          if (data !== '') streamed.push(JSON.parse(data) as Json);
        }
      }
    })().catch(() => {});
    await TestClient.identified(exchange, 'streamed');
    const entry = await eventually(() => streamed.find(({ event }) => /identified/.test(String(event))), 'the event');
    const kept = entriesOf(await logs(exchange, PASSWORD)).find(({ event }) => event === entry.event);
    assert.equal(entry, kept);
    stop.abort();
    await reading;
    const refused = await fetch(`${exchange.url}/api/admin/logs`, { headers: { Accept: 'text/event-stream' } });
    assert.is(refused.status, 401);
    await refused.text();
  });
});

test('five wrong passwords lock the address on every admin route, while tokens stay usable', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD }, async (exchange) => {
    const { token } = JSON.parse((await verify(exchange, { password: PASSWORD })).text) as { token: string };
    // No password at all is no wrong one: an open panel that lost its token must not lock its owner out.
    for (let n = 0; n < 8; n += 1) assert.is((await httpRequest(exchange, '/api/admin/logs')).status, 401);
    for (let n = 0; n < 3; n += 1) assert.is((await verify(exchange, { password: `wrong ${n}` })).status, 401);
    assert.is((await verify(exchange, { password: PASSWORD })).status, 200, 'a right password, which resets nothing');
    for (let n = 0; n < 2; n += 1) assert.is((await logs(exchange, `wrong ${n}`)).status, 401);
    for (const answer of [
      await verify(exchange, { password: PASSWORD }),
      await verify(exchange, { password: 'wrong' }),
      await logs(exchange, PASSWORD),
    ]) {
      assert.is(answer.status, 429);
      const seconds = Number(answer.headers['retry-after']);
      assert.ok(seconds > 0 && seconds <= 15 * 60, `Retry-After ${answer.headers['retry-after']}`);
    }
    entriesOf(await logs(exchange, token));
    const ended = await logs(exchange, `mgx_${'x'.repeat(43)}`);
    assert.is(ended.status, 401, 'who holds a token that has ended has to be told to log in');
    assert.is((await verify(exchange, { password: PASSWORD }, {}, '127.0.0.2')).status, 200);
  });
});

test('magi2024 works only when set, and not through a proxy', async () => {
  await withExchange({}, async (exchange) => {
    assert.is((await verify(exchange, { password: 'magi2024' })).status, 401);
  });
  await withExchange({ ADMIN_PASSWORD: 'magi2024' }, async (exchange) => {
    assert.is((await verify(exchange, { password: 'magi2024' })).status, 200);
    for (const header of ['X-Forwarded-For', 'Forwarded', 'X-Forwarded-Host', 'X-Forwarded-Proto']) {
      const forwarded = await verify(exchange, { password: 'magi2024' }, { [header]: '127.0.0.1' });
      assert.is(forwarded.status, 401, header);
    }
    const headers = { Authorization: 'Bearer magi2024', 'X-Forwarded-For': '127.0.0.1' };
    assert.is((await httpRequest(exchange, '/api/admin/logs', { headers, localAddress: '127.0.0.2' })).status, 401);
  });
  const refused = await runMain([], { PORT: '0', HOST: '0.0.0.0', ADMIN_PASSWORD: 'magi2024' });
  assert.is(refused.code, 78);
  assert.match(refused.stderr, /^[^\n]*ADMIN_PASSWORD[^\n]*\n$/);
});

test('a password of its own is made once, kept in the data folder for its owner alone, and not printed', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'admin-password');
  let password = '';
  for (const start of ['first', 'second']) {
    const exchange = await startExchange({ DATA_DIR: folder });
    const found = readFileSync(file, 'utf8').trim();
    assert.is(found.length, 20);
    if (start === 'second') assert.is(found, password);
    password = found;
    assert.is(statSync(file).mode & 0o777, 0o600);
    assert.is((await verify(exchange, { password })).status, 200);
    await exchange.stop();
    const printed = JSON.stringify(exchange.logs) + exchange.stderr();
    assert.not.match(printed, password);
    assert.ok(printed.includes('admin-password'), 'the path of the file is told');
  }
});

test('ADMIN_PASSWORD_FILE names a file with the password', async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'secret');
  writeFileSync(file, `${PASSWORD}\n`);
  await withExchange({ ADMIN_PASSWORD_FILE: file, DATA_DIR: folder }, async (exchange) => {
    assert.is((await verify(exchange, { password: PASSWORD })).status, 200);
    assert.not.ok(existsSync(join(folder, 'admin-password')));
  });
  const missing = await runMain([], { PORT: '0', ADMIN_PASSWORD_FILE: join(folder, 'missing') });
  assert.is(missing.code, 78);
  assert.match(missing.stderr, /^[^\n]*ADMIN_PASSWORD_FILE[^\n]*\n$/);
});

test('away from a loopback address the metrics need the password or a token', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD, TRUST_PROXY: '1' }, async (exchange) => {
    const metrics = (headers: Headers) => httpRequest(exchange, '/metrics', { headers });
    assert.is((await metrics({ 'X-Forwarded-For': '203.0.113.1' })).status, 401);
    const secret = { Authorization: `Bearer ${PASSWORD}`, 'X-Forwarded-For': '203.0.113.1' };
    assert.is((await metrics(secret)).status, 200);
    assert.is((await metrics({})).status, 200);
  });
});

test.run();
