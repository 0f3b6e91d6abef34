/**
 * Over 10,000 broken or hostile HTTP requests on bare TCP, while a pair of users goes on talking: requests split, cut off,
 * mutated, too large, and upgrades that are none. SEED=<number> plays a run again.
 */
import * as assert from 'uvu/assert';
import {
  assertUnharmed,
  type Chance,
  type Exchange,
  httpRequest,
  inParallel,
  openFiles,
  seededChance,
  sendRaw,
  startCanary,
  startExchange,
  suite,
  UNLIMITED,
} from '../harness.ts';

const test = suite('garbage over HTTP');

const PASSWORD = 'correct horse battery staple';
const WIDTH = 32;
const chance = seededChance('garbage over HTTP');
let exchange: Exchange;
let canary: Awaited<ReturnType<typeof startCanary>>;
let files: number;
test.before(async () => {
  exchange = await startExchange({ ...UNLIMITED, ADMIN_PASSWORD: PASSWORD });
  canary = await startCanary(exchange);
  files = openFiles(exchange);
});
test.after(() => exchange.stop());

const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

function requestText(method: string, path: string, headers: Record<string, string> = {}, body = ''): string {
  const lines = Object.entries({ Host: `127.0.0.1:${exchange.port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** Sound requests, one of each sort, with the status that answers them. */
function sound(): [string, number][] {
  const body = JSON.stringify({ password: PASSWORD });
  const length = { 'Content-Length': String(body.length), 'Content-Type': 'application/json' };
  return [
    [requestText('GET', '/'), 200],
    [requestText('GET', '/api/stats', { Origin: 'http://elsewhere.example' }), 200],
    [requestText('GET', '/api/admin/logs?since=0&level=error', { Authorization: `Bearer ${PASSWORD}` }), 200],
    [requestText('POST', '/api/admin/verify', length, body), 200],
    [requestText('PUT', '/healthz'), 405],
    [requestText('GET', '/nothing'), 404],
    [requestText('GET', '/', UPGRADE), 101],
    [requestText('GET', '/live', { ...UPGRADE, Origin: 'http://elsewhere.example' }), 403],
  ];
}

function statusIn(received: string): number | undefined {
  const status = /^HTTP\/1\.1 (\d{3})/.exec(received)?.[1];
  return status === undefined ? undefined : Number(status);
}

/** Sends something unsound, then a FIN. Any answer is a sound one, and never the exchange's own failure. */
async function attack(...chunks: (string | Uint8Array)[]): Promise<void> {
  const received = await sendRaw(exchange, chunks);
  if (received === '') return;
  const status = statusIn(received);
  assert.ok(status !== undefined, `an answer that is not HTTP: ${JSON.stringify(received.slice(0, 200))}`);
  assert.ok(
    status < 500 || status === 501 || status === 505,
    `${status} to ${JSON.stringify(String(chunks[0]).slice(0, 500))}`,
  );
}

test('a sound request is answered alike wherever it is split, also byte by byte', async () => {
  const cases = sound().flatMap(([text, status]) => {
    const start = text.indexOf('\r\n') + 2;
    const splits = Array.from({ length: text.length - start }, (_, n) => [
      text.slice(0, start + n),
      text.slice(start + n),
    ]);
    return [...splits, [text.slice(0, start), ...text.slice(start)]].map((chunks) => ({ chunks, status }));
  });
  await inParallel(cases.length, WIDTH, async (index) => {
    const { chunks, status } = cases[index] ?? { chunks: [], status: 0 };
    const received = await sendRaw(exchange, chunks, (text) => text.includes('\r\n'));
    assert.is(statusIn(received), status, `split after ${JSON.stringify(chunks[0])}`);
  });
});

test('a request whose first line comes in pieces is answered, or refused as what uWebSockets.js takes it for', async () => {
  const cases = sound().flatMap(([text, status]) =>
    Array.from({ length: text.indexOf('\r\n') + 1 }, (_, at) => ({
      chunks: [text.slice(0, at + 1), text.slice(at + 1)],
      status,
    })),
  );
  await inParallel(cases.length, WIDTH, async (index) => {
    const { chunks, status } = cases[index] ?? { chunks: [], status: 0 };
    const received = await sendRaw(exchange, chunks, (text) => text.includes('\r\n'));
    // It wants the version in the packet of the method, and says 505 otherwise: never another route's answer.
    assert.ok([status, 505].includes(statusIn(received) ?? 0), `split after ${JSON.stringify(chunks[0])}: ${received}`);
  });
});

test('requests that are cut off anywhere', async () => {
  const cut = sound().flatMap(([text]) => Array.from({ length: text.length }, (_, at) => text.slice(0, at)));
  await inParallel(cut.length, WIDTH, (index) => attack(cut[index] ?? ''));
});

/** One change for the worse. */
function mutate(bytes: Uint8Array<ArrayBufferLike>, dice: Chance): Uint8Array<ArrayBufferLike> {
  const at = dice.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + dice.below(20));
  const around = (middle: Uint8Array) => Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(to)]);
  const insertions = [
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    ':',
    '\r\n\r\n',
    '\t',
    'HTTP/1.0',
    'HTTP/9.9',
    '%00',
    '../',
    '\x80\xff',
  ];
  const headers = [
    ...['Content-Length: 5', 'Content-Length: -1', 'Content-Length: 99999999999999999999', 'Content-Length: 1, 2'],
    ...[
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: chunked, identity',
      'Expect: 100-continue',
      'Host: evil.example',
    ],
    ...[
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Extensions: permessage-deflate',
      'Host:',
      ': empty',
      'nocolon',
    ],
    ...[
      'X-Forwarded-For: 1.2.3.4',
      'Authorization: Bearer \xff',
      'Accept: text/event-stream',
      'constructor: x',
      ' folded: x',
    ],
  ];
  switch (dice.below(7)) {
    case 0:
      return around(dice.bytes(to - at));
    case 1:
      return around(new Uint8Array());
    case 2:
      return around(Buffer.concat([bytes.subarray(at, to), bytes.subarray(at, to), bytes.subarray(at, to)]));
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(dice.pick(insertions), 'latin1'), bytes.subarray(at)]);
    case 4:
      return dice.bytes(dice.below(400));
    case 5: {
      const [method = ''] = Buffer.from(bytes).toString('latin1').split(' ');
      const other = dice.pick([
        'get',
        'G',
        '',
        'CONNECT',
        'TRACE',
        'PRI',
        'OPTIONS',
        'X'.repeat(dice.below(5_000)),
        'ＧＥＴ',
      ]);
      return Buffer.concat([Buffer.from(other), bytes.subarray(method.length)]);
    }
    default: {
      const text = Buffer.from(bytes).toString('latin1');
      const line = text.indexOf('\r\n') + 2;
      return Buffer.from(`${text.slice(0, line)}${dice.pick(headers)}\r\n${text.slice(line)}`, 'latin1');
    }
  }
}

test('6,000 requests mutated at random, some in several packets', async () => {
  const bases = sound().map(([text]) => Buffer.from(text, 'latin1'));
  await inParallel(6_000, WIDTH, async () => {
    let bytes: Uint8Array = chance.pick(bases);
    for (let times = 1 + chance.below(4); times > 0; times -= 1) bytes = mutate(bytes, chance);
    const at = chance.below(bytes.length + 1);
    await attack(...(chance.below(4) === 0 ? [bytes.subarray(0, at), bytes.subarray(at)] : [bytes]));
  });
});

test('1,000 requests with too much of everything', async () => {
  const excesses: ((size: number) => string)[] = [
    (size) => requestText('GET', '/', { 'X-Large': 'x'.repeat(size) }),
    (size) => requestText('GET', `/${'x'.repeat(size)}`),
    (size) => requestText('GET', `/api/stats?${'x=1&'.repeat(size / 4)}`),
    (size) => requestText('x'.repeat(size), '/'),
    (size) =>
      requestText('GET', '/', Object.fromEntries(Array.from({ length: size / 100 }, (_, n) => [`X-${n}`, 'x']))),
    (size) => requestText('GET', '/', { Cookie: 'a=b; '.repeat(size / 6) }),
    (size) => requestText('POST', '/api/admin/verify', { 'Content-Length': String(size) }, 'x'.repeat(size)),
    (size) => requestText('POST', '/api/admin/verify', { 'Content-Length': String(size * 1_000) }, 'x'),
    (size) => requestText('POST', '/api/admin/verify', { 'Transfer-Encoding': 'chunked' }, `${size.toString(16)}\r\n`),
    (size) => requestText('GET', '/', { ...UPGRADE, 'Sec-WebSocket-Protocol': 'x, '.repeat(size / 3) }),
    (size) => requestText('GET', '/', { ...UPGRADE, 'Sec-WebSocket-Extensions': 'x; y="z", '.repeat(size / 10) }),
    (size) => requestText('GET', '/api/admin/logs', { Authorization: `Bearer ${'x'.repeat(size)}` }),
    (size) => requestText('GET', '/healthz').repeat(size / 100),
  ];
  await inParallel(1_000, WIDTH, () => attack(chance.pick(excesses)(100 + chance.below(2 ** (8 + chance.below(9))))));
});

test('1,500 upgrades that are none', async () => {
  const wrong = {
    Connection: ['', 'close', 'keep-alive', 'upgrade, keep-alive', 'Upgrade\0'],
    Upgrade: ['', 'h2c', 'WebSocket', 'websocket, h2c', 'websocket/13'],
    'Sec-WebSocket-Version': ['', '0', '8', '12', '14', '99999999999', 'thirteen'],
    'Sec-WebSocket-Key': ['', 'short', 'not base64 !!!!!!!!!!!!!', 'x'.repeat(1_000), '\xff'.repeat(24)],
    'Sec-WebSocket-Protocol': ['constructor', '__proto__', ',,,,', 'a b c'],
    'Sec-WebSocket-Extensions': ['permessage-deflate; server_max_window_bits=99', 'constructor', '__proto__', 'x; ='],
    Origin: ['null', '', '\xff', 'http://'],
    Host: ['', 'evil.example', '\xff'],
    'Content-Length': ['5', '-1'],
  };
  await inParallel(1_500, WIDTH, async () => {
    const headers: Record<string, string> = { ...UPGRADE };
    for (let times = 1 + chance.below(3); times > 0; times -= 1) {
      const name = chance.pick(Object.keys(wrong) as (keyof typeof wrong)[]);
      if (chance.below(4) === 0) delete headers[name];
      else headers[name] = chance.pick(wrong[name]);
    }
    const path = chance.pick(['/', '/ws', '/live', '/nothing', '/api/stats', '/ws?', '/%77s', '//ws', '*']);
    await attack(Buffer.from(requestText(chance.pick(['GET', 'GET', 'GET', 'POST', 'get']), path, headers), 'latin1'));
  });
});

test('500 connections that say nothing, or a little and then nothing', async () => {
  await inParallel(500, WIDTH, () =>
    sendRaw(exchange, chance.below(2) === 0 ? [] : [chance.bytes(chance.below(30))]).then(() => {}),
  );
});

test('the canaries were never disturbed and the exchange is unharmed', async () => {
  await assertUnharmed(exchange, 2, files);
  assert.ok((await canary.stop()) > 50);
  assert.is((await httpRequest(exchange, '/readyz')).status, 200);
});

test.run();
