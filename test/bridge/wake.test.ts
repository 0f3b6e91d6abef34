/** How an idle assistant is woken, over real processes: by events of the channel, by lines under results, by an inbox that waits. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Client, openClient } from '../../src/client/client.ts';
import { wakeSentence } from '../../src/client/wakes.ts';
import { type Exchange, eventually, startExchange, suite, temporaryFolder, UNLIMITED } from '../harness.ts';
import { type Assistant, assistant, type Options } from './assistants.ts';

const test = suite('bridge: waking');

/** How long others have a head start, then from notice to notice. */
const QUICK = [50, 300, 400, 500];
/** Longer than any of them. */
const QUIET_MS = 1_500;

interface Scene {
  /** A friend, and what grace's owner does in a terminal. */
  readonly ada: Client;
  readonly grace: Client;
  readonly bridges: readonly Assistant[];
  /** Which bridge pushed what, in order. */
  readonly pushed: () => string[];
}

let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

let scenes = 0;

/** Grace's assistants, `count` of them, connected with ada. Both let the other's questions through. */
async function withBridges(count: number, options: Partial<Options>, run: (scene: Scene) => Promise<void>) {
  const url = `ws://127.0.0.1:${exchange.port}`;
  const home = temporaryFolder();
  const names = ['ada', 'grace'].map((name) => `${name}${++scenes}`);
  const people = names.map((username) => openClient({ server: url, username, home: join(home, username) }));
  const [ada, grace] = people as [Client, Client];
  const order: string[] = [];
  const started: Assistant[] = [];
  const start = async (at: number) => {
    const bridge = await assistant({
      ...{ url, home, username: grace.username, wakeTimes: QUICK, ...options },
      pushed: (content) => order.push(`${at} ${content}`),
    });
    started.push(bridge);
    return bridge;
  };
  try {
    const bridges = await Promise.all(Array.from({ length: count }, (_, at) => start(at)));
    await Promise.all(people.map((one) => one.identify()));
    await grace.connect((await ada.createInvite()).code);
    await eventually(() => ada.friends().length === 1, 'a friend');
    await ada.setPolicy('grace', 'auto');
    await grace.setPolicy('ada', 'auto');
    await run({ ada, grace, bridges, pushed: () => order });
  } finally {
    await Promise.all([...started, ...people].map((one) => one.close()));
  }
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Nothing more is pushed than what is on its way. */
async function quiet({ pushed }: Scene): Promise<void> {
  await pause(200);
  const before = pushed().length;
  await pause(QUIET_MS);
  assert.is(pushed().length, before, pushed().join('\n'));
}

/** Asks without waiting for the answer. */
function ask(client: Client, friend: string, text: string): void {
  client.post(friend, text).answer.catch(() => {});
}

for (const generation of ['old', 'legacy'] as const)
  test(`a notice comes again until the text is fetched (${generation})`, async () => {
    await withBridges(1, { generation }, async (scene) => {
      const { ada, bridges } = scene;
      ask(ada, 'grace', 'psst');
      const { events, call } = bridges[0] as Assistant;
      await eventually(() => events.length >= 2, 'the notice, again');
      const inbox = await call('magi_inbox');
      assert.match(inbox.text, /\npsst\n/);
      await quiet(scene);
      for (const { content, meta } of events) {
        assert.is(content, 'A friend asks you something: question #1. Read it with magi_inbox.');
        assert.equal(meta, { question: '1' });
      }
    });
  });

test('a notice that names one message may be followed by its id', async () => {
  await withBridges(1, {}, async (scene) => {
    const [bridge] = scene.bridges as [Assistant];
    ask(scene.ada, 'grace', 'psst');
    await eventually(() => bridge.events[0], 'a notice');
    assert.match((await bridge.call('magi_inbox', { id: '#1' })).text, /\npsst\n/);
    await quiet(scene);
    const other = await scene.grace.question('#1').catch((error) => error.code);
    assert.is(other, 'claimed', 'whoever has read it answers it');
  });
});

for (const options of [{ name: 'cursor' }, { generation: 'modern' as const }])
  test(`an assistant without a channel is told nothing (${JSON.stringify(options)})`, async () => {
    await withBridges(1, options, async (scene) => {
      const [bridge] = scene.bridges as [Assistant];
      await bridge.call('magi_status');
      ask(scene.ada, 'grace', 'psst');
      await eventually(() => scene.grace.waiting().questions === 1, 'the question');
      await quiet(scene);
    });
  });

test('one of three wakes its assistant; nobody follows, so another one does, and in the end nobody', async () => {
  await withBridges(3, { wakeTimes: [50, 150, 150, 150] }, async (scene) => {
    ask(scene.ada, 'grace', 'psst');
    await eventually(() => scene.pushed().length === 12, 'four notices from each');
    await quiet(scene);
    const who = scene.pushed().map((line) => line[0] ?? '');
    const turns = who.filter((name, at) => name !== who[at - 1]);
    assert.is(turns.length, 3, `one after the other: ${who}`);
    assert.is(new Set(turns).size, 3);
  });
});

test('whoever fetches it has it, and whoever was woken for it is left in peace', async () => {
  await withBridges(3, {}, async (scene) => {
    const { ada, bridges, pushed } = scene;
    ask(ada, 'grace', 'psst');
    const told = Number((await eventually(() => pushed()[0], 'a notice'))[0]);
    const other = bridges[(told + 1) % 3] as Assistant;
    assert.match((await other.call('magi_inbox')).text, /\npsst\n/);
    await quiet(scene);
    assert.equal((await (bridges[told] as Assistant).call('magi_inbox')).data.messages, []);
  });
});

test('what the owner has answered wakes nobody any more', async () => {
  await withBridges(1, {}, async (scene) => {
    ask(scene.ada, 'grace', 'psst');
    await eventually(() => scene.pushed()[0], 'a notice');
    await (await scene.grace.question('#1')).answer('hm?');
    await quiet(scene);
  });
});

test('when the bridge that wakes is killed, another one wakes its assistant', async () => {
  // Long enough that it would not give up by itself.
  await withBridges(3, { wakeTimes: [50, 600_000] }, async ({ ada, bridges, pushed }) => {
    ask(ada, 'grace', 'psst');
    const told = Number((await eventually(() => pushed()[0], 'a notice'))[0]);
    process.kill((bridges[told] as Assistant).pid ?? 0, 'SIGKILL');
    // Nothing tells the others: they look by themselves now and then.
    await eventually(() => pushed()[1], 'another notice');
    assert.is.not(Number(pushed()[1]?.[0]), told);
  });
});

test('one that is closed gives it to another at once', async () => {
  await withBridges(2, { wakeTimes: [50, 600_000] }, async ({ ada, bridges, pushed }) => {
    ask(ada, 'grace', 'psst');
    const told = Number((await eventually(() => pushed()[0], 'a notice'))[0]);
    await (bridges[told] as Assistant).close();
    // It is not found by a look now and then.
    await eventually(() => pushed()[1], 'another notice', 10_000);
    assert.is.not(Number(pushed()[1]?.[0]), told);
  });
});

test('an answer that comes late wakes the assistant that asked, or another one if that has gone', async () => {
  await withBridges(2, {}, async (scene) => {
    const { ada, bridges, pushed } = scene;
    const [asker, other] = bridges as [Assistant, Assistant];
    const answers = ada.questions();
    for (const text of ['first', 'second'])
      assert.is((await asker.call('magi_ask', { friend: 'ada', text, wait_seconds: 0 })).data.status, 'waiting');
    await (await answers.next()).value?.answer('1');
    const event = await eventually(() => asker.events[0], 'an event');
    assert.is(event.content, 'An answer to your question has come. Read it with magi_inbox.');
    assert.match((await asker.call('magi_inbox')).text, /\n1\n/);
    await quiet(scene);
    assert.equal(other.events, []);
    await asker.close();
    await (await answers.next()).value?.answer('2');
    await eventually(() => other.events[0], 'an event');
    assert.match((await other.call('magi_inbox')).text, /\n2\n/);
    assert.is(pushed().filter((line) => line.startsWith('1')).length, other.events.length);
  });
});

test('a channel that has woken somebody comes first, before that it gives others a head start', async () => {
  await withBridges(1, { wakeTimes: [10_000, 600_000] }, async ({ ada, grace, bridges, pushed }) => {
    const [bridge] = bridges as [Assistant];
    // As the hook of a session does.
    const wakeOther = async () => {
      await eventually(() => grace.waiting().questions > 0, 'the question');
      return (await grace.waking.wake(Date.now())).map(({ content }) => content);
    };
    ask(ada, 'grace', 'one');
    await pause(2_000);
    assert.equal(await wakeOther(), ['one'], 'the channel has not begun');
    assert.match((await bridge.call('magi_inbox')).text, /\none\n/);
    assert.equal(pushed(), []);
    ask(ada, 'grace', 'nobody else looks');
    const notice = await eventually(() => bridge.events[0], 'a notice');
    assert.equal(notice.meta, { question: '2' });
    assert.match((await bridge.call('magi_inbox')).text, /\nnobody else looks\n/);
    ask(ada, 'grace', 'two');
    await pause(2_000);
    assert.equal(await wakeOther(), [], 'the channel had it at once');
    await eventually(() => bridge.events[1], 'a notice');
  });
});

test('a channel by which a word has come back comes first, too', async () => {
  await withBridges(1, { wakeTimes: [10_000, 600_000] }, async ({ ada, grace, bridges }) => {
    const [bridge] = bridges as [Assistant];
    const word = await grace.wakes.add('channel');
    const event = await eventually(() => bridge.events[0], 'the word');
    assert.equal([event.content, event.meta], [wakeSentence(word), { wake_test: word }]);
    await bridge.call('magi_status', { wake_test: word });
    ask(ada, 'grace', 'one');
    await pause(2_000);
    assert.equal(await grace.waking.wake(Date.now()), [], 'the channel had it at once');
    await eventually(() => bridge.events[1], 'a notice');
  });
});

test('every result says what waits, also one that says what went wrong', async () => {
  await withBridges(1, { name: 'some-editor' }, async ({ ada, grace, bridges }) => {
    const [bridge] = bridges as [Assistant];
    assert.not.match((await bridge.call('magi_friends')).text, /in your inbox/);
    ask(ada, 'grace', 'one');
    ask(ada, 'grace', 'two');
    await eventually(() => grace.waiting().questions === 2, 'the questions');
    const calls: [string, Record<string, unknown>][] = [
      ['magi_status', {}],
      ['magi_friends', {}],
      ['magi_ask', { friend: 'nobody', text: 'hello?' }],
      ['brainxchange_command', { command: 'magi help' }],
      ['magi_decline', { question: '#77' }],
    ];
    for (const [tool, args] of calls) {
      const { text, data } = await bridge.call(tool, args);
      assert.match(text, /\n\n\(2 questions in your inbox: magi_inbox shows them\.\)$/, tool);
      assert.equal(data.waiting, { questions: 2, answers: 0 }, tool);
    }
    const inbox = await bridge.call('magi_inbox');
    assert.not.match(inbox.text, /in your inbox/);
  });
});

for (const generation of ['old', 'legacy', 'modern'] as const)
  test(`an inbox that waits returns when something comes, and not before (${generation})`, async () => {
    await withBridges(1, { generation }, async ({ ada, bridges }) => {
      const [bridge] = bridges as [Assistant];
      ask(ada, 'grace', 'one');
      assert.match((await bridge.call('magi_inbox', { wait_seconds: 20 })).text, /\none\n/);
      // It has been shown and is still open: nothing that a waiting inbox would return for.
      let isBack = false;
      const waiting = bridge.call('magi_inbox', { wait_seconds: 20 }).finally(() => {
        isBack = true;
      });
      await pause(500);
      assert.not(isBack);
      ask(ada, 'grace', 'two');
      const { text } = await waiting;
      assert.match(text, /\ntwo\n/);
      assert.match(text, /Still open: question #1 from @ada\d+\./);
    });
  });

test('the words by which it is tried come under a result and out of an inbox that waits', async () => {
  await withBridges(1, { name: 'some-editor' }, async ({ grace, bridges }) => {
    const [bridge] = bridges as [Assistant];
    const [result, inbox] = [await grace.wakes.add('result'), await grace.wakes.add('inbox')];
    assert.ok((await bridge.call('magi_friends')).text.endsWith(`\n\n${wakeSentence(result)}`));
    assert.is((await bridge.call('magi_inbox')).text, 'Nothing waits.');
    assert.is((await bridge.call('magi_inbox', { wait_seconds: 20 })).text, wakeSentence(inbox));
    assert.equal(grace.wakes.stateOf(result), { isTold: true, isSeen: false });
    await bridge.call('magi_status', { wake_test: result });
    await bridge.call('brainxchange_command', { command: 'magi status' });
    await eventually(() => grace.wakes.stateOf(result).isSeen, 'the word');
    assert.equal(grace.wakes.stateOf(inbox), { isTold: true, isSeen: false });
  });
});

test.run();
