/** What may leave, and what the owner has to say first: every combination there is. */
import * as assert from 'uvu/assert';
import {
  type Asking,
  decide,
  type FriendTool,
  type Leaving,
  type Outcome,
  type Policy,
  type Reason,
  sentence,
} from '../../src/bridge/leave-taking.ts';
import { suite } from '../harness.ts';

const test = suite('leave-taking');

const POLICIES: readonly Policy[] = ['hold', 'ask', 'auto', 'mute'];
const ASKINGS: readonly Asking[] = ['elicitation', 'interaction', 'nothing'];
const FRIEND_TOOLS: readonly FriendTool[] = ['magi_ask', 'magi_answer', 'magi_decline', 'magi_disconnect'];
const BOTH = [false, true];

const WHATS: readonly Leaving['what'][] = [
  ...FRIEND_TOOLS.flatMap((tool) => POLICIES.map((policy) => ({ tool, policy }))),
  { tool: 'magi_connect' },
  { tool: 'magi_create_invite' },
];

const ALL: readonly Leaving[] = WHATS.flatMap((what) =>
  BOTH.flatMap((isTainted) =>
    BOTH.flatMap((hasSecret) =>
      BOTH.flatMap((isPaused) => ASKINGS.map((asking) => ({ what, isTainted, hasSecret, isPaused, asking }))),
    ),
  ),
);

/** Without secret or pause: [elicitation, interaction, nothing], in a clean session and in a tainted one. */
type Three = readonly [Outcome, Outcome, Outcome];
const FREE: Three = ['send', 'send', 'send'];
const OWNER: Three = ['ask', 'send', 'draft'];
const NEVER: Three = ['refuse', 'refuse', 'refuse'];
const EXPECTED: Readonly<Record<string, readonly [clean: Three, tainted: Three]>> = {
  'magi_ask hold': [NEVER, NEVER],
  'magi_ask ask': [OWNER, OWNER],
  'magi_ask auto': [FREE, OWNER],
  'magi_ask mute': [NEVER, NEVER],
  'magi_answer hold': [NEVER, NEVER],
  'magi_answer ask': [OWNER, OWNER],
  'magi_answer auto': [FREE, FREE],
  'magi_answer mute': [NEVER, NEVER],
  'magi_decline hold': [NEVER, NEVER],
  'magi_decline ask': [OWNER, OWNER],
  'magi_decline auto': [FREE, FREE],
  'magi_decline mute': [NEVER, NEVER],
  'magi_disconnect hold': [OWNER, OWNER],
  'magi_disconnect ask': [OWNER, OWNER],
  'magi_disconnect auto': [FREE, OWNER],
  'magi_disconnect mute': [OWNER, OWNER],
  'magi_connect ': [FREE, OWNER],
  'magi_create_invite ': [FREE, OWNER],
};

const nameOf = ({ what }: Leaving) => `${what.tool} ${'policy' in what ? what.policy : ''}`;

test('every combination has the outcome that is written down here', () => {
  assert.is(ALL.length, 18 * 2 * 2 * 2 * 3);
  for (const leaving of ALL) {
    const rows = EXPECTED[nameOf(leaving)];
    const plain = rows?.[leaving.isTainted ? 1 : 0][ASKINGS.indexOf(leaving.asking)];
    const stopped = plain !== 'refuse' && (leaving.hasSecret || leaving.isPaused);
    const expected = stopped ? (leaving.asking === 'elicitation' ? 'ask' : 'draft') : plain;
    assert.is(decide(leaving).outcome, expected, JSON.stringify(leaving));
  }
});

test('the rules, each by itself', () => {
  for (const leaving of ALL) {
    const { what, isTainted, hasSecret, isPaused, asking } = leaving;
    const { outcome } = decide(leaving);
    const told = JSON.stringify(leaving);
    if (hasSecret || isPaused) assert.is.not(outcome, 'send', told);
    if (asking === 'nothing') assert.is.not(outcome, 'ask', told);
    if (asking !== 'elicitation' && outcome === 'ask') assert.unreachable(told);
    if (!('policy' in what)) {
      if (isTainted && asking === 'nothing') assert.is(outcome, 'draft', told);
      continue;
    }
    const speaks = what.tool !== 'magi_disconnect';
    if (speaks && (what.policy === 'hold' || what.policy === 'mute')) assert.is(outcome, 'refuse', told);
    if (what.policy === 'ask' && asking === 'nothing') assert.is(outcome, 'draft', told);
    if (what.policy === 'ask' && asking === 'elicitation') assert.is(outcome, 'ask', told);
    if (what.tool === 'magi_ask' && isTainted && outcome === 'send') assert.is(asking, 'interaction', told);
  }
});

test('no more knowledge, suspicion or silence ever lets more out', () => {
  const openness: readonly Outcome[] = ['refuse', 'draft', 'ask', 'send'];
  const rank = (leaving: Leaving) => openness.indexOf(decide(leaving).outcome);
  for (const leaving of ALL) {
    for (const more of [{ isTainted: true }, { hasSecret: true }, { isPaused: true }])
      assert.ok(rank({ ...leaving, ...more }) <= rank(leaving), JSON.stringify([leaving, more]));
    assert.ok(rank({ ...leaving, asking: 'nothing' }) <= rank(leaving));
  }
});

test('what is stopped says why and what to do, and what goes says nothing', () => {
  for (const leaving of ALL) {
    const decision = decide(leaving);
    const said = sentence(decision, 'd7');
    const told = JSON.stringify(leaving);
    if (decision.outcome === 'send') {
      assert.is(said, '', told);
      continue;
    }
    assert.ok(decision.reasons.length > 0, told);
    assert.match(said, /^[A-Z][^\n]*\.$/);
    assert.is(said.startsWith('Nothing was sent'), decision.outcome !== 'ask', told);
    assert.is(/draft d7.*magi-exchange approve d7/.test(said), decision.outcome === 'draft', told);
    const mentions: Partial<Record<Reason, boolean>> = {
      secret: leaving.hasSecret && decision.outcome !== 'refuse',
      paused: leaving.isPaused && decision.outcome !== 'refuse',
    };
    for (const [reason, expected] of Object.entries(mentions))
      assert.is(decision.reasons.includes(reason as Reason), expected, told);
  }
});

test("a session that read a friend's text says so where that is the reason", () => {
  const decision = decide({
    what: { tool: 'magi_ask', policy: 'auto' },
    isTainted: true,
    hasSecret: false,
    isPaused: false,
    asking: 'elicitation',
  });
  assert.equal(decision, { outcome: 'ask', reasons: ['tainted'] });
  assert.match(sentence(decision), /friend's text was read in this session/);
});

test.run();
