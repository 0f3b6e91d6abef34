/** Protocol part 5: how much a user or a client may say, and how much may wait to be sent to it. */
import * as assert from 'uvu/assert';
import { assertError, eventually, suite, TestClient, UNLIMITED, withExchange } from '../harness.ts';

const test = suite('limits');

test('ten questions at once, the eleventh is rate_limited and not forwarded', async () => {
  await withExchange({}, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    for (let n = 0; n < 11; n += 1) ann.send({ type: 'ask', content: `question ${n}`, id: `q-${n}` });
    for (let n = 0; n < 10; n += 1) {
      assert.is((await ann.next('question_sent')).remaining, 9 - n);
      assert.is((await bob.next('question')).content, `question ${n}`);
    }
    const refused = await ann.next();
    assertError(refused, 'rate_limited', { request: 'ask', id: 'q-10' });
    // At ten a minute the next is free within six seconds.
    assert.ok((refused.retryAfterMs as number) <= 6_000, `retryAfterMs ${refused.retryAfterMs}`);
    await bob.quiet();
    // Answers are no questions, and the friend has an allowance of its own.
    await ann.request({ type: 'answer', content: 'an answer' }, 'answer_sent');
    await bob.next('answer');
    await bob.request({ type: 'ask', content: 'a question' }, 'question_sent');
  });
});

test('retryAfterMs tells the truth: a question after that time is forwarded', async () => {
  await withExchange({ QUESTIONS_PER_MINUTE: '60' }, async (exchange) => {
    const [ann] = await TestClient.pair(exchange, 'ann', 'bob');
    for (let n = 0; n < 11; n += 1) ann.send({ type: 'ask', content: 'again' });
    for (let n = 0; n < 10; n += 1) await ann.next('question_sent');
    const refused = await ann.next('error');
    assertError(refused, 'rate_limited', { request: 'ask' });
    await new Promise((resolve) => setTimeout(resolve, refused.retryAfterMs as number));
    await ann.request({ type: 'ask', content: 'again' }, 'question_sent');
  });
});

test('a question that is refused for another reason costs no allowance', async () => {
  await withExchange({}, async (exchange) => {
    const [ann] = await TestClient.pair(exchange, 'ann', 'bob');
    for (let n = 0; n < 15; n += 1) {
      assertError(await ann.request({ type: 'ask', content: 'c', to: 'nobody' }), 'no_connection', { request: 'ask' });
    }
    assert.is((await ann.request({ type: 'ask', content: 'c' }, 'question_sent')).remaining, 9);
  });
});

test('0 switches the limit of questions off', async () => {
  await withExchange({ QUESTIONS_PER_MINUTE: '0', COMMANDS_PER_MINUTE: '0' }, async (exchange) => {
    const [ann] = await TestClient.pair(exchange, 'ann', 'bob');
    for (let n = 0; n < 100; n += 1) ann.send({ type: 'ask', content: 'c' });
    for (let n = 0; n < 100; n += 1) await ann.next('question_sent');
  });
});

test('other commands are counted for a client; ping, questions and answers to open questions are not', async () => {
  await withExchange({ COMMANDS_PER_MINUTE: '3' }, async (exchange) => {
    const ann = await TestClient.identified(exchange, 'ann');
    const code = await ann.invite();
    const bob = await TestClient.identified(exchange, 'bob');
    await bob.request({ type: 'connect', code }, 'connected_to_friend');
    await ann.next('friend_connected');

    await ann.request({ type: 'list_connections' }, 'connections');
    const refused = await ann.request({ type: 'list_connections' });
    assertError(refused, 'rate_limited', { request: 'list_connections' });
    assert.ok((refused.retryAfterMs as number) <= 60_000);
    assertError(await ann.request({ type: 'create_invite' }), 'rate_limited', { request: 'create_invite' });

    await ann.quiet();
    await ann.request({ type: 'ask', content: 'not counted' }, 'question_sent');
    await bob.next('question');
    await bob.request({ type: 'ask', content: 'open' }, 'question_sent');
    await ann.next('question');
    await ann.request({ type: 'answer', content: 'to the open one' }, 'answer_sent');
    await bob.next('answer');
    assertError(await ann.request({ type: 'answer', content: 'to none' }), 'rate_limited', { request: 'answer' });
    await bob.quiet();

    await bob.request({ type: 'list_connections' }, 'connections');
    assertError(await bob.request({ type: 'list_connections' }), 'rate_limited', { request: 'list_connections' });
  });
});

