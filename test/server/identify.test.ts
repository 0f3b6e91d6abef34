/** Protocol part 1: opening a client and identifying it, usernames and nicknames. */
import * as assert from 'uvu/assert';
import {
  assertError,
  type Exchange,
  eventually,
  startExchange,
  suite,
  TestClient,
  UNLIMITED,
  UUID,
} from '../harness.ts';

const test = suite('identify');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

test('opening tells the client its id, at once and nothing else', async () => {
  const one = await TestClient.open(exchange);
  const other = await TestClient.open(exchange, { path: '/ws' });
  const [first, second] = [await one.next('connected'), await other.next('connected')];
  assert.match(first.clientId as string, UUID);
  assert.match(second.clientId as string, UUID);
  assert.is.not(first.clientId, second.clientId);
  await one.quiet();
  await other.quiet();
});

test('the nickname defaults to the username; the clientId stays the one told at the start', async () => {
  const client = await TestClient.open(exchange, { path: '/ws' });
  const { clientId } = await client.next('connected');
  const identified = await client.request({ type: 'identify', username: 'Default Dora' });
  assert.equal(identified, { type: 'identified', username: 'Default Dora', nickname: 'Default Dora', clientId });
  await client.quiet();
});

test('text and binary frames are read alike; unknown fields are ignored', async () => {
  const client = await TestClient.open(exchange);
  const { clientId } = await client.next('connected');
  const command = {
    type: 'identify',
    username: 'binary ben',
    nickname: 'Ben',
    colour: 'blue',
    clientId: 'mine',
    keyed: 1,
  };
  const identified = await client.request(Buffer.from(JSON.stringify(command)));
  assert.equal(identified, { type: 'identified', username: 'binary ben', nickname: 'Ben', clientId });
});

test('usernames that are allowed', async () => {
  for (const username of [
    'u',
    'x'.repeat(128),
    'with space inside',
    'Zoë',
    'アリス',
    'robot 🤖',
    'a.b-c_d@e',
    '__proto__',
  ]) {
    const client = await TestClient.unidentified(exchange);
    const identified = await client.request({ type: 'identify', username }, 'identified');
    assert.is(identified.username, username);
    client.terminate();
  }
});

const FORBIDDEN = {
  'a control character': ['nul\u0000', 'line\nbreak', 'tab\tstop', 'del\u007f', 'next line\u0085', 'escape\u001b[31m'],
  'a bidirectional character': ['\u202egnp', 'a\u2066b', 'a\u2069b', 'a\u200eb', 'a\u200fb', 'a\u061cb'],
  'a zero-width character': ['a\u200bb', 'a\u200cb', 'a\u200db', 'a\u2060b', '\ufeffab'],
  'a space at an end': [' a', 'a ', ' ', '\u00a0a', 'a\u3000'],
};

for (const [what, names] of Object.entries(FORBIDDEN)) {
  test(`names with ${what} are refused`, async () => {
    const client = await TestClient.unidentified(exchange);
    for (const name of names) {
      const username = await client.request({ type: 'identify', username: name });
      assertError(username, 'invalid_username', { request: 'identify' });
      const nickname = await client.request({ type: 'identify', username: 'fine', nickname: name });
      assertError(nickname, 'invalid_nickname', { request: 'identify' });
    }
    assertError(await client.request({ type: 'create_invite' }), 'not_identified', { request: 'create_invite' });
  });
}

test('lengths count after NFKC: 1 to 128 for a username, 1 to 64 for a nickname', async () => {
  const client = await TestClient.unidentified(exchange);
  // U+FDFA is one character that NFKC turns into 18.
  for (const username of ['', 'x'.repeat(129), 'ﬁ'.repeat(65), '\ufdfa'.repeat(8)]) {
    assertError(await client.request({ type: 'identify', username }), 'invalid_username', { request: 'identify' });
  }
  for (const nickname of ['', 'x'.repeat(65), 'ﬁ'.repeat(33)]) {
    const refused = await client.request({ type: 'identify', username: 'long nick', nickname });
    assertError(refused, 'invalid_nickname', { request: 'identify' });
  }
  const identified = await client.request({ type: 'identify', username: 'long nick', nickname: 'n'.repeat(64) });
  assert.is(identified.nickname, 'n'.repeat(64));
});

