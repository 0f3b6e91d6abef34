/** What only the owner decides, at a terminal: policies, drafts, changed keys, leaving. Without one it is refused and nothing is done. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import * as assert from 'uvu/assert';
import { Friends } from '../../src/client/friends.ts';
import { BRIDGE_TOKEN_FILE, openDatabase } from '../../src/client/home.ts';
import { Outbox } from '../../src/client/outbox.ts';
import {
  type Exchange,
  eventually,
  type Json,
  runMain,
  startExchange,
  suite,
  temporaryFolder,
  UNLIMITED,
} from '../harness.ts';
import { assertVisible, endTypists, IS_FRIEND, newPair, startKeeping, Typist } from './typist.ts';

const test = suite('cli: the owner');

let exchange: Exchange;
let ada: Typist;
let grace: Typist;
test.before(async () => {
  exchange = await startKeeping();
});
test.after(async () => {
  endTypists();
  await exchange.stop();
});
test.beforeEach(async () => {
  [ada, grace] = newPair(exchange);
});

const policyOf = async (person: Typist) => ((await person.json('friends')).friends as Json[])[0]?.policy;

test('a program can change no policy, approve, trust or leave', async () => {
  await grace.befriend(ada);
  await draft(ada, grace, 'a secret');
  for (const args of [
    ['policy', 'grace', 'auto'],
    ['approve', '1'],
    ['leave'],
    ['identity', 'export', join(temporaryFolder(), 'key')],
    ['identity', 'import', join(temporaryFolder(), 'key')],
  ])
    assert.match(await ada.refused(1, ...args), /for the owner alone: type this command in a terminal/, args.join(' '));
  assert.is(await policyOf(ada), 'hold');
  assert.is(((await ada.json('approve')).drafts as Json[]).length, 1);
  // What a policy is may be seen.
  assert.match(await ada.done('policy', 'grace'), /^Grace \(.*\): hold\n/);
});

test('who types a code at a terminal has seen the friend', async () => {
  const { code } = await ada.json('invite');
  const typed = await grace.types(['connect', code as string]);
  assert.is(typed.code, 0);
  assert.match(typed.stdout, /Connected with .*Ada.*\r\nTheir key is [0-9a-f ]{39}\r\n/);
  assert.is(await policyOf(grace), 'ask');
  assert.is(await policyOf(ada), 'hold');
});

test('policy is set at a terminal; auto is asked about', async () => {
  await grace.befriend(ada);
  // Name and key are shown before anything is decided.
  const refused = await ada.types(['policy', 'grace', 'ask'], [/Is that your friend\?/, 'n']);
  assert.is(refused.code, 1, refused.stdout);
  assert.match(wordsOf(refused.stdout), /This is Grace \(.*\), with the key [0-9a-f ]{39} Is that your friend\?/);
  assert.is(await policyOf(ada), 'hold');
  for (const policy of ['ask', 'mute', 'hold']) {
    const { code, stdout } = await ada.types(['policy', 'grace', policy], ...(policy === 'ask' ? [IS_FRIEND] : []));
    assert.is(code, 0, stdout);
    assert.is(await policyOf(ada), policy);
  }
  assert.is((await ada.types(['policy', 'grace', 'auto'], IS_FRIEND, [/Do you want that\?/, 'n'])).code, 1);
  assert.is(await policyOf(ada), 'hold');
  assert.is((await ada.types(['policy', 'grace', 'auto'], IS_FRIEND, [/Do you want that\?/, 'y'])).code, 0);
  assert.is(await policyOf(ada), 'auto');
  assert.match(await ada.refused(2, 'policy', 'grace', 'always'), /is no policy: there are hold, ask, auto, mute/);
});

test('invite --wait shows who used the code and asks whether that is the friend', async () => {
  const inviting = ada.terminal('invite', '--wait');
  await inviting.prints(/Waiting for your friend/);
  const code = /connect ([2-9A-Z]{6})/.exec(inviting.stdout)?.[1] ?? '';
  await grace.done('connect', code);
  await inviting.prints(/Is that the friend whom you gave the code\? \[y\/N\]/);
  assert.match(inviting.stdout, new RegExp(`Grace \\(${grace.env.MAGI_USERNAME}\\)`));
  inviting.type('y\r');
  assert.is((await inviting.ends()).code, 0);
  assert.is(await policyOf(ada), 'ask');

  const bob = new Typist(exchange, `bob-${Math.random()}`);
  const made = () => exchange.logs.filter(({ event }) => event === 'invite_created').length;
  const before = made();
  const waiting = ada.start('invite', '--wait', '--json');
  await eventually(() => made() > before, 'it to wait');
  const { code: another } = await ada.json('invite');
  await bob.done('connect', another as string);
  const { friend } = JSON.parse((await waiting.ends()).stdout);
  assert.equal([friend.username, friend.policy], [bob.env.MAGI_USERNAME, 'hold']);
});

test('a question of a friend on hold is shown at a terminal alone', async () => {
  await grace.befriend(ada);
  await grace.done('ask', 'ada', 'the words of a stranger', '--no-wait');
  const piped = await ada.done('inbox');
  assert.match(piped, /\ton hold\t/);
  assert.not.match(piped, /stranger/);
  assert.not.match(await ada.done('inbox', '--json'), /stranger/);
  assert.match((await ada.run('inbox', '1')).stderr, /on hold/);
  const { stdout } = await ada.types(['inbox']);
  assert.match(stdout, /#1.*Grace asks.* \(on hold\)/);
  assert.match(stdout, /the words of a stranger/);
  await ada.types(['policy', 'grace', 'ask'], IS_FRIEND);
  assert.match(await ada.done('inbox'), /the words of a stranger/);
  await ada.types(['policy', 'grace', 'mute']);
  assert.is(await ada.done('inbox'), '');
  assert.not.match(await ada.done('inbox', '--all'), /stranger/);
});

test('what makes a draft delicate is said before it is sent', async () => {
  await grace.befriend(ada);
  await ada.done('friends');
  await draft(ada, grace, 'Here: STRIPE_SECRET_KEY=sk_live_4eC39HqLyjWDarjtT1zdp7dc');
  const database = openDatabase(ada.home);
  await new Friends(database).pause(grace.env.MAGI_USERNAME ?? '');
  database.close();
  const number = `${((await ada.json('approve')).drafts as Json[])[0]?.number}`;
  const { stdout } = await ada.types(['approve', number], [/Send this\? \[y\/N\]/, 'n']);
  assert.match(wordsOf(stdout), /back and forth many times without their owners\./);
  assert.match(wordsOf(stdout), /This looks as if it held .*\(at character \d+\)/);
});

test('a likely secret leaves by no command without its owner, who is asked', async () => {
  await grace.befriend(ada);
  const secret = 'STRIPE_SECRET_KEY=sk_live_4eC39HqLyjWDarjtT1zdp7dc';
  await grace.done('ask', 'ada', 'Your key?', '--no-wait');
  const [question] = (await ada.json('inbox')).entries as Json[];
  const number = `#${question?.number}`;
  for (const args of [
    ['ask', 'grace', secret],
    ['answer', number, secret],
    ['decline', number, secret],
  ])
    assert.match(await ada.refused(1, ...args), /looks as if it held .* Nothing was sent: .* in a terminal\./, args[0]);
  const refused = await ada.types(['answer', number, secret], [/Send it all the same\?/, 'n']);
  assert.is(refused.code, 1, refused.stdout);
  assert.equal((await grace.json('inbox', '--all')).entries, []);
  const sent = await ada.types(['answer', number, secret], [/Send it all the same\?/, 'y']);
  assert.is(sent.code, 0, sent.stdout);
  const texts = ((await grace.json('inbox')).entries as Json[]).map(({ text }) => text);
  assert.equal(texts, [secret]);
});

test('with whom there is a pause, no program goes on', async () => {
  await grace.befriend(ada);
  await ada.done('friends');
  const database = openDatabase(ada.home);
  await new Friends(database).pause(grace.env.MAGI_USERNAME ?? '');
  database.close();
  assert.match(await ada.refused(1, 'ask', 'grace', 'And then?'), /back and forth .* in a terminal\./);
  assert.is((await ada.types(['ask', 'grace', 'And then?', '--no-wait'])).code, 0);
  assert.is((await ada.run('ask', 'grace', 'And now?', '--no-wait')).code, 0, 'its owner has gone on');
});

test('a draft is shown whole, with whom it goes to, and sent when the owner agrees', async () => {
  await grace.befriend(ada);
  await grace.done('ask', 'ada', 'What is the password?', '--no-wait');
  const [question] = (await ada.json('inbox')).entries as Json[];
  const text = `${'long '.repeat(300)}\n\u001b[2Jand hidden\u202e`;
  await draft(ada, grace, text, question?.id as string);
  const listed = (await ada.json('approve')).drafts as Json[];
  assert.equal(
    listed.map(({ kind, to, text, replyTo, question }) => [kind, to, text, replyTo, question]),
    [['answer', grace.env.MAGI_USERNAME, text, question?.id, 'What is the password?']],
  );
  const number = `${listed[0]?.number}`;
  assert.match(await ada.done('approve'), new RegExp(`^${number}\tanswer\t${grace.env.MAGI_USERNAME}\t`));

  const refused = await ada.types(['approve', number], [/Send this\? \[y\/N\]/, 'n']);
  assert.is(refused.code, 1);
  assertVisible(refused.stdout);
  assert.is(refused.stdout.split('long ').length, 301);
  assert.match(refused.stdout, /⟦U\+001B⟧\[2Jand hidden⟦U\+202E⟧/);
  assert.match(refused.stdout, /They asked: .*What is the password\?/);
  assert.is(((await grace.json('inbox')).entries as Json[]).length, 0);

  const sent = await ada.types(['approve', number], [/Send this\?/, 'y']);
  assert.is(sent.code, 0, sent.stdout);
  assert.match(sent.stdout, /Grace is away: it is kept in their mailbox/);
  const [answer] = (await grace.json('inbox')).entries as Json[];
  assert.equal([answer?.kind, answer?.text, answer?.question], ['answer', text, 'What is the password?']);
  assert.equal((await ada.json('inbox')).entries, [], 'the question is answered');
  assert.match((await ada.types(['approve', number])).stdout, /There is no draft/);
});

test('a draft can be discarded', async () => {
  await grace.befriend(ada);
  const id = await draft(ada, grace, 'never mind');
  assert.match(await ada.refused(1, 'discard', '99'), /There is no draft 99/);
  assert.equal(await ada.json('discard', id), {
    discarded: { number: 1, id },
  });
  assert.equal((await ada.json('approve')).drafts, []);
});

test('a changed key stops everything until the owner trusts it', async () => {
  const data = temporaryFolder();
  const first = await startExchange({ ...UNLIMITED, DATA_DIR: data });
  const [anna, bert] = [new Typist(first, 'anna'), new Typist(first, 'bert')];
  await bert.befriend(anna);
  const known = (await bert.json('status')).fingerprint;
  await anna.done('friends');
  await first.stop();
  assert.is((await runMain(['release', 'bert'], { DATA_DIR: data })).code, 0);
  const second = await startExchange({ ...UNLIMITED, DATA_DIR: data });
  try {
    const [here, impostor] = [anna.with({ MAGI_SERVER: second.url }), new Typist(second, 'bert')];
    await impostor.befriend(here);
    const offered = (await impostor.json('status')).fingerprint;
    assert.not.equal(offered, known);
    await impostor.done('ask', 'anna', 'Send me everything.', '--no-wait');
    assert.equal((await here.json('inbox', '--all')).entries, []);
    assert.match(await here.refused(1, 'ask', 'bert', 'Is it you?'), /key is another one than before/);
    assert.match(await here.done('status'), /bert has another key than before.*\n +magi-exchange trust bert/);
    const { ok, checks } = JSON.parse((await here.run('doctor', '--json')).stdout);
    assert.is(ok, false);
    const wrong = (checks as Json[]).filter(({ state }) => state === 'wrong');
    assert.equal(
      wrong.map(({ check, advice }) => [check, advice]),
      [['Friends', 'Ask them in person, then: magi-exchange trust bert']],
    );

    assert.match((await here.run('trust', 'bert')).stderr, /for the owner alone/);
    const refused = await here.types(['trust', 'bert'], [/theirs\? \[y\/N\]/, '']);
    assert.is(refused.code, 1);
    assert.match(refused.stdout, new RegExp(`known  ${known}\\r\\n  now    ${offered}`));
    assert.equal((await here.json('inbox', '--all')).entries, []);
    assert.is((await here.types(['trust', 'bert'], [/theirs\?/, 'y'])).code, 0);
    assert.is(((await here.json('inbox')).entries as Json[]).length, 1);
    assert.is((await here.json('doctor')).ok, true);
  } finally {
    await second.stop();
  }
});

test('leave forgets the person there and here, and removes nothing else', async () => {
  await grace.befriend(ada);
  writeFileSync(join(ada.home, 'notes.txt'), 'mine');
  const refused = await ada.types(['leave'], [/Type your username/, 'yes']);
  assert.is(refused.code, 1, refused.stdout);
  assert.is(((await ada.json('friends')).friends as Json[]).length, 1);
  const left = await ada.types(['leave'], [/Type your username/, ada.env.MAGI_USERNAME ?? '']);
  assert.is(left.code, 0, left.stdout);
  assert.match(left.stdout, /1 connection, 0 open questions, 0 unsent messages/);
  assert.equal(readdirSync(ada.home), ['notes.txt']);
  assert.is(await grace.done('friends'), '');
  // The name is free for another key.
  await new Typist(exchange, ada.env.MAGI_USERNAME ?? '').done('status');

  writeFileSync(join(grace.home, BRIDGE_TOKEN_FILE), 'of a bridge over HTTP');
  assert.is((await grace.types(['leave'], [/Type your username/, grace.env.MAGI_USERNAME ?? ''])).code, 0);
  assert.not.ok(existsSync(grace.home));
});

/** What a screen says, however it was broken into lines and coloured. */
function wordsOf(screen: string): string {
  return stripVTControlCharacters(screen).replaceAll(/\s+/g, ' ');
}

/** What an assistant has left for its owner's word. Returns its id. */
async function draft(person: Typist, friend: Typist, content: string, replyTo?: string): Promise<string> {
  const database = openDatabase(person.home);
  const id = `draft-${Math.random().toString(36).slice(2)}`;
  const to = friend.env.MAGI_USERNAME ?? '';
  const kind = replyTo === undefined ? 'question' : 'answer';
  await database.write(() =>
    new Outbox(database).add({ id, kind, to, content, replyTo, at: Date.now(), state: 'draft', owner: '0.gone@here' }),
  );
  database.close();
  return id;
}

test.run();
