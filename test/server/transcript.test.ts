/**
 * A conversation of two clients of the published protocol, as they have always spoken: their words on the left, what they
 * have to be told on the right, field for field. What the exchange adds since then is listed, and is all that may be added.
 */
import * as assert from 'uvu/assert';
import { type Exchange, type Json, startExchange, suite, TestClient, UUID } from '../harness.ts';

const test = suite('transcript');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange();
});
test.after(() => exchange.stop());

/** Fields that a published client has never seen and ignores, by the type of the message. */
const ADDED: Record<string, string[]> = {
  connected: ['version', 'challenge'],
  invite_created: ['expiresAt'],
  connected_to_friend: ['durable'],
  friend_connected: ['durable'],
  question_sent: ['status', 'remaining'],
  answer_sent: ['status'],
  friend_disconnected: ['connectionId', 'reason'],
};

/** A value that the exchange chooses: its first appearance binds it, later ones must equal it. */
type Chosen = { chosen: string; like: RegExp };
const chosen = (name: string, like: RegExp): Chosen => ({ chosen: name, like });
const CODE = /^[2-9A-HJ-NP-Z]{6}$/;
const aliceId = chosen("Alice's clientId", UUID);
const bobId = chosen("Bob's clientId", UUID);
const code = chosen('the code', CODE);
const secondCode = chosen('the second code', CODE);
const connection = chosen('the connectionId', UUID);

const ALICE = { username: 'alice', nickname: 'Alice' };
const BOB = { username: 'bob_42', nickname: 'bob_42' };
const QUESTION = 'What does the function on line 12 do? It says “x => x ?? 1”.';
const ANSWER = 'It returns 1 when x is null or undefined.\nOtherwise x. 🤝';

type Step = { who: 'alice' | 'bob'; says: Json | 'opens' | 'closes' } | { told: 'alice' | 'bob'; message: Json };

const CONVERSATION: Step[] = [
  { who: 'alice', says: 'opens' },
  { told: 'alice', message: { type: 'connected', clientId: aliceId } },
  { who: 'alice', says: { type: 'identify', ...ALICE } },
  { told: 'alice', message: { type: 'identified', ...ALICE, clientId: aliceId } },
  { who: 'alice', says: { type: 'create_invite' } },
  { told: 'alice', message: { type: 'invite_created', code, from: 'Alice', expiresIn: '30 minutes' } },

  { who: 'bob', says: 'opens' },
  { told: 'bob', message: { type: 'connected', clientId: bobId } },
  { who: 'bob', says: { type: 'identify', username: 'bob_42' } },
  { told: 'bob', message: { type: 'identified', ...BOB, clientId: bobId } },
  { who: 'bob', says: { type: 'connect', code } },
  { told: 'bob', message: { type: 'connected_to_friend', connectionId: connection, friend: ALICE } },
  { told: 'alice', message: { type: 'friend_connected', connectionId: connection, friend: BOB } },

  { who: 'bob', says: { type: 'ask', content: QUESTION } },
  { told: 'bob', message: { type: 'question_sent', content: QUESTION, to: 'Alice' } },
  { told: 'alice', message: { type: 'question', content: QUESTION, from: 'bob_42', fromNickname: 'bob_42' } },
  { who: 'alice', says: { type: 'answer', content: ANSWER, to: 'bob_42' } },
  { told: 'alice', message: { type: 'answer_sent', content: ANSWER, to: 'bob_42' } },
  { told: 'bob', message: { type: 'answer', content: ANSWER, from: 'alice', fromNickname: 'Alice' } },

  { who: 'alice', says: { type: 'ask', content: 'And without to?' } },
  { told: 'alice', message: { type: 'question_sent', content: 'And without to?', to: 'bob_42' } },
  { told: 'bob', message: { type: 'question', content: 'And without to?', from: 'alice', fromNickname: 'Alice' } },
  { who: 'bob', says: { type: 'answer', content: 'Works.' } },
  { told: 'bob', message: { type: 'answer_sent', content: 'Works.', to: 'Alice' } },
  { told: 'alice', message: { type: 'answer', content: 'Works.', from: 'bob_42', fromNickname: 'bob_42' } },

  { who: 'alice', says: 'closes' },
  { told: 'bob', message: { type: 'friend_disconnected', friend: ALICE } },

  // The one-message way of the published client: a code and a name, with no identify before.
  { who: 'bob', says: { type: 'create_invite' } },
  { told: 'bob', message: { type: 'invite_created', code: secondCode, from: 'bob_42', expiresIn: '30 minutes' } },
  { who: 'alice', says: 'opens' },
  { told: 'alice', message: { type: 'connected', clientId: chosen("Alice's new clientId", UUID) } },
  { who: 'alice', says: { type: 'connect', code: secondCode, ...ALICE } },
  {
    told: 'alice',
    message: { type: 'connected_to_friend', connectionId: chosen('the second connectionId', UUID), friend: BOB },
  },
  {
    told: 'bob',
    message: { type: 'friend_connected', connectionId: chosen('the second connectionId', UUID), friend: ALICE },
  },
];

const isChosen = (value: unknown): value is Chosen => typeof value === 'object' && value !== null && 'chosen' in value;

test('two published clients are told what they have always been told', async () => {
  const clients: Partial<Record<'alice' | 'bob', TestClient>> = {};
  const bound = new Map<string, unknown>();
  const resolved = (message: Json): Json =>
    Object.fromEntries(
      Object.entries(message).map(([field, value]) => [field, isChosen(value) ? bound.get(value.chosen) : value]),
    );
  const clientOf = (who: 'alice' | 'bob'): TestClient => {
    const client = clients[who];
    assert.ok(client, `${who} is open`);
    return client;
  };

  for (const step of CONVERSATION) {
    if ('who' in step) {
      if (step.says === 'opens') clients[step.who] = await TestClient.open(exchange);
      else if (step.says === 'closes') await clientOf(step.who).close();
      else clientOf(step.who).send(resolved(step.says));
      continue;
    }
    const told = await clientOf(step.told).next(step.message.type as string);
    for (const [field, value] of Object.entries(step.message)) {
      if (!isChosen(value)) continue;
      if (!bound.has(value.chosen)) bound.set(value.chosen, told[field]);
      assert.match(told[field] as string, value.like, value.chosen);
    }
    for (const field of ADDED[told.type as string] ?? []) delete told[field];
    assert.equal(told, resolved(step.message));
  }
  for (const client of Object.values(clients)) await client.quiet();
  assert.is(new Set(bound.values()).size, bound.size, 'no two of the values that the exchange chose are the same');
});

test.run();
