/** Protocol part 6: every route and method, and what each answers. Hosts and origins have a file of their own. */
import * as assert from 'uvu/assert';
import {
  type Exchange,
  httpRequest,
  type Json,
  sendRaw,
  startExchange,
  suite,
  TestClient,
  UNLIMITED,
} from '../harness.ts';

const test = suite('http');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange({ ...UNLIMITED, ADMIN_PASSWORD: 'correct horse battery staple' });
});
test.after(() => exchange.stop());

const BEARER = { Authorization: 'Bearer correct horse battery staple' };
/** Every route that is read, with what it needs. */
const READ: [string, Record<string, string>][] = [
  ['/', {}],
  ['/api/stats', {}],
  ['/api/admin/logs', BEARER],
  ['/healthz', {}],
  ['/readyz', {}],
  ['/metrics', {}],
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];

test('the dashboard is one page with everything inside it, under a strict policy', async () => {
  const { status, headers, text } = await httpRequest(exchange, '/');
  assert.is(status, 200);
  assert.match(headers['content-type'] ?? '', /^text\/html; ?charset=utf-8$/i);
  assert.match(text, /^<!doctype html>/i);
  assert.not.match(text, /<(script|img|iframe|link)[^>]+(src|href)=["']?(https?:|\/)/i);
  assert.is(headers['x-content-type-options'], 'nosniff');
  assert.is(headers['referrer-policy'], 'no-referrer');

  const policy = new Map<string, string[]>();
  for (const directive of String(headers['content-security-policy']).split(';')) {
    const [name = '', ...sources] = directive.trim().split(/\s+/);
    policy.set(name, sources);
  }
  assert.equal(policy.get('frame-ancestors'), ["'none'"]);
  assert.match(policy.get('default-src')?.join() ?? '', /^'(none|self)'$/);
  for (const name of ['script-src', 'style-src']) {
    for (const source of policy.get(name) ?? policy.get('default-src') ?? ['nothing']) {
      assert.match(source, /^'(none|self|sha(256|384|512)-[A-Za-z0-9+/]+=*)'$/, name);
    }
  }
  assert.not.match(String(headers['content-security-policy']), /unsafe|\*/);
});

test('the stats have the published fields, and alone may be read from other origins', async () => {
  const { status, headers, text } = await httpRequest(exchange, '/api/stats', {
    headers: { Origin: 'http://elsewhere.example' },
  });
  assert.is(status, 200);
  assert.match(headers['content-type'] ?? '', /^application\/json/);
  assert.is(headers['access-control-allow-origin'], '*');
  const stats = JSON.parse(text) as Json;
  const published = [
    ...['activeConnections', 'connectedUsers', 'lastMessage', 'liveClients', 'messagesPerSecond', 'startTime'],
    ...['totalConnections', 'totalMessages', 'uptime', 'uptimeSeconds', 'version'],
  ];
  for (const field of published) assert.ok(field in stats, field);
  // Limits that were hit are counted here too; whatever is added is no text, which could tell of somebody.
  for (const field of Object.keys(stats))
    assert.ok(published.includes(field) || typeof stats[field] !== 'string', field);
  assert.is(stats.lastMessage, null);
  assert.equal(stats.connectedUsers, []);
  for (const count of ['liveClients', 'activeConnections', 'totalConnections', 'totalMessages', 'messagesPerSecond']) {
    assert.is(stats[count], 0, count);
  }
  assert.match(stats.uptime as string, /^\d+[dhms]( \d+[hms])?$/);
  assert.ok(Math.abs((stats.startTime as number) + (stats.uptimeSeconds as number) * 1_000 - Date.now()) < 30_000);
  assert.match(stats.version as string, /^\d+\.\d+\.\d+/);
  for (const [path, more] of READ) {
    if (path === '/api/stats') continue;
    const other = await httpRequest(exchange, path, { headers: more });
    assert.is(other.headers['access-control-allow-origin'], undefined, path);
  }
});

test('the stats count what happens and show no more of anybody than a letter', async () => {
  const ann = await TestClient.open(exchange);
  const { clientId } = await ann.next('connected');
  const before = Date.now();
  await ann.request({ type: 'identify', username: 'user-ann', nickname: 'Ann' }, 'identified');
  const bot = await TestClient.identified(exchange, 'user-bot', '🤖 bot');
  const seven = await TestClient.identified(exchange, 'user-7', '7 of 9');
  const deseret = await TestClient.identified(exchange, 'user-deseret', '\u{10400}bc');
  await bot.connectTo(ann);
  await ann.request({ type: 'ask', content: '12345' }, 'question_sent');
  await bot.next('question');
  await bot.request({ type: 'answer', content: '123' }, 'answer_sent');
  await ann.next('answer');

  const read = async () => JSON.parse((await httpRequest(exchange, '/api/stats')).text) as Json;
  const stats = await read();
  assert.is(stats.liveClients, 4);
  assert.is(stats.activeConnections, 1);
  assert.is(stats.totalConnections, 1);
  assert.is(stats.totalMessages, 2);
  const { time, ...last } = stats.lastMessage as Json;
  assert.equal(last, { length: 3, type: 'answer' });
  assert.ok((time as number) >= before - 1_000 && (time as number) <= Date.now() + 1_000);

  const users = stats.connectedUsers as Json[];
  assert.equal(users.map(({ initial }) => initial).sort(), ['7', 'A', '•', '\u{10400}'].sort());
  const { since, ...rest } = users.find(({ initial }) => initial === 'A') ?? {};
  assert.equal(rest, { initial: 'A', clientId: String(clientId).slice(0, 8), connections: 1, status: 'connected' });
  assert.ok((since as number) >= before - 1_000 && (since as number) <= Date.now() + 1_000);
  const alone = users.find(({ initial }) => initial === '7');
  assert.is(alone?.connections, 0);
  assert.is(alone?.status, 'idle');

  await ann.request({ type: 'disconnect', to: 'user-bot' }, 'friend_disconnected');
  await seven.close();
  await deseret.close();
  const after = await read();
  assert.is(after.liveClients, 2);
  assert.is(after.activeConnections, 0);
  assert.is(after.totalConnections, 1);
});

test('at most 200 users are listed', async () => {
  const clients = await Promise.all(
    Array.from({ length: 205 }, (_, n) => TestClient.identified(exchange, `many ${n}`)),
  );
  const stats = JSON.parse((await httpRequest(exchange, '/api/stats')).text) as Json;
  assert.is((stats.connectedUsers as Json[]).length, 200);
  assert.ok((stats.liveClients as number) >= 205);
  for (const client of clients) client.terminate();
});

test('health and readiness are plain words', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const { status, text } = await httpRequest(exchange, path);
    assert.is(status, 200);
    assert.is(text.trim(), 'ok');
  }
});

