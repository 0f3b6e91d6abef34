/** Three processes of one person at once: each question is taken on by one of them, and an answer goes to the one that asked. */
import * as assert from 'uvu/assert';
import { eventually, suite } from '../harness.ts';
import { type Assistant, onEachNode, type World } from './assistants.ts';

const test = suite('several processes of one person');

const LEASE_MS = 61_000;
const CLAIM_MS = 10 * 60_000 + 1_000;

async function two(world: World, username: string): Promise<Assistant[]> {
  const more = await Promise.all([world.assistant(username), world.assistant(username)]);
  await Promise.all(more.map((one) => one.tell('identify', {}, 'identified')));
  return more;
}

onEachNode(test, 'each question is taken on by exactly one', async (world) => {
  const [ada, grace] = await world.begin();
  const all = [grace, ...(await two(world, 'grace'))];
  for (const one of all) one.do('serve', { answering: true });
  const texts = Array.from({ length: 45 }, (_, n) => `question ${n}`);
  ada.do('askMany', { to: 'grace', texts });
  await ada.until('answer', {}, texts.length);
  // What the others have said comes through other pipes than Ada's answers.
  for (const [what, fits] of [
    ['arrived', { kind: 'question' }],
    ['claimed', {}],
  ] as const)
    await eventually(() => all.flatMap((one) => one.heard(what, fits)).length >= texts.length, what);
  const claimed = all.flatMap((one) => one.heard('claimed').map(({ text }) => String(text)));
  assert.equal(claimed.toSorted(), texts.toSorted());
  const arrived = all.flatMap((one) => one.heard('arrived', { kind: 'question' }).map(({ number }) => Number(number)));
  assert.equal(
    arrived.toSorted((one, other) => one - other),
    texts.map((_, at) => at + 1),
    'each is new to one process, and the numbers have no gaps',
  );
  for (const { id, text } of ada.heard('asked')) {
    assert.equal(
      ada.heard('answer', { id }).map((line) => line.text),
      [`re: ${text}`],
    );
    await world.assertTalked(id, String(text));
  }
  assert.equal(
    all.flatMap((one) => one.heard('trouble')),
    [],
  );
});

onEachNode(test, 'the answer goes to the process that asked, and is nobody else’s news', async (world) => {
  const [ada, grace] = await world.begin();
  const all = [ada, ...(await two(world, 'ada'))];
  grace.do('serve', { answering: true });
  const ids: string[] = [];
  for (const [at, one] of all.entries())
    for (const text of ['why', 'how']) {
      const { id } = await one.tell('ask', { to: 'grace', text: `${text} ${at}` }, 'asked', { text: `${text} ${at}` });
      ids.push(String(id));
    }
  for (const [at, one] of all.entries())
    await one.until('answer', {}, 2).then(() => assert.is(one.heard('answer').length, 2, `${at}`));
  for (const [at, id] of ids.entries())
    assert.equal(
      all.map((one) => one.heard('answer', { id }).length),
      all.map((_, other) => (other === at >> 1 ? 1 : 0)),
    );
  for (const one of all)
    await eventually(async () => (await one.tell('waiting', {}, 'waiting')).answers === 0, 'the answers to be read');
});

onEachNode(test, 'the answer to a process that was killed is unread in the inbox for the others', async (world) => {
  const [ada, grace] = await world.begin();
  await two(world, 'ada');
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await ada.until('sent', { id });
  await ada.kill();
  grace.do('serve', { answering: true });
  const answers = `SELECT * FROM inbox WHERE kind = 'answer'`;
  await eventually(() => world.rows('ada', answers).length === 1, 'the answer to come to one of the others');
  // Somebody who comes when its lease is over, a minute later.
  const later = await world.assistant('ada', { clockMs: LEASE_MS });
  assert.is((await later.tell('waiting', {}, 'waiting')).answers, 1);
  const { entries } = await later.tell('inbox', { onlyWaiting: true }, 'inbox');
  const [entry] = entries as Record<string, unknown>[];
  assert.equal([entry?.content, entry?.state, entry?.replyTo], ['re: why?', 'unread', id]);
  assert.is((await later.tell('answerTo', { id }, 'answer')).text, 're: why?');
  await eventually(async () => (await later.tell('waiting', {}, 'waiting')).answers === 0, 'the answer to be read');
});

onEachNode(test, 'a question in the hands of one that hangs is taken on by another after 10 minutes', async (world) => {
  const [ada, grace] = await world.begin();
  const [other] = (await two(world, 'grace')) as [Assistant];
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await grace.tell('serve', { count: 1 }, 'claimed');
  assert.is((await other.tell('reply', { id, text: 'mine' }, 'failed')).code, 'claimed');
  assert.is((await other.tell('waiting', {}, 'waiting')).questions, 0);
  const later = await world.assistant('grace', { clockMs: CLAIM_MS });
  assert.is((await later.tell('waiting', {}, 'waiting')).questions, 1);
  await later.tell('serve', { count: 1 }, 'claimed', { id });
  // It is back, and too late.
  assert.is((await grace.tell('reply', { id, text: 'late' }, 'unanswered')).code, 'claimed');
  await later.tell('reply', { id, text: 're: why?' }, 'answered');
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  assert.is((await grace.tell('reply', { id, text: 'later' }, 'unanswered')).code, 'already_answered');
  await world.assertTalked(id, 'why?');
});

onEachNode(test, 'a question in the hands of one that was killed is taken on by another at once', async (world) => {
  const [ada, grace] = await world.begin();
  const others = await two(world, 'grace');
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await grace.tell('serve', { count: 1 }, 'claimed');
  for (const one of others) one.do('serve', { answering: true });
  await grace.kill();
  // Nobody is told that it was killed: they look now and then.
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  await world.assertTalked(id, 'why?');
});

onEachNode(test, 'a question in the hands of one that leaves is taken on by another at once', async (world) => {
  const [ada, grace] = await world.begin();
  const [other] = (await two(world, 'grace')) as [Assistant];
  const { id } = await ada.tell('ask', { to: 'grace', text: 'why?' }, 'asked');
  await grace.tell('serve', { count: 1 }, 'claimed');
  await grace.tell('close', {}, 'left');
  assert.not(grace.isGone, 'its process goes on');
  other.do('serve', { answering: true });
  assert.is((await ada.until('answer', { id })).text, 're: why?');
  await world.assertTalked(id, 'why?');
});

test.run();
