/** Two assistants that answer each other by themselves: after twenty times in ten minutes there is a pause, and both owners are told. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { nextShown, World } from './world.ts';

const test = suite('bridge: pace');

/** More than this many messages to one friend do not leave without the owner. */
const ALONE = 20;

let world: World;
test.before(async () => {
  world = await World.open();
});
test.after(() => world.close());

test('a pair that goes back and forth without its owners is paused, and both are told', async () => {
  const grace = await world.assistant('grace', { name: 'cursor' });
  // A session that has read an answer needs its owner to ask again: whoever loops does it through many sessions.
  const ada = await world.person('ada', grace, 'auto');
  await ada.setPolicy('grace', 'auto');
  const answered = async (text: string) => {
    const [shown] = await nextShown(grace);
    assert.is(shown?.text, text);
    return await grace.call('magi_answer', { question: shown?.id, text: `answer to ${text}` });
  };
  for (let at = 1; at < ALONE; at++) {
    const asked = ada.ask('grace', `question ${at}`);
    asked.catch(() => {});
    const { text, data } = await answered(`question ${at}`);
    assert.is(data.status, 'sent', text);
    assert.not.match(text, /Paused/);
    await asked;
  }
  const session = await world.assistant('ada', { name: 'cursor', owner: () => false });
  const last = session.call('magi_ask', { friend: 'grace', text: `question ${ALONE}` });
  for (const told of [await answered(`question ${ALONE}`), await last]) {
    assert.ok(['sent', 'answered'].includes(told.data.status), told.text);
    assert.match(told.text, /Paused: @(ada|grace)\..*Tell your owner/);
  }
  assert.match((await grace.call('magi_friends')).text, /@ada: here, policy auto, paused/);

  // From here on, nothing leaves without the owner, on either side, whichever session asks.
  assert.is((await session.call('magi_ask', { friend: 'grace', text: 'one more' })).data.status, 'refused');
  assert.match(session.asked.at(-1) ?? '', /gone back and forth/);
  const plain = await world.assistant('ada');
  const drafted = await plain.call('magi_ask', { friend: 'grace', text: 'and one more' });
  assert.is(drafted.data.status, 'draft');
  assert.match(drafted.text, /gone back and forth.*magi approve .*do not run that yourself/);
  const confirmed = { draft: drafted.data.draft, friend: 'grace', text: 'and one more' };
  assert.is((await plain.call('magi_confirm', confirmed)).data.status, 'refused');

  // Whoever goes on asking is not shown, and wakes nobody: a turn of an assistant costs its owner money.
  const beside = await world.assistant('grace', { wakeTimes: [0, 100, 100, 100] });
  const asked = ada.ask('grace', 'and another');
  asked.catch(() => {});
  await eventually(async () => (await grace.call('magi_status')).data.held === 1 || undefined, 'the question');
  assert.equal((await grace.call('magi_inbox')).data.messages, []);
  assert.ok((await grace.call('magi_inbox', { id: `#${ALONE + 1}` })).isError);
  assert.equal(beside.events, []);

  // The owners say how it goes on.
  await world.setPolicy('grace', 'ada', 'auto');
  await eventually(() => beside.events.length > 0 || undefined, 'to be woken');
  assert.is((await answered('and another')).data.status, 'sent');
  await asked;
  assert.not.match((await grace.call('magi_status')).text, /Paused/);
  const sent = await world.asOwner('ada', async (client) => {
    const posted = client.approve(String(drafted.data.draft));
    await posted.sent;
    return posted;
  });
  assert.is(sent.id, drafted.data.draft);
  sent.answer.catch(() => {});
  assert.not.match((await plain.call('magi_status')).text, /Paused/);
});

test('refusals count, too', async () => {
  const grace = await world.assistant('grace2', { name: 'cursor' });
  const eve = await world.stranger('eve', grace, 'auto');
  for (let at = 1; at <= ALONE; at++) {
    await eve.ask(`question ${at}`, `q${at}`);
    const [shown] = await nextShown(grace);
    const declined = await grace.call('magi_decline', { question: shown?.id, reason: 'No.' });
    assert.is(declined.data.status, 'ok', declined.text);
    assert.is(/Paused/.test(declined.text), at === ALONE, declined.text);
  }
});

test('what the owner has agreed to does not count', async () => {
  const grace = await world.assistant('grace3', { name: 'cursor', owner: () => true });
  const eve = await world.stranger('eve3', grace, 'ask');
  for (let at = 1; at <= ALONE + 2; at++) {
    await eve.ask(`question ${at}`, `q${at}`);
    const [shown] = await nextShown(grace);
    const { data, text } = await grace.call('magi_answer', { question: shown?.id, text: `answer ${at}` });
    assert.is(data.status, 'sent', text);
    assert.not.match(text, /Paused/);
  }
});

test.run();
