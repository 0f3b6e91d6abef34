/** When the owner has to be asked: the whole table, against the rules written as sentences. */
import * as assert from 'uvu/assert';
import { type Action, reasonsToAsk, sentenceOf } from '../../src/bridge/decision.ts';
import { POLICIES } from '../../src/client/friends.ts';
import { suite } from '../harness.ts';

const test = suite('decision');
const ACTIONS: readonly Action[] = ['ask', 'answer', 'decline', 'connect', 'create_invite', 'disconnect'];
const TEXTS: readonly Action[] = ['ask', 'answer', 'decline'];
const BOTH = [false, true];

function everything(): Parameters<typeof reasonsToAsk>[0][] {
  return ACTIONS.flatMap((action) =>
    POLICIES.flatMap((policy) =>
      BOTH.flatMap((isTainted) =>
        BOTH.flatMap((hasSecret) => BOTH.map((isPaused) => ({ action, policy, isTainted, hasSecret, isPaused }))),
      ),
    ),
  );
}

test('words leave by themselves only for a friend on auto, without a secret, without a pause', () => {
  for (const circumstances of everything()) {
    const { action, policy, hasSecret, isPaused } = circumstances;
    if (!TEXTS.includes(action)) continue;
    const reasons = reasonsToAsk(circumstances);
    if (policy !== 'auto' || hasSecret || isPaused) assert.ok(reasons.length > 0, JSON.stringify(circumstances));
  }
  assert.equal(
    reasonsToAsk({ action: 'answer', policy: 'auto', isTainted: true, hasSecret: false, isPaused: false }),
    [],
  );
  assert.equal(
    reasonsToAsk({ action: 'ask', policy: 'auto', isTainted: false, hasSecret: false, isPaused: false }),
    [],
  );
});

test('after a stranger’s text, nothing that it could direct happens without the owner', () => {
  for (const circumstances of everything()) {
    const { action, isTainted } = circumstances;
    const isDirected = ['ask', 'connect', 'create_invite', 'disconnect'].includes(action);
    assert.is(
      reasonsToAsk(circumstances).includes('read_a_stranger'),
      isTainted && isDirected,
      JSON.stringify(circumstances),
    );
  }
});

test('every reason has a sentence, and none is given twice', () => {
  const seen = new Set<string>();
  for (const circumstances of everything()) {
    const reasons = reasonsToAsk(circumstances);
    assert.is(new Set(reasons).size, reasons.length);
    for (const reason of reasons) seen.add(sentenceOf(reason));
  }
  assert.is(seen.size, 6);
  for (const sentence of seen) assert.match(sentence, /\.$/);
});

test.run();
