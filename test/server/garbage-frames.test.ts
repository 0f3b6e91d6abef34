/**
 * Over 10,000 WebSocket frames that break RFC 6455 or are cut off, on bare TCP, while a pair of users goes on talking; and
 * unusual frames that are sound, which must be answered. SEED=<number> plays a run again.
 */
import { createConnection } from 'node:net';
import * as assert from 'uvu/assert';
import {
  assertUnharmed,
  type Exchange,
  inParallel,
  openFiles,
  seededChance,
  sendRaw,
  startCanary,
  startExchange,
  suite,
  UNLIMITED,
} from '../harness.ts';

const test = suite('garbage in frames');

const WIDTH = 32;
const chance = seededChance('garbage in frames');
let exchange: Exchange;
let canary: Awaited<ReturnType<typeof startCanary>>;
let files: number;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
  canary = await startCanary(exchange);
  files = openFiles(exchange);
});
test.after(() => exchange.stop());

const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];

interface Frame {
  opcode: number;
  payload: string | Uint8Array;
  fin?: boolean;
  /** The three reserved bits, which need an extension that was never agreed. */
  reserved?: number;
  masked?: boolean;
  /** The length that is claimed, and in how many bytes: 0 within the second byte, else 2 or 8. */
  length?: number | bigint;
  width?: 0 | 2 | 8;
}

function frame({ opcode, payload, fin = true, reserved = 0, masked = true, length, width }: Frame): Buffer {
  const body = Buffer.from(payload as string);
  const claimed = BigInt(length ?? body.length);
  const bytes = width ?? (claimed < 126n ? 0 : claimed < 65_536n ? 2 : 8);
  const head = Buffer.alloc(2 + bytes);
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (bytes === 0 ? Number(claimed & 0x7fn) : bytes === 2 ? 126 : 127);
  if (bytes === 2) head.writeUInt16BE(Number(claimed & 0xffffn), 2);
  if (bytes === 8) head.writeBigUInt64BE(BigInt.asUintN(64, claimed), 2);
  if (!masked) return Buffer.concat([head, body]);
  const mask = chance.bytes(4);
  for (let at = 0; at < body.length; at += 1) body[at] = (body[at] ?? 0) ^ (mask[at % 4] ?? 0);
  return Buffer.concat([head, mask, body]);
}

