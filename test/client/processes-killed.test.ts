/** Two people, and a process of one or the other is killed between a question and its answer. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { type Assistant, onEachNode, type World } from './assistants.ts';

const test = suite('client processes killed');

/** The next process of this user, answering everything. */
async function server(world: World, username: string): Promise<Assistant> {
  const assistant = await world.assistant(username);
  assistant.do('serve', { answering: true });
  return assistant;
}

onEachNode(test, 'who asks is killed when the question is on disk and nobody has it', async (world) => {
  const [ada, grace] = await world.begin();
  grace.do('serve', { answering: true });
  await world.killServer();
  await ada.until('closed');
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await eventually(() => world.rows('ada', 'SELECT * FROM sent').length === 1, 'the question on disk');
  await ada.kill();
  const later = await world.assistant('ada');
  await world.startServer();
  later.do('identify');
  // Whichever of the two comes back first, the exchange has taken it.
  assert.ok(['delivered', 'queued'].includes(`${(await later.until('settled', { id })).outcome}`));
  assert.is((await later.until('arrived', { kind: 'answer' })).content, 're: why?');
  assert.is((await later.tell('answerTo', { id }, 'answer')).text, 're: why?');
  await world.assertTalked(id, 'why?');
});

onEachNode(test, 'who asks is killed when the exchange has it and has not said so', async (world) => {
  const [ada, grace] = await world.begin();
  grace.do('serve', { answering: true });
  world.pauseServer();
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await eventually(() => world.bytesUnread() > 0, 'the question at the door of the exchange');
  await ada.kill();
  world.resumeServer();
  // The exchange has heard the question and forwards it; the next process says it once more.
  await grace.until('answered', { id });
  const later = await world.assistant('ada');
  assert.is((await later.tell('answerTo', { id }, 'answer')).text, 're: why?');
  await eventually(() => later.heard('settled', { id }).length > 0, 'the question to be taken');
  await world.assertTalked(id, 'why?');
});

onEachNode(
  test,
  'who is asked is killed when the question is on disk and the exchange does not know',
  async (world) => {
    const [ada, grace] = await world.begin();
    await grace.tell('die', { at: 'arrived' }, 'done', { did: 'die' });
    const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
    await grace.ended();
    await server(world, 'grace');
    assert.is((await ada.until('answer', { id })).text, 're: why?');
    await world.assertTalked(id, 'why?');
    assert.is(world.rows('grace', 'SELECT * FROM inbox').length, 1, 'the repeat is not shown');
  },
);

onEachNode(test, 'who is asked is killed with the question in hand', async (world) => {
  const [ada, grace] = await world.begin();
  await grace.tell('die', { at: 'claimed' }, 'done', { did: 'die' });
  grace.do('serve', { answering: true });
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await grace.ended();
  await server(world, 'grace');
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  await world.assertTalked(id, 'why?');
});

for (const isPaused of [true, false])
  onEachNode(
    test,
    `who is asked is killed before the exchange, ${isPaused ? 'slow' : 'gone'}, has said that it has the answer`,
    async (world) => {
      const [ada, grace] = await world.begin();
      const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
      await grace.tell('serve', { count: 1 }, 'claimed');
      if (isPaused) world.pauseServer();
      else await world.killServer();
      grace.do('reply', { id, text: 're: why?' });
      await eventually(
        () => world.rows('grace', `SELECT * FROM sent WHERE kind = 'answer'`).length === 1,
        'the answer on disk',
      );
      await grace.kill();
      if (isPaused) world.resumeServer();
      else await world.startServer();
      const later = await world.assistant('grace');
      later.do('identify');
      assert.is((await ada.until('answer', { id })).text, 're: why?');
      await eventually(() => later.heard('settled', { kind: 'answer' }).length > 0, 'the answer to be taken');
      assert.is((await later.tell('reply', { id, text: 'again' }, 'failed')).code, 'already_answered');
      await world.assertTalked(id, 'why?');
    },
  );

test.run();
