/** A friend who is away for a week, or too long; the clocks of the exchange and of the clients are set on for it. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { onEachNode } from './assistants.ts';

const test = suite('a friend who is away');
const DAY_MS = 86_400_000;

onEachNode(test, 'what was asked a week ago is answered, to who still waits and to who comes back', async (world) => {
  const [ada, grace] = await world.begin();
  const patient = await world.assistant('ada');
  await grace.tell('close', {}, 'left');
  await ada.until('presence', { type: 'friend_away' });
  const { id: first } = await ada.tell('ask', { to: 'grace', text: 'one' }, 'asked');
  assert.is((await ada.until('sent', { id: first })).status, 'queued');
  await ada.kill();
  const { id: second } = await patient.tell('ask', { to: 'grace', text: 'two' }, 'asked');
  assert.is((await patient.until('sent', { id: second })).status, 'queued');
  await world.killServer();
  await world.startServer(7 * DAY_MS);

  const back = await world.assistant('grace', { clockMs: 7 * DAY_MS });
  assert.is((await back.tell('identify', {}, 'identified')).pending, 2);
  back.do('serve', { answering: true });
  await back.until('answered', {}, 2);
  assert.equal(
    back.heard('claimed').map(({ text }) => text),
    ['one', 'two'],
  );
  assert.is((await patient.until('answer', { id: second })).text, 're: two');
  const later = await world.assistant('ada', { clockMs: 7 * DAY_MS });
  assert.is((await later.tell('answerTo', { id: first }, 'answer')).text, 're: one');
  await world.assertTalked(first, 'one');
  await world.assertTalked(second, 'two');
});

onEachNode(
  test,
  'an answer that was given while the asker was away for a week is there when they come',
  async (world) => {
    const [ada, grace] = await world.begin();
    const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
    await grace.tell('serve', { count: 1 }, 'claimed');
    await ada.kill();
    await grace.tell('reply', { id, text: 're: why?' }, 'answered');
    await world.killServer();
    await world.startServer(7 * DAY_MS);
    const later = await world.assistant('ada', { clockMs: 7 * DAY_MS });
    await later.tell('identify', {}, 'arrived', { kind: 'answer' });
    assert.is((await later.tell('waiting', {}, 'waiting')).answers, 1);
    await world.assertTalked(id, 'why?');
  },
);

onEachNode(
  test,
  'what nobody read for 30 days is reported to who waits, and the outbox gives up after 7',
  async (world) => {
    const [ada, grace] = await world.begin();
    await grace.tell('close', {}, 'left');
    const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
    assert.is((await ada.until('sent', { id })).status, 'queued');
    await world.killServer();
    const { id: unsent } = await ada.tell('ask', { to: 'grace', text: 'how?' }, 'asked');
    await eventually(() => world.rows('ada', 'SELECT * FROM sent').length === 2, 'the question on disk');
    await ada.kill();
    // A day later it would have forgotten what was asked.
    const waiting = await world.assistant('ada', { clockMs: 29 * DAY_MS });
    waiting.do('answerTo', { id });
    waiting.do('answerTo', { id: unsent });
    await world.startServer(31 * DAY_MS);
    assert.is((await waiting.until('noAnswer', { id })).code, 'expired');
    assert.is((await waiting.until('settled', { id: unsent })).outcome, 'gave_up');
    assert.is((await waiting.until('noAnswer', { id: unsent })).code, 'gave_up');
    const back = await world.assistant('grace', { clockMs: 31 * DAY_MS });
    assert.is((await back.tell('identify', {}, 'identified')).pending, 0);
  },
);

test.run();
