/** Processes end when they like: the exchange, the bridge that asked, the bridge that has a question in its hands. Nothing is lost or told twice. */
import * as assert from 'uvu/assert';
import { eventually, suite, temporaryFolder } from '../harness.ts';
import { type Assistant, GENERATIONS } from './assistants.ts';
import { AGAIN_MS_MAX, nextShown, type Shown, World } from './world.ts';

const test = suite('bridge: kills');

async function withPair(run: (world: World, ada: Assistant, grace: Assistant) => Promise<void>): Promise<void> {
  const world = await World.open({ DATA_DIR: temporaryFolder() });
  try {
    const [ada, grace] = await Promise.all(['ada', 'grace'].map((name) => world.assistant(name, { name: 'another' })));
    if (ada === undefined || grace === undefined) throw new Error('there are two');
    await world.befriend([ada, 'auto'], [grace, 'auto']);
    await run(world, ada, grace);
  } finally {
    await world.close();
  }
}

async function isConnected(one: Assistant): Promise<boolean> {
  return (await one.call('magi_status')).data.isConnected === true;
}

test('the exchange is killed between question and answer', async () => {
  await withPair(async (world, ada, grace) => {
    const asked = ada.call('magi_ask', { friend: 'grace', text: 'before' });
    const [before] = await nextShown(grace);
    await world.restart('SIGKILL');
    assert.is((await grace.call('magi_answer', { question: before?.id, text: 'after' })).data.status, 'sent');
    assert.match((await asked).text, /\nafter\n/);
  });
});

test('the exchange is killed while nobody has the question yet', async () => {
  await withPair(async (world, ada, grace) => {
    await grace.close();
    // A new session: after an answer, asking again would need the owner.
    const asked = ada.call('magi_ask', { friend: 'grace', text: 'while away' });
    await eventually(() => world.exchange.logs.some(({ event }) => event === 'queued'), 'the mailbox');
    await eventually(async () => (await ada.call('magi_status')).data.unsent === 0 || undefined, 'ada to know');
    await world.restart('SIGKILL');
    const next = await world.assistant('grace', { name: 'another' });
    const [shown] = await nextShown(next);
    assert.is(shown?.text, 'while away');
    await next.call('magi_answer', { question: shown?.id, text: 'back again' });
    assert.match((await asked).text, /\nback again\n/);
  });
});

test('while there is no exchange, every tool answers, and what was asked goes out when there is one', async () => {
  await withPair(async (world, ada, grace) => {
    await world.exchange.stop('SIGKILL');
    await eventually(async () => !(await isConnected(ada)) || undefined, 'the loss to be seen');
    const asked = ada.call('magi_ask', { friend: 'grace', text: 'is anybody there?', wait_seconds: 0 });
    assert.is((await asked).data.status, 'waiting');
    assert.match((await asked).text, /on its way/);
    assert.match((await ada.call('magi_friends')).text, /@grace: away/);
    assert.match((await ada.call('magi_status')).text, /not connected/);
    assert.equal((await ada.call('magi_inbox')).data.messages, []);
    const calls = [
      ['magi_create_invite', {}],
      ['magi_connect', { code: '234567' }],
      ['magi_disconnect', { friend: 'grace' }],
    ] as const;
    // All at once: the longer the exchange is away, the longer the pauses before the bridges dial again.
    const results = await Promise.all(calls.map(async ([tool, args]) => ({ tool, ...(await ada.call(tool, args)) })));
    for (const { tool, isError, text } of results) {
      assert.ok(isError);
      assert.match(text, /cannot be reached/, `${tool}: ${text}`);
    }
    await world.restart('SIGKILL');
    assert.is((await nextShown(grace))[0]?.text, 'is anybody there?');
    await eventually(async () => (await isConnected(ada)) || undefined, 'to be connected again', AGAIN_MS_MAX);
    assert.match(String((await ada.call('magi_create_invite')).data.code), /^[2-9A-Z]{6}$/);
  });
});

for (const generation of GENERATIONS)
  test(`the bridge with a question in its hands is killed: the question goes to another one (${generation})`, async () => {
    await withPair(async (world, ada, grace) => {
      const other = await world.assistant('grace', { generation, name: 'another' });
      const asked = ada.call('magi_ask', { friend: 'grace', text: 'for whom?' });
      assert.is((await nextShown(other))[0]?.text, 'for whom?');
      assert.equal((await grace.call('magi_inbox')).data.messages, []);
      // The modern client started two; the one that it speaks to is the one that it knows.
      await other.kill();
      const [shown] = await nextShown(grace);
      assert.is(shown?.text, 'for whom?');
      await grace.call('magi_answer', { question: shown?.id, text: 'for me' });
      assert.match((await asked).text, /\nfor me\n/);
    });
  });

test('the bridge that asked is killed: the answer comes to the inbox of the next', async () => {
  await withPair(async (world, ada, grace) => {
    const asked = ada.call('magi_ask', { friend: 'grace', text: 'and then?' }).catch(() => 'gone');
    const [shown] = await nextShown(grace);
    await ada.kill();
    assert.is(await asked, 'gone');
    await grace.call('magi_answer', { question: shown?.id, text: 'and then this' });
    const next = await world.assistant('ada', { name: 'another' });
    const [late] = await nextShown(next);
    assert.equal([late?.kind, late?.text], ['answer', 'and then this']);
    assert.equal((await next.call('magi_inbox')).data.messages, []);
  });
});

test('the bridge is killed before its question was taken: the next one sends it', async () => {
  await withPair(async (world, ada, grace) => {
    await world.exchange.stop('SIGKILL');
    await eventually(async () => !(await isConnected(ada)) || undefined, 'the loss to be seen');
    assert.is((await ada.call('magi_ask', { friend: 'grace', text: 'kept?', wait_seconds: 0 })).data.status, 'waiting');
    await ada.kill();
    await world.restart('SIGKILL');
    const next = await world.assistant('ada', { name: 'another' });
    await next.call('magi_status');
    assert.is((await nextShown(grace))[0]?.text, 'kept?');
  });
});

test('three bridges of one person: each question is shown by exactly one of them', async () => {
  await withPair(async (world, ada, grace) => {
    const QUESTIONS = 12;
    const others = [
      await world.assistant('grace', { name: 'another', generation: 'modern' }),
      await world.assistant('grace', { name: 'another', generation: 'old' }),
    ];
    const shown: string[] = [];
    let done = 0;
    const answering = [grace, ...others].map(async (one) => {
      while (done < QUESTIONS) {
        const { data } = await one.call('magi_inbox', { wait_seconds: 1 });
        for (const { id, text } of data.messages as Shown[]) {
          shown.push(text);
          const sent = await one.call('magi_answer', { question: id, text: `answer to ${text}` });
          assert.is(sent.data.status, 'sent', sent.text);
          done++;
        }
      }
    });
    const texts = Array.from({ length: QUESTIONS }, (_, at) => `question ${at}`);
    const answers = await Promise.all(texts.map((text) => ada.call('magi_ask', { friend: 'grace', text })));
    await Promise.all(answering);
    for (const [at, { text }] of answers.entries()) assert.ok(text.includes(`\nanswer to question ${at}\n`), text);
    assert.equal(shown.sort(), texts.sort());
  });
});

test.run();