test('a username of 65 characters is too long to be the default nickname of anybody, yet identifies', async () => {
  const client = await TestClient.identified(exchange, 'y'.repeat(65));
  await client.quiet();
});

test('a field of the wrong kind is named', async () => {
  const client = await TestClient.unidentified(exchange);
  for (const username of [undefined, null, 5, true, {}, ['a']]) {
    const refused = await client.request({ type: 'identify', username });
    assertError(refused, 'bad_message', { request: 'identify' });
    assert.match(refused.message as string, /username/);
  }
  for (const nickname of [null, 5, false, {}, []]) {
    const refused = await client.request({ type: 'identify', username: 'kind', nickname });
    assertError(refused, 'bad_message', { request: 'identify' });
    assert.match(refused.message as string, /nickname/);
  }
});

test('usernames are unique whatever their case and their compatibility form, and free again when the client goes', async () => {
  const holder = await TestClient.identified(exchange, 'Unique Fish', 'Nick');
  const greek = await TestClient.identified(exchange, 'ΑΛΕΞΗΣ');
  const late = await TestClient.unidentified(exchange);
  for (const username of [
    'Unique Fish',
    'unique fish',
    'UNIQUE FISH',
    'Unique ﬁsh',
    'Ｕｎｉｑｕｅ Ｆｉｓｈ',
    'αλεξης',
  ]) {
    assertError(await late.request({ type: 'identify', username }), 'username_taken', { request: 'identify' });
  }
  // Nicknames are shown, never used to address: two users may have the same.
  await TestClient.identified(exchange, 'other fish', 'Nick');
  await holder.close();
  greek.terminate();
  for (const username of ['unique fish', 'Αλέξης']) {
    const client = await TestClient.unidentified(exchange);
    await eventually(
      async () => (await client.request({ type: 'identify', username })).type === 'identified',
      `${username} to be free`,
    );
  }
});

test('of clients that race for one name, one wins', async () => {
  const clients = await Promise.all(Array.from({ length: 12 }, () => TestClient.unidentified(exchange)));
  for (const client of clients) client.send({ type: 'identify', username: 'raced for' });
  const replies = await Promise.all(clients.map((client) => client.next()));
  assert.is(replies.filter(({ type }) => type === 'identified').length, 1);
  for (const reply of replies.filter(({ type }) => type !== 'identified')) {
    assertError(reply, 'username_taken', { request: 'identify' });
  }
});

test('identifying again with the same username changes the nickname, for friends too', async () => {
  const [one, friend] = await TestClient.pair(exchange, 'renamer', 'her friend');
  const again = await one.request({ type: 'identify', username: 'renamer', nickname: 'Second' }, 'identified');
  assert.is(again.nickname, 'Second');
  await friend.request({ type: 'ask', content: 'still there?' }).then((sent) => assert.is(sent.to, 'Second'));
  await one.next('question');
  await one.request({ type: 'answer', content: 'yes' }, 'answer_sent');
  const answer = await friend.next('answer');
  assert.is(answer.from, 'renamer');
  assert.is(answer.fromNickname, 'Second');
});

test('identifying again with another username is refused and changes nothing', async () => {
  const client = await TestClient.identified(exchange, 'settled', 'Set');
  const refused = await client.request({ type: 'identify', username: 'somebody else', nickname: 'Other' });
  assertError(refused, 'already_identified', { request: 'identify' });
  assert.is((await client.request({ type: 'create_invite' }, 'invite_created')).from, 'Set');
  await TestClient.identified(exchange, 'somebody else');
});

test('before identifying, only identify, connect with a username and ping are open', async () => {
  const client = await TestClient.unidentified(exchange);
  const commands = [
    { type: 'create_invite' },
    { type: 'connect', code: 'ABC234' },
    { type: 'ask', content: 'hello' },
    { type: 'answer', content: 'hello' },
    { type: 'list_connections' },
    { type: 'disconnect', to: 'anybody' },
  ];
  for (const command of commands) {
    assertError(await client.request(command), 'not_identified', { request: command.type });
  }
  assert.equal(await client.request({ type: 'ping' }), { type: 'pong' });
});

test.run();
