/** Protocol part 1, the table of errors: what is no command at all, and what is too large. An error never closes. */
import * as assert from 'uvu/assert';
import { assertError, type Exchange, type Json, startExchange, suite, TestClient, UNLIMITED } from '../harness.ts';

const test = suite('faults');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

const KIB = 1024;

/** The JSON of a ping, filled up to `bytes` with a field that the exchange ignores. */
function paddedPing(bytes: number): string {
  const json = (padding: string) => `{"type":"ping","padding":"${padding}"}`;
  return json('x'.repeat(bytes - json('').length));
}

/** An error about something whose type is no command: naming that type in `request` is allowed, inventing one is not. */
function assertUnknownType(reply: Json, type: string): void {
  const { request = type, ...rest } = reply;
  assert.is(request, type);
  assertError(rest, 'unknown_type');
}

test('what is not a JSON object is bad_message', async () => {
  const client = await TestClient.identified(exchange, 'not an object');
  const texts = [
    ...[
      '',
      ' ',
      'hello',
      '{',
      '{"type":"ping"',
      '{"type":"ping"}}',
      "{'type':'ping'}",
      '{"type":"ping",}',
      '{type:"ping"}',
    ],
    ...['null', 'true', '0', '"ping"', '[]', '[{"type":"ping"}]', 'NaN', 'undefined', '{"type":"ping"}{"type":"ping"}'],
    ...[
      '\u0000',
      '{"type":"ping","id":"a\u0000"}',
      '{"type":"\\x70ing"}',
      '{"type":"ping","n":01}',
      '['.repeat(60_000),
    ],
  ];
  for (const text of texts) {
    assertError(await client.request(text), 'bad_message');
    assertError(await client.request(Buffer.from(text)), 'bad_message');
  }
  await client.quiet();
});

test('a type that is missing or of the wrong kind is bad_message and named', async () => {
  const client = await TestClient.identified(exchange, 'typeless');
  for (const type of [undefined, null, 5, true, ['ping'], { ping: 1 }]) {
    const reply = await client.request({ type, content: 'c' });
    assertError(reply, 'bad_message');
    assert.match(reply.message as string, /\btype\b/);
  }
  await client.quiet();
});

test('types that are in no table are unknown_type, before and after identifying', async () => {
  const client = await TestClient.unidentified(exchange);
  const inherited = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'valueOf'];
  for (const username of [undefined, 'curious']) {
    if (username !== undefined) await client.request({ type: 'identify', username }, 'identified');
    for (const type of ['', 'dance', 'ASK', 'Ping', ' ping', 'ping ', 'x'.repeat(1_000), 'ask\u0000', ...inherited]) {
      assertUnknownType(await client.request({ type, content: 'c' }), type);
    }
  }
  await client.quiet();
});

test('types that only the exchange may send are unknown_type, and no friend hears of them', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'impostor', 'target');
  const bobIs = { username: 'target', nickname: 'target' };
  const types = [
    ...['connected', 'identified', 'invite_created', 'connected_to_friend', 'friend_connected', 'question_sent'],
    ...['question', 'answer_sent', 'friend_disconnected', 'error', 'connections', 'pong', 'restarting'],
  ];
  for (const type of types) {
    assertUnknownType(await ann.request({ type, content: 'c', to: 'target', from: 'target', friend: bobIs }), type);
  }
  await bob.quiet();
  await ann.quiet();
});

test('fields named like the innards of objects change nothing', async () => {
  const client = await TestClient.open(exchange);
  const { clientId } = await client.next('connected');
  client.send(
    '{"type":"identify","username":"innards","__proto__":{"nickname":"forged"},"constructor":{"prototype":{}}}',
  );
  assert.equal(await client.next(), { type: 'identified', username: 'innards', nickname: 'innards', clientId });
  const forgeries = ['{"__proto__":{"type":"ping"}}', '{"constructor":{"type":"ping"}}', '{"__proto__":null}'];
  for (const text of forgeries) assertError(await client.request(text), 'bad_message');
  const reply = await client.request('{"type":"ask","__proto__":{"content":"forged"}}');
  assert.is(reply.type, 'error');
  assert.is(
    (await client.request('{"type":"create_invite","__proto__":{"from":"x"}}', 'invite_created')).from,
    'innards',
  );
});

test('deep nesting and very many fields are read or refused, never fatal', async () => {
  const client = await TestClient.identified(exchange, 'deep');
  const depth = 30_000;
  const texts = [
    `{"type":"ping","a":${'['.repeat(depth)}${']'.repeat(depth)}}`,
    `{"type":"ping","a":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`,
    `{${Array.from({ length: 5_000 }, (_, n) => `"f${n}":0`).join(',')},"type":"ping"}`,
  ];
  for (const text of texts) {
    const reply = await client.request(text);
    if (reply.type === 'error') assertError(reply, 'bad_message', reply.request === 'ping' ? { request: 'ping' } : {});
    else assert.equal(reply, { type: 'pong' });
  }
  await client.quiet();
});

test('a binary frame that is not UTF-8 is bad_message; a text frame that is not closes', async () => {
  const client = await TestClient.identified(exchange, 'bytes');
  const start = Buffer.from('{"type":"ask","content":"');
  for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
    assertError(await client.request(Buffer.concat([start, Buffer.from(bad), Buffer.from('"}')])), 'bad_message');
  }
  await client.quiet();
  client.socket.send(Buffer.from([0x7b, 0xff, 0x7d]), { binary: false });
  assert.is(await client.whenClosed(), 1006);
});

test('a frame of 64 KiB is read, a larger one is message_too_large, one over 128 KiB closes', async () => {
  const client = await TestClient.identified(exchange, 'large');
  assert.equal(await client.request(paddedPing(64 * KIB)), { type: 'pong' });
  assert.equal(await client.request(Buffer.from(paddedPing(64 * KIB))), { type: 'pong' });
  for (const bytes of [64 * KIB + 1, 100 * KIB, 128 * KIB]) {
    assertError(await client.request(paddedPing(bytes)), 'message_too_large');
    assertError(await client.request('x'.repeat(bytes)), 'message_too_large');
  }
  await client.quiet();
  client.send(paddedPing(128 * KIB + 1));
  assert.is(await client.whenClosed(), 1006);
});

test('the bound of a frame holds for all its fragments together', async () => {
  const client = await TestClient.identified(exchange, 'fragments');
  const whole = Buffer.from(paddedPing(64 * KIB + 1));
  for (let at = 0; at < whole.length; at += 1000) {
    client.socket.send(whole.subarray(at, at + 1000), { binary: false, fin: at + 1000 >= whole.length });
  }
  assertError(await client.next(), 'message_too_large');
  client.socket.send('{"type":', { fin: false });
  client.socket.send('', { fin: false });
  client.socket.send('"ping"}', { fin: true });
  assert.equal(await client.next(), { type: 'pong' });
});

test('content over its bound is refused even where the frame is within its own', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'wordy', 'reader');
  const reply = await ann.request({ type: 'ask', content: 'x'.repeat(40 * KIB) });
  assertError(reply, 'message_too_large', { request: 'ask' });
  await bob.quiet();
});

test('a thousand errors in a row close nothing', async () => {
  const client = await TestClient.identified(exchange, 'clumsy');
  for (let n = 0; n < 500; n += 1) {
    client.send('{');
    client.send({ type: 'ask' });
  }
  for (let n = 0; n < 500; n += 1) {
    assertError(await client.next(), 'bad_message');
    assertError(await client.next(), 'bad_message', { request: 'ask' });
  }
  await client.quiet();
});

test.run();
