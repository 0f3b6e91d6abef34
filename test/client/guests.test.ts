/** A client of the published protocol, which holds no key, and ours talk to each other over the real exchange, in both directions. */
import * as assert from 'uvu/assert';
import { eventually, type Json, suite, TestClient } from '../harness.ts';
import { type Assistant, onEachNode, type World } from './assistants.ts';

const test = suite('guests and keyed users');

/** Ada, and a guest who has used her code as the published client does. */
async function withGuest(world: World): Promise<[Assistant, TestClient]> {
  const [ada] = await world.begin();
  const { code } = await ada.tell('invite', {}, 'invited');
  const guest = await TestClient.unidentified(world);
  guest.send({ type: 'connect', code, username: 'guest@example.org', nickname: 'Guest' });
  const connected = await guest.next('connected_to_friend');
  assert.equal(connected.friend, { username: 'ada', nickname: 'ada' });
  assert.is(connected.durable, false);
  await ada.until('presence', { type: 'friend_connected', friend: 'guest@example.org' });
  return [ada, guest];
}

function assertNoTrouble(...assistants: Assistant[]): void {
  for (const one of assistants) assert.equal([one.heard('trouble'), one.complaint], [[], '']);
}

/** The guest is told this, and nothing else. */
async function told(guest: TestClient, expected: Json): Promise<Json> {
  const message = await guest.next();
  for (const [name, value] of Object.entries(expected))
    assert.equal(message[name], value, `${name} of ${JSON.stringify(message)}`);
  return message;
}

onEachNode(test, 'ours asks the guest, who answers without saying to what', async (world) => {
  const [ada, guest] = await withGuest(world);
  const ids: unknown[] = [];
  for (const text of ['why?', 'how?', 'when?']) {
    const { id } = await ada.tell('ask', { to: 'guest', text }, 'asked', { text });
    ids.push(id);
    assert.is((await ada.until('sent', { id })).status, 'forwarded');
    await told(guest, { type: 'question', content: text, from: 'ada', fromNickname: 'ada' });
  }
  for (const content of ['because', 'somehow', 'now']) guest.send({ type: 'answer', content });
  for (const content of ['because', 'somehow', 'now']) await told(guest, { type: 'answer_sent', content, to: 'ada' });
  for (const [at, text] of ['because', 'somehow', 'now'].entries())
    assert.is((await ada.until('answer', { id: ids[at] })).text, text);
  await guest.quiet();
  assertNoTrouble(ada);
});

onEachNode(test, 'the guest asks ours, and is answered', async (world) => {
  const [ada, guest] = await withGuest(world);
  ada.do('serve', { answering: true });
  for (const content of ['why?', 'how?', 'how?']) {
    guest.send({ type: 'ask', content });
    await told(guest, { type: 'question_sent', content, to: 'ada', status: 'forwarded' });
    await told(guest, { type: 'answer', content: `re: ${content}`, from: 'ada', fromNickname: 'ada' });
  }
  await ada.until('answered', { status: 'forwarded' }, 3);
  await guest.quiet();
  assert.is((await ada.tell('waiting', {}, 'waiting')).questions, 0);
  assertNoTrouble(ada);
});

onEachNode(test, 'ours uses the code of a guest', async (world) => {
  const [ada] = await world.begin();
  const guest = await TestClient.identified(world, 'guest@example.org', 'Guest');
  assert.is(
    (await ada.tell('connect', { code: await guest.invite() }, 'friend', { username: 'guest@example.org' })).isDurable,
    false,
  );
  await guest.next('friend_connected');
  const { id } = await ada.tell('ask', { to: '@Guest', text: 'why?' }, 'asked');
  const question = await told(guest, { type: 'question', content: 'why?' });
  guest.send({ type: 'answer', content: 'because', to: 'ada', replyTo: question.id });
  assert.is((await ada.until('answer', { id })).text, 'because');
  assertNoTrouble(ada);
});

