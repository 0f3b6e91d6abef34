/** Protocol parts 2 and 3: the commands of clients that hold a key, and what the exchange says to them, as text. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { contentPart, decode, encode, encodeDelivery, encodeHandedOver, senderPart } from '../../src/protocol/codec.ts';
import { type Json, suite } from '../harness.ts';

const test = suite('codec, keyed');

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const KEY = 'A'.repeat(43);
const PROOF = { publicKey: KEY, host: 'magi.test', signature: 'A'.repeat(86) };

/** Reads what is well-formed; returns the command. */
function read(command: Json): Json {
  const decoded = decode(JSON.stringify(command)) as unknown as Json;
  assert.not.equal(decoded.type, 'error', JSON.stringify(decoded));
  return decoded;
}

/** Reads what is not; returns what the fault says. */
function refusal(command: Json): string {
  const { message, ...rest } = decode(JSON.stringify({ id: 'c-1', ...command })) as unknown as Json;
  const named = /^[A-Za-z0-9_-]{1,64}$/.test(String(command.id ?? 'c-1')) ? { id: command.id ?? 'c-1' } : {};
  assert.equal(rest, { type: 'error', code: 'bad_message', request: command.type, ...named });
  return message as string;
}

test('the proof of a key comes through with identify and with connect', () => {
  for (const command of [
    { type: 'identify', username: 'ann', ...PROOF },
    { type: 'identify', username: 'ann', nickname: 'Anna', ...PROOF },
    { type: 'connect', code: 'ABC234', username: 'ann', from: 'bob', ...PROOF },
  ])
    assert.equal({ ...read(command) }, command);
});

test('a field of the proof that is not a string is named', () => {
  for (const command of [
    { type: 'identify', username: 'ann', ...PROOF },
    { type: 'connect', code: 'ABC234', username: 'ann', ...PROOF },
  ])
    for (const field of Object.keys(PROOF))
      for (const value of [null, 5, true, [KEY], { key: KEY }])
        assert.match(refusal({ ...command, [field]: value }), `"${field}" must be a string`);
});

test('received takes an array of strings, and 64 of them at least', () => {
  for (const deliveryIds of [
    [],
    ['1'],
    Array.from({ length: 64 }, (_, n) => `${n}`),
    ['', '\ud800', 'x'.repeat(1_000)],
  ])
    assert.equal(read({ type: 'received', deliveryIds }).deliveryIds, deliveryIds);
  assert.match(refusal({ type: 'received' }), '"deliveryIds" is missing');
  for (const deliveryIds of [null, 'x', 5, {}, { length: 1, 0: 'x' }, [5], ['x', null], [['x']], [{}]])
    assert.match(refusal({ type: 'received', deliveryIds }), '"deliveryIds" must be an array');
});

test('a receipt takes an id, a friend, and one of the two that a friend may say', () => {
  for (const status of ['read', 'declined']) {
    const receipt = { type: 'receipt', id: 'q-1', to: 'ann', status };
    assert.equal({ ...read(receipt) }, receipt);
    assert.equal({ ...read({ ...receipt, reason: 'so', extra: 5 }) }, { ...receipt, reason: 'so' });
  }
  const receipt = { type: 'receipt', id: 'q-1', to: 'ann', status: 'read' };
  for (const field of ['to', 'status']) {
    const { [field as 'to']: _, ...rest } = receipt;
    assert.match(refusal(rest), `"${field}" is missing`);
    for (const value of [null, 5, ['read'], {}])
      assert.match(refusal({ ...receipt, [field]: value }), `"${field}" must be`);
  }
  for (const status of ['delivered', 'expired', 'left', 'Read', '', 'handled'])
    assert.match(refusal({ ...receipt, status }), '"status" must be "read" or "declined"');
});

test('a reason has at most 200 characters', () => {
  const receipt = { type: 'receipt', id: 'q-1', to: 'ann', status: 'declined' };
  for (const reason of ['', 'x'.repeat(200), '🦊'.repeat(200)]) assert.is(read({ ...receipt, reason }).reason, reason);
  for (const reason of ['x'.repeat(201), '🦊'.repeat(201), null, 5, ['x'], {}])
    assert.match(refusal({ ...receipt, reason }), '"reason" must be a string of at most 200 characters');
});

test('forget_me needs nothing, and takes an id', () => {
  assert.equal({ ...read({ type: 'forget_me' }) }, { type: 'forget_me' });
  assert.equal({ ...read({ type: 'forget_me', id: 'f-1', username: 'bob' }) }, { type: 'forget_me', id: 'f-1' });
});

test('what only the exchange says is no command', () => {
  const types = [
    ...['connected', 'identified', 'invite_created', 'connected_to_friend', 'friend_connected', 'friend_disconnected'],
    ...[
      'friend_online',
      'friend_away',
      'question',
      'question_sent',
      'answer_sent',
      'handled',
      'connections',
      'forgotten',
    ],
    ...['pong', 'restarting', 'error', 'toString', '__proto__'],
  ];
  for (const type of types) assert.is((decode(JSON.stringify({ type })) as unknown as Json).code, 'unknown_type', type);
});

test('no fault repeats what was in a proof, a receipt or an acknowledgement', () => {
  const mark = 'jabberwock';
  const value = fc.constantFrom<unknown>(mark, [mark], { [mark]: mark }, [[mark]], 5, null, mark.repeat(30));
  const fields = fc.dictionary(
    fc.constantFrom(
      'publicKey',
      'host',
      'signature',
      'deliveryIds',
      'status',
      'reason',
      'to',
      'username',
      'id',
      'code',
    ),
    value,
  );
  fc.assert(
    fc.property(fc.constantFrom('identify', 'connect', 'received', 'receipt', 'forget_me'), fields, (type, fields) => {
      const read = decode(JSON.stringify({ ...fields, id: `not an id ${mark}`, type }));
      if (read.type === 'error') assert.not.match(encode(read), mark);
    }),
    { numRuns: 1_000 },
  );
});

test('deliveries and replies put together from parts are the same as those encoded whole', () => {
  const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constant('"\\\u2028\u0000\ud800</script>'));
  const type = fc.constantFrom<'question' | 'answer'>('question', 'answer');
  const maybe = fc.option(id, { nil: undefined });
  fc.assert(
    fc.property(type, text, text, text, id, maybe, id, (type, content, from, fromNickname, id, replyTo, deliveryId) => {
      const parts = encodeDelivery(type, contentPart(content), senderPart(from, fromNickname), id, replyTo, deliveryId);
      assert.is(parts, encode({ type, content, from, fromNickname, id, replyTo, deliveryId }));
    }),
    { numRuns: 1_000 },
  );
  const status = fc.constantFrom<'delivered' | 'queued'>('delivered', 'queued');
  const remaining = fc.option(fc.nat(), { nil: undefined });
  fc.assert(
    fc.property(type, text, status, remaining, id, (type, to, status, remaining, id) => {
      const reply = { type: type === 'question' ? ('question_sent' as const) : ('answer_sent' as const), to };
      const parts = encodeHandedOver(type, JSON.stringify(to), status, remaining, id);
      assert.is(parts, encode({ ...reply, status, remaining, id }));
    }),
    { numRuns: 1_000 },
  );
});

test.run();
