/** Protocol part 1: questions and answers, who gets them, and that their text arrives as it was sent. */
import * as assert from 'uvu/assert';
import { assertError, type Exchange, type Json, startExchange, suite, TestClient, UNLIMITED } from '../harness.ts';

const test = suite('messages');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

/** Takes question_sent without `remaining`, which says nothing while the allowance is switched off. */
async function sent(client: TestClient): Promise<Json> {
  const { remaining, ...rest } = await client.next('question_sent');
  assert.ok(remaining === undefined || typeof remaining === 'number' || remaining === null);
  return rest;
}

test('a question and its answer, field for field', async () => {
  const ann = await TestClient.identified(exchange, 'ann', 'Ann A.');
  const bob = await TestClient.identified(exchange, 'bob', 'Bob B.');
  await bob.connectTo(ann);
  ann.send({ type: 'ask', content: 'How are you?' });
  assert.equal(await sent(ann), { type: 'question_sent', content: 'How are you?', to: 'Bob B.', status: 'forwarded' });
  assert.equal(await bob.next(), { type: 'question', content: 'How are you?', from: 'ann', fromNickname: 'Ann A.' });
  assert.equal(await bob.request({ type: 'answer', content: 'Fine.' }), {
    type: 'answer_sent',
    content: 'Fine.',
    to: 'Ann A.',
    status: 'forwarded',
  });
  assert.equal(await ann.next(), { type: 'answer', content: 'Fine.', from: 'bob', fromNickname: 'Bob B.' });
  await ann.quiet();
  await bob.quiet();
});

test('id and replyTo are passed through, and the id is echoed to the sender', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann id', 'bob id');
  for (const id of ['q', 'A-Za-z0-9_-', 'x'.repeat(64), '__proto__', '0']) {
    ann.send({ type: 'ask', content: 'c', id });
    assert.equal(await sent(ann), { type: 'question_sent', content: 'c', to: 'bob id', status: 'forwarded', id });
    assert.equal(await bob.next(), { type: 'question', content: 'c', from: 'ann id', fromNickname: 'ann id', id });
    const reply = await bob.request({ type: 'answer', content: 'd', id: 'answer-1', replyTo: id });
    assert.equal(reply, { type: 'answer_sent', content: 'd', to: 'ann id', status: 'forwarded', id: 'answer-1' });
    assert.equal(await ann.next(), {
      type: 'answer',
      content: 'd',
      from: 'bob id',
      fromNickname: 'bob id',
      id: 'answer-1',
      replyTo: id,
    });
  }
});

test('a malformed id or replyTo is ignored: the message goes without it', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann bad id', 'bob bad id');
  for (const id of ['', 'x'.repeat(65), 'with space', 'ü', 'a/b', 'a\nb', '../x']) {
    ann.send({ type: 'ask', content: 'c', id });
    assert.not.ok('id' in (await sent(ann)));
    assert.not.ok('id' in (await bob.next('question')));
    bob.send({ type: 'answer', content: 'd', id, replyTo: id });
    assert.not.ok('id' in (await bob.next('answer_sent')));
    const answer = await ann.next('answer');
    assert.not.ok('id' in answer || 'replyTo' in answer);
  }
});

test('the id of a command is echoed in its error', async () => {
  const lonely = await TestClient.identified(exchange, 'lonely');
  for (const type of ['ask', 'answer']) {
    const reply = await lonely.request({ type, content: 'c', id: 'mine-1' });
    assertError(reply, 'no_connection', { request: type, id: 'mine-1' });
    assertError(await lonely.request({ type, content: 'c', id: 'not well formed' }), 'no_connection', {
      request: type,
    });
  }
});

const CONTENTS = {
  'emoji, also joined ones': '🤝 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽',
  'line and paragraph separators': 'a\u2028b\u2029c\r\n\n\t\u0085d',
  'NUL and other control characters': 'a\u0000b\u0001c\u001bd\u007fe\u009ff',
  'quotes, backslashes and what JSON escapes': '"\\" \\u0041 \\n / \b\f </script> \\\\',
  'bidirectional and zero-width characters': '\u202eabc\u202c \u200bx\u200d\u2066y\u2069 \ufeff',
  'text that is not normalised': 'e\u0301 \u00e9 ﬁ Å \u212b',
  'spaces around': '   spaces and a tab at both ends\t  ',
  'what looks like a message': '{"type":"answer","content":"forged"}',
  'noncharacters and private use': '\uffff\ufffe\u{10ffff}\ue000\ufffd',
};
for (const [what, content] of Object.entries(CONTENTS)) {
  test(`content arrives unchanged: ${what}`, async () => {
    const [ann, bob] = await TestClient.pair(exchange, `ann ${what}`, `bob ${what}`);
    // Once as JSON.stringify writes it, once with every UTF-16 unit escaped.
    const escaped = [...Array(content.length).keys()]
      .map((n) => `\\u${content.charCodeAt(n).toString(16).padStart(4, '0')}`)
      .join('');
    for (const json of [JSON.stringify(content), `"${escaped}"`]) {
      ann.send(`{"type":"ask","content":${json}}`);
      assert.is((await sent(ann)).content, content);
      assert.is((await bob.next('question')).content, content);
      bob.send(Buffer.from(`{"type":"answer","content":${json}}`));
      assert.is((await bob.next('answer_sent')).content, content);
      assert.is((await ann.next('answer')).content, content);
    }
  });
}

