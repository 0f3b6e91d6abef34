/** Two people at their command lines and one exchange: everything that they say to each other, in pipes. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Exchange, type Json, suite, TestClient, temporaryFolder } from '../harness.ts';
import { endTypists, IS_FRIEND, newPair, startKeeping, Typist } from './typist.ts';

const test = suite('cli: two people');

const HELD = 'it reaches Ada, or waits in the mailbox when her process stands still for 5 s';

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

test('invite prints the code, the line to send, and until when it works', async () => {
  const [code, line, until] = (await ada.done('invite')).trimEnd().split('\n');
  assert.match(code ?? '', /^[2-9A-HJKMNP-Z]{6}$/);
  assert.is(line, `npx -y magi-exchange connect ${code} --server ${exchange.url.replace('http', 'ws')}`);
  assert.match(until ?? '', /^until \d{4}-\d\d-\d\dT/);
  const document = await ada.json('invite');
  assert.equal(Object.keys(document), ['code', 'line', 'expiresAt']);
  assert.ok((document.expiresAt as number) > Date.now());
});

test('the folder and what is in it are for their owner alone', async () => {
  await ada.done('status');
  assert.is(statSync(ada.home).mode & 0o777, 0o700);
  for (const name of ['identity.pem', 'magi.db']) assert.is(statSync(join(ada.home, name)).mode & 0o077, 0, name);
});

test('connect shows who it is and their key; a wrong code is told', async () => {
  const { code } = await ada.json('invite');
  const { fingerprint } = await ada.json('status');
  const spaced = `${(code as string).slice(0, 3)} ${(code as string).slice(3)}`.toLowerCase();
  const printed = await grace.done('connect', ...spaced.split(' '));
  assert.match(
    printed,
    new RegExp(`Connected with Ada \\(${ada.env.MAGI_USERNAME}\\)\\.\nTheir key is ${fingerprint}\n`),
  );
  assert.match(printed, /on hold/);
  assert.match(await grace.refused(1, 'connect', code as string), /code does not work/);
  assert.match(await grace.refused(1, 'connect', 'nonsense'), /six letters/);
  assert.match(
    await grace.refused(1, 'connect', (await ada.json('invite')).code as string, '--from', 'somebody'),
    /code/,
  );
});

test('friends lists them with tabs, and as a document', async () => {
  await grace.befriend(ada);
  const { fingerprint } = await grace.json('status');
  const name = grace.env.MAGI_USERNAME;
  assert.is(await ada.done('friends'), `Grace\t${name}\taway\thold\t${fingerprint}\n`);
  const { connected, friends } = (await ada.json('friends')) as { connected: boolean; friends: Json[] };
  assert.is(connected, true);
  const [{ metAt, publicKey, ...friend } = {}] = friends;
  assert.equal(friend, {
    ...{ username: name, localName: 'Grace', nickname: 'Grace', online: false, policy: 'hold', durable: true },
    ...{ fingerprint, changedKey: null, pausedAt: null },
  });
  assert.type(metAt, 'number');
  assert.match(publicKey as string, /^[\w-]{43}$/);
});

test('ask waits for the answer and prints it, and nothing else', async () => {
  await grace.befriend(ada);
  const text = 'What is\n\tleft to do? ünï 👩‍💻';
  const asking = ada.start('ask', 'grace', text);
  const question = await waits(grace);
  assert.equal([question.number, question.kind, question.text, question.held], [1, 'question', null, true]);
  const told = await grace.json('answer', '#1', 'All of it.\nSorry.');
  assert.equal(Object.keys(told), ['id', 'to', 'replyTo', 'status']);
  assert.equal([told.to, told.replyTo], [ada.env.MAGI_USERNAME, question.id]);
  assert.ok(['delivered', 'queued'].includes(String(told.status)), HELD);
  assert.equal(await asking.ends(), { code: 0, stdout: 'All of it.\nSorry.\n', stderr: '' });
  assert.equal((await ada.json('inbox')).entries, []);
});

test('ask --json tells who has it and what was answered', async () => {
  await grace.befriend(ada);
  const asking = ada.start('ask', '@GRACE', 'Well?', '--json');
  await waits(grace);
  assert.match(
    await grace.done('answer', '1', 'Well.'),
    /^(Delivered to Ada\.|Ada is away: it is kept in their mailbox\.)\n$/,
    HELD,
  );
  const { answer, id, status, ...document } = JSON.parse((await asking.ends()).stdout);
  assert.equal(document, { to: grace.env.MAGI_USERNAME });
  // As it was when Grace looked into her inbox, or not yet.
  assert.ok(['queued', 'delivered'].includes(status), status);
  assert.match(id, /^[\w-]{16,64}$/);
  assert.is(answer.text, 'Well.');
  assert.type(answer.at, 'number');
});

test('a text comes from standard input, less the line break at its end', async () => {
  await grace.befriend(ada);
  const asked = await ada.pipe('from a\npipe\n\n', 'ask', 'grace', '-', '--no-wait');
  assert.equal([asked.code, asked.stderr], [0, '']);
  assert.match(
    asked.stdout,
    /^Grace is away: it is kept in their mailbox\. The answer will come to your inbox: magi-exchange inbox\n$/,
  );
  await waits(grace);
  const shown = await grace.with({}).terminal('inbox', '1').ends();
  assert.match(shown.stdout, /from a\r?\n +pipe\r?\n +\r?\n/);
  assert.is((await grace.pipe('an answer', 'answer', '1', '-')).code, 0);
  assert.is((await ada.pipe('\n', 'ask', 'grace', '-')).code, 2);
  assert.match((await ada.pipe(new Uint8Array([0x66, 0xff]), 'ask', 'grace', '-')).stderr, /not UTF-8/);
  assert.match((await ada.pipe('x'.repeat(40_000), 'ask', 'grace', '-')).stderr, /32768 bytes/);
  assert.is((await ada.pipe('-5 degrees?', 'ask', 'grace', '-', '--no-wait')).code, 0);
  assert.is((await ada.run('ask', '--no-wait', '--', 'grace', '-6 degrees?')).code, 0);
});

test('inbox lists oldest first, marks answers as read, and keeps questions until they are answered', async () => {
  await grace.befriend(ada);
  for (const text of ['one', 'two\tand\nmore', 'three']) await grace.done('ask', 'ada', text, '--no-wait');
  await ada.types(['policy', 'grace', 'ask'], IS_FRIEND);
  const lines = (await ada.done('inbox')).trimEnd().split('\n');
  const cells = lines.map((line) => line.split('\t'));
  assert.equal(
    cells.map(([, kind, state, from, , text]) => [kind, state, from, text]),
    ['one', 'two\\tand\\nmore', 'three'].map((text) => ['question', 'open', grace.env.MAGI_USERNAME, text]),
  );
  const [first, second, third] = cells.map(([number = '']) => number);
  assert.is((await ada.done('inbox')).trimEnd().split('\n').length, 3);
  assert.is((await ada.done('inbox', '-n', '1')).split('\t')[0], third);
  assert.is(await ada.done('inbox', second ?? ''), 'two\tand\nmore\n');
  assert.match(await ada.done('answer', first ?? '', 'an answer'), /kept in their mailbox/);
  assert.match(await ada.done('decline', second ?? '', 'not today'), /is told that there will be no answer/);
  assert.match(await ada.refused(1, 'answer', first ?? '', 'again'), /answered or declined this question already/);
  assert.is((await ada.done('inbox')).trimEnd().split('\n').length, 1);
  assert.is((await ada.done('inbox', '--all')).trimEnd().split('\n').length, 3);

  const { entries, waiting } = (await grace.json('inbox')) as { entries: Json[]; waiting: Json };
  assert.equal(
    // Receipts wait apart from messages, and may come before them.
    entries.map(({ kind, state, text, question, policy, held }) => [kind, state, text, question, policy, held]).sort(),
    [
      ['answer', 'unread', 'an answer', 'one', 'hold', false],
      ['declined', 'unread', 'not today', 'two\tand\nmore', 'hold', false],
    ],
  );
  assert.equal(waiting, { questions: 0, answers: 2 });
  assert.equal((await grace.json('inbox')).entries, []);
  assert.is(((await grace.json('inbox', '--all')).entries as Json[]).length, 2);
});

test('a question that is declined ends the asking with exit code 1 and the reason', async () => {
  await grace.befriend(ada);
  const [asking, other] = [ada.start('ask', 'grace', 'May I?'), ada.start('ask', 'grace', 'Or this?', '--json')];
  await waits(grace, 2);
  const numbers = ((await grace.json('inbox')).entries as Json[]).map(({ number }) => `${number}`);
  for (const number of numbers) await grace.done('decline', number, 'no time');
  assert.equal(await asking.ends(), { code: 1, stdout: '', stderr: 'magi-exchange: Grace declined: no time\n' });
  const { code, stdout, stderr } = await other.ends();
  assert.is(code, 1);
  const { error } = JSON.parse(stdout);
  assert.equal([error.code, error.message, typeof error.id], ['declined', 'Grace declined: no time', 'string']);
  assert.is(stderr, 'magi-exchange: Grace declined: no time\n');
  assert.match(await grace.refused(1, 'decline', '999'), /no such question/);
});

test('disconnect ends it for both', async () => {
  await grace.befriend(ada);
  assert.match(await ada.done('disconnect', 'grace'), /not connected with Grace \(.*\) any more/);
  assert.is(await grace.done('friends'), '');
  assert.match(await grace.refused(1, 'ask', 'ada', 'Still there?'), /not connected any more|no friends here yet/);
  assert.match(await ada.refused(1, 'disconnect', 'grace'), /not connected any more|no friends here yet/);
});

test('a part of a name means the only friend who has it', async () => {
  const gregor = new Typist(exchange, `${grace.env.MAGI_USERNAME}-too`, { MAGI_NICKNAME: 'Gregor' });
  await grace.befriend(ada);
  await gregor.befriend(ada);
  assert.match(await ada.refused(1, 'ask', 'gr', 'Who?'), /"gr" may be /);
  assert.match(await ada.done('ask', 'greg', 'You?', '--no-wait'), /Gregor is away/);
});

test('status is a document of everything', async () => {
  await grace.befriend(ada);
  await grace.done('ask', 'ada', 'Are you there?', '--no-wait');
  const { friends, publicKey, fingerprint, ...status } = await ada.json('status');
  assert.equal(status, {
    ...{ username: ada.env.MAGI_USERNAME, nickname: 'Ada', server: exchange.url.replace('http', 'ws'), home: ada.home },
    ...{ connected: true, exchangeVersion: '0.1.0', error: null, unanswered: 0 },
    waiting: { questions: 1, answers: 0, drafts: 0, unsent: 0 },
  });
  assert.is((friends as Json[]).length, 1);
  assert.match(publicKey as string, /^[\w-]{43}$/);
  assert.match(fingerprint as string, /^([0-9a-f]{4} ){7}[0-9a-f]{4}$/);
  assert.is((await grace.json('status')).unanswered, 1);
  assert.match(await ada.done('status'), /^Waiting {4}1 question \(magi-exchange inbox\)$/m);
});

test('what was typed to connect is kept for later commands', async () => {
  const { code } = await ada.json('invite');
  const { MAGI_SERVER, MAGI_USERNAME, ...env } = grace.env;
  const newcomer = grace.with({ MAGI_SERVER: '', MAGI_USERNAME: '' });
  assert.match(await newcomer.refused(78, 'status'), /MAGI_SERVER and MAGI_USERNAME not set/);
  assert.ok(!existsSync(env.MAGI_HOME ?? ''));
  await newcomer.done('connect', code as string, '--server', exchange.url, '--username', MAGI_USERNAME ?? '');
  assert.match(await newcomer.done('status'), new RegExp(`^You +${MAGI_USERNAME}`));
});

test('a guest is a friend for as long as the command runs, and it says so', async () => {
  const guest = await TestClient.identified(exchange, `guest-${Math.random()}`, 'Gus');
  const { code, stdout } = await ada.run('connect', await guest.invite());
  assert.is(code, 0);
  assert.match(stdout, /^Connected with Gus \(guest-.*\)\.\nThey have no key: .* ends with this command\.\n$/);
  await guest.next('friend_connected');
  assert.is((await guest.next('friend_disconnected')).reason, 'closed');
  assert.is(await ada.done('friends'), '');
  await guest.close();
});

test('where new names need an invite, the code lets one in', async () => {
  const data = temporaryFolder();
  const open = await startKeeping({ DATA_DIR: data });
  const host = new Typist(open, 'host');
  await host.done('status');
  await open.stop();
  const closed = await startKeeping({ DATA_DIR: data, REGISTRATION: 'invited' });
  try {
    const { code } = await host.with({ MAGI_SERVER: closed.url }).json('invite');
    const guest = new Typist(closed, 'guest');
    assert.match(await guest.done('connect', code as string), /^Connected with host\.\nTheir key is /);
    assert.match(await guest.done('ask', 'host', 'May I come in?', '--no-wait'), /kept in their mailbox/);
  } finally {
    await closed.stop();
  }
});

/** The first of `number` open questions, once they are there. */
async function waits(person: Typist, number = 1): Promise<Json> {
  for (;;) {
    const entries = (await person.json('inbox')).entries as Json[];
    if (entries.length >= number) return entries[0] as Json;
  }
}

test.run();
