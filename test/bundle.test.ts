/** The one file: it serves from an empty folder, with an empty environment, and says in one line when it cannot. */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openSqlite } from '../src/store/sqlite.ts';
import { type Exchange, ROOT, startExchange, suite, TestClient } from './harness.ts';

const test = suite('bundle');
const folder = mkdtempSync(join(tmpdir(), 'magi-bundle-'));
const bundle = join(folder, 'magi-exchange.mjs');

test.before(() => copyFileSync(join(ROOT, 'dist/magi-exchange.mjs'), bundle));
test.after(() => rmSync(folder, { recursive: true, force: true }));

function runBundle(args: string[], env: Record<string, string> = {}, node = process.execPath) {
  const { status, stdout, stderr } = spawnSync(node, [bundle, ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

test('serves the dashboard and a conversation from an empty folder', async () => {
  const empty = mkdtempSync(join(folder, 'empty-'));
  const exchange: Exchange = await startExchange({ XDG_CACHE_HOME: join(folder, 'cache') }, [
    'env',
    `--chdir=${empty}`,
    process.execPath,
    bundle,
  ]);
  try {
    const page = await (await fetch(exchange.url)).text();
    assert.match(page, /<title>/);
    const [ada, grace] = await TestClient.pair(exchange, 'ada', 'grace');
    ada.send({ type: 'ask', content: 'all in one file?' });
    assert.is((await grace.next('question')).content, 'all in one file?');
  } finally {
    assert.is(await exchange.stop(), 0);
  }
  assert.equal(readdirSync(empty), [], 'nothing is left beside it');
});

test('unpacks its native part once, into a folder of its own', () => {
  const cache = join(folder, 'cache', 'magi-exchange');
  assert.is(readdirSync(cache).length, 1);
});

test('has the store inside: an operator puts a copy back and looks into it', () => {
  const source = join(folder, 'source.sqlite');
  const store = openSqlite(source, { fatal: (line) => assert.unreachable(line) });
  void store.close();
  const env = { DATA_DIR: join(folder, 'data'), XDG_CACHE_HOME: join(folder, 'operator-cache') };
  assert.equal(runBundle(['restore', source], env).stderr, '');
  assert.match(runBundle(['users'], env).stdout, /^USERNAME/);
  // Commands do without sockets.
  const [native, ...others] = readdirSync(join(folder, 'operator-cache', 'magi-exchange'));
  assert.match(native ?? '', /^sqlite-[0-9a-f]{16}\.node$/);
  assert.equal(others, []);
});

test('prints its version and its settings', () => {
  const { status, stdout } = runBundle(['--version']);
  assert.is(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  assert.match(runBundle(['--help']).stdout, /QUESTIONS_PER_MINUTE/);
});

test('a command that is not there is one line', () => {
  const { status, stderr } = runBundle(['--nonsense']);
  assert.is(status, 2);
  assert.is(stderr.trim().split('\n').length, 1);
  assert.match(stderr, /--nonsense/);
});

test('says in one line that there is nowhere to unpack to', () => {
  const file = join(folder, 'not-a-folder');
  writeFileSync(file, '');
  const { status, stderr } = runBundle([], { XDG_CACHE_HOME: file, PORT: '0', DATA_DIR: 'memory' });
  assert.is(status, 78);
  assert.is(stderr.trim().split('\n').length, 1);
  assert.match(stderr, /XDG_CACHE_HOME/);
});

test('says in one line that this Node cannot load it', () => {
  // Another Node, as far as the check can see: the real one, told to call itself something else.
  const pretender = join(folder, 'pretend.cjs');
  writeFileSync(
    pretender,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0', modules: '115' } });",
  );
  const { status, stderr } = spawnSync(process.execPath, ['--require', pretender, bundle], {
    encoding: 'utf8',
    env: {},
  });
  assert.is(status, 78);
  assert.is(stderr.trim().split('\n').length, 1);
  assert.match(stderr, /Node 20\.0\.0.*needs Node 22/);
});

test('a second exchange on the same port fails with one line', async () => {
  const exchange = await startExchange();
  try {
    const cache = join(folder, 'cache');
    mkdirSync(cache, { recursive: true });
    chmodSync(cache, 0o700);
    const { status, stderr } = runBundle([], {
      PORT: String(exchange.port),
      DATA_DIR: 'memory',
      XDG_CACHE_HOME: cache,
    });
    assert.is(status, 1);
    assert.is(stderr.trim().split('\n').length, 1);
    assert.match(stderr, /PORT/);
  } finally {
    await exchange.stop();
  }
});

test.run();
