/** What every assistant gets, whichever generation of MCP it speaks: the tools, and results whose text stands by itself. */
import * as assert from 'uvu/assert';
import { eventually, type Json, suite } from '../harness.ts';
import { type Assistant, GENERATIONS, type Result } from './assistants.ts';
import { nextShown, type Stranger, World } from './world.ts';

const test = suite('bridge: tools');

const TOOLS = [
  'magi_ask',
  'magi_inbox',
  'magi_answer',
  'magi_decline',
  'magi_friends',
  'magi_status',
  'magi_create_invite',
  'magi_connect',
  'magi_disconnect',
  'magi_confirm',
  'brainxchange_command',
];

let world: World;
test.before(async () => {
  world = await World.open();
});
test.after(() => world.close());

/** Everything that matters of the data is in the text, too. */
function assertStands({ text, data }: Result): void {
  assert.ok(text.length > 0);
  for (const field of ['code', 'id', 'draft'] as const)
    if (data[field] !== undefined && data.isError !== true && data.status !== 'answered' && data.status !== 'refused')
      assert.ok(text.includes(String(data[field])), `${field} ${data[field]} is not in: ${text}`);
  for (const message of [
    ...((data.messages as Json[] | undefined) ?? []),
    ...(data.message ? [data.message as Json] : []),
  ])
    for (const field of ['text', 'notice', 'boundary', 'from', 'id'])
      assert.ok(text.includes(String(message[field])), `${field} of a message is not in: ${text}`);
  for (const { username, policy } of (data.friends as { username: string; policy: string }[] | undefined) ?? []) {
    assert.ok(text.includes(`@${username}`));
    assert.ok(text.includes(policy));
  }
}

for (const generation of GENERATIONS)
  test(`the list: schemas both ways, annotations, and the mark (${generation})`, async () => {
    const ada = await world.assistant(`lister-${generation}`, { generation });
    const tools = await ada.tools();
    assert.equal(
      tools.map(({ name }) => name),
      TOOLS,
    );
    for (const { name, title, description, inputSchema, outputSchema, annotations, _meta } of tools) {
      assert.ok(title !== undefined && (description ?? '').length > 20, name);
      const input = inputSchema as { type: string; properties?: Record<string, { description?: string }> };
      assert.is(input.type, 'object');
      const output = outputSchema as { type: string; required: string[]; properties: Json };
      assert.equal([output.type, output.required], ['object', ['status']], name);
      const { readOnlyHint, openWorldHint } = annotations as { readOnlyHint: boolean; openWorldHint: boolean };
      assert.is(readOnlyHint, ['magi_friends', 'magi_status'].includes(name), name);
      assert.is(openWorldHint, !['magi_friends', 'magi_status', 'magi_inbox'].includes(name), name);
      assert.is(
        (_meta as Json | undefined)?.['anthropic/requiresUserInteraction'],
        name === 'magi_confirm' ? true : undefined,
      );
    }
    await ada.close();
  });

