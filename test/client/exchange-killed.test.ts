/** Two people, and the exchange is killed between a question and its answer. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { onEachNode } from './assistants.ts';

const test = suite('client while the exchange is killed');

onEachNode(test, 'ask returns the answer, from one process to another', async (world) => {
  const [ada, grace] = await world.begin();
  grace.do('serve', { answering: true });
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  await grace.until('answered', { id });
  await world.assertTalked(id, 'why?');
  assert.equal(ada.heard('trouble'), []);
  assert.equal([ada.complaint, grace.complaint], ['', '']);
});

onEachNode(test, 'the exchange is killed between the question and its answer', async (world) => {
  const [ada, grace] = await world.begin();
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await grace.tell('serve', { count: 1 }, 'claimed');
  await world.killServer();
  grace.do('reply', { id, text: 're: why?' });
  await eventually(
    () => world.rows('grace', `SELECT * FROM sent WHERE kind = 'answer'`).length === 1,
    'the answer on disk',
  );
  await world.startServer();
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  await grace.until('answered', { id });
  await world.assertTalked(id, 'why?');
});

onEachNode(test, 'the exchange is killed before it has said that it has the question', async (world) => {
  const [ada, grace] = await world.begin();
  grace.do('serve', { answering: true });
  world.pauseServer();
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await eventually(() => world.rows('ada', 'SELECT * FROM sent').length === 1, 'the question on disk');
  await world.killServer();
  await world.startServer();
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  await world.assertTalked(id, 'why?');
});

onEachNode(test, 'who is let in with an invite, after a refusal, asks and answers like anybody', async (world) => {
  const [ada] = await world.begin();
  await world.killServer();
  await world.startServer(0, { REGISTRATION: 'invited' });
  const { code } = await ada.tell('invite', {}, 'invited');
  const sam = await world.assistant('sam');
  assert.is((await sam.tell('identify', {}, 'failed')).code, 'registration_closed');
  await sam.tell('connect', { code }, 'friend');
  for (const one of [ada, sam]) one.do('serve', { answering: true });
  const { id } = await sam.tell('ask', { to: 'ada', text: 'why?' }, 'asked');
  assert.is((await sam.until('answer', { id })).text, 're: why?');
  const { id: back } = await ada.tell('ask', { to: 'sam', text: 'how?' }, 'asked');
  assert.is((await ada.until('answer', { id: back })).text, 're: how?');
});

onEachNode(test, 'a program that is done ends, also while the exchange hangs', async (world) => {
  const [ada, grace] = await world.begin();
  await grace.tell('close', {}, 'left');
  grace.dismiss();
  await grace.ended();
  world.pauseServer();
  await ada.tell('close', {}, 'left');
  const startedAt = performance.now();
  ada.dismiss();
  await ada.ended();
  // The WebSocket layer would wait for half a minute.
  assert.ok(performance.now() - startedAt < 20_000, `${performance.now() - startedAt} ms`);
  world.resumeServer();
  assert.equal([ada.complaint, grace.complaint], ['', '']);
});

test.run();
