/** What goes out: in its order, once more only when it has to, and what is said about it. */
import * as assert from 'uvu/assert';
import { eventually, suite, temporaryFolder } from '../harness.ts';
import { befriend, everybodyLeaves, nextQuestion, type Person, person, refusal } from './people.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

const test = suite('client sends');
let exchange: ScriptedExchange;

test.beforeEach(async () => {
  exchange = await ScriptedExchange.start();
});
test.afterEach(async () => {
  await everybodyLeaves();
  exchange.stop();
});

/** Two connected users. */
async function pair(): Promise<[Person, Person]> {
  const folder = temporaryFolder();
  const [ada, grace] = [person(exchange, 'ada', folder), person(exchange, 'Grace', folder)];
  await Promise.all([ada.client.identify(), grace.client.identify()]);
  await befriend(ada, grace);
  return [ada, grace];
}

const contentsOf = (type: string) => exchange.heardOf(type).map(({ content }) => content);

test('what the exchange has taken is not sent again, however soon the socket is lost', async () => {
  const [ada] = await pair();
  for (let n = 0; n < 5; n++) {
    await ada.client.post('grace', `${n}`).sent;
    const identified = exchange.heardOf('identify').length;
    exchange.crash();
    await eventually(() => exchange.heardOf('identify').length >= identified + 2, 'both to be back');
    await eventually(() => ada.client.isIdentified, 'ada to be back');
  }
  assert.equal(contentsOf('ask'), ['0', '1', '2', '3', '4']);
  assert.is(ada.told.filter(([what]) => what === 'sent').length, 5);
});

test('a question that has to wait for a rate limit is not overtaken by a later one', async () => {
  const [ada, grace] = await pair();
  let refusals = 1;
  exchange.refuses = ({ type }) =>
    type === 'ask' && refusals-- > 0 ? { code: 'rate_limited', retryAfterMs: 300 } : undefined;
  const one = ada.client.post('grace', 'one');
  await eventually(() => exchange.heardOf('ask').length === 1, 'the first one');
  const two = ada.client.post('grace', 'two');
  await Promise.all([one.sent, two.sent]);
  await grace.until('question', 2);
  assert.equal(
    grace.told.filter(([what]) => what === 'question').map(([, content]) => content),
    ['one', 'two'],
  );
});

test('an answer does not wait for the rate limit of questions', async () => {
  const [ada, grace] = await pair();
  const asked = grace.client.ask('ada', 'why?');
  const question = await nextQuestion(ada);
  exchange.refuses = ({ type }) => (type === 'ask' ? { code: 'rate_limited', retryAfterMs: 60_000 } : undefined);
  void ada.client.post('grace', 'how?');
  await eventually(() => exchange.heardOf('ask').length === 2, 'the question');
  await question.answer('because');
  assert.is((await asked).text, 'because');
});

test('a client may be closed while a rate limit lasts', async () => {
  const [ada] = await pair();
  exchange.refuses = ({ type }) => (type === 'ask' ? { code: 'rate_limited', retryAfterMs: 100 } : undefined);
  const asked = refusal(ada.client.post('grace', 'one').sent);
  await eventually(() => exchange.heardOf('ask').length === 1, 'the question');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await ada.client.close();
  assert.is(await asked, 'closed');
  await new Promise((resolve) => setTimeout(resolve, 150));
});

test('a rate limit passes also when the clock is set back meanwhile', async () => {
  const [ada] = await pair();
  let refusals = 1;
  exchange.refuses = ({ type }) =>
    type === 'ask' && refusals-- > 0 ? { code: 'rate_limited', retryAfterMs: 100 } : undefined;
  const { now } = Date;
  try {
    const asked = ada.client.post('grace', 'one');
    await eventually(() => exchange.heardOf('ask').length === 1, 'the refusal');
    Date.now = () => now() - 3_600_000;
    assert.is(
      await Promise.race([asked.sent, new Promise((resolve) => setTimeout(resolve, 5_000, 'nothing'))]),
      'delivered',
    );
  } finally {
    Date.now = now;
  }
});

test('a refusal of a declined question is not taken for its success', async () => {
  const [ada, grace] = await pair();
  const asked = ada.client.post('grace', 'would you?');
  const question = await nextQuestion(grace);
  let refusals = 1;
  exchange.refuses = ({ type, status, id }) =>
    type === 'receipt' && status === 'declined' && refusals-- > 0
      ? { code: 'storage_failed', request: 'receipt', id }
      : undefined;
  const declined = question.decline('no');
  await eventually(() => exchange.heardOf('receipt').some(({ status }) => status === 'declined'), 'the receipt');
  assert.is(await Promise.race([declined, new Promise((resolve) => setTimeout(resolve, 200, 'nothing'))]), 'nothing');
  // Grace alone: this exchange keeps no receipts for who is away.
  for (const socket of exchange.clientsOf('grace')) socket.terminate();
  await declined;
  assert.is(await refusal(asked.answer), 'declined');
  assert.equal(
    grace.told.filter(([what]) => what === 'trouble'),
    [],
  );
});

test('declining to a friend who has left is refused, and the question is dealt with', async () => {
  const [ada, grace] = await pair();
  await ada.client.post('grace', 'would you?').sent;
  const question = await nextQuestion(grace);
  exchange.refuses = ({ type, id }) =>
    type === 'receipt' ? { code: 'no_connection', request: 'receipt', id } : undefined;
  assert.is(await refusal(question.decline('no')), 'no_connection');
  assert.is(await refusal(question.answer('well')), 'already_answered');
  assert.equal(
    grace.told.filter(([what]) => what === 'trouble'),
    [],
  );
});

test('a user with very many friends is let in', async () => {
  const [ada] = await pair();
  const friends = Array.from({ length: 3_000 }, (_, n) => `friend number ${n} of ${'x'.repeat(80)}`);
  for (const name of friends) exchange.users.set(name, { username: name, nickname: name, publicKey: `key of ${name}` });
  exchange.connect('ada', friends);
  exchange.crash();
  await eventually(() => ada.client.isIdentified && ada.client.friends().length > 1, 'ada to be back');
  assert.is(ada.client.friends().length, 3_001);
});

test.run();
