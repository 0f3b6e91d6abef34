/**
 * 10,000 messages that are JSON but nothing sensible, or almost sensible, and conversations that break off at every step,
 * while a pair of users goes on talking. SEED=<number> plays a run again.
 */
import * as assert from 'uvu/assert';
import {
  assertUnharmed,
  type Exchange,
  inParallel,
  type Json,
  openFiles,
  seededChance,
  startCanary,
  startExchange,
  suite,
  TestClient,
  UNLIMITED,
} from '../harness.ts';

const test = suite('garbage in messages');

const chance = seededChance('garbage in messages');
let exchange: Exchange;
let canary: Awaited<ReturnType<typeof startCanary>>;
let files: number;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
  canary = await startCanary(exchange);
  files = openFiles(exchange);
});
test.after(() => exchange.stop());

const COMMANDS = ['identify', 'create_invite', 'connect', 'ask', 'answer', 'list_connections', 'disconnect', 'ping'];
/** What may be said to a guest, and the fields that each may have. */
const REPLIES: Record<string, string[]> = {
  connected: ['clientId', 'version', 'challenge'],
  identified: ['username', 'nickname', 'clientId'],
  invite_created: ['code', 'from', 'expiresIn', 'expiresAt'],
  connected_to_friend: ['connectionId', 'friend', 'durable'],
  friend_connected: ['connectionId', 'friend', 'durable'],
  question_sent: ['content', 'to', 'status', 'remaining', 'id'],
  question: ['content', 'from', 'fromNickname', 'id'],
  answer_sent: ['content', 'to', 'status', 'id'],
  answer: ['content', 'from', 'fromNickname', 'id', 'replyTo'],
  friend_disconnected: ['friend', 'connectionId', 'reason'],
  connections: ['connections'],
  pong: ['id'],
  error: ['code', 'message', 'request', 'id', 'retryAfterMs'],
};
const ERRORS = [
  ...['bad_message', 'message_too_large', 'unknown_type', 'not_identified', 'already_identified', 'invalid_username'],
  ...['invalid_nickname', 'username_taken', 'invalid_code', 'own_invite', 'no_connection', 'recipient_required'],
  ...['too_many_connections', 'friend_offline'],
];

/** Asserts that a reply is one of the tables', and no confession of a fault. */
function assertSound(reply: Json): void {
  const { type, ...fields } = reply;
  const allowed = REPLIES[type as string];
  assert.ok(allowed !== undefined, `a message of the type ${type}`);
  for (const field of Object.keys(fields)) assert.ok(allowed.includes(field), `${field} in ${type}`);
  if (type === 'error') assert.ok(ERRORS.includes(fields.code as string), JSON.stringify(reply));
}

const NASTY = [
  ...[
    '',
    ' ',
    '\u0000',
    '\u202e',
    '\u200b',
    '\ufeff',
    '\ud800',
    '\udfff\ud800',
    '🤝',
    'e\u0301',
    '\u2028',
    '\uffff',
    '\\',
    '"',
  ],
  ...['__proto__', 'constructor', 'toString', 'null', 'undefined', 'NaN', '-0', '1e999', '../..', '<script>', '%s%n'],
  ...['a'.repeat(200), 'ﷺ'.repeat(20), '\u0301'.repeat(300), 'İ', 'ß', 'ŉ', '\u{e0041}', '\r\n', '\u001b[2J', "'; --"],
];
const FIELDS = [
  ...[
    'type',
    'username',
    'nickname',
    'code',
    'from',
    'content',
    'to',
    'id',
    'replyTo',
    'publicKey',
    'host',
    'signature',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toJSON',
    'length',
    'then',
    '',
    'hasOwnProperty',
    'clientId',
    'connectionId',
  ],
];
const names = Array.from({ length: 12 }, (_, n) => `fuzz ${n}`);
/** Codes that were told to anybody: a right one now and then is what leads deeper. */
const codes: string[] = ['ABC234'];

function randomValue(depth = 0): unknown {
  switch (chance.below(depth > 4 ? 7 : 10)) {
    case 0:
      return chance.pick([0, -1, 1.5, 1e308, -0, 2 ** 53, Number.MIN_VALUE]);
    case 1:
      return chance.pick([null, true, false]);
    case 2:
      return chance.pick(names);
    case 3:
      return chance.pick(codes);
    case 4:
      return chance.pick(COMMANDS);
    case 5:
    case 6:
      return chance.pick(NASTY);
    case 7:
      return Array.from({ length: chance.below(4) }, () => randomValue(depth + 1));
    default:
      return randomObject(depth + 1);
  }
}