function handshake(path = '/'): string {
  const headers = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${exchange.port}\r\n${headers.join('\r\n')}\r\n${key}\r\n\r\n`;
}

/** A client may send only after this; what is sent earlier may be lost. */
const upgraded = (received: string) => received.includes('\r\n\r\n');

/** Opens a WebSocket by hand and sends chunks; returns what is received until `enough`, or until the exchange closes. */
function talk(chunks: Uint8Array[], enough?: (received: string) => boolean): Promise<string> {
  return sendRaw(exchange, [handshake(), upgraded, ...chunks], enough);
}

const json = (message: unknown) => JSON.stringify(message);
const PONG_TEXT = '{"type":"pong"}';

function randomPayload(): Uint8Array {
  switch (chance.below(6)) {
    case 0:
      return new Uint8Array();
    case 1:
      return Buffer.from(json({ type: 'ping' }));
    case 2:
      return Buffer.from(json({ type: 'identify', username: `frame ${chance.below(1_000_000)}` }));
    case 3:
      return Buffer.concat([Buffer.from('{"type":"'), chance.bytes(chance.below(20)), Buffer.from('"}')]);
    default:
      return chance.bytes(chance.below(2 ** chance.below(12)));
  }
}

/** A frame of which anything may be wrong. */
function randomFrame(): Buffer {
  const payload = randomPayload();
  const wrongLengths = [
    0,
    1,
    125,
    126,
    127,
    65_535,
    65_536,
    131_073,
    2 ** 31,
    2n ** 32n,
    2n ** 63n - 1n,
    2n ** 63n,
    2n ** 64n - 1n,
  ];
  return frame({
    opcode: chance.below(3) === 0 ? chance.below(16) : chance.pick([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG]),
    payload,
    fin: chance.below(3) !== 0,
    reserved: chance.below(6) === 0 ? chance.below(8) : 0,
    masked: chance.below(6) !== 0,
    ...(chance.below(6) === 0 ? { length: chance.pick(wrongLengths) } : {}),
    ...(chance.below(6) === 0 ? { width: chance.pick([0, 2, 8] as const) } : {}),
  });
}

test('10,000 random frames, several to a socket, in one packet or many, some cut off', async () => {
  const perSocket = 5;
  await inParallel(10_000 / perSocket, WIDTH, async () => {
    const frames = Array.from({ length: perSocket }, randomFrame);
    let chunks: Uint8Array[] = frames;
    if (chance.below(3) === 0) chunks = [Buffer.concat(frames)];
    if (chance.below(3) === 0) chunks = chunks.map((chunk) => chunk.subarray(0, chance.below(chunk.length + 1)));
    const start = handshake(chance.pick(['/', '/ws', '/live']));
    // Every fourth client does not wait for the answer to its handshake.
    const received = await sendRaw(exchange, chance.below(4) === 0 ? [start, ...chunks] : [start, upgraded, ...chunks]);
    assert.match(received, /^HTTP\/1\.1 101 /);
  });
});

test('each breach of RFC 6455 ends the socket', async () => {
  const ping = json({ type: 'ping' });
  const text = { opcode: TEXT, payload: ping };
  const breaches: Record<string, Frame[]> = {
    'a reserved bit': [{ ...text, reserved: 4 }],
    'an opcode that is none': [{ ...text, opcode: 3 }],
    'a control opcode that is none': [{ ...text, opcode: 11 }],
    'a continuation of nothing': [{ ...text, opcode: CONTINUATION }],
    'a message within a message': [{ ...text, fin: false }, text],
    'a control frame in fragments': [{ opcode: PING, payload: 'x', fin: false }],
    'a control frame that is too long': [{ opcode: PING, payload: 'x'.repeat(126) }],
    'text that is not UTF-8': [{ opcode: TEXT, payload: Buffer.from([0x22, 0xff, 0x22]) }],
    'text that ends within a character': [{ opcode: TEXT, payload: Buffer.from([0x22, 0xe2, 0x82]) }],
    'a length over the bound': [{ ...text, length: 128 * 1024 + 1 }],
    'a length with the highest bit': [{ ...text, length: 2n ** 63n, width: 8 }],
    'a close frame of one byte': [{ opcode: CLOSE, payload: 'x' }],
    'fragments that grow over the bound': [
      { opcode: TEXT, payload: 'x'.repeat(100_000), fin: false },
      { opcode: CONTINUATION, payload: 'x'.repeat(100_000) },
    ],
  };
  for (const [what, frames] of Object.entries(breaches)) {
    // A predicate that is never satisfied keeps our side open: it has to be the exchange that ends this.
    const received = await talk(frames.map(frame), () => false);
    assert.not.ok(received.includes(PONG_TEXT), what);
  }
});

test('an unmasked frame is not taken for a message', async () => {
  // RFC 6455 wants the socket closed. uWebSockets.js takes the first four bytes for the mask instead, which makes noise of it.
  const ping = json({ type: 'ping' });
  for (let times = 1; times < 4; times += 1) {
    const frames = Array.from({ length: times }, () => frame({ opcode: TEXT, payload: ping, masked: false }));
    assert.not.ok((await talk(frames)).includes(PONG_TEXT));
  }
});

test('a sound message is answered however it is fragmented, with pings in between, and however it is packed', async () => {
  await inParallel(500, WIDTH, async () => {
    const whole = Buffer.from(json({ type: 'ping', padding: 'ü🤝'.repeat(chance.below(50)) }));
    const frames: Buffer[] = [];
    let at = 0;
    for (let first = true; first || at < whole.length; first = false) {
      const to = Math.min(whole.length, at + 1 + chance.below(whole.length));
      const payload = whole.subarray(at, to);
      frames.push(frame({ opcode: first ? TEXT : CONTINUATION, payload, fin: to === whole.length }));
      if (chance.below(3) === 0) frames.push(frame({ opcode: chance.pick([PING, PONG] as const), payload: 'x' }));
      at = to;
    }
    const bytes = Buffer.concat(frames);
    const cut = chance.below(bytes.length);
    const chunks = chance.below(2) === 0 ? frames : [bytes.subarray(0, cut), bytes.subarray(cut)];
    const received = await talk(chunks, (text) => text.includes(PONG_TEXT));
    assert.ok(received.includes(PONG_TEXT));
  });
});

test('a message in 100,000 fragments of one byte, and as many empty ones, harm nobody', async () => {
  const one = frame({ opcode: CONTINUATION, payload: 'x', fin: false });
  const empty = frame({ opcode: CONTINUATION, payload: '', fin: false });
  const first = frame({ opcode: TEXT, payload: '', fin: false });
  for (const fragment of [one, empty]) {
    await talk([first, Buffer.concat(Array.from({ length: 100_000 }, () => fragment))]);
  }
});

test('200 sockets that are reset or left in the middle of a frame', async () => {
  await inParallel(200, WIDTH, async () => {
    const socket = createConnection({ host: '127.0.0.1', port: exchange.port });
    const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
    socket.write(handshake());
    await new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
    const bytes = randomFrame();
    socket.write(bytes.subarray(0, chance.below(bytes.length + 1)));
    if (chance.below(2) === 0) socket.resetAndDestroy();
    else socket.destroy();
    await closed;
  });
});

test('the canaries were never disturbed and the exchange is unharmed', async () => {
  await assertUnharmed(exchange, 2, files);
  assert.ok((await canary.stop()) > 50);
});

test.run();
