/** Two people and the exchange are killed again and again, and together. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { type Line, onEachNode } from './assistants.ts';

const test = suite('clients and the exchange killed together');

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
