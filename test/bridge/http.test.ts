/** `magi-exchange bridge --http`: for this machine and who has the token, in every generation of MCP, and for nobody else. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as assert from 'uvu/assert';
import { eventually, httpRequest, type Json, MAIN, runMain, suite, temporaryFolder, within } from '../harness.ts';
import { type Assistant, GENERATIONS, type Options } from './assistants.ts';
import { nextShown, World } from './world.ts';

const test = suite('bridge: http');

const SESSIONS_MAX = 32;

let world: World;
test.before(async () => {
  world = await World.open();
});
test.after(() => world.close());

interface Served {
  readonly http: NonNullable<Options['http']>;
  readonly port: number;
  readonly tokenFile: string;
  readonly process: ChildProcess;
  readonly stderr: () => string;
}

async function withHttp(username: string, run: (served: Served) => Promise<void>): Promise<void> {
  const { PATH = '' } = process.env;
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', MAIN, 'bridge', '--http', '--port', '0'],
    {
      env: { PATH, MAGI_SERVER: world.url, MAGI_USERNAME: username, MAGI_HOME: world.folderOf(username) },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  try {
    const [line] = await within(once(createInterface({ input: child.stdout }), 'line'), 'the bridge to listen');
    const { url, tokenFile } = JSON.parse(line) as { url: string; tokenFile: string };
    const token = readFileSync(tokenFile, 'utf8').trim();
    const port = Number(new URL(url).port);
    await run({ http: { url, token }, port, tokenFile, process: child, stderr: () => stderr });
    child.kill('SIGTERM');
    await within(once(child, 'exit'), 'the bridge to end');
    assert.is(child.exitCode, 0, stderr);
  } finally {
    child.kill('SIGKILL');
  }
}

test('a folder that cannot be used is one line', async () => {
  const home = temporaryFolder();
  const folder = join(home, 'taken');
  writeFileSync(folder, 'a file in the place of the folder');
  const env = { PATH: process.env.PATH ?? '', MAGI_SERVER: world.url, MAGI_USERNAME: 'taken', MAGI_HOME: folder };
  const args = ['--disable-warning=ExperimentalWarning', MAIN, 'bridge', '--http', '--port', '0'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  assert.equal([status, stdout], [1, '']);
  assert.match(stderr, /^magi-exchange: MAGI_HOME: [^\n]+\n$/);
});

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
};
const CONTENT = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

function post({ port, http }: Served, body: Json | string, headers: Record<string, string> = {}, path = '/mcp') {
  const authorization = `Bearer ${http.token}`;
  return httpRequest({ port }, path, { method: 'POST', headers: { ...CONTENT, authorization, ...headers }, body });
}

test('who has no token, comes from elsewhere or asks for something else gets nothing', async () => {
  await withHttp('guarded', async (served) => {
    const { port, http, tokenFile } = served;
    assert.is(statSync(tokenFile).mode & 0o777, 0o600);
    assert.match(http.token, /^[A-Za-z0-9_-]{43}$/);
    const right = { host: `127.0.0.1:${port}` };
    for (const [status, headers, path] of [
      [401, { authorization: '' }],
      [401, { authorization: `Bearer ${http.token}x` }],
      [401, { authorization: `Bearer ${http.token.slice(0, -1)}` }],
      [401, { authorization: `Basic ${http.token}` }],
      [401, { authorization: http.token }],
      [403, { host: 'evil.example' }],
      [403, { host: `evil.example:${port}` }],
      [403, { host: `127.0.0.1.evil.example:${port}` }],
      [403, { host: `127.0.0.1:${port + 1}` }],
      [403, { host: '127.0.0.1' }],
      [403, { ...right, origin: 'https://evil.example' }],
      [403, { ...right, origin: 'null' }],
      [403, { ...right, origin: `https://127.0.0.1:${port}` }],
      [403, { ...right, origin: 'http://127.0.0.1' }],
      [404, right, '/'],
      [404, right, '/mcp/../token'],
      [404, right, '/mcpx'],
    ] as const) {
      const answer = await post(served, INITIALIZE, headers as Record<string, string>, path);
      assert.is(answer.status, status, `${JSON.stringify(headers)} ${path}: ${answer.text}`);
      assert.ok(JSON.parse(answer.text).error.length > 0);
      assert.not.ok(answer.text.includes(http.token));
    }
    for (const headers of [
      right,
      { host: `localhost:${port}` },
      { host: `[::1]:${port}` },
      { ...right, origin: `http://127.0.0.1:${port}` },
      { ...right, origin: `http://localhost:${port}` },
    ] as Record<string, string>[])
      assert.is((await post(served, INITIALIZE, headers)).status, 200, JSON.stringify(headers));
    // It listens on loopback alone.
    for (const [name, addresses] of Object.entries(networkInterfaces()))
      for (const { address, internal, family } of addresses ?? [])
        if (!internal && family === 'IPv4') assert.is(await isListening(address, port), false, name);
  });
});

async function isListening(host: string, port: number): Promise<boolean> {
  const socket = createConnection({ host, port, timeout: 1_000 });
  try {
    return await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'timeout').then(() => false)]);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

for (const generation of GENERATIONS)
  test(`ask, answer, decline and the owner’s word over HTTP (${generation})`, async () => {
    const username = `http-${generation}`;
    await withHttp(username, async ({ http }) => {
      const says = [true, false];
      const ada = await world.assistant(username, {
        generation,
        http,
        name: 'another',
        owner: () => says.shift() ?? true,
      });
      assert.is((await ada.tools()).length, 11);
      const friend = `grace-http-${generation}`;
      const grace = await world.stranger(friend, ada, 'ask');
      const heard: string[] = [];
      const asked = ada.call('magi_ask', { friend, text: 'What is 6 × 7?' }, (message) => void heard.push(message));
      const { id, content } = await grace.heard();
      assert.is(content, 'What is 6 × 7?');
      assert.match(ada.asked[0] ?? '', /> What is 6 × 7\?$/);
      await grace.say({ type: 'answer', id: 'a1', replyTo: id, content: '42' });
      assert.match((await asked).text, /\n42\n/);
      assert.ok(heard.length > 0);
      assert.is((await ada.call('magi_ask', { friend, text: 'And then?' })).data.status, 'refused');
      assert.is(ada.asked.length, 2);
      await grace.ask('And you?', 'q1');
      const [shown] = await nextShown(ada);
      assert.is((await ada.call('magi_answer', { question: shown?.id, text: '43' })).data.status, 'sent');
      assert.is(ada.asked.length, 3);
      assert.equal(await grace.contents(), ['What is 6 × 7?', '43']);
      await ada.close();
    });
  });

test('without a way to ask, over HTTP, too, it stays a draft', async () => {
  await withHttp('silent', async ({ http }) => {
    for (const generation of GENERATIONS) {
      const ada = await world.assistant('silent', { generation, http, name: 'another' });
      const grace = await world.stranger(`grace-silent-${generation}`, ada, 'ask');
      const drafted = await ada.call('magi_ask', { friend: `grace-silent-${generation}`, text: 'x' });
      assert.is(drafted.data.status, 'draft');
      assert.equal(await grace.contents(), []);
      await ada.close();
    }
  });
});

test('what a friend has said counts for every conversation of the process', async () => {
  await withHttp('tainted', async ({ http }) => {
    const reader = await world.assistant('tainted', { http, name: 'another' });
    const grace = await world.stranger('grace-tainted', reader, 'auto');
    await grace.ask('Read me', 'q1');
    await nextShown(reader);
    for (const generation of GENERATIONS) {
      const other = await world.assistant('tainted', { generation, http, name: 'another' });
      assert.is((await other.call('magi_create_invite')).data.status, 'refused');
      await other.close();
    }
  });
});

test('sessions are bounded: the oldest gives way, and the others go on', async () => {
  await withHttp('many', async (served) => {
    const { http } = served;
    const first: Assistant = await world.assistant('many', { http, name: 'another' });
    const last: string[] = [];
    for (let count = 0; count < SESSIONS_MAX + 8; count++) {
      const { status, headers } = await post(served, INITIALIZE);
      assert.is(status, 200);
      last.push(String(headers['mcp-session-id']));
    }
    assert.is(new Set(last).size, last.length);
    const inSession = (id: string | undefined) =>
      post(served, { jsonrpc: '2.0', id: 2, method: 'tools/list' }, { 'mcp-session-id': id ?? '' });
    const statuses = await Promise.all(last.map(async (id) => (await inSession(id)).status));
    assert.equal(
      statuses,
      last.map((_, at) => (at < 8 ? 404 : 200)),
    );
    await assertRefused(first.call('magi_status'));
    assert.is((await inSession('made-up')).status, 404);
    // Who begins anew is served, and a session that was ended is gone.
    const again = await world.assistant('many', { http, name: 'another' });
    assert.is((await again.call('magi_status')).data.status, 'ok');
    const authorization = `Bearer ${http.token}`;
    const ended = { method: 'DELETE', headers: { authorization, 'mcp-session-id': last.at(-1) ?? '' } };
    assert.is((await httpRequest(served, '/mcp', ended)).status, 200);
    assert.is((await inSession(last.at(-1))).status, 404);
  });
});

async function assertRefused(promise: Promise<unknown>): Promise<void> {
  const outcome = await promise.then(
    () => 'fulfilled',
    () => 'rejected',
  );
  assert.is(outcome, 'rejected');
}

test('nonsense, too much and half of it harm nobody', async () => {
  await withHttp('robust', async (served) => {
    const { port, http } = served;
    const authorization = `Bearer ${http.token}`;
    const ada = await world.assistant('robust', { http, name: 'another' });
    for (const body of [
      '',
      'x',
      '[]',
      'null',
      '{"jsonrpc":"2.0"}',
      '{'.repeat(10_000),
      '[{"jsonrpc":"2.0","id":1,"method":"x"}]',
    ])
      assert.ok((await post(served, body)).status >= 400, body.slice(0, 20));
    // Whoever still writes when it is refused may find the connection closed before they read why.
    const large = await post(served, { ...INITIALIZE, padding: 'x'.repeat(300_000) }).catch((error) => {
      assert.match(String(error.code), /^(ECONNRESET|EPIPE)$/);
      return { status: 413 };
    });
    assert.is(large.status, 413);
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])
      assert.ok((await httpRequest({ port }, '/mcp', { method, headers: { authorization } })).status >= 400, method);
    assert.ok((await post(served, INITIALIZE, { 'content-type': 'text/plain' })).status >= 400);
    // Half a body, half a head, and nothing.
    for (const half of [
      `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: 1000\r\n\r\n{"jsonrpc"`,
      `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthor`,
      '',
    ]) {
      const socket = createConnection({ host: '127.0.0.1', port });
      await once(socket, 'connect');
      socket.write(half);
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
    }
    assert.is((await ada.call('magi_status')).data.status, 'ok');
    assert.is(served.process.exitCode, null);
    // Who goes while a call waits leaves nothing behind.
    const giveUp = new AbortController();
    const waiting = ada.call('magi_inbox', { wait_seconds: 60 }, undefined, giveUp.signal).catch(() => 'given up');
    await new Promise((resolve) => setTimeout(resolve, 100));
    giveUp.abort();
    assert.is(await waiting, 'given up');
    assert.is((await ada.call('magi_status')).data.status, 'ok');
    await eventually(() => !/TypeError|at .*\.ts:/.test(served.stderr()) || undefined, 'no fault of ours');
  });
});

test('a port that is taken and a token file that is none are said in one line', async () => {
  await withHttp('first', async ({ port, tokenFile }) => {
    const env = { MAGI_SERVER: world.url, MAGI_USERNAME: 'first', MAGI_HOME: world.folderOf('first') };
    const taken = await runMain(['bridge', '--http', '--port', `${port}`], env);
    assert.is(taken.code, 1);
    assert.match(taken.stderr, /^magi-exchange: --port \d+ cannot be listened on: EADDRINUSE\.\n$/);
    assert.is((await runMain(['bridge', '--http', '--port', '99999'], env)).code, 2);
    writeFileSync(tokenFile, 'short');
    const bad = await runMain(['bridge', '--http', '--port', '0'], env);
    assert.ok(bad.code !== 0);
    assert.match(bad.stderr, /^magi-exchange: MAGI_HOME: .* holds no token[^\n]*\n$/);
  });
});

test.run();
