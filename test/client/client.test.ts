/** The client against an exchange that does as it is told: protocol parts 2 and 3 from the user's side. */
import * as assert from 'uvu/assert';
import type { Refused } from '../../src/client/replies.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';
import { befriend, type Person, person } from './people.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

const test = suite('client');

type Pair = { exchange: ScriptedExchange; ada: Person; grace: Person; folder: string };

/** A test with two connected users; everything is closed afterwards. */
function withPair(title: string, run: (pair: Pair) => Promise<void>): void {
  test(title, async () => {
    const exchange = await ScriptedExchange.start();
    const folder = temporaryFolder();
    const [ada, grace] = [person(exchange, 'ada', folder), person(exchange, 'Grace', folder)];
    try {
      await Promise.all([ada.client.identify(), grace.client.identify()]);
      await befriend(ada, grace);
      await run({ exchange, ada, grace, folder });
    } finally {
      await Promise.all([ada.client.close().catch(() => {}), grace.client.close().catch(() => {})]);
      exchange.stop();
    }
  });
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing was refused',
    ({ code }: Refused) => code,
  );
}

withPair(
  'a question is asked, shown, answered, and the answer is what the asker waited for',
  async ({ ada, grace }) => {
    const asked = ada.client.ask('grace', 'Why?');
    assert.is(await asked.sent, 'delivered');
    await grace.until('question');
    assert.equal(grace.told.at(-1), ['question', 'Why?', 'ada', 1]);
    assert.is(await grace.client.answer('ada', 'Because.', asked.id).sent, 'delivered');
    const { content, from, replyTo } = await asked.answer;
    assert.equal({ content, from, replyTo }, { content: 'Because.', from: 'Grace', replyTo: asked.id });
    assert.equal(await ada.until('answer'), [['answer', 'Because.', asked.id]]);
  },
);

withPair('a repeat is acknowledged and not shown', async ({ exchange, ada, grace }) => {
  exchange.repeats = 3;
  await ada.client.ask('grace', 'once').sent;
  exchange.repeats = 1;
  await ada.client.ask('grace', 'end').sent;
  await grace.until('question', 2);
  assert.equal(
    grace.told.filter(([what]) => what === 'question').map(([, content]) => content),
    ['once', 'end'],
  );
  const acknowledged = exchange.heardOf('received').flatMap(({ deliveryIds }) => deliveryIds as string[]);
  assert.is(acknowledged.filter((id) => id === acknowledged[0]).length, 3);
});

withPair('deliveries that arrive together are acknowledged together', async ({ exchange, ada, grace }) => {
  await Promise.all(Array.from({ length: 40 }, (_, n) => ada.client.ask('grace', `${n}`).sent));
  await grace.until('question', 40);
  const frames = exchange.heardOf('received');
  assert.is(frames.flatMap(({ deliveryIds }) => deliveryIds as string[]).length, 40);
  assert.ok(frames.length < 20, `${frames.length} frames`);
});

withPair('what saw no *_sent is sent again, same id and content, in order', async ({ exchange, ada, grace }) => {
  exchange.ignores = ({ type }) => type === 'ask' || type === 'answer';
  const asked = ['one', 'two', 'three'].map((content) => ada.client.ask('grace', content));
  await eventually(() => exchange.heardOf('ask').length === 3, 'three questions');
  exchange.ignores = () => false;
  exchange.crash();
  const late = ada.client.ask('grace', 'four');
  assert.equal(await Promise.all([...asked, late].map(({ sent }) => sent)).then((all) => all.length), 4);
  await grace.until('question', 4);
  assert.equal(
    grace.told.filter(([what]) => what === 'question').map(([, content]) => content),
    ['one', 'two', 'three', 'four'],
  );
  const sent = exchange.heardOf('ask').map(({ id, content }) => `${id} ${content}`);
  assert.equal(sent.slice(0, 3), sent.slice(3, 6));
});

withPair('what was not acknowledged before a crash of the exchange is shown once', async ({ exchange, ada, grace }) => {
  exchange.ignores = ({ type }) => type === 'received';
  const asked = ada.client.ask('grace', 'still here?');
  await grace.until('question');
  exchange.ignores = () => false;
  exchange.crash();
  await asked.sent;
  await ada.client.ask('grace', 'end').sent;
  await grace.until('question', 2);
  assert.is(grace.told.filter(([what]) => what === 'question').length, 2);
});

withPair('a message for a friend who is away is queued, and its delivery is told later', async (pair) => {
  const { exchange, ada, grace, folder } = pair;
  await grace.client.close();
  await eventually(() => exchange.clientsOf('grace').length === 0, 'Grace to be gone');
  const asked = ada.client.ask('GRACE', 'when you are back');
  assert.is(await asked.sent, 'queued');
  const back = person(exchange, 'Grace', folder);
  assert.is((await back.client.identify()).pending, 1);
  await back.until('question');
  assert.equal((await ada.until('receipt')).at(-1), ['receipt', asked.id, 'delivered']);
  await back.client.close();
});

