/** The client against an exchange that does as it is told: protocol parts 2 and 3 from the user's side. */
import * as assert from 'uvu/assert';
import { MagiError } from '../../src/client/errors.ts';
import { eventually, suite } from '../harness.ts';
import { befriend, nextQuestion, onExchange, pairs, person, refusal } from './people.ts';

const test = suite('client');

const withPair = pairs(test);

withPair('ask returns the answer', async ({ ada, grace }) => {
  const asked = ada.client.ask('grace', 'Why?');
  const question = await nextQuestion(grace);
  assert.equal([question.text, question.from, question.number], ['Why?', 'ada', 1]);
  assert.is(await question.answer('Because.'), 'delivered');
  const { text, from, id } = await asked;
  assert.equal({ text, from, id }, { text: 'Because.', from: 'Grace', id: question.id });
  await eventually(() => ada.client.waiting().unsent === 0, 'the question to be taken');
  assert.equal(ada.client.waiting(), { questions: 0, answers: 0, unsent: 0 });
});

withPair('a repeat is acknowledged and not shown', async ({ exchange, ada, grace }) => {
  exchange.repeats = 3;
  await ada.client.post('grace', 'once').sent;
  exchange.repeats = 1;
  await ada.client.post('grace', 'end').sent;
  await grace.until('question', 2);
  assert.equal(
    grace.told.filter(([what]) => what === 'question').map(([, content]) => content),
    ['once', 'end'],
  );
  const acknowledged = () => exchange.heardOf('received').flatMap(({ deliveryIds }) => deliveryIds as string[]);
  await eventually(
    () => acknowledged().filter((id) => id === acknowledged()[0]).length === 3,
    'each to be acknowledged',
  );
});

withPair('deliveries that arrive together are acknowledged together', async ({ exchange, ada, grace }) => {
  await Promise.all(Array.from({ length: 40 }, (_, n) => ada.client.post('grace', `${n}`).sent));
  await grace.until('question', 40);
  const frames = exchange.heardOf('received');
  assert.is(frames.flatMap(({ deliveryIds }) => deliveryIds as string[]).length, 40);
  assert.ok(frames.length < 20, `${frames.length} frames`);
});

withPair('what saw no *_sent is sent again, same id and content, in order', async ({ exchange, ada, grace }) => {
  exchange.ignores = ({ type }) => type === 'ask' || type === 'answer';
  const asked = ['one', 'two', 'three'].map((content) => ada.client.post('grace', content));
  await eventually(() => exchange.heardOf('ask').length === 3, 'three questions');
  exchange.ignores = () => false;
  exchange.crash();
  const late = ada.client.post('grace', 'four');
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
  const asked = ada.client.post('grace', 'still here?');
  await grace.until('question');
  exchange.ignores = () => false;
  exchange.crash();
  await asked.sent;
  await ada.client.post('grace', 'end').sent;
  await grace.until('question', 2);
  assert.is(grace.told.filter(([what]) => what === 'question').length, 2);
});

withPair('a message for a friend who is away is queued, and its delivery is told later', async (pair) => {
  const { exchange, ada, grace, folder } = pair;
  await grace.client.close();
  await eventually(() => exchange.clientsOf('grace').length === 0, 'Grace to be gone');
  const asked = ada.client.post('GRACE', 'when you are back');
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
  const asked = ada.client.post('grace', 'from the disk');
  const abandoned = refusal(asked.sent);
  await ada.client.close();
  assert.is(await abandoned, 'closed');
  exchange.isShut = false;
  await eventually(() => grace.client.isIdentified, 'Grace to be back');
  const again = person(exchange, 'ada', folder);
  await again.client.identify();
  assert.equal(await again.until('sent'), [['sent', 'from the disk', 'delivered']]);
  assert.is((await grace.until('question')).at(-1)?.[1], 'from the disk');
  assert.is(exchange.heardOf('ask').at(-1)?.id, asked.id);
  await again.client.close();
});

withPair('who declines ends the wait for an answer', async ({ exchange, ada, grace }) => {
  const asked = ada.client.post('grace', 'Would you?');
  const question = await nextQuestion(grace);
  assert.equal(await ada.until('receipt'), [['receipt', asked.id, 'read']]);
  await question.decline('not today');
  const error = await asked.answer.catch((found: MagiError) => found);
  assert.ok(error instanceof MagiError);
  assert.equal([error.code, error.message, error.id], ['declined', 'not today', asked.id]);
  assert.is(exchange.heardOf('receipt').length, 2);
  assert.is(await refusal(question.answer('after all')), 'already_answered');
});

