/** `doctor --wake`, with assistants that do what a sentence tells them, and with some that do not. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openClient } from '../../src/client/client.ts';
import { type Assistant, assistant, type Options } from '../bridge/assistants.ts';
import { type Exchange, eventually, type Json, suite, temporaryFolder } from '../harness.ts';
import { endTypists, startKeeping, Typist } from './typist.ts';

const test = suite('cli: doctor --wake');

let exchange: Exchange;
test.before(async () => {
  exchange = await startKeeping();
});
test.after(async () => {
  endTypists();
  await exchange.stop();
});

interface Scene {
  readonly owner: Typist;
  readonly bridge: Assistant;
}

let people = 0;

async function withAssistant(options: Partial<Options>, run: (scene: Scene) => Promise<void>): Promise<void> {
  const home = temporaryFolder();
  const username = `ada${++people}`;
  const url = exchange.url.replace('http', 'ws');
  const bridge = await assistant({ url, home, username, ...options });
  const owner = new Typist({ url }, username, { MAGI_HOME: join(home, username) });
  try {
    await eventually(async () => (await bridge.call('magi_status')).data.isConnected === true, 'the bridge');
    await run({ owner, bridge });
  } finally {
    await bridge.close();
  }
}

/** The word that a text asks for. */
const wordIn = (text: string) => /wake_test "([^"]+)"/.exec(text)?.[1];

/** Does what a text asks for, and what the result of that asks for. */
async function follow({ call }: Assistant, text: string): Promise<void> {
  for (let word = wordIn(text); word !== undefined; word = wordIn(text))
    text = (await call('magi_status', { wake_test: word })).text;
}

const states = (document: Json) =>
  Object.fromEntries((document.ways as { way: string; state: string }[]).map(({ way, state }) => [way, state]));

test('each way works by itself with an assistant that follows', async () => {
  await withAssistant({}, async ({ owner, bridge }) => {
    const doctor = owner.start('doctor', '--wake', '--timeout', '30', '--json');
    // As Claude Code: a turn for an event of the channel, one for what its hook says, one that its owner asks for.
    const event = await eventually(() => bridge.events[0], 'an event of the channel');
    assert.equal(event.meta, { wake_test: wordIn(event.content) });
    await follow(bridge, event.content);
    const hook = owner.start('wait', '--hook', 'stop');
    hook.child.stdin?.end('{"session_id":"s"}');
    const woken = await hook.ends();
    assert.is(woken.code, 2);
    await follow(bridge, woken.stderr);
    await follow(bridge, (await bridge.call('magi_friends')).text);
    await follow(bridge, (await bridge.call('magi_inbox', { wait_seconds: 20 })).text);
    const ended = await doctor.ends();
    assert.is(ended.code, 0, ended.stderr);
    const document = JSON.parse(ended.stdout) as Json;
    assert.is(document.ok, true);
    assert.equal(states(document), { channel: 'woke', hook: 'woke', result: 'woke', inbox: 'woke' });
  });
});

test('an assistant that is only told, and what was not tried, are named with what to do', async () => {
  await withAssistant({}, async ({ owner, bridge }) => {
    const doctor = owner.start('doctor', '--wake', '--timeout', '4');
    await eventually(() => bridge.events[0], 'an event of the channel');
    assert.ok(wordIn((await bridge.call('magi_friends')).text));
    const { code, stdout } = await doctor.ends();
    assert.is(code, 1);
    assert.match(stdout, /^Say to your assistant: call magi_status, and leave it idle then\.\n/);
    assert.match(
      stdout,
      /! channel {3}was told, and nothing came back: .*\n +→ .*--dangerously-load-development-channels/,
    );
    assert.match(stdout, /- hook {6}was not tried: .*\n +→ No hook waits: magi-exchange setup claude writes it/);
    assert.match(stdout, /! result {4}was told, and nothing came back/);
    assert.match(stdout, /- inbox {5}was not tried/);
    // It is over: nobody is told any more, and what is said back now counts for nothing.
    assert.is(wordIn((await bridge.call('magi_inbox', { wait_seconds: 0 })).text), undefined);
    const hook = await owner.run('wait', '--hook', 'stop', '--timeout', '0.5');
    assert.equal([hook.code, hook.stderr], [0, '']);
  });
});

test('an editor without channel and hook is woken by results and by an inbox that waits', async () => {
  await withAssistant({ name: 'cursor', generation: 'modern' }, async ({ owner, bridge }) => {
    const doctor = owner.start('doctor', '--wake', '--timeout', '4', '--json');
    const waited = await bridge.call('magi_inbox', { wait_seconds: 20 });
    await follow(bridge, waited.text);
    const ended = await doctor.ends();
    assert.is(ended.code, 0, ended.stderr);
    const { channel, hook, inbox } = states(JSON.parse(ended.stdout) as Json);
    assert.equal([channel, hook, inbox], ['untold', 'untold', 'woke']);
    assert.equal(bridge.events, []);
  });
});

test('a word that nobody gave is not said back, and somebody who is not set up is told so', async () => {
  await withAssistant({}, async ({ owner, bridge }) => {
    const doctor = owner.start('doctor', '--wake', '--timeout', '2', '--json');
    await bridge.call('magi_status', { wake_test: 'wake-000000000000' });
    const { ok, ways } = JSON.parse((await doctor.ends()).stdout) as Json;
    assert.is(ok, false, JSON.stringify(ways));
  });
  const nobody = new Typist(exchange, 'grace', { MAGI_HOME: join(temporaryFolder(), 'none') });
  assert.match(await nobody.refused(78, 'doctor', '--wake'), /none is not there: magi-exchange setup claude/);
});

test('Ctrl-C ends it with what is known so far', async () => {
  await withAssistant({}, async ({ owner, bridge }) => {
    const doctor = owner.start('doctor', '--wake');
    const event = await eventually(() => bridge.events[0], 'an event of the channel');
    await follow(bridge, event.content);
    await doctor.prints(/✓ channel {3}works/);
    doctor.child.kill('SIGINT');
    const { stdout } = await doctor.ends();
    assert.match(stdout, /- hook {6}was not tried/);
    const client = openClient({ server: exchange.url, username: owner.env.MAGI_USERNAME, home: owner.home });
    assert.is(client.wakes.take('hook'), undefined);
    await client.close();
  });
});

test.run();
