/** Protocol part 1: text → command or fault, never an exception; message → text. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  contentPart,
  decode,
  encode,
  encodeForwarded,
  encodeSent,
  fitsUtf8,
  recipientPart,
  senderPart,
  utf8Length,
} from '../../src/protocol/codec.ts';
import { FAULT_CODES } from '../../src/protocol/faults.ts';
import { COMMANDS, CONTENT_BYTES_MAX, type CommandType } from '../../src/protocol/messages.ts';
import { type Json, suite } from '../harness.ts';

const test = suite('codec');

const TYPES = Object.keys(COMMANDS) as CommandType[];
const unit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
/** Any text, lone surrogates included. */
const utf16 = fc.string({ unit });
const wellFormed = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }));
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);

const proof = { publicKey: utf16, host: utf16, signature: utf16 };
/** Commands as a client should send them. */
const command: fc.Arbitrary<Json> = fc.oneof(
  ...[
    { type: fc.constant('identify'), username: utf16, nickname: utf16, ...proof },
    { type: fc.constant('connect'), code: utf16, username: utf16, nickname: utf16, from: utf16, ...proof },
    { type: fc.constant('ask'), content: wellFormed, to: utf16 },
    { type: fc.constant('answer'), content: wellFormed, to: utf16, replyTo: fc.jsonValue() },
    { type: fc.constant('disconnect'), to: utf16 },
    { type: fc.constant('received'), deliveryIds: fc.array(utf16) },
    {
      type: fc.constant('receipt'),
      to: utf16,
      status: fc.constantFrom('read', 'declined'),
      reason: fc.string({ maxLength: 100, unit }),
    },
    ...['create_invite', 'list_connections', 'forget_me', 'ping'].map((type) => ({ type: fc.constant(type) })),
  ].map((fields) => {
    const needed = ['type', 'content', 'code', 'deliveryIds', 'status'].filter((name) => name in fields);
    if ('status' in fields) needed.push('id');
    if ('username' in fields && !('code' in fields)) needed.push('username');
    if ('to' in fields && !('content' in fields)) needed.push('to');
    return fc.record(
      { ...fields, id: fc.oneof(id, fc.jsonValue()) },
      { requiredKeys: needed as [] },
    ) as fc.Arbitrary<Json>;
  }),
);

/** Decodes what may be anything, and returns the fault if it is one. */
function faultOf(text: string | undefined): Json | undefined {
  const read = decode(text);
  if (read.type !== 'error') {
    assert.ok(TYPES.includes(read.type));
    return undefined;
  }
  const { type, code, message, request, id, ...others } = read;
  assert.equal(others, {});
  assert.ok(FAULT_CODES.includes(code));
  assert.match(message, /^[^\n]+\.$/);
  if (request !== undefined) assert.ok(TYPES.includes(request as CommandType));
  if (id !== undefined) assert.match(id, /^[A-Za-z0-9_-]{1,64}$/);
  return { type, code, message };
}

test('no text makes decode throw', () => {
  const mutated = fc
    .tuple(command, fc.nat(), fc.nat({ max: 3 }), fc.string({ unit, maxLength: 3 }))
    .map(([command, at, cut, insert]) => {
      const text = JSON.stringify(command);
      const start = at % (text.length + 1);
      return text.slice(0, start) + insert + text.slice(start + cut);
    });
  const keyed = fc
    .tuple(
      fc.constantFrom(...TYPES),
      fc.dictionary(fc.constantFrom('content', 'to', 'code', 'username', 'id'), fc.jsonValue()),
    )
    .map(([type, fields]) => JSON.stringify({ ...fields, type }));
  const text = fc.oneof(
    utf16,
    wellFormed,
    fc.json(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
    mutated,
    keyed,
  );
  fc.assert(
    fc.property(text, (text) => void faultOf(text)),
    { numRuns: 3_000 },
  );
});

test('neither do deep nesting, long text and the innards of objects', () => {
  const deep = 60_000;
  for (const value of [`${'['.repeat(deep)}${']'.repeat(deep)}`, `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`]) {
    assert.is(faultOf(`{"type":"ping","extra":${value}}`), undefined);
    assert.is(faultOf(`{"type":"ping","id":${value}}`), undefined);
    assert.is(faultOf(`{"type":"answer","content":"c","replyTo":${value}}`), undefined);
    for (const text of [value, `{"type":${value}}`, `{"type":"ask","content":${value}}`])
      assert.is(faultOf(text)?.code, 'bad_message');
  }
  assert.is(faultOf('['.repeat(deep))?.code, 'bad_message');
  assert.is(faultOf(undefined)?.code, 'bad_message');
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    assert.is(faultOf(JSON.stringify({ type: key }))?.code, 'unknown_type');
    assert.is(faultOf(`{"${key}":{"type":"ping"}}`)?.code, 'bad_message');
    assert.is(faultOf(`{"type":"ask","${key}":{"content":"forged"}}`)?.code, 'bad_message');
    assert.equal(decode(`{"type":"ping","${key}":{"id":"forged"}}`), { type: 'ping' });
  }
});