withPair('an error with the id of a message rejects it, and it is not sent again', async ({ exchange, ada }) => {
  exchange.refuses = ({ type }) => (type === 'ask' ? { code: 'no_connection' } : undefined);
  const asked = ada.client.post('grace', 'hello?');
  assert.is(await refusal(asked.sent), 'no_connection');
  assert.is(await refusal(asked.answer), 'no_connection');
  assert.equal(await ada.until('failed'), [['failed', 'hello?', 'no_connection']]);
  exchange.crash();
  await ada.until('closed');
  await eventually(() => ada.client.isIdentified, 'ada to be back');
  // Behind whatever she says on coming back.
  await ada.client.createInvite();
  assert.is(exchange.heardOf('ask').length, 1);
});

withPair('a rate limit is waited out', async ({ exchange, ada, grace }) => {
  let refusals = 2;
  exchange.refuses = ({ type }) =>
    type === 'ask' && refusals-- > 0 ? { code: 'rate_limited', retryAfterMs: 60 } : undefined;
  const asked = ada.client.post('grace', 'slowly');
  assert.is(await asked.sent, 'delivered');
  assert.is(exchange.heardOf('ask').length, 3);
  assert.is(new Set(exchange.heardOf('ask').map(({ id }) => id)).size, 1);
  await grace.until('question');
  refusals = 1;
  exchange.refuses = ({ type }) =>
    type === 'create_invite' && refusals-- > 0 ? { code: 'rate_limited', retryAfterMs: 30 } : undefined;
  assert.ok((await ada.client.createInvite()).code);
});

withPair('what cannot be said is refused before it is sent', async ({ exchange, ada }) => {
  const refused = (content: string) => refusal(ada.client.post('grace', content).sent);
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
  assert.is(await refusal(ada.client.ask('grace', 'is it you?')), 'key_changed');
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
  assert.equal(ada.client.inbox({ limit: 9 }), []);
  assert.is(ada.client.waiting().questions, 0);
  const held = nextQuestion(ada);
  await ada.client.trust('grace');
  assert.is((await held).text, 'me!');
  await grace.client.close();
});

withPair('each process tells its owner once that a key has changed', async ({ exchange, ada, grace, folder }) => {
  const pinned = exchange.users.get('grace')?.publicKey;
  const other = person(exchange, 'ada', folder);
  await other.client.identify();
  await grace.client.close();
  exchange.users.set('grace', { username: 'Grace', nickname: 'Grace', publicKey: 'another' });
  const change = ['keyChanged', { username: 'Grace', pinned, offered: 'another' }];
  for (let n = 0; n < 2; n++) {
    const identified = exchange.heardOf('identify').length;
    exchange.crash();
    await eventually(() => exchange.heardOf('identify').length === identified + 2, 'both to be back');
    for (const one of [ada, other]) {
      await eventually(() => one.client.isIdentified, 'them to be let in');
      assert.equal(await one.until('keyChanged'), [change]);
    }
  }
  const later = person(exchange, 'ada', folder);
  await later.client.identify();
  assert.equal(await later.until('keyChanged'), [change]);
  await Promise.all([later.client.close(), other.client.close()]);
});

withPair('disconnect ends a connection for both', async ({ ada, grace }) => {
  await ada.client.disconnect('grace');
  assert.equal(ada.client.friends(), []);
  await grace.until('friend_disconnected');
  assert.is(await refusal(grace.client.ask('ada', 'still there?')), 'unknown_friend');
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
  await eventually(() => ada.client.isIdentified, 'ada to be back');
  assert.ok(performance.now() - startedAt > 290);
});

test('a name that belongs to another key is refused, and the client stays away', async () => {
  await onExchange(async (exchange) => {
    const [owner, other] = [person(exchange, 'ada'), person(exchange, 'ADA')];
    await owner.client.identify();
    assert.is(await refusal(other.client.identify()), 'bad_signature');
    assert.equal((await other.until('closed')).at(-1)?.[2], false);
  });
});

test('commands of a closed client are refused', async () => {
  await onExchange(async (exchange) => {
    const ada = person(exchange, 'ada');
    await ada.client.identify();
    exchange.ignores = ({ type }) => type === 'create_invite';
    const waiting = refusal(ada.client.createInvite());
    await eventually(() => exchange.heardOf('create_invite').length > 0, 'the command');
    await ada.client.close();
    assert.is(await waiting, 'closed');
    assert.is(await refusal(ada.client.createInvite()), 'closed');
  });
});

