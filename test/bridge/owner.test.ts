/** Nothing leaves for a friend under `ask` unless the owner has said yes to exactly that: everything that is not such a yes, tried. */
import * as assert from 'uvu/assert';
import { eventually, type Json, suite } from '../harness.ts';
import { type Assistant, GENERATIONS } from './assistants.ts';
import { Wire } from './wire.ts';
import { nextShown, type Stranger, World } from './world.ts';

const test = suite('bridge: the word of the owner');

const SECRET = 'STRIPE_SECRET_KEY=sk_live_4eC39HqLyjWDarjtT1zdp7dc';

let world: World;
/** ada's bridges: one that makes friends for the tests, and the pipes of one whose assistant can ask its owner. */
let ada: Assistant;
let asking: Wire;
const wires: Wire[] = [];

function open(more: Partial<ConstructorParameters<typeof Wire>[0]>): Wire {
  const wire = new Wire({ url: world.url, home: world.home, username: 'ada', ...more });
  wires.push(wire);
  return wire;
}

test.before(async () => {
  world = await World.open();
  ada = await world.assistant('ada', { name: 'another' });
  asking = open({ elicitation: true });
});

test.after(async () => {
  for (const wire of wires) wire.kill();
  await world.close();
});

let strangers = 0;

/** A friend under `ask`. Fails if anything but what the test expects has reached them in the end. */
async function withEve(
  expected: readonly string[],
  run: (name: string, eve: Stranger) => Promise<void>,
): Promise<void> {
  const name = `eve${++strangers}`;
  const eve = await world.stranger(name, ada, 'ask');
  await run(name, eve);
  await eventually(async () => (await eve.contents()).length >= expected.length, 'what was sent');
  assert.equal(await eve.contents(), expected);
}

const AGREES = { owner: { action: 'accept', content: { agree: true } } };

/** The state with which the second call has to come. */
async function stateFor(friend: string, text: string): Promise<string> {
  const shown = await asking.callModern('magi_ask', { friend, text, wait_seconds: 0 });
  assert.is(shown.resultType, 'input_required', JSON.stringify(shown));
  return shown.requestState as string;
}

test('an answer of the owner that nobody asked for is none', async () => {
  await withEve([], async (friend) => {
    const again = await asking.callModern(
      'magi_ask',
      { friend, text: 'hello', wait_seconds: 0 },
      { inputResponses: AGREES },
    );
    assert.is(again.resultType, 'input_required', JSON.stringify(again));
  });
});

test('a state that was changed, made up or taken from another bridge is refused', async () => {
  await withEve([], async (friend) => {
    const state = await stateFor(friend, 'hello');
    const middle = Math.floor(state.length / 2);
    const changed = `${state.slice(0, middle)}${state[middle] === 'A' ? 'B' : 'A'}${state.slice(middle + 1)}`;
    const madeUp = Buffer.from('{"p":"x","exp":99999999999}').toString('base64url');
    for (const [to, requestState] of [
      [asking, changed],
      [asking, `${state}A`],
      [asking, `v1.${madeUp}.${madeUp}`],
      [open({ elicitation: true }), state],
    ] as const) {
      const second = { requestState, inputResponses: AGREES };
      const refused = await to.callModern('magi_ask', { friend, text: 'hello' }, second);
      assert.ok(refused.error, JSON.stringify(refused));
    }
  });
});

test('what the owner was shown goes, whatever the second call says', async () => {
  await withEve(['shown'], async (friend) => {
    const requestState = await stateFor(friend, 'shown');
    const sent = await asking.callModern(
      'magi_ask',
      { friend, text: 'something else', wait_seconds: 0 },
      { requestState, inputResponses: AGREES },
    );
    assert.is((sent.structuredContent as Json).status, 'waiting', JSON.stringify(sent));
  });
});

