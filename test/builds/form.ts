/** What an operator may expect of the exchange in every form in which it is given away: one suite, for the file and for the executable. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openSqlite } from '../../src/store/sqlite.ts';
import { ROOT, startExchange, type suite, TestClient, temporaryFolder } from '../harness.ts';

export type Settings = Readonly<Record<string, string>>;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, in an empty folder, with nothing in the environment but `env`. */
export function runAlone(command: readonly string[], env: Settings = {}): Ended {
  const [program = '', ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: temporaryFolder(),
    env: { ...env },
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** Asserts that a program refused in one line, without a word on standard output. */
export function assertOneLine(ended: Ended, status: number, line: RegExp): void {
  assert.equal([ended.status, ended.stdout], [status, ''], ended.stderr);
  assert.match(ended.stderr, /^magi(-exchange)?: [^\n]+\n$/);
  assert.match(ended.stderr, line);
}

/** Runs the project's build.mjs on this Node. It is not part of what is shipped: its coverage is not measured. */
export function runBuild(args: readonly string[], root = ROOT): Ended {
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'build.mjs'), ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
    timeout: 900_000,
  });
  return { status, stdout, stderr };
}

/** `command` with nothing in its environment but `env`, where nothing can be written below `folder`. */
function readOnly(folder: string, env: Settings, command: readonly string[]): string[] {
  const own = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const mount = 'mount -t tmpfs -o ro tmpfs "$0" && exec env -i "$@"';
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return ['unshare', ...own, '--mount', 'sh', '-c', mount, folder, ...settings, ...command];
}

const PATH = { PATH: process.env.PATH ?? '' };
const SERVING = { PORT: '0', DATA_DIR: 'memory', LOG_FORMAT: 'json' };

/** `program`: how it is started; asked when a test begins. */
export function addFormTests(test: ReturnType<typeof suite>, program: () => readonly string[]): void {
  const serveAlone = (env: Settings, cwd: string) => {
    const settings = Object.entries({ ...SERVING, ...env }).map(([name, value]) => `${name}=${value}`);
    return startExchange({}, ['env', '-i', `--chdir=${cwd}`, ...settings, ...program()]);
  };

  test('serves the dashboard and a conversation from an empty folder, with an empty environment', async () => {
    const [empty, cache] = [temporaryFolder(), temporaryFolder()];
    const exchange = await serveAlone({ XDG_CACHE_HOME: cache }, empty);
    try {
      const page = await (await fetch(exchange.url)).text();
      assert.match(page, /<title>/);
      const [ada, grace] = await TestClient.pair(exchange, 'ada', 'grace');
      ada.send({ type: 'ask', content: 'all in one file?' });
      assert.is((await grace.next('question')).content, 'all in one file?');
    } finally {
      assert.is(await exchange.stop(), 0);
    }
    assert.is(exchange.stderr(), '');
    assert.equal(readdirSync(empty), [], 'nothing is left beside it');
    // What keeps nothing needs no store.
    assert.match(readdirSync(join(cache, 'magi-exchange')).join(), /^uws-[0-9a-f]{16}\.node$/);
  });

  test('has the store inside: an operator puts a copy back and looks into it', () => {
    const source = join(temporaryFolder(), 'source.sqlite');
    void openSqlite(source, { fatal: (line) => assert.unreachable(line) }).close();
    const [data, cache] = [join(temporaryFolder(), 'data'), temporaryFolder()];
    const env = { DATA_DIR: data, XDG_CACHE_HOME: cache };
    assert.is(runAlone([...program(), 'restore', source], env).stderr, '');
    assert.match(runAlone([...program(), 'users'], env).stdout, /^USERNAME/);
    // Commands do without sockets.
    assert.match(readdirSync(join(cache, 'magi-exchange')).join(), /^sqlite-[0-9a-f]{16}\.node$/);
  });

  test('prints its version and its settings', () => {
    assert.match(runAlone([...program(), '--version']).stdout, /^\d+\.\d+\.\d+\n$/);
    assert.match(runAlone([...program(), '--help']).stdout, /QUESTIONS_PER_MINUTE/);
  });

  test('a command that is not there is one line', () => {
    assertOneLine(runAlone([...program(), '--nonsense']), 2, /--nonsense/);
    assertOneLine(runAlone([...program(), 'nonsense']), 2, /nonsense/);
  });

  test('what needs no native part unpacks none', () => {
    const [cache, home] = [temporaryFolder(), temporaryFolder()];
    for (const args of [['--version'], ['--help'], ['nonsense'], ['demo', 'ws://127.0.0.1:1']]) {
      const { stdout, stderr } = runAlone([...program(), ...args], { XDG_CACHE_HOME: cache, HOME: home });
      assert.ok(`${stdout}${stderr}`.length > 0, args.join(' '));
      assert.equal([readdirSync(cache), readdirSync(home)], [[], []], args.join(' '));
    }
  });

  test('says in one line that there is nowhere to unpack to', () => {
    const [folder, file] = [temporaryFolder(), join(temporaryFolder(), 'not-a-folder')];
    writeFileSync(file, '');
    const refused = /cannot unpack and load a native part\. Tried .*XDG_CACHE_HOME/;
    assertOneLine(runAlone([...program()], { ...SERVING, XDG_CACHE_HOME: file }), 78, refused);
    const env = { ...SERVING, XDG_CACHE_HOME: folder };
    const ended = runAlone(readOnly(folder, env, program()), PATH);
    assertOneLine(ended, 78, refused);
    assert.ok(ended.stderr.includes(`${join(folder, 'magi-exchange')} (EROFS)`), ended.stderr);
    // No home and no temporary folder to write to: both are named.
    const home = { ...SERVING, HOME: folder, TMPDIR: folder };
    const both = runAlone(readOnly(folder, home, program()), PATH);
    assertOneLine(both, 78, refused);
    assert.is(both.stderr.split('EROFS').length, 3, both.stderr);
  });

  test('a home that cannot be written to is no hindrance: the temporary folder will do', async () => {
    const [home, temporary] = [temporaryFolder(), temporaryFolder()];
    const env = { ...SERVING, HOME: home, TMPDIR: temporary };
    const exchange = await startExchange(PATH, readOnly(home, env, program()));
    assert.is(await exchange.stop(), 0);
    assert.match(readdirSync(temporary).join(), /^magi-exchange-/);
  });

  test('a user whom the system does not know has no home: the temporary folder will do', async () => {
    const temporary = temporaryFolder();
    const settings = Object.entries({ ...SERVING, TMPDIR: temporary }).map(([name, value]) => `${name}=${value}`);
    const unknown = ['unshare', '--user', '--map-user=54321', '--map-group=54321', 'env', '-i', ...settings];
    const exchange = await startExchange(PATH, [...unknown, ...program()]);
    assert.is(await exchange.stop(), 0);
    assert.equal(readdirSync(temporary), ['magi-exchange-54321']);
  });

  test('a second exchange on the same port fails with one line', async () => {
    const cache = join(temporaryFolder(), 'cache');
    mkdirSync(cache, { mode: 0o700 });
    const exchange = await startExchange();
    try {
      const env = { ...SERVING, PORT: String(exchange.port), XDG_CACHE_HOME: cache };
      assertOneLine(runAlone([...program()], env), 1, /PORT/);
    } finally {
      await exchange.stop();
    }
  });
}
