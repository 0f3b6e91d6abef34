/** Who waits for an answer: how the wait ends, and that nobody waits for what cannot come. */
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { eventually, suite, temporaryFolder } from '../harness.ts';
import { befriend, nextQuestion, onExchange, pairs, person, refusal } from './people.ts';

const test = suite('client waits');

const withPair = pairs(test);

withPair('with a signal that was aborted before, nothing is asked', async ({ exchange, ada }) => {
  const error = await ada.client.ask('grace', 'why?', { signal: AbortSignal.abort() }).catch((found) => found);
  assert.instance(error, MagiError);
  assert.is(error.code, 'aborted');
  assert.equal([exchange.heardOf('ask'), ada.client.asked(9)], [[], []]);
});

withPair('answerTo connects by itself, and the answer is not news meanwhile', async (pair) => {
  const { exchange, ada, grace, folder } = pair;
  const { id, sent } = ada.client.post('grace', 'why?');
  await sent;
  await ada.client.close();
  await eventually(() => exchange.clientsOf('ada').length === 0, 'ada to be gone');
  const [later, other] = [person(exchange, 'ada', folder), person(exchange, 'ada', folder)];
  // Who came first hears it first, and nobody is told that there is something to read.
  await other.client.identify();
  const answer = later.client.answerTo(id);
  await eventually(() => exchange.clientsOf('ada').length === 2, 'ada to be back');
  const awaiting = () => other.database.get('SELECT waits_by FROM sent WHERE id = ?', id)?.waits_by;
  await eventually(() => awaiting() === later.client.session.process, 'the wait to be on disk');
  const news: number[] = [];
  const looking = setInterval(() => news.push(other.client.waiting().answers), 1);
  await (await nextQuestion(grace)).answer('because');
  assert.is((await answer).text, 'because');
  await eventually(() => later.client.inbox({ limit: 1 })[0]?.state === 'read', 'the mark');
  clearInterval(looking);
  assert.equal(
    news.filter((count) => count > 0),
    [],
  );
  await Promise.all([later.client.close(), other.client.close()]);
});

withPair(
  'nobody waits for the answer of a friend who has the question and ends the connection',
  async ({ ada, grace }) => {
    const { id, sent, answer } = ada.client.post('grace', 'why?');
    assert.is(await sent, 'delivered');
    await nextQuestion(grace);
    await grace.client.disconnect('ada');
    assert.is(await refusal(answer), 'left');
    assert.equal(
      ada.client.asked(9).map((asked) => [asked.id, asked.outcome]),
      [[id, 'left']],
    );
  },
);

withPair('who leaves waits for nothing: the answer is news for the next process', async (pair) => {
  const { exchange, ada, grace, folder } = pair;
  const asked = ada.client.post('grace', 'why?');
  await asked.sent;
  const waiting = refusal(asked.answer);
  const other = person(exchange, 'ada', folder);
  await other.client.identify();
  await ada.client.close();
  assert.is(await waiting, 'closed');
  await (await nextQuestion(grace)).answer('because');
  await other.until('answer');
  assert.is(other.client.waiting().answers, 1);
  await other.client.close();
});

withPair('one of two who wait for the same answer may stop', async (pair) => {
  const { exchange, ada, grace, folder } = pair;
  const { id, answer } = ada.client.post('grace', 'why?');
  const other = person(exchange, 'ada', folder);
  await eventually(() => other.client.asked(1).length === 1, 'the question');
  assert.is(await refusal(other.client.answerTo(id, { timeout: 20 })), 'no_answer_yet');
  const again = other.client.answerTo(id);
  await (await nextQuestion(grace)).answer('because');
  assert.equal([(await answer).text, (await again).text], ['because', 'because']);
  await other.client.close();
});

withPair('several who wait for one answer in the same process: each ends as it should', async ({ ada, grace }) => {
  const { id, answer } = ada.client.post('grace', 'why?');
  await eventually(() => ada.client.asked(1).length === 1, 'the question');
  const controller = new AbortController();
  const short = refusal(ada.client.answerTo(id, { timeout: 20 }));
  const aborted = refusal(ada.client.answerTo(id, { signal: controller.signal }));
  const long = ada.client.answerTo(id, { timeout: 60_000 });
  long.catch(() => {});
  assert.is(await short, 'no_answer_yet');
  controller.abort();
  assert.is(await aborted, 'aborted');
  await (await nextQuestion(grace)).answer('because');
  assert.equal([(await answer).text, (await long).text], ['because', 'because']);
});

withPair('answerTo of what was never asked is refused', async ({ ada, grace }) => {
  assert.is(await refusal(ada.client.answerTo('nothing')), 'unknown_id');
  void ada.client.post('grace', 'why?');
  const question = await nextQuestion(grace);
  await question.answer('because');
  const own = grace.told.find(([what]) => what === 'sent');
  assert.ok(own);
  assert.is(await refusal(grace.client.answerTo(question.id)), 'unknown_id', 'it was asked by the other one');
});

test('who is not let in is told so when they ask; what is on disk already waits for a client that is', async () => {
  await onExchange(async (exchange) => {
    const folder = temporaryFolder();
    const [ada, grace] = [person(exchange, 'ada', folder), person(exchange, 'Grace', folder)];
    await Promise.all([ada.client.identify(), grace.client.identify()]);
    await befriend(ada, grace);
    await ada.client.close();
    await eventually(() => exchange.clientsOf('ada').length === 0, 'ada to be gone');
    exchange.users.set('ada', { username: 'ada', nickname: 'ada', publicKey: 'somebody else’s' });
    const refused = person(exchange, 'ada', folder);
    const first = refused.client.post('grace', 'one');
    assert.equal([await refusal(first.sent), await refusal(first.answer)], ['bad_signature', 'bad_signature']);
    assert.is(await refusal(refused.client.ask('grace', 'two')), 'bad_signature');
    await refused.client.close();
    const later = person(exchange, 'ada', folder);
    assert.equal(
      later.client.asked(9).map(({ content, state }) => [content, state]),
      [['one', 'waiting']],
    );
  });
});

test.run();
