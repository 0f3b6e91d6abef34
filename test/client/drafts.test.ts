/** What waits for the owner's word: it is not sent before, is sent once after, and the owner may be in another process. */
import * as assert from 'uvu/assert';
import type { MagiError } from '../../src/client/errors.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';
import { befriend, everybodyLeaves, nextQuestion, type Person, person, refusal } from './people.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

const test = suite('client drafts');
let exchange: ScriptedExchange;
let folder: string;

test.beforeEach(async () => {
  exchange = await ScriptedExchange.start();
  folder = temporaryFolder();
});
test.afterEach(async () => {
  await everybodyLeaves();
  exchange.stop();
});

/** Two connected users. */
async function pair(): Promise<[Person, Person]> {
  const [ada, grace] = [person(exchange, 'ada', folder), person(exchange, 'Grace', folder)];
  await Promise.all([ada.client.identify(), grace.client.identify()]);
  await befriend(ada, grace);
  return [ada, grace];
}

const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'nothing was refused';
  } catch (error) {
    return (error as MagiError).code;
  }
};

test('a question is not sent before the owner agrees, and then returns its answer', async () => {
  const [ada, grace] = await pair();
  const id = await ada.client.draft('question', 'grace', 'may I?');
  assert.equal(
    ada.client.drafts().map(({ content }) => content),
    ['may I?'],
  );
  exchange.crash();
  await Promise.all([ada.until('closed'), grace.until('closed')]);
  await eventually(() => ada.client.isIdentified && grace.client.isIdentified, 'both to be back');
  // Behind whatever she says on coming back.
  await ada.client.createInvite();
  assert.equal(exchange.heardOf('ask'), []);
  assert.is(ada.client.waiting().unsent, 0);
  const asked = ada.client.approve(id.slice(0, 8));
  await asked.sent;
  assert.is(
    codeOf(() => ada.client.approve(id)),
    'unknown_id',
  );
  await (await nextQuestion(grace)).answer('you may');
  assert.is((await asked.answer).text, 'you may');
  assert.equal(
    exchange.heardOf('ask').map((heard) => heard.id),
    [id],
  );
});

test('an answer that one process has drafted is approved in another, while the first one has the question', async () => {
  const [ada, grace] = await pair();
  const asked = ada.client.ask('grace', 'why?');
  const question = await nextQuestion(grace);
  const id = await grace.client.draft('answer', 'ada', 'because', question.id);
  const owner = person(exchange, 'Grace', folder);
  const approved = owner.client.approve(id);
  assert.is(await approved.sent, 'delivered');
  assert.is((await asked).text, 'because');
  assert.is(await refusal(question.answer('once more')), 'already_answered');
});

test('of two who approve at once, one does; and nothing is answered twice', async () => {
  const [ada, grace] = await pair();
  const asked = ada.client.ask('grace', 'why?');
  const question = await nextQuestion(grace);
  const [one, two] = [
    await grace.client.draft('answer', 'ada', 'one', question.id),
    await grace.client.draft('answer', 'ada', 'two', question.id),
  ];
  const owner = person(exchange, 'Grace', folder);
  const outcomes = await Promise.all([
    refusal(grace.client.approve(one).sent),
    refusal(owner.client.approve(one).sent),
    refusal(owner.client.approve(two).sent),
  ]);
  assert.is(outcomes.filter((outcome) => outcome === 'nothing was refused').length, 1, outcomes.join());
  assert.match((await asked).text, /^(one|two)$/);
  assert.is(exchange.heardOf('answer').length, 1);
});

test('what the owner discards is gone, and its question is still open', async () => {
  const [ada, grace] = await pair();
  const asked = ada.client.ask('grace', 'why?');
  const question = await nextQuestion(grace);
  const id = await grace.client.draft('answer', 'ada', 'nonsense', question.id);
  await grace.client.discard(id);
  assert.equal(grace.client.drafts(), []);
  assert.is(
    codeOf(() => grace.client.approve(id)),
    'unknown_id',
  );
  await question.answer('sense');
  assert.is((await asked).text, 'sense');
});

test('what cannot be said cannot be drafted', async () => {
  const [ada] = await pair();
  assert.is(await refusal(ada.client.draft('question', 'grace', 'x'.repeat(32_769))), 'message_too_large');
  assert.is(await refusal(ada.client.draft('question', 'nobody', 'hello')), 'unknown_friend');
  exchange.users.set('grace', { username: 'Grace', nickname: 'Grace', publicKey: 'another' });
  const id = await ada.client.draft('question', 'grace', 'hello');
  exchange.crash();
  await ada.until('keyChanged');
  assert.is(await refusal(ada.client.approve(id).sent), 'key_changed', 'the key has changed since');
  assert.equal(exchange.heardOf('ask'), []);
  assert.is(ada.client.drafts().length, 1, 'it is still there');
});

test.run();
