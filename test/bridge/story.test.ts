/** Two people, two bridges, one exchange: the whole story over real processes, in every generation of MCP. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openClient } from '../../src/client/client.ts';
import type { Policy } from '../../src/client/friends.ts';
import { eventually, startExchange, suite, temporaryFolder, UNLIMITED } from '../harness.ts';
import { type Assistant, assistant, type Generation, type Options } from './assistants.ts';

const test = suite('bridge: the story');

interface Scene {
  readonly ada: Assistant;
  readonly grace: Assistant;
  readonly url: string;
  readonly home: string;
}

/** What only the owner can do, in a terminal of their own. */
export async function setPolicy(url: string, home: string, username: string, friend: string, policy: Policy) {
  const client = openClient({ server: url, username, home: join(home, username) });
  await client.setPolicy(friend, policy);
  await client.close();
}

/** Two connected people with their assistants; ada's is of `generation`. */
async function withTwo(
  { generation, owner }: { generation: Generation; owner?: Options['owner'] },
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  const exchange = await startExchange(UNLIMITED);
  const url = `ws://127.0.0.1:${exchange.port}`;
  const home = temporaryFolder();
  const consent = owner === undefined ? {} : { owner };
  const started: Assistant[] = [];
  const start = async (options: Options) => {
    const one = await assistant(options);
    started.push(one);
    return one;
  };
  try {
    const [ada, grace] = await Promise.all([
      start({ url, home, username: 'ada', generation, ...consent }),
      start({ url, home, username: 'grace' }),
    ]);
    const invite = await ada.call('magi_create_invite');
    assert.match(String(invite.data.code), /^[2-9A-HJ-NP-Z]{6}$/);
    const connected = await grace.call('magi_connect', { code: invite.data.code });
    assert.is(connected.data.status, 'ok', connected.text);
    await eventually(async () => (await ada.call('magi_friends')).text.includes('@grace') || undefined, 'a friend');
    await run({ ada, grace, url, home });
  } finally {
    await Promise.all(started.map((one) => one.close())).finally(() => exchange.stop());
  }
}

for (const generation of ['old', 'legacy', 'modern'] as const) {
  test(`ask returns the answer (${generation})`, async () => {
    await withTwo({ generation, owner: () => true }, async ({ ada, grace, url, home }) => {
      await setPolicy(url, home, 'ada', 'grace', 'auto');
      await setPolicy(url, home, 'grace', 'ada', 'auto');
      const asked = ada.call('magi_ask', { friend: 'grace', text: 'What is 6 × 7?' });
      const inbox = await grace.call('magi_inbox', { wait_seconds: 20 });
      const [message] = inbox.data.messages as { id: string; from: string; text: string; trust: string }[];
      assert.equal([message?.from, message?.text, message?.trust], ['ada', 'What is 6 × 7?', 'untrusted']);
      assert.match(inbox.text, /What is 6 × 7\?/);
      const answered = await grace.call('magi_answer', { question: message?.id, text: '42' });
      assert.is(answered.data.status, 'sent', answered.text);
      const answer = await asked;
      assert.is(answer.data.status, 'answered', answer.text);
      assert.is((answer.data.message as { text: string }).text, '42');
      assert.match(answer.text, /\n42\n/);
      assert.match(answer.text, /carries no authority/);
    });
  });

  test(`under ask, the owner sees what leaves (${generation})`, async () => {
    const answers = [false, true];
    await withTwo({ generation, owner: () => answers.shift() ?? false }, async ({ ada, grace, url, home }) => {
      await setPolicy(url, home, 'ada', 'grace', 'ask');
      await setPolicy(url, home, 'grace', 'ada', 'auto');
      const refused = await ada.call('magi_ask', { friend: 'grace', text: 'first?', wait_seconds: 0 });
      assert.equal([refused.data.status, refused.isError], ['refused', true]);
      assert.match(ada.asked[0] ?? '', /^Send this question to @grace\?\n\n[^>]*\n> first\?$/);
      const asked = await ada.call('magi_ask', { friend: 'grace', text: 'second?', wait_seconds: 0 });
      assert.is(asked.data.status, 'waiting', asked.text);
      const inbox = await grace.call('magi_inbox', { wait_seconds: 20 });
      assert.equal(
        (inbox.data.messages as { text: string }[]).map(({ text }) => text),
        ['second?'],
      );
      await grace.call('magi_answer', { question: 'ada', text: 'late' });
      const late = await ada.call('magi_inbox', { wait_seconds: 20 });
      assert.match(late.text, /\nlate\n/);
    });
  });
}

test('without a way to ask the owner it stays a draft', async () => {
  await withTwo({ generation: 'legacy' }, async ({ ada }) => {
    const drafted = await ada.call('magi_ask', { friend: 'grace', text: 'hello?' });
    assert.is(drafted.data.status, 'draft', drafted.text);
  });
});

test('what a friend asks before the owner has looked is held back', async () => {
  await withTwo({ generation: 'legacy', owner: () => true }, async ({ ada, grace, url, home }) => {
    await setPolicy(url, home, 'ada', 'grace', 'auto');
    const asked = await ada.call('magi_ask', { friend: 'grace', text: 'SECRET WORD', wait_seconds: 0 });
    assert.is(asked.data.status, 'waiting');
    await eventually(async () => (await grace.call('magi_status')).data.held === 1 || undefined, 'the question');
    const inbox = await grace.call('magi_inbox');
    assert.equal(inbox.data.messages, []);
    assert.not.match(inbox.text, /SECRET/);
    assert.not.match((await grace.call('magi_inbox', { id: '#1' })).text, /SECRET/);
    assert.equal(grace.events, []);
    await setPolicy(url, home, 'grace', 'ada', 'ask');
    assert.match((await grace.call('magi_inbox', { wait_seconds: 20 })).text, /SECRET/);
  });
});

test('a question wakes an idle assistant', async () => {
  await withTwo({ generation: 'legacy' }, async ({ ada, grace, url, home }) => {
    await setPolicy(url, home, 'ada', 'grace', 'auto');
    await setPolicy(url, home, 'grace', 'ada', 'auto');
    await ada.call('magi_ask', { friend: 'grace', text: 'psst', wait_seconds: 0 });
    const event = await eventually(() => grace.events[0], 'an event');
    assert.match(event.content, /question #1/);
    assert.not.match(event.content, /psst/);
    assert.equal(event.meta, { question: '1' });
    assert.match((await grace.call('magi_inbox')).text, /psst/);
  });
});

test('the published grammar in one line', async () => {
  await withTwo({ generation: 'legacy' }, async ({ ada, grace, url, home }) => {
    await setPolicy(url, home, 'ada', 'grace', 'auto');
    await setPolicy(url, home, 'grace', 'ada', 'auto');
    const asked = ada.call('brainxchange_command', { command: 'magi ask grace about the weather' });
    assert.match((await grace.call('magi_inbox', { wait_seconds: 20 })).text, /\nthe weather\n/);
    await grace.call('brainxchange_command', { command: 'brainx answer ada sunny' });
    assert.match((await asked).text, /\nsunny\n/);
    assert.match((await ada.call('brainxchange_command', { command: 'friends' })).text, /@grace/);
    assert.match((await ada.call('brainxchange_command', { command: 'magi status' })).text, /You are ada/);
    assert.ok((await ada.call('brainxchange_command', { command: 'magi frobnicate' })).isError);
  });
});

test.run();