test('a yes is good once, and for one thing', async () => {
  await withEve(['once', 'by another tool'], async (friend, eve) => {
    const second = { requestState: await stateFor(friend, 'once'), inputResponses: AGREES };
    await asking.callModern('magi_ask', { friend, text: 'once', wait_seconds: 0 }, second);
    const again = await asking.callModern('magi_ask', { friend, text: 'once', wait_seconds: 0 }, second);
    assert.is(again.isError, true, JSON.stringify(again));
    // What is called the second time changes nothing: what was shown is what happens.
    const other = { requestState: await stateFor(friend, 'by another tool'), inputResponses: AGREES };
    const tried = await asking.callModern('magi_create_invite', {}, other);
    assert.not.match(JSON.stringify(tried), /"code":"[2-9A-Z]{6}"/);
    // A friend's text makes inviting need the owner; their yes makes one code, not two.
    const reader = open({ elicitation: true });
    await eve.ask('read me', 'q1');
    assert.match(JSON.stringify(await reader.callModern('magi_inbox', { wait_seconds: 20 })), /read me/);
    const invite = await reader.callModern('magi_create_invite', {});
    assert.is(invite.resultType, 'input_required', JSON.stringify(invite));
    const yes = { requestState: invite.requestState, inputResponses: AGREES };
    const code = await reader.callModern('magi_create_invite', {}, yes);
    assert.match(String((code.structuredContent as Json).code), /^[2-9A-Z]{6}$/);
    const twice = await reader.callModern('magi_create_invite', {}, yes);
    assert.is(twice.isError, true, JSON.stringify(twice));
  });
});

for (const generation of GENERATIONS)
  test(`no, cancel, and a yes without the tick are no (${generation})`, async () => {
    await withEve([], async (friend) => {
      const says = ['decline', 'cancel', 'accept'] as const;
      let asked = 0;
      const owned = await world.assistant('ada', { generation, owner: () => says[asked++] ?? false });
      for (const said of says) {
        const refused = await owned.call('magi_ask', { friend, text: said, wait_seconds: 0 });
        assert.equal([refused.data.status, refused.isError], ['refused', true], refused.text);
      }
      assert.is(asked, 3);
      const drafts = await world.asOwner('ada', async (client) => client.drafts());
      assert.equal(
        drafts.filter(({ to }) => to === friend),
        [],
      );
      await owned.close();
    });
  });

test('magi_confirm counts only where its owner is known to be asked', async () => {
  await withEve(['through the mark'], async (friend, eve) => {
    const plain = await world.assistant('ada');
    const text = 'through the mark';
    const { data } = await plain.call('magi_ask', { friend, text, wait_seconds: 0 });
    assert.is(data.status, 'draft');
    assert.is((await plain.call('magi_ask', { friend, text, wait_seconds: 0 })).data.draft, data.draft, 'one draft');
    const args = { draft: data.draft, friend, text };
    for (const name of ['cursor', 'Claude-Code', 'claude-code ', 'claude-code']) {
      // The last one can show a dialog: then that is where its owner is asked.
      const other = await world.assistant('ada', { name, ...(name === 'claude-code' ? { owner: () => true } : {}) });
      const tried = await other.call('magi_confirm', args);
      assert.equal([tried.data.status, tried.isError], ['refused', true], name);
      await other.close();
    }
    for (const wrong of [
      { ...args, text: `${text}!` },
      { ...args, friend: friend.toUpperCase() },
      { ...args, draft: String(data.draft).slice(0, 8) },
      { ...args, draft: '' },
    ])
      assert.is((await plain.call('magi_confirm', wrong)).data.status, 'refused', JSON.stringify(wrong));
    // It waits for an answer as magi_ask does.
    const confirmed = plain.call('magi_confirm', args);
    const { id } = await eve.heard();
    await eve.say({ type: 'answer', id: 'a1', replyTo: id, content: 'yes' });
    assert.is((await confirmed).data.status, 'answered');
    await plain.close();
  });
});

test('what hides in a text is never confirmed by a call that shows it as it is', async () => {
  await withEve([], async (friend) => {
    const plain = await world.assistant('ada');
    await world.setPolicy('ada', friend, 'ask');
    for (const text of ['Sunny.\u{E0041}\u{E0042}', 'Sun\u200Bny.', '\u202Eynnus']) {
      const { data, text: said } = await plain.call('magi_ask', { friend, text });
      assert.is(data.status, 'draft');
      assert.not.match(said, /magi_confirm/);
      const tried = await plain.call('magi_confirm', { draft: data.draft, friend, text });
      assert.equal([tried.data.status, tried.isError], ['refused', true], tried.text);
    }
    await plain.close();
  });
});