for (const generation of GENERATIONS)
  test(`every result stands by itself (${generation})`, async () => {
    const ada = await world.assistant(`ada-${generation}`, { generation, name: 'another', owner: () => true });
    const grace = await world.stranger(`grace-${generation}`, ada, 'auto');
    const friend = `grace-${generation}`;
    const told: Result[] = [];
    const call = async (tool: string, args: Json = {}) => {
      const result = await ada.call(tool, args);
      told.push(result);
      return result;
    };
    assert.match(String((await call('magi_create_invite')).data.code), /^[2-9A-Z]{6}$/);
    const asked = call('magi_ask', { friend, text: 'What is 6 × 7?' });
    const { id } = await grace.heard();
    await grace.say({ type: 'answer', id: 'a1', replyTo: id, content: '42' });
    assert.is((await asked).data.status, 'answered');
    assert.match((await asked).text, /\n42\n/);
    await grace.ask('And yours?', 'q1');
    assert.match((await call('magi_inbox', { wait_seconds: 20 })).text, /And yours\?/);
    assert.is((await call('magi_answer', { question: friend, text: '43' })).data.status, 'sent');
    await grace.ask('Why?', 'q2');
    const [why] = await nextShown(ada);
    assert.is((await call('magi_decline', { question: why?.id, reason: 'Too long a story.' })).data.status, 'ok');
    const declined = () => grace.got.find(({ type, status }) => type === 'receipt' && status === 'declined');
    assert.is((await eventually(declined, 'the refusal')).reason, 'Too long a story.');
    assert.is((await call('magi_ask', { friend, text: 'Later?', wait_seconds: 0 })).data.status, 'waiting');
    await call('magi_friends');
    await call('magi_status');
    await call('magi_inbox');
    for (const command of ['help', 'friends', 'status', 'inbox', 'nonsense', `ask ${friend}`])
      await call('brainxchange_command', { command });
    // What goes wrong is a sentence.
    for (const [tool, args] of [
      ['magi_ask', { friend: 'nobody', text: 'x' }],
      ['magi_answer', { question: '#999', text: 'x' }],
      ['magi_answer', { question: why?.id, text: 'after all' }],
      ['magi_decline', { question: 'nobody' }],
      ['magi_connect', { code: 'nonsense' }],
      ['magi_connect', { code: '222222' }],
      ['magi_disconnect', { friend: 'nobody' }],
      ['magi_inbox', { id: '#999' }],
      ['magi_inbox', { id: why?.id, offset: 999 }],
      ['magi_confirm', { draft: 'none', friend, text: 'x' }],
    ] as const) {
      const { isError, text, data } = await call(tool, args);
      assert.equal([isError, data.status], [true, 'refused'], `${tool} ${JSON.stringify(args)}: ${text}`);
      assert.match(text, /^[^\n]+[.:…"]/, text);
    }
    for (const result of told) assertStands(result);
    assert.is((await call('magi_disconnect', { friend })).data.status, 'ok');
    await ada.close();
  });

for (const generation of GENERATIONS)
  test(`a late answer comes to the inbox, and the same question is asked once (${generation})`, async () => {
    const ada = await world.assistant(`late-${generation}`, { generation, name: 'another' });
    const friend = `slow-${generation}`;
    const grace = await world.stranger(friend, ada, 'auto');
    const heard: string[] = [];
    const question = { friend, text: 'Are you there?', wait_seconds: 1 };
    const first = await ada.call('magi_ask', question, (message) => void heard.push(message));
    assert.is(first.data.status, 'waiting');
    assert.match(first.text, /Not yet.*inbox; do not ask again/);
    assertStands(first);
    assert.ok(heard.length > 0, 'progress while it waited');
    // Another session of the same person, and the same one: the question is open.
    const other = await world.assistant(`late-${generation}`, { name: 'another' });
    for (const session of [ada, other]) {
      const again = await session.call('magi_ask', { ...question, wait_seconds: 0 });
      assert.equal([again.data.status, again.data.id], ['waiting', first.data.id], again.text);
    }
    const { id } = await grace.heard();
    await grace.say({ type: 'answer', id: 'a1', replyTo: id, content: 'Now I am.' });
    await eventually(
      async () => /1 answer in your inbox/.test((await ada.call('magi_friends')).text),
      'the line below',
    );
    const late = await ada.call('magi_inbox');
    assert.match(late.text, /\nNow I am\.\n/);
    assertStands(late);
    // It is told once, and was asked once.
    for (const session of [ada, other]) assert.equal((await session.call('magi_inbox')).data.messages, []);
    assert.equal(await grace.contents(), ['Are you there?']);
    await Promise.all([ada.close(), other.close()]);
  });

test('who waits in one session gets the answer there, and another that looks does not', async () => {
  const [one, other] = await Promise.all(['one', 'other'].map(() => world.assistant('both', { name: 'another' })));
  const grace = await world.stranger('grace-both', one as Assistant, 'auto');
  await asksAndLooks(one as Assistant, other as Assistant, grace);
});

async function asksAndLooks(one: Assistant, other: Assistant, grace: Stranger): Promise<void> {
  for (let round = 0; round < 5; round++) {
    const session = await world.assistant('both', { name: 'another' });
    const looking = new AbortController();
    const looked = [one, other].map((at) =>
      at.call('magi_inbox', { wait_seconds: 30 }, undefined, looking.signal).catch(() => undefined),
    );
    const asked = session.call('magi_ask', { friend: 'grace-both', text: `round ${round}` });
    const { id } = await grace.heard();
    await grace.say({ type: 'answer', id: `a${round}`, replyTo: id, content: `answer ${round}` });
    assert.match((await asked).text, new RegExp(`answer ${round}`));
    await new Promise((resolve) => setTimeout(resolve, 300));
    looking.abort();
    assert.equal(await Promise.all(looked), [undefined, undefined]);
    for (const at of [one, other]) assert.equal((await at.call('magi_inbox')).data.messages, []);
    await session.close();
  }
}

test('a call that is given up takes nothing out of the inbox', async () => {
  const ada = await world.assistant('giver', { name: 'another' });
  const grace = await world.stranger('grace-up', ada, 'auto');
  const { data } = await ada.call('magi_ask', { friend: 'grace-up', text: 'When?', wait_seconds: 0 });
  const { id } = await grace.heard();
  const giveUp = new AbortController();
  const looking = ada.call('magi_inbox', { wait_seconds: 30 }, undefined, giveUp.signal).catch(() => 'given up');
  await new Promise((resolve) => setTimeout(resolve, 200));
  giveUp.abort();
  await grace.say({ type: 'answer', id: 'a1', replyTo: id, content: 'Tomorrow.' });
  assert.is(await looking, 'given up');
  const inbox = await ada.call('magi_inbox', { wait_seconds: 20 });
  assert.match(inbox.text, /Tomorrow\./);
  assert.is(id, data.id);
});

test('who asks the same twice at once gets the answer twice', async () => {
  const ada = await world.assistant('twice', { name: 'another' });
  const grace = await world.stranger('grace-twice', ada, 'auto');
  const question = { friend: 'grace-twice', text: 'Again?' };
  const first = ada.call('magi_ask', question);
  const { id } = await grace.heard();
  const second = ada.call('magi_ask', question);
  assert.is((await ada.call('magi_ask', { ...question, wait_seconds: 0 })).data.status, 'waiting');
  await grace.say({ type: 'answer', id: 'a1', replyTo: id, content: 'Again.' });
  for (const asked of [first, second]) assert.is((await asked).data.status, 'answered', (await asked).text);
  assert.equal(await grace.contents(), ['Again?']);
});

test('progress is heard while it waits', async () => {
  const ada = await world.assistant('patient', { name: 'another' });
  const grace = await world.stranger('grace-slow', ada, 'auto');
  const heard: string[] = [];
  const asked = ada.call('magi_ask', { friend: 'grace-slow', text: 'Well?' }, (message) => void heard.push(message));
  const { id } = await grace.heard();
  await eventually(() => heard.length >= 2 || undefined, 'progress to be heard');
  assert.match(heard[0] ?? '', /The question is with your friend’s assistant/);
  await grace.say({ type: 'answer', id: 'a1', replyTo: id, content: 'Well.' });
  assert.is((await asked).data.status, 'answered');
});

test.run();