withPair('an answer by somebody else than who was asked is not the answer', async ({ exchange, ada }) => {
  const eve = person(exchange, 'eve');
  await eve.client.identify();
  await befriend(ada, eve);
  const asked = ada.client.post('grace', 'only you know');
  await asked.sent;
  const answer = {
    type: 'answer',
    content: 'I am Grace',
    from: 'eve',
    fromNickname: 'Grace',
    id: 'a1',
    deliveryId: 'd1',
  };
  exchange.say('ada', { ...answer, replyTo: asked.id });
  exchange.say('ada', { type: 'receipt', id: asked.id, from: 'eve', status: 'declined', at: 1, deliveryId: 'd2' });
  await ada.until('receipt', 1);
  assert.equal(
    await Promise.race([asked.answer, new Promise((resolve) => setTimeout(resolve, 100, 'waiting'))]),
    'waiting',
  );
  assert.is(ada.client.asked(1)[0]?.outcome, undefined);
  await eve.client.close();
});

withPair('the wait for an answer ends with its time or its signal, and the answer comes to the inbox', async (pair) => {
  const { ada, grace } = pair;
  assert.is(await refusal(ada.client.ask('grace', 'one', { timeout: 30 })), 'no_answer_yet');
  const controller = new AbortController();
  const second = ada.client.ask('grace', 'two', { signal: controller.signal });
  setTimeout(() => controller.abort(), 10);
  assert.is(await refusal(second), 'aborted');
  await (await nextQuestion(grace)).answer('late');
  await ada.until('answer');
  await eventually(() => ada.client.waiting().unsent === 0, 'both to be taken');
  assert.equal(ada.client.waiting(), { questions: 0, answers: 1, unsent: 0 });
  const [entry] = ada.client.inbox({ limit: 5, onlyWaiting: true });
  assert.is(entry?.content, 'late');
  ada.client.markRead(entry?.number ?? 0);
  await eventually(() => ada.client.waiting().answers === 0, 'the mark');
  const asked = ada.client.asked(1)[0]?.id ?? '';
  const again = ada.client.answerTo(asked);
  await (await nextQuestion(grace)).answer('later');
  assert.is((await again).text, 'later');
});

withPair(
  'three processes of one person: each question is taken on by one, the answer goes to who asked',
  async (pair) => {
    const { exchange, ada, grace, folder } = pair;
    const others = [person(exchange, 'Grace', folder), person(exchange, 'Grace', folder)];
    await Promise.all(others.map(({ client }) => client.identify()));
    const taken: string[] = [];
    const all = [grace, ...others];
    const done = all.map(async ({ client }, index) => {
      for await (const question of client.questions()) {
        taken.push(question.text);
        await question.answer(`${question.text} by ${index}`);
      }
    });
    const texts = Array.from({ length: 30 }, (_, n) => `question ${n}`);
    const answers = await Promise.all(texts.map((text) => ada.client.ask('grace', text)));
    assert.equal(
      answers.map(({ text }) => text.replace(/ by \d$/, '')),
      texts,
    );
    assert.equal(taken.toSorted(), texts.toSorted());
    await eventually(() => grace.client.waiting().unsent === 0, 'all answers to be taken');
    await Promise.all(all.map(({ client }) => client.close()));
    await Promise.all(done);
  },
);

withPair('what a closed client had taken on goes to the next one when it is given back', async (pair) => {
  const { exchange, ada, grace, folder } = pair;
  const other = person(exchange, 'Grace', folder);
  void ada.client.ask('grace', 'anybody?').catch(() => {});
  const question = await nextQuestion(grace);
  await other.client.identify();
  assert.is(await refusal(other.client.question(question.id)), 'claimed');
  question.release();
  assert.is((await nextQuestion(other)).id, question.id);
  assert.is(await refusal(question.answer('mine')), 'claimed');
  await other.client.close();
});

test('a guest and a keyed user talk: an answer that does not say to what answers the oldest question', async () => {
  await onExchange(async (exchange) => {
    const [ada, guest] = [person(exchange, 'ada'), person(exchange, 'guest', undefined, true)];
    await Promise.all([ada.client.identify(), guest.client.identify()]);
    await befriend(ada, guest);
    const asked = ada.client.ask('guest', 'who are you?');
    await guest.until('question');
    exchange.say('ada', { type: 'answer', content: 'nobody', from: 'guest', fromNickname: 'guest' });
    assert.is((await asked).text, 'nobody');
  });
});

test.run();
