/** Two people, and the exchange is killed between a question and its answer. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { type Line, onEachNode } from './assistants.ts';

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

onEachNode(test, 'the exchange is killed between many questions and answers, several times', async (world) => {
  const [ada, grace] = await world.begin();
  grace.do('serve', { answering: true });
  const texts = Array.from({ length: 60 }, (_, n) => `question ${n}`);
  for (let kill = 0; kill < 3; kill++) {
    ada.do('askMany', { to: 'grace', texts: texts.slice(kill * 20, kill * 20 + 20) });
    await ada.until('answer', {}, kill * 20 + 5);
    await world.killServer();
    await world.startServer();
  }
  await ada.until('answer', {}, texts.length);
  for (const { id, text } of ada.heard('asked')) await world.assertTalked(id, String(text));
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

onEachNode(test, 'all three are killed at once, at every step', async (world) => {
  let [ada, grace] = await world.begin();
  const steps: ((id: unknown) => Promise<unknown>)[] = [
    async (id) =>
      await eventually(() => world.rows('ada', `SELECT * FROM sent WHERE id = '${id}'`).length === 1, 'asked'),
    async (id) => await ada.until('sent', { id }),
    async (id) => await grace.until('arrived', { id }),
    async (id) => await grace.until('claimed', { id }),
    async (id) => await grace.until('answered', { id }),
    async (id) => await ada.until('answer', { id }),
  ];
  const ids: Line[] = [];
  for (const [at, step] of steps.entries()) {
    if (at > 2) grace.do('serve', { answering: at > 3 });
    const asked = await ada.tell('ask', { to: 'grace', text: `step ${at}` }, 'asked');
    ids.push(asked);
    await step(asked.id);
    await Promise.all([world.killServer(), ada.kill(), grace.kill()]);
    [ada, grace] = await Promise.all([world.assistant('ada'), world.assistant('grace'), world.startServer()]);
    await Promise.all([ada, grace].map((one) => one.tell('identify', {}, 'identified')));
  }
  grace.do('serve', { answering: true });
  for (const { id, text } of ids) {
    assert.is((await ada.tell('answerTo', { id }, 'answer', { id })).text, `re: ${text}`);
    await world.assertTalked(id, String(text));
  }
});

test.run();