test('by default a client may say 120 other commands a minute', async () => {
  await withExchange({}, async (exchange) => {
    const client = await TestClient.identified(exchange, 'busy');
    for (let n = 0; n < 200; n += 1) client.send({ type: 'list_connections' });
    let answered = 1;
    for (let n = 0; n < 200; n += 1) {
      const reply = await client.next();
      if (reply.type === 'connections') answered += 1;
      else assertError(reply, 'rate_limited', { request: 'list_connections' });
    }
    // Two a second come back while the burst is read.
    assert.ok(answered >= 120 && answered < 150, `${answered} commands were answered`);
  });
});

test('frames of any kind have a bound too: a burst of 500 passes, a flood is refused, and the client stays', async () => {
  await withExchange({}, async (exchange) => {
    const client = await TestClient.identified(exchange, 'flooder');
    const other = await TestClient.identified(exchange, 'bystander');
    const frames = 3_000;
    for (let n = 0; n < frames; n += 1) client.send({ type: 'ping', id: `p-${n}` });
    let pongs = 0;
    let refusal = await client.next();
    while (refusal.type === 'pong') {
      assert.is(refusal.id, `p-${pongs}`);
      pongs += 1;
      refusal = await client.next();
    }
    // One frame of the burst was identify.
    assert.ok(pongs >= 499, `${pongs} pings were answered`);
    assert.is(refusal.code, 'rate_limited');
    assert.ok((refusal.retryAfterMs as number) > 0);
    await other.quiet();
    await eventually(() => {
      client.send({ type: 'ping', id: 'after' });
      return client.inbox.some(({ type, id }) => type === 'pong' && id === 'after');
    }, 'the flooder to be heard again');
  });
});

test('a client that does not read is closed, and its friend is told', async () => {
  await withExchange({ ...UNLIMITED, BACKPRESSURE_BYTES: '65536' }, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    bob.socket.pause();
    const content = 'x'.repeat(30_000);
    // The kernel takes a few MiB before anything waits in the exchange; 64 MiB is more than it will ever take.
    let told = '';
    for (let n = 0; n < 2_200 && told !== 'friend_disconnected'; n += 1) {
      const reply = await ann.request({ type: 'ask', content });
      told = reply.type as string;
      if (told === 'friend_disconnected') assert.is(reply.reason, 'closed');
      else assert.is(told, 'question_sent');
    }
    assert.is(told, 'friend_disconnected');
    assertError(await ann.request({ type: 'ask', content: 'c' }), 'no_connection', { request: 'ask' });
    bob.socket.resume();
    await bob.whenClosed();
  });
});

test('a client may have three live invites and make ten an hour', async () => {
  await withExchange({}, async (exchange) => {
    const maker = await TestClient.identified(exchange, 'maker');
    const codes: string[] = [];
    for (let n = 0; n < 10; n += 1) codes.push(await maker.invite());
    const refused = await maker.request({ type: 'create_invite' });
    assertError(refused, 'too_many_invites', { request: 'create_invite' });
    assert.ok((refused.retryAfterMs as number) <= 3_600_000);
    const guest = await TestClient.identified(exchange, 'guest');
    // The refusal retired nothing: the newest three are still good.
    await guest.request({ type: 'connect', code: codes[7] as string }, 'connected_to_friend');
    await (await TestClient.identified(exchange, 'other')).request(
      { type: 'connect', code: codes[9] as string },
      'connected_to_friend',
    );
  });
});

test('the bounds of invites are settings', async () => {
  await withExchange({ INVITES_LIVE: '1', INVITES_PER_HOUR: '2' }, async (exchange) => {
    const maker = await TestClient.identified(exchange, 'maker');
    const guest = await TestClient.identified(exchange, 'guest');
    const [retired, live] = [await maker.invite(), await maker.invite()];
    assertError(await maker.request({ type: 'create_invite' }), 'too_many_invites', { request: 'create_invite' });
    assertError(await guest.request({ type: 'connect', code: retired }), 'invalid_code', { request: 'connect' });
    await guest.request({ type: 'connect', code: live }, 'connected_to_friend');
  });
});

test.run();