function randomObject(depth: number): Json {
  // defineProperty, because an assignment to __proto__ would never reach the wire.
  const object: Json = {};
  for (let count = chance.below(5); count > 0; count -= 1) {
    const value = randomValue(depth);
    Object.defineProperty(object, chance.pick(FIELDS), { value, enumerable: true, configurable: true });
  }
  return object;
}

/** A command that would be sound, were it not for what `spoiled` does to it. */
function nearlyCommand(): Json {
  const type = chance.pick(COMMANDS);
  const username = chance.pick(names);
  const sound: Json = { type };
  if (type === 'identify') sound.username = username;
  if (type === 'connect') Object.assign(sound, { code: codes.at(-1 - chance.below(5)) ?? 'ABC234' });
  if (type === 'connect' && chance.below(3) === 0) sound.username = username;
  if (type === 'ask' || type === 'answer') sound.content = chance.pick(NASTY);
  if (type === 'disconnect' || chance.below(3) === 0) sound.to = username;
  if (chance.below(3) === 0) sound.id = chance.pick(['id-1', ...NASTY]);
  return sound;
}

function randomMessage(): string | Uint8Array {
  let message: unknown = nearlyCommand();
  const way = chance.below(10);
  if (way === 0) message = randomValue();
  if (way === 1) message = { ...(message as Json), ...randomObject(0) };
  if (way === 2) (message as Json)[chance.pick(FIELDS)] = randomValue();
  if (way === 3) delete (message as Json)[chance.pick(Object.keys(message as Json))];
  let text = JSON.stringify(message);
  if (way === 4) text = text.slice(0, chance.below(text.length));
  if (way === 5) text = text.replaceAll(/[a-z]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
  if (way === 6) text = ` \n\t${text.replace('{', `{"type":"ping","type":${JSON.stringify(chance.pick(COMMANDS))},`)}`;
  return chance.below(5) === 0 ? Buffer.from(text) : text;
}

test('10,000 random messages: each is answered by something of the tables, and nothing else breaks', async () => {
  const messages = 10_000;
  const burst = 10;
  await inParallel(8, 8, async () => {
    let client = await TestClient.unidentified(exchange);
    for (let n = 0; n < messages / 8; n += burst) {
      for (let said = 0; said < burst; said += 1) client.send(randomMessage());
      client.send({ type: 'ping', id: `burst-${n}` });
      let replies = 0;
      for (let reply = await client.next(); reply.id !== `burst-${n}`; reply = await client.next()) {
        assertSound(reply);
        replies += 1;
        if (reply.type === 'invite_created') codes.push(reply.code as string);
      }
      assert.ok(replies >= burst, `${replies} replies to ${burst} messages`);
      if (chance.below(12) === 0) {
        if (chance.below(2) === 0) client.terminate();
        else await client.close();
        client = await TestClient.unidentified(exchange);
      }
    }
    client.terminate();
  });
});

/** Takes messages up to the first of `type`, which it returns. */
async function until(client: TestClient, type: string): Promise<Json> {
  for (let told = await client.next(); ; told = await client.next()) {
    assertSound(told);
    if (told.type === type) return told;
  }
}

test('1,000 conversations that one side breaks off at a random step', async () => {
  await inParallel(1_000, 16, async (index) => {
    const [maker, guest] = [await TestClient.open(exchange), await TestClient.open(exchange)];
    let code = '';
    let connected = false;
    // Each step is said without waiting for the end of the one before, as far as that is possible.
    const steps: (() => unknown)[] = [
      () => maker.send({ type: 'identify', username: `maker ${index}` }),
      () => guest.send({ type: 'identify', username: `guest ${index}` }),
      async () => {
        maker.send({ type: 'create_invite' });
        code = (await until(maker, 'invite_created')).code as string;
      },
      () => guest.send({ type: 'connect', code }),
      async () => {
        await until(maker, 'friend_connected');
        connected = true;
      },
      () => guest.send({ type: 'ask', content: 'question' }),
      () => maker.send({ type: 'answer', content: 'answer' }),
      () => guest.send({ type: 'disconnect', to: `maker ${index}` }),
      () => maker.send({ type: 'create_invite' }),
    ];
    const last = chance.below(steps.length + 1);
    for (const step of steps.slice(0, last)) await step();
    const [leaver, stayer] = chance.below(2) === 0 ? [maker, guest] : [guest, maker];
    if (chance.below(3) === 0) leaver.send(randomMessage());
    if (chance.below(2) === 0) leaver.terminate();
    else leaver.socket.close(chance.pick([1000, 1001, 3000, 4999]), 'x'.repeat(chance.below(120)));
    if (connected) await until(stayer, 'friend_disconnected');
    await stayer.close();
    await leaver.whenClosed();
  });
});

test('the canaries were never disturbed and the exchange is unharmed', async () => {
  await assertUnharmed(exchange, 2, files);
  assert.ok((await canary.stop()) > 50);
});

test.run();