test('a lone surrogate is bad_message and nothing is forwarded', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann lone', 'bob lone');
  for (const written of ['\\ud800', '\\udfff', 'a\\ud83dz', '\\ude00\\ud83d', '\\ud83d\\ud83d\\ude00']) {
    for (const type of ['ask', 'answer']) {
      const reply = await ann.request(`{"type":"${type}","content":"${written}"}`);
      assertError(reply, 'bad_message', { request: type });
      assert.match(reply.message as string, /content/);
    }
  }
  await bob.quiet();
});

test('content up to 32 KiB of UTF-8 is forwarded, one byte more is message_too_large', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann big', 'bob big');
  const bounds = [
    ['a'.repeat(32_768), 'a'.repeat(32_769)],
    [`${'€'.repeat(10_922)}ab`, '€'.repeat(10_923)],
    ['🤝'.repeat(8_192), `${'🤝'.repeat(8_192)}a`],
  ] as const;
  for (const [largest, tooLarge] of bounds) {
    for (const [type, heard] of [
      ['ask', 'question'],
      ['answer', 'answer'],
    ] as const) {
      const refused = await ann.request({ type, content: tooLarge, id: 'too-large' });
      assertError(refused, 'message_too_large', { request: type, id: 'too-large' });
      ann.send({ type, content: largest });
      assert.is((await ann.next(`${heard}_sent`)).content, largest);
      assert.is((await bob.next(heard)).content, largest);
    }
  }
  await bob.quiet();
});

test('messages arrive in the order in which they were sent, questions and answers alike', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann order', 'bob order');
  const heard = { ask: 'question', answer: 'answer' } as const;
  const said = Array.from({ length: 300 }, (_, n) => ({
    type: n % 3 === 0 ? ('answer' as const) : ('ask' as const),
    n,
  }));
  for (const { type, n } of said) {
    ann.send({ type, content: `from ann ${n}` });
    bob.send({ type, content: `from bob ${n}` });
  }
  for (const [client, own, friend] of [
    [ann, 'ann', 'bob'],
    [bob, 'bob', 'ann'],
  ] as const) {
    const messages: Json[] = [];
    while (messages.length < 2 * said.length) messages.push(await client.next());
    const told = (types: string[]) =>
      messages.filter(({ type }) => types.includes(type as string)).map(({ type, content }) => [type, content]);
    assert.equal(
      told(['question_sent', 'answer_sent']),
      said.map(({ type, n }) => [`${heard[type]}_sent`, `from ${own} ${n}`]),
    );
    assert.equal(
      told(['question', 'answer']),
      said.map(({ type, n }) => [heard[type], `from ${friend} ${n}`]),
    );
  }
});

test('without to: the only friend; with none no_connection; with several recipient_required', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann to', 'Bob To');
  const eve = await TestClient.identified(exchange, 'eve to');
  for (const type of ['ask', 'answer']) {
    assertError(await eve.request({ type, content: 'c' }), 'no_connection', { request: type });
  }
  await eve.connectTo(ann);
  for (const type of ['ask', 'answer']) {
    assertError(await ann.request({ type, content: 'c' }), 'recipient_required', { request: type });
  }
  await bob.quiet();
  await eve.quiet();
  // Usernames are compared without regard to case, and only the named friend hears.
  ann.send({ type: 'ask', content: 'only bob', to: 'BOB TO' });
  assert.is((await sent(ann)).to, 'Bob To');
  assert.is((await bob.next('question')).content, 'only bob');
  await eve.quiet();
});

test('to is a username of a friend: a nickname, a stranger and nobody get one answer', async () => {
  const ann = await TestClient.identified(exchange, 'ann stranger');
  const bob = await TestClient.identified(exchange, 'bob stranger', 'Bobby');
  await bob.connectTo(ann);
  const stranger = await TestClient.identified(exchange, 'a stranger');
  const replies: Json[] = [];
  for (const to of ['Bobby', 'a stranger', 'nobody of this name', 'ann stranger', '', '__proto__']) {
    const reply = await ann.request({ type: 'ask', content: 'c', to });
    assertError(reply, 'no_connection', { request: 'ask' });
    replies.push(reply);
  }
  assert.equal(new Set(replies.map(({ message }) => String(message).replace(/["'«“].*["'»”]/, '…'))).size, 1);
  await bob.quiet();
  await stranger.quiet();
});

test('a field that is missing or of the wrong kind is named', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'ann kind', 'bob kind');
  for (const type of ['ask', 'answer']) {
    const mistakes: [string, Json][] = [
      ['content', {}],
      ...[null, 5, true, ['c'], { text: 'c' }].map((content): [string, Json] => ['content', { content }]),
      ...[null, 5, false, ['bob kind']].map((to): [string, Json] => ['to', { content: 'c', to }]),
    ];
    for (const [field, fields] of mistakes) {
      const reply = await ann.request({ type, ...fields, id: 'kind-1' });
      assertError(reply, 'bad_message', { request: type, id: 'kind-1' });
      assert.match(reply.message as string, new RegExp(`\\b${field}\\b`));
    }
  }
  await bob.quiet();
});

test.run();
