/** Protocol part 1, "Errors": the codes, and the sentence that each of them says. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { FAULT_CODES, type FaultCode, fault, passingFault } from '../../src/protocol/faults.ts';
import { suite } from '../harness.ts';

const test = suite('faults');

/** The table of part 1. */
const CODES =
  'bad_message message_too_large unknown_type not_identified already_identified invalid_username invalid_nickname ' +
  'username_taken username_reserved bad_signature registration_closed invalid_code own_invite no_connection recipient_required friend_offline mailbox_full rate_limited ' +
  'too_many_attempts too_many_invites too_many_connections storage_failed internal';

test('the codes are those of the protocol', () => {
  assert.equal([...FAULT_CODES].sort(), CODES.split(' ').sort());
});

test('every code has sentences of its own, on one line', () => {
  const sentences = FAULT_CODES.map((code) => fault(code).message);
  for (const sentence of sentences) assert.match(sentence, /^[A-Z][^\n]*\.$/);
  assert.is(new Set(sentences).size, sentences.length);
});

test('a fault is the message that answers it', () => {
  assert.equal(fault('internal', 'Something.'), { type: 'error', code: 'internal', message: 'Something.' });
  assert.equal(fault('own_invite'), { type: 'error', code: 'own_invite', message: fault('own_invite').message });
});

test('a passing fault waits for whole milliseconds, at least one', () => {
  const waits: [given: number, told: number][] = [
    [0, 1],
    [0.001, 1],
    [1, 1],
    [1.000001, 2],
    [5_999.5, 6_000],
  ];
  for (const [given, told] of waits) assert.is(passingFault('rate_limited', given).retryAfterMs, told);
  const code = fc.constantFrom<FaultCode>('rate_limited', 'too_many_attempts', 'too_many_invites');
  fc.assert(
    fc.property(code, fc.double({ min: 0, max: 1e12, noNaN: true }), (code, waitMs) => {
      const { retryAfterMs, ...rest } = passingFault(code, waitMs);
      assert.equal(rest, fault(code));
      assert.ok(Number.isInteger(retryAfterMs) && (retryAfterMs ?? 0) >= Math.max(1, waitMs), `${retryAfterMs}`);
    }),
  );
});

test.run();