test('a command comes through as it was sent, without the fields that are not its own', () => {
  const extra = fc.dictionary(
    fc
      .string()
      .filter(
        (name) =>
          !/^(type|id|username|nickname|code|from|content|to|replyTo|publicKey|host|signature|deliveryIds|status|reason)$/.test(
            name,
          ),
      ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(command, extra, (command, extra) => {
      const sent = JSON.parse(JSON.stringify(command)) as Json;
      for (const text of [JSON.stringify({ ...extra, ...command }), JSON.stringify({ ...command, ...extra })])
        assert.equal(JSON.parse(JSON.stringify(decode(text))), sent);
    }),
    { numRuns: 1_000 },
  );
  assert.equal(decode('{"type":"ping","content":"c","to":"ann","code":5}'), { type: 'ping' });
});

test('a fault names the field, the command and a well-formed id', () => {
  const is = (command: Json, field: string, how: RegExp) => {
    const { message, ...rest } = decode(JSON.stringify({ ...command, id: 'q-1' })) as unknown as Json;
    assert.equal(rest, { type: 'error', code: 'bad_message', request: command.type, id: 'q-1' });
    assert.match(message as string, new RegExp(`"${field}" ${how.source}`));
  };
  const [missing, wrong] = [/is missing/, /must be a string/];
  is({ type: 'identify' }, 'username', missing);
  is({ type: 'connect' }, 'code', missing);
  is({ type: 'ask' }, 'content', missing);
  is({ type: 'answer', to: 'ann' }, 'content', missing);
  is({ type: 'disconnect' }, 'to', missing);
  for (const value of [null, 5, true, ['x'], { x: 1 }]) {
    is({ type: 'identify', username: 'ann', nickname: value }, 'nickname', wrong);
    is({ type: 'connect', code: value }, 'code', wrong);
    is({ type: 'connect', code: 'c', from: value }, 'from', wrong);
    is({ type: 'ask', content: value }, 'content', wrong);
    is({ type: 'answer', content: 'c', to: value }, 'to', wrong);
    const { request, message } = decode(JSON.stringify({ type: value, id: '!' })) as unknown as Json;
    assert.is(request, undefined);
    assert.match(message as string, /"type" must be a string/);
  }
});

test('a fault never repeats what the client sent', () => {
  const mark = 'jabberwock';
  const value = fc.constantFrom<unknown>(mark, `${mark}\ud800`, { [mark]: mark }, [mark], 5, null, undefined);
  const fields = fc.record({ content: value, to: value, code: value, username: value, nickname: value, [mark]: value });
  fc.assert(
    fc.property(fc.constantFrom(...TYPES, mark, 5), fields, fc.nat({ max: 200 }), (type, fields, cut) => {
      const text = JSON.stringify({ type, ...fields, id: `not an id ${mark}` });
      for (const sent of [text, text.slice(0, cut)]) {
        const read = decode(sent);
        if (read.type === 'error') assert.not.match(encode(read), mark);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('content is bounded in bytes of UTF-8, whatever its characters take', () => {
  assert.is(CONTENT_BYTES_MAX, 32_768);
  for (const type of ['ask', 'answer'])
    for (const [character, bytes] of [...Object.entries({ a: 1, é: 2, 李: 3, '🦊': 4 })]) {
      const content = character.repeat(Math.floor(32_768 / bytes)) + 'a'.repeat(32_768 % bytes);
      assert.equal(decode(JSON.stringify({ type, content })), { type, content });
      const { message, ...rest } = decode(
        JSON.stringify({ type, content: `${content}a`, id: 'q1' }),
      ) as unknown as Json;
      assert.equal(rest, { type: 'error', code: 'message_too_large', request: type, id: 'q1' });
      assert.match(message as string, '32768');
    }
});

test('half of a surrogate pair is bad_message, wherever it stands in the content', () => {
  for (const content of ['\ud83e', '\udd8a', 'a\ud83eb', '\udd8a\ud83e', `${'x'.repeat(40_000)}\ud83e`])
    for (const type of ['ask', 'answer']) assert.is(faultOf(JSON.stringify({ type, content }))?.code, 'bad_message');
  assert.is(faultOf('{"type":"ask","content":"\\ud83e\\udd8a"}'), undefined);
});

test('the length in UTF-8 is what an encoder says', () => {
  fc.assert(
    fc.property(wellFormed, fc.integer({ min: -2, max: 2 }), (text, off) => {
      const bytes = Buffer.byteLength(text);
      assert.is(utf8Length(text), bytes);
      assert.is(fitsUtf8(text, bytes + off), off >= 0);
    }),
    { numRuns: 1_000 },
  );
});

test('messages put together from parts are the same as those encoded whole', () => {
  const type = fc.constantFrom<'question' | 'answer'>('question', 'answer');
  const maybe = fc.option(id, { nil: undefined });
  const remaining = fc.option(fc.nat(), { nil: undefined });
  const any = fc.oneof(utf16, wellFormed, fc.constant('"\\\u2028\u0000</script>'));
  fc.assert(
    fc.property(
      type,
      any,
      any,
      any,
      maybe,
      maybe,
      remaining,
      (type, content, from, fromNickname, id, replyTo, remaining) => {
        const message = { type, content, from, fromNickname, id, replyTo };
        const forwarded = encodeForwarded(type, contentPart(content), senderPart(from, fromNickname), id, replyTo);
        assert.is(forwarded, encode(message));
        assert.equal(JSON.parse(forwarded), JSON.parse(JSON.stringify(message)));

        const kind = type === 'question' ? ('question_sent' as const) : ('answer_sent' as const);
        const reply = { type: kind, content, to: fromNickname, status: 'forwarded' as const, remaining, id };
        const sent = encodeSent(type, contentPart(content), recipientPart(fromNickname), remaining, id);
        assert.is(sent, encode(reply));
        const { content: readContent, to } = JSON.parse(sent) as Json;
        assert.equal([readContent, to], [content, fromNickname]);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('the short way reads what the long way reads, also of texts that are almost plain', () => {
  // A space in front is nothing to JSON, and makes the text one for the long way.
  const same = (text: string) =>
    assert.equal(JSON.parse(JSON.stringify(decode(text))), JSON.parse(JSON.stringify(decode(` ${text}`))), text);
  const value = fc.oneof(
    fc.string({ unit: 'grapheme-ascii' }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', 'ada', '\\u00e9', '\\n', '\\"', '"', '\u2028', '\u007f', '\ud800', '😀', 'x'.repeat(5_000)),
  );
  const name = fc.constantFrom('content', 'to', 'id', 'replyTo', 'type', 'extra', '__proto__');
  const separator = fc.constantFrom(',', ', ', ',  ', ' ,', '');
  const field = fc.tuple(separator, name, fc.constantFrom(':', ': ', ' :'), value);
  fc.assert(
    fc.property(fc.constantFrom('ask', 'answer', 'ping'), fc.array(field, { maxLength: 5 }), (type, fields) => {
      const rest = fields.map(([comma, key, colon, text]) => `${comma}"${key}"${colon}"${text}"`).join('');
      same(`{"type":"${type}"${rest}}`);
    }),
    { numRuns: 3_000 },
  );
  // And of those that the short way is for.
  const optional = (key: string) => fc.option(fc.string({ maxLength: 70 }).map((text) => [key, text] as const));
  fc.assert(
    fc.property(
      fc.constantFrom('ask', 'answer'),
      fc.tuple(optional('to'), optional('content'), optional('to'), optional('id'), optional('replyTo')),
      fc.boolean(),
      (type, fields, spaced) => {
        const entries = [['type', type] as const, ...fields.filter((entry) => entry !== null)];
        const text = entries.map(([key, text]) => `"${key}":${spaced ? ' ' : ''}${JSON.stringify(text)}`);
        same(`{${text.join(spaced ? ', ' : ',')}}`);
      },
    ),
    { numRuns: 2_000 },
  );
});

test.run();
