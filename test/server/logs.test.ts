/** Protocol part 7: what the logs say, and above all what they must never say. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  httpRequest,
  type Json,
  ROOT,
  runMain,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
  UNLIMITED,
  withExchange,
  within,
} from '../harness.ts';

const test = suite('logs');

const PASSWORD = 'correct horse battery staple';
const BEARER = { Authorization: `Bearer ${PASSWORD}` };
const TAG = /\bu_[0-9a-f]{8}\b/;

/** Waits for an entry whose event matches; `started` and its like are one word of several, so a pattern it is. */
function logged(exchange: Exchange, event: RegExp, count = 1): Promise<Json> {
  return eventually(() => {
    const found = exchange.logs.filter((entry) => event.test(String(entry.event)));
    return found.length >= count && found.at(-1);
  }, `${count} entries of the event ${event}`);
}

/** All that the exchange shows to anybody who is not a party to the conversation. */
async function everythingShown(exchange: Exchange): Promise<Record<string, string>> {
  const read = async (path: string) => {
    const { status, text } = await httpRequest(exchange, path, { headers: BEARER });
    assert.is(status, 200, path);
    return text;
  };
  const viewer = await TestClient.open(exchange, { path: '/live' });
  const shown = {
    live: JSON.stringify(await viewer.next()),
    stats: await read('/api/stats'),
    metrics: await read('/metrics'),
    'admin logs': await read('/api/admin/logs'),
    stdout: JSON.stringify(exchange.logs),
    stderr: exchange.stderr(),
  };
  viewer.terminate();
  return shown;
}

test('every entry has time, level, event, icon and message', async () => {
  await withExchange({}, async (exchange) => {
    const [ann, bob] = await TestClient.pair(exchange, 'ann', 'bob');
    await ann.request({ type: 'ask', content: '1234567' }, 'question_sent');
    await bob.next('question');
    await bob.request({ type: 'answer', content: '123456789' }, 'answer_sent');
    await ann.next('answer');
    await bob.close();
    await ann.next('friend_disconnected');
    await exchange.stop();

    for (const entry of exchange.logs) {
      assert.type(entry.time, 'number');
      assert.ok(
        ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].includes(entry.level as string),
        String(entry.level),
      );
      assert.match(entry.event as string, /^[a-z][a-z_]*$/);
      for (const field of ['icon', 'message'])
        assert.ok(typeof entry[field] === 'string' && entry[field] !== '', field);
    }
    const events = exchange.logs.map(({ event }) => String(event));
    for (const event of [
      /started/,
      /opened/,
      /identified/,
      /invite/,
      /connected/,
      /question/,
      /answer/,
      /closed/,
      /drain/,
      /stop/,
    ]) {
      assert.ok(
        events.some((name) => event.test(name)),
        `an event like ${event} among ${events}`,
      );
    }
    const of = (event: RegExp) => exchange.logs.find((entry) => event.test(String(entry.event)));
    assert.is(of(/question/)?.length, 7);
    assert.is(of(/answer/)?.length, 9);
  });
});

/** No two of these words overlap, and none can turn up by accident. */
const CANARIES = {
  users: ['zqxusernamealpha', 'zqxusernamebeta', 'zqxusernamegamma'],
  nicknames: ['zqxnicknamealpha', 'zqxnicknamebeta'],
  contents: ['zqxquestiontext', 'zqxanswertext', 'zqxrefusedtext', 'zqxunparsedtext', 'zqxstrangertext'],
  ids: ['zqxquestionid', 'zqxanswerid', 'zqxreplyid', 'zqxpingid'],
  codes: ['ZQXWRN', 'zqxmalformedcode'],
  types: ['zqxunknowntype'],
  addresses: ['127.0.0.23', '203.0.113.77'],
};