test('a secret is never confirmed by a call that the owner let pass without being told why', async () => {
  await withEve([], async (friend) => {
    const plain = await world.assistant('ada');
    await world.setPolicy('ada', friend, 'auto');
    const text = `Is this key yours? ${SECRET}`;
    const { data, text: said } = await plain.call('magi_ask', { friend, text });
    assert.is(data.status, 'draft');
    assert.not.match(said, /magi_confirm/);
    assert.match(said, /magi approve .*do not run that yourself/);
    const tried = await plain.call('magi_confirm', { draft: data.draft, friend, text });
    assert.equal([tried.data.status, tried.isError], ['refused', true], tried.text);
    assert.match(tried.text, /magi approve .*do not run that yourself/);
    await plain.close();
  });
});

test('a likely secret is stopped in a question, an answer and the reason of a refusal', async () => {
  await withEve([], async (friend, eve) => {
    await world.setPolicy('ada', friend, 'auto');
    const owned = await world.assistant('ada', { owner: () => false });
    const question = await owned.call('magi_ask', { friend, text: SECRET });
    assert.is(question.data.status, 'refused');
    assert.match(owned.asked[0] ?? '', /a Stripe key/);
    await eve.ask('What is your key?', 'q1');
    const [shown] = await nextShown(owned);
    assert.is((await owned.call('magi_answer', { question: shown?.id, text: SECRET })).data.status, 'refused');
    assert.match(owned.asked[1] ?? '', /a Stripe key/);
    const declined = await owned.call('magi_decline', { question: shown?.id, reason: `No, not even ${SECRET}` });
    assert.equal([declined.data.status, declined.isError], ['refused', true]);
    assert.match(declined.text, /secret/);
    // The same in one line.
    for (const command of [`ask ${friend} ${SECRET}`, `answer ${friend} ${SECRET}`, `decline ${friend} ${SECRET}`])
      assert.is((await owned.call('brainxchange_command', { command })).data.status, 'refused', command);
    assert.is((await owned.call('magi_decline', { question: shown?.id })).data.status, 'ok');
    await owned.close();
  });
});

test('the owner agrees in a terminal while the assistant has the question in its hands', async () => {
  await withEve(['drafted'], async (friend, eve) => {
    const bridge = await world.assistant('ada', { name: 'cursor' });
    // The ids are the stranger's to choose: this one is another question's number.
    await eve.ask('first', 'q1');
    const [first] = await nextShown(bridge);
    await eve.ask('second', String(first?.id).slice(1));
    const [second] = await nextShown(bridge);
    const { data } = await bridge.call('magi_answer', { question: second?.id, text: 'drafted' });
    assert.is(data.status, 'draft');
    await world.asOwner('ada', async (client) => client.approve(String(data.draft)).sent);
    assert.is((await eve.heard()).replyTo, String(first?.id).slice(1));
    const left = await world.asOwner('ada', async (client) => client.inbox({ limit: 10, onlyWaiting: true }));
    assert.equal(
      left.filter(({ from }) => from === friend).map(({ content }) => content),
      ['first'],
    );
    await bridge.close();
  });
});

test('what is to be sent cannot pass for the question about it', async () => {
  await withEve([], async (friend) => {
    const owned = await world.assistant('ada', { owner: () => false });
    const text = `hello\n\n\n\nSend this question to grace (@grace)?\n\u202Edlrow`;
    await owned.call('magi_ask', { friend, text });
    const [question = ''] = owned.asked;
    const [head, , size, body] = question.split('\n\n');
    assert.match(head ?? '', new RegExp(`^Send this question to .*@${friend}`));
    assert.match(size ?? '', /6 lines, \d+ characters/);
    for (const line of (body ?? '').split('\n')) assert.match(line, /^> /);
    assert.match(body ?? '', /⟦U\+202E⟧dlrow$/);
    await owned.close();
  });
});

test.run();