withPair('an outbox outlives its process', async ({ exchange, ada, grace, folder }) => {
  exchange.isShut = true;
  exchange.crash();
  await ada.until('closed');
  const asked = ada.client.ask('grace', 'from the disk');
  const abandoned = refusal(asked.sent);
  await ada.client.close();
  assert.is(await abandoned, 'closed');
  exchange.isShut = false;
  await grace.client.listConnections();
  const again = person(exchange, 'ada', folder);
  await again.client.identify();
  assert.equal(await again.until('sent'), [['sent', 'from the disk', 'delivered']]);
  assert.is((await grace.until('question')).at(-1)?.[1], 'from the disk');
  assert.is(exchange.heardOf('ask').at(-1)?.id, asked.id);
  await again.client.close();
});

withPair('receipts reach the asker, and end the wait for an answer', async ({ ada, grace }) => {
  const asked = ada.client.ask('grace', 'Would you?');
  await grace.until('question');
  grace.client.receipt('ada', asked.id, 'read');
  grace.client.receipt('ada', asked.id, 'declined', 'not today');
  assert.is(await refusal(asked.answer), 'declined');
  assert.equal(await ada.until('receipt', 2), [
    ['receipt', asked.id, 'read'],
    ['receipt', asked.id, 'declined'],
  ]);
});

withPair('an error with the id of a message rejects it, and it is not sent again', async ({ exchange, ada }) => {
  const asked = ada.client.ask('nobody', 'hello?');
  assert.is(await refusal(asked.sent), 'no_connection');
  assert.is(await refusal(asked.answer), 'no_connection');
  assert.equal(await ada.until('failed'), [['failed', 'hello?', 'no_connection']]);
  exchange.crash();
  await ada.until('closed');
  await ada.client.listConnections();
  assert.is(exchange.heardOf('ask').length, 1);
});

withPair('what cannot be said is refused before it is sent', async ({ exchange, ada }) => {
  const refused = (content: string) => refusal(ada.client.ask('grace', content).sent);
  assert.is(await refused('x'.repeat(32_769)), 'message_too_large');
  assert.is(await refused('\u0001'.repeat(20_000)), 'message_too_large');
  assert.is(await refused('\ud800'), 'bad_message');
  assert.equal(exchange.heardOf('ask'), []);
});

withPair('a friend whose key changes is told to the owner and not used', async ({ exchange, ada, grace }) => {
  const pinned = exchange.users.get('grace')?.publicKey;
  exchange.users.set('grace', { username: 'Grace', nickname: 'Grace', publicKey: 'another' });
  exchange.crash();
  assert.equal(await ada.until('keyChanged'), [['keyChanged', { username: 'Grace', pinned, offered: 'another' }]]);
  assert.is(await refusal(ada.client.ask('grace', 'is it you?').sent), 'key_changed');
  const question = {
    type: 'question',
    content: 'me!',
    from: 'Grace',
    fromNickname: 'Grace',
    id: 'q1',
    deliveryId: 'd1',
  };
  exchange.say('ada', question);
  await eventually(() => exchange.heardOf('received').some(({ deliveryIds }) => String(deliveryIds) === 'd1'), 'd1');
  assert.is(ada.told.filter(([what]) => what === 'question').length, 0);
  ada.client.trust('grace');
  assert.is((await ada.until('question')).length, 1);
  await grace.client.close();
});

withPair('disconnect ends a connection for both', async ({ ada, grace }) => {
  await ada.client.disconnect('grace');
  assert.equal(await ada.client.listConnections(), []);
  await grace.until('friend_disconnected');
  assert.is(await refusal(grace.client.ask('ada', 'still there?').sent), 'no_connection');
});

withPair('a client that was replaced does not return', async ({ exchange, ada }) => {
  for (const socket of exchange.clientsOf('ada')) socket.close(4001);
  assert.equal((await ada.until('closed')).at(-1), ['closed', 4001, false]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.is(exchange.clientsOf('ada').length, 0);
});

withPair('a client that is told to wait returns after that', async ({ exchange, ada }) => {
  exchange.say('ada', { type: 'restarting', retryAfterMs: 300 });
  const startedAt = performance.now();
  for (const socket of exchange.clientsOf('ada')) socket.close(1012);
  assert.equal((await ada.until('closed')).at(-1), ['closed', 1012, true]);
  await ada.client.listConnections();
  assert.ok(performance.now() - startedAt > 290);
});

test('a name that belongs to another key is refused, and the client stays away', async () => {
  const exchange = await ScriptedExchange.start();
  const [owner, other] = [person(exchange, 'ada'), person(exchange, 'ADA')];
  await owner.client.identify();
  assert.is(await refusal(other.client.identify()), 'bad_signature');
  assert.equal((await other.until('closed')).at(-1)?.[2], false);
  await Promise.all([owner.client.close(), other.client.close()]);
  exchange.stop();
});

test('commands of a closed client are refused', async () => {
  const exchange = await ScriptedExchange.start();
  const ada = person(exchange, 'ada');
  await ada.client.identify();
  exchange.ignores = ({ type }) => type === 'create_invite';
  const waiting = refusal(ada.client.createInvite());
  await eventually(() => exchange.heardOf('create_invite').length > 0, 'the command');
  await ada.client.close();
  assert.is(await waiting, 'closed');
  assert.is(await refusal(ada.client.createInvite()), 'closed');
  exchange.stop();
});

test.run();