test('nothing that users say, and nobody who says it, is shown to others', async () => {
  await withExchange({ ADMIN_PASSWORD: PASSWORD, LOG_LEVEL: 'debug' }, async (exchange) => {
    const [alpha = '', beta = '', gamma = ''] = CANARIES.users;
    const elsewhere = { localAddress: '127.0.0.23', headers: { 'X-Forwarded-For': '203.0.113.77' } };
    const ann = await TestClient.identified(exchange, alpha, CANARIES.nicknames[0], elsewhere);
    const bob = await TestClient.identified(exchange, beta, CANARIES.nicknames[1]);
    const used = await ann.invite();
    await bob.request({ type: 'connect', code: used, from: alpha }, 'connected_to_friend');
    await ann.next('friend_connected');
    const live = await ann.invite();
    await bob.request({ type: 'ask', content: 'zqxquestiontext', to: alpha, id: 'zqxquestionid' }, 'question_sent');
    await ann.next('question');
    await ann.request(
      { type: 'answer', content: 'zqxanswertext', id: 'zqxanswerid', replyTo: 'zqxreplyid' },
      'answer_sent',
    );
    await bob.next('answer');

    // Everything that goes wrong, too: faults are where values slip into messages.
    const stranger = await TestClient.identified(exchange, gamma);
    for (const mistake of [
      { type: 'connect', code: 'ZQXWRN' },
      { type: 'connect', code: 'zqxmalformedcode' },
      { type: 'connect', code: live, from: beta },
      { type: 'ask', content: 'zqxstrangertext', to: beta },
      { type: 'ask', content: `zqxrefusedtext${'x'.repeat(33_000)}` },
      { type: 'zqxunknowntype', content: 'zqxunparsedtext' },
      { type: 'ask', content: { zqxunparsedtext: 1 } },
      { type: 'identify', username: alpha },
      { type: 'identify', username: 5, nickname: CANARIES.nicknames[0] ?? '' },
      '{"type":"ask","content":"zqxunparsedtext',
      'zqxunparsedtext',
    ]) {
      await stranger.request(mistake, 'error');
    }
    const late = await TestClient.unidentified(exchange);
    await late.request({ type: 'identify', username: alpha.toUpperCase() }, 'error');
    await late.request({ type: 'identify', username: `${beta}\u202e` }, 'error');
    await late.request({ type: 'ping', id: 'zqxpingid' }, 'pong');
    for (let n = 0; n < 10; n += 1) bob.send({ type: 'ask', content: 'zqxquestiontext' });
    await logged(exchange, /question/, 2);
    await bob.close();
    await ann.next('question');
    await httpRequest(exchange, '/api/admin/verify', { method: 'POST', body: { password: 'zqxunparsedtext' } });
    await httpRequest(exchange, '/zqxunparsedtext?zqxunparsedtext', { headers: { 'User-Agent': 'zqxunparsedtext' } });

    const canaries = [...Object.values(CANARIES).flat(), used, live, PASSWORD];
    const assertClean = (shown: Record<string, string>) => {
      for (const [where, text] of Object.entries(shown)) {
        for (const canary of canaries) {
          assert.not.ok(text.toLowerCase().includes(canary.toLowerCase()), `${canary} in ${where}`);
        }
      }
    };
    const shown = await everythingShown(exchange);
    assert.match(shown['admin logs'] ?? '', /"identified"/, 'the logs tell of what happened at all');
    assertClean(shown);
    await exchange.stop();
    assertClean({ stdout: JSON.stringify(exchange.logs), stderr: exchange.stderr() });
  });
});

test('an address is told as localhost, private or remote', async () => {
  await withExchange({ TRUST_PROXY: '1' }, async (exchange) => {
    const kinds = { localhost: '127.0.0.23', private: '192.168.7.23', remote: '203.0.113.77' };
    for (const [kind, address] of Object.entries(kinds)) {
      await TestClient.identified(exchange, kind, undefined, { headers: { 'X-Forwarded-For': address } });
    }
    await logged(exchange, /identified/, 3);
    const words = exchange.logs.map((entry) => JSON.stringify(entry)).join('\n');
    for (const [kind, address] of Object.entries(kinds)) {
      assert.ok(words.includes(`"${kind}"`), kind);
      assert.not.ok(words.includes(address), address);
    }
  });
});

/** The tag in the newest entry about identifying. */
async function tagOf(exchange: Exchange, count: number): Promise<string> {
  const tag = TAG.exec(JSON.stringify(await logged(exchange, /identified/, count)))?.[0];
  assert.ok(tag !== undefined, 'a tag in the entry');
  return tag;
}

test('a user is a tag that its operator can look up, and that is another on another exchange', async () => {
  const folder = temporaryFolder();
  const exchange = await startExchange({ DATA_DIR: folder });
  await TestClient.identified(exchange, 'Looked Up', 'first');
  const tag = await tagOf(exchange, 1);
  await TestClient.identified(exchange, 'somebody else');
  assert.is.not(await tagOf(exchange, 2), tag);
  await exchange.stop();

  for (const name of ['Looked Up', 'looked up']) {
    const found = await runMain(['users', '--find', name], { DATA_DIR: folder });
    assert.is(found.code, 0);
    assert.ok(found.stdout.includes(tag), found.stdout);
  }
  const again = await startExchange({ DATA_DIR: folder });
  await TestClient.identified(again, 'Looked Up');
  assert.is(await tagOf(again, 1), tag);
  await again.stop();

  const other = await startExchange({ DATA_DIR: temporaryFolder() });
  await TestClient.identified(other, 'Looked Up');
  assert.is.not(await tagOf(other, 1), tag);
  await other.stop();
});

test('LOG_FORMAT=pretty writes the readable form, one line an entry', async () => {
  const main = join(ROOT, 'src/main.ts');
  const env = { PATH: process.env.PATH ?? '', PORT: '0', DATA_DIR: 'memory', LOG_FORMAT: 'pretty' };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'close');
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  try {
    await eventually(() => printed.includes('\n'), 'a line');
    child.kill('SIGTERM');
    await within(ended, 'the exchange to end');
  } finally {
    child.kill('SIGKILL');
  }
  for (const line of printed.trimEnd().split('\n')) {
    assert.match(line, /^\S+ \[\d\d:\d\d:\d\d\.\d{3}\] [A-Z]+: \S.*$/u);
  }
});

test('who stops reading the log does not keep the exchange from ending', async () => {
  const exchange = await startExchange({ ...UNLIMITED, LOG_LEVEL: 'debug' });
  const [ada, grace] = await TestClient.pair(exchange, 'ada', 'grace');
  exchange.process.stdout?.pause().removeAllListeners();
  // More than a pipe and both of its ends hold.
  for (let n = 0; n < 5_000; n++) {
    ada.send({ type: 'ask', content: 'x' });
    if (n % 100 === 0) await grace.next('question');
  }
  const answered = await httpRequest(exchange, '/healthz');
  assert.is(answered.status, 200, 'it goes on serving');
  assert.is(await exchange.stop(), 0);
});

test.run();
