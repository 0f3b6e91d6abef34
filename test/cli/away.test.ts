/** Commands when the exchange is away, when somebody is interrupted, and when nothing comes: what is kept, said, and how it ends. */
import * as assert from 'uvu/assert';
import { openDatabase } from '../../src/client/home.ts';
import { Outbox } from '../../src/client/outbox.ts';
import {
  type Exchange,
  eventually,
  type Json,
  seededChance,
  startExchange,
  suite,
  temporaryFolder,
  UNLIMITED,
} from '../harness.ts';
import { freePort } from '../torture/victims.ts';
import { endTypists, IS_FRIEND, startKeeping, Typist } from './typist.ts';

const test = suite('cli: away');

let exchange: Exchange;
let ada: Typist;
let grace: Typist;
test.before(async () => {
  exchange = await startKeeping();
  [ada, grace] = [new Typist(exchange, 'ada', { MAGI_NICKNAME: 'Ada' }), new Typist(exchange, 'grace')];
  await grace.befriend(ada);
  await ada.types(['policy', 'grace', 'ask'], IS_FRIEND);
  await grace.types(['policy', 'ada', 'ask'], IS_FRIEND);
});
test.after(async () => {
  endTypists();
  await exchange.stop();
});

const NOWHERE = { MAGI_SERVER: 'http://127.0.0.1:9' };

test('what is said while the exchange is away is kept, and goes out with the next command', async () => {
  const away = grace.with(NOWHERE);
  const asked = await away.run('ask', 'ada', 'in the dark');
  assert.is(asked.code, 75);
  assert.is(asked.stdout, '');
  assert.match(
    asked.stderr,
    /^magi-exchange: The exchange at ws:\/\/127\.0\.0\.1:9 cannot be reached: nothing listens there\. /,
  );
  assert.match(asked.stderr, /kept here and goes out with the next command/);
  assert.is((await away.document(75, 'ask', 'ada', 'as a document')).status, 'waiting');

  for (const command of ['status', 'friends', 'inbox']) {
    const { code, stderr } = await away.run(command);
    assert.is(code, 75, command);
    assert.match(stderr, /cannot be reached/);
  }
  const status = await away.document(75, 'status');
  const unsent = (status.waiting as Json).unsent;
  assert.equal([status.connected, (status.error as Json).code, unsent], [false, 'unreachable', 2]);
  assert.is(((await away.document(75, 'friends')).friends as Json[])[0]?.online, null);
  assert.match((await away.run('friends')).stdout, /\t\?\t/);
  for (const command of [['invite'], ['connect', 'ABCDEF'], ['disconnect', 'ada']])
    assert.is((await away.run(...command)).code, 75);

  // Whatever the next command is for: it stays until the exchange has what was kept.
  await grace.done('friends');
  const database = openDatabase(grace.home);
  assert.is(new Outbox(database).size, 0);
  database.close();
  assert.is((await grace.json('status')).unanswered, 2);
  const entries = (await ada.json('inbox')).entries as Json[];
  assert.equal(
    entries.map(({ text }) => text),
    ['in the dark', 'as a document'],
  );
  const [first, second] = entries.map(({ number }) => `${number}`) as [string, string];
  const answered = await ada.with(NOWHERE).run('answer', first, 'from the dark');
  assert.is(answered.code, 75);
  assert.match(answered.stderr, /kept here/);
  await ada.done('decline', second);
  assert.equal(((await grace.json('inbox')).entries as Json[]).map(({ kind }) => kind).sort(), ['answer', 'declined']);
});

test('what can never be sent is refused at once, also while the exchange is away', async () => {
  const { code, stderr } = await grace.with(NOWHERE).run('ask', 'ada', 'x'.repeat(33_000));
  assert.is(code, 1);
  assert.match(stderr, /at most 32768 bytes/);
  assert.is((await grace.with(NOWHERE).run('ask', 'nobody', 'x')).code, 1);
});

test('an answer that does not come in time comes to the inbox', async () => {
  const asked = await ada.run('ask', 'grace', 'later?', '--timeout', '0.2');
  assert.equal([asked.code, asked.stdout], [124, '']);
  assert.match(asked.stderr, /No answer yet\. The answer will come to your inbox: magi-exchange inbox/);
  const { number } = ((await grace.json('inbox')).entries as Json[])[0] ?? {};
  await grace.done('answer', `${number}`, 'later.');
  assert.match(await ada.done('inbox'), /\tanswer\tunread\tgrace\t[^\t]+\tlater\.\n/);
});