onEachNode(test, 'a guest who is declined is told nothing, as in the published protocol', async (world) => {
  const [ada, guest] = await withGuest(world);
  guest.send({ type: 'ask', content: 'would you?' });
  await told(guest, { type: 'question_sent' });
  const { id } = await ada.tell('serve', { count: 1 }, 'claimed');
  await ada.tell('decline', { id, reason: 'no' }, 'declined');
  assert.is((await ada.tell('waiting', {}, 'waiting')).questions, 0);
  await eventually(async () => (await ada.tell('waiting', {}, 'waiting')).unsent === 0, 'the outbox to be empty');
  await guest.quiet();
  assertNoTrouble(ada);
});

onEachNode(test, 'when the guest goes, nothing is sent to them any more', async (world) => {
  const [ada, guest] = await withGuest(world);
  const { id } = await ada.tell('ask', { to: 'guest', text: 'why?' }, 'asked');
  await told(guest, { type: 'question' });
  await guest.close();
  await ada.until('presence', { type: 'friend_disconnected' });
  assert.is((await ada.until('noAnswer', { id })).code, 'left');
  assert.is((await ada.tell('ask', { to: 'guest', text: 'still there?' }, 'failed')).code, 'unknown_friend');
  // Somebody else may take the name, and is somebody else.
  const { code } = await ada.tell('invite', {}, 'invited', {});
  const other = await TestClient.unidentified(world);
  other.send({ type: 'connect', code, username: 'guest@example.org', nickname: 'Other' });
  await other.next('connected_to_friend');
  await ada.until('presence', { type: 'friend_connected', friend: 'guest@example.org' }, 2);
  other.send({ type: 'answer', content: 'I was not asked' });
  await other.next('answer_sent');
  await ada.until('arrived', { kind: 'answer' });
  assert.equal(
    world.rows('ada', `SELECT reply_to FROM inbox WHERE kind = 'answer'`),
    [{ reply_to: null }],
    'who comes later has not been asked',
  );
});

onEachNode(test, 'when our socket is lost, what a guest was asked is not waited for', async (world) => {
  const [ada, guest] = await withGuest(world);
  const { id } = await ada.tell('ask', { to: 'guest', text: 'why?' }, 'asked');
  await told(guest, { type: 'question' });
  // Else it would wait in the outbox.
  assert.is((await ada.until('sent', { id })).status, 'forwarded');
  await world.killServer();
  await world.startServer();
  assert.is((await ada.until('noAnswer', { id })).code, 'left');
  assert.is((await ada.tell('ask', { to: 'guest', text: 'why?' }, 'failed')).code, 'unknown_friend');
  assertNoTrouble(ada);
});

onEachNode(test, 'three processes of ours: what a guest says is there once, and goes to who asked', async (world) => {
  const [ada, guest] = await withGuest(world);
  const others = [await world.assistant('ada'), await world.assistant('ada')];
  await Promise.all(others.map((one) => one.tell('identify', {}, 'identified')));
  const all = [ada, ...others];
  const ids: unknown[] = [];
  for (const [at, one] of all.entries()) {
    ids.push((await one.tell('ask', { to: 'guest', text: `${at}` }, 'asked')).id);
    await told(guest, { type: 'question', content: `${at}` });
  }
  for (const content of ['yes', 'yes', 'no']) {
    guest.send({ type: 'answer', content });
    await told(guest, { type: 'answer_sent' });
  }
  for (const [at, one] of all.entries())
    assert.is((await one.until('answer', { id: ids[at] })).text, ['yes', 'yes', 'no'][at]);
  for (const one of all) one.do('serve', { answering: true });
  const questions = ['again', 'again', 'and again', 'again'];
  for (const content of questions) guest.send({ type: 'ask', content });
  const heard: Json[] = [];
  while (heard.filter(({ type }) => type === 'answer').length < questions.length) heard.push(await guest.next());
  assert.is(heard.filter(({ type }) => type === 'question_sent').length, questions.length);
  await eventually(async () => (await ada.tell('waiting', {}, 'waiting')).unsent === 0, 'all to be taken');
  await guest.quiet();
  assert.is(world.rows('ada', `SELECT * FROM inbox WHERE kind = 'question'`).length, questions.length);
  assert.is(world.rows('ada', `SELECT * FROM inbox WHERE kind = 'answer'`).length, 3);
  assertNoTrouble(...all);
});

test.run();