test('the metrics are Prometheus text', async () => {
  const { status, headers, text } = await httpRequest(exchange, '/metrics');
  assert.is(status, 200);
  assert.match(headers['content-type'] ?? '', /^text\/plain/);
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(samples.length > 5);
  const sample = /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_]\w*="([^"\\]|\\.)*",?)*\})? (NaN|[+-]Inf|[-+.eE\d]+)( \d+)?$/;
  for (const line of samples) assert.match(line, sample);
});

test('HEAD answers like GET, without a body', async () => {
  for (const [path, headers] of READ) {
    const head = await httpRequest(exchange, path, { method: 'HEAD', headers });
    assert.is(head.status, 200, path);
    assert.is(head.text, '', path);
    const get = await httpRequest(exchange, path, { headers });
    assert.is(head.headers['content-type'], get.headers['content-type'], path);
    assert.is(head.headers['content-security-policy'], get.headers['content-security-policy'], path);
  }
});

test('a wrong method is 405 with Allow', async () => {
  for (const [path, headers] of READ) {
    for (const method of METHODS.filter((name) => name !== 'GET' && name !== 'HEAD')) {
      // A preflight for the stats may be answered: they are open to every origin.
      if (path === '/api/stats' && method === 'OPTIONS') continue;
      const answer = await httpRequest(exchange, path, { method, headers });
      assert.is(answer.status, 405, `${method} ${path}`);
      assert.ok(
        String(answer.headers.allow).split(/, */).includes('GET'),
        `${method} ${path}: Allow ${answer.headers.allow}`,
      );
    }
  }
  for (const method of METHODS.filter((name) => name !== 'POST')) {
    const answer = await httpRequest(exchange, '/api/admin/verify', { method });
    assert.is(answer.status, 405, `${method} verify`);
    assert.is(answer.headers.allow, 'POST');
  }
});

test('everything else is 404 in JSON, whatever the method', async () => {
  const paths = [
    ...[
      '/nothing',
      '/index.html',
      '/api',
      '/api/',
      '/api/stats/',
      '/API/STATS',
      '/api/admin',
      '/api/admin/logs/x',
      '//',
    ],
    ...[
      '/../etc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
      '/.env',
      '/.git/config',
      '/package.json',
      '/src/main.ts',
      '/%00',
    ],
    ...[
      '/data/admin-password',
      '/socket.io/?transport=websocket',
      `/${'x'.repeat(1_000)}`,
      '/api//stats',
      '/healthz%20',
    ],
  ];
  for (const path of paths) {
    const { status, headers, text } = await httpRequest(exchange, path);
    assert.is(status, 404, path);
    assert.match(headers['content-type'] ?? '', /^application\/json/, path);
    assert.type((JSON.parse(text) as Json).error, 'string', path);
  }
  for (const method of METHODS) {
    const { status } = await httpRequest(exchange, '/nothing', { method });
    assert.is(status, 404, method);
  }
});

test('a query does not change the route', async () => {
  for (const path of ['/api/stats?x=1', '/healthz?', '/?token=x', '/api/stats?/nothing']) {
    assert.is((await httpRequest(exchange, path)).status, 200, path);
  }
});

test('the WebSocket routes answer a plain request of any method, and the exchange lives on', async () => {
  for (const path of ['/ws', '/live']) {
    for (const method of METHODS) {
      const { status } = await httpRequest(exchange, path, { method });
      assert.ok([400, 404, 405, 426].includes(status), `${method} ${path}: ${status}`);
    }
  }
  assert.is((await httpRequest(exchange, '/healthz')).status, 200);
});

test('one connection serves several requests, also when they come at once', async () => {
  const request = `GET /api/stats HTTP/1.1\r\nHost: 127.0.0.1:${exchange.port}\r\n\r\n`;
  const answers = (received: string) => received.split('HTTP/1.1 200 OK\r\n').length - 1;
  for (const chunks of [[request.repeat(3)], [request, request, request]]) {
    assert.is(answers(await sendRaw(exchange, chunks, (received) => answers(received) === 3)), 3);
  }
});

test('an upgrade is answered on /, /ws and /live, elsewhere 404', async () => {
  for (const path of ['/', '/ws', '/ws?x=1']) await TestClient.unidentified(exchange, { path });
  for (const path of ['/nothing', '/api/stats/ws', '/ws/', '/socket.io/']) {
    const error = await TestClient.open(exchange, { path }).then(() => 'opened', String);
    assert.match(error, /Unexpected server response: 404/, path);
  }
});

test.run();