test('Ctrl-C stops the waiting and not the question', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const asking = ada.start('ask', 'grace', `with ${signal}`, '--json');
    const found = await eventually(async () => {
      const entries = (await grace.json('inbox')).entries as Json[];
      return entries.find(({ text }) => text === `with ${signal}`);
    }, 'the question');
    asking.child.kill(signal);
    const ended = await asking.ends();
    assert.is(ended.code, code, JSON.stringify(ended));
    assert.match(ended.stderr, /The answer will come to your inbox/);
    assert.is(JSON.parse(ended.stdout).answer, null);
    await grace.done('answer', `#${found.number}`, 'here');
    assert.match(await ada.done('inbox'), /\there\n/);
  }
});

test('who asks gets the answer although the exchange was killed in between', async () => {
  const data = temporaryFolder();
  const PORT = `${await freePort(seededChance('port'))}`;
  const env = { ...UNLIMITED, DATA_DIR: data, PORT };
  let running = await startExchange(env);
  try {
    const [anna, bert] = [new Typist(running, 'anna'), new Typist(running, 'bert')];
    await bert.befriend(anna);
    const asking = anna.start('ask', 'bert', 'Will it last?');
    const entries = async () => (await bert.json('inbox')).entries as Json[];
    await eventually(async () => (await entries()).length === 1, 'the question');
    await running.stop('SIGKILL');
    running = await startExchange(env);
    await bert.done('answer', '1', 'It does.');
    assert.equal(await asking.ends(), { code: 0, stdout: 'It does.\n', stderr: '' });
  } finally {
    await running.stop();
  }
});

test('three commands of one person at once: each gets its own answer', async () => {
  const asking = ['one', 'two', 'three'].map((text) => ({ text, command: ada.start('ask', 'grace', text) }));
  const open = await eventually(async () => {
    const entries = (await grace.json('inbox')).entries as Json[];
    const asked = entries.filter(({ text }) => ['one', 'two', 'three'].includes(text as string));
    return asked.length === 3 ? asked : undefined;
  }, 'three questions');
  await Promise.all(open.map(({ number, text }) => grace.done('answer', `${number}`, `re: ${text}`)));
  for (const { text, command } of asking) assert.is((await command.ends()).stdout, `re: ${text}\n`);
  assert.equal((await ada.json('inbox')).entries, []);
});

test('inbox --follow --json prints each entry on a line', async () => {
  const following = grace.start('inbox', '--follow', '--json');
  await ada.done('ask', '--no-wait', 'grace', 'while a program\nreads');
  await following.prints(/"text":"while a program\\nreads"/);
  following.child.kill('SIGINT');
  const { code, stdout } = await following.ends();
  assert.is(code, 130);
  const entries = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);
  assert.is(entries.at(-1)?.text, 'while a program\nreads');
  await grace.done('decline', `#${entries.at(-1)?.number}`);
});

test('inbox --follow prints what arrives', async () => {
  const following = grace.start('inbox', '--follow');
  await ada.done('ask', 'grace', 'while you watch', '--no-wait');
  await following.prints(/\tquestion\topen\tada\t[^\t]+\twhile you watch\n/);
  following.child.kill('SIGINT');
  assert.is((await following.ends()).code, 130);
});

test('an assistant that is answering is not disturbed, unless the owner insists', async () => {
  await ada.done('ask', 'grace', 'taken?', '--no-wait');
  const entries = (await grace.json('inbox')).entries as Json[];
  const number = `${entries.at(-1)?.number}`;
  const { openClient } = await import('../../src/client/client.ts');
  const assistant = openClient({ server: exchange.url, username: 'grace', home: grace.home });
  try {
    await assistant.question(number);
    assert.match(await grace.done('inbox'), new RegExp(`^#${number}\tquestion\tbeing answered\t`, 'm'));
    assert.match(await grace.refused(1, 'answer', number, 'mine'), /An assistant of yours is answering .* --take/);
    assert.match(await grace.done('answer', number, 'mine', '--take'), /Ada/);
  } finally {
    await assistant.close();
  }
});

test.run();
