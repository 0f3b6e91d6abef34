/** `setup`, in home folders of its own: what it writes works, everything else stays byte for byte, and it can be taken out again. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import * as assert from 'uvu/assert';
import { HOOK_SECONDS } from '../../src/cli/hook.ts';
import { OF } from '../../src/setup/assistants.ts';
import { launchOf, shellLine } from '../../src/setup/launch.ts';
import { carryOut, planSetting } from '../../src/setup/plan.ts';
import { type Exchange, type Json, ROOT, suite, temporaryFolder } from '../harness.ts';
import { endTypists, startKeeping, Typist } from './typist.ts';

const test = suite('cli: setup');

const PROGRAM = join(ROOT, 'dist/magi-exchange.mjs');
const BEFORE = '.before-magi-exchange';

let exchange: Exchange;
test.before(async () => {
  exchange = await startKeeping();
});
test.after(async () => {
  endTypists();
  await exchange.stop();
});

/** Somebody who has never used this: nothing in the environment, a home folder of their own. */
class Newcomer {
  readonly typist = new Typist({ url: '' }, '', { MAGI_HOME: '' });
  readonly home = this.typist.env.HOME ?? '';
  readonly #name = `ada${Math.floor(Math.random() * 1e9)}`;

  /** The words for `setup`. */
  words(assistant: string, ...more: string[]): string[] {
    return ['setup', assistant, '--server', exchange.url, '--name', this.#name, ...more];
  }

  async sets(assistant: string, ...more: string[]): Promise<string> {
    return await this.typist.done(...this.words(assistant, '--yes', ...more));
  }

  async removes(assistant: string, ...more: string[]): Promise<string> {
    return await this.typist.done('setup', assistant, '--remove', '--yes', ...more);
  }

  write(path: string, text: string, mode = 0o600): string {
    const file = join(this.home, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  read(path: string): string {
    return readFileSync(join(this.home, path), 'utf8');
  }

  json(path: string): Json {
    return JSON.parse(this.read(path)) as Json;
  }

  /** Every file with its rights and its text, but for the person's own folder. */
  tree(): Record<string, string> {
    const entries = readdirSync(this.home, { recursive: true, encoding: 'utf8' }).sort();
    return Object.fromEntries(
      entries
        .filter((path) => !/^\.magi(\/|$)/.test(path) && !statSync(join(this.home, path)).isDirectory())
        .map((path) => [path, `${(statSync(join(this.home, path)).mode & 0o777).toString(8)} ${this.read(path)}`]),
    );
  }
}

/** The configuration starts a bridge that has the tools, for an assistant with an empty environment. */
async function starts(home: string, entry: unknown): Promise<void> {
  const { command, args } = entry as { command: string; args: string[] };
  const client = new Client({ name: 'some-editor', version: '1' }, {});
  await client.connect(
    new StdioClientTransport({ command, args, env: { PATH: process.env.PATH ?? '', HOME: home }, stderr: 'inherit' }),
  );
  try {
    const { tools } = await client.listTools();
    assert.ok(tools.some(({ name }) => name === 'magi_ask'));
    const result = await client.callTool({ name: 'magi_status', arguments: {} });
    assert.match(JSON.stringify(result.content), /You are ada\d+/);
  } finally {
    await client.close();
  }
}

const FILES = {
  claude: '.claude.json',
  cursor: '.cursor/mcp.json',
  vscode: '.config/Code/User/mcp.json',
  codex: '.codex/config.toml',
} as const;

const BRIDGE = [PROGRAM, 'bridge'];

test('claude: the server and the hooks, for somebody who has nothing yet', async () => {
  const ada = new Newcomer();
  const said = await ada.sets('claude', '--nickname', 'Ada');
  assert.equal(ada.json('.claude.json'), {
    mcpServers: { 'magi-exchange': { type: 'stdio', command: process.execPath, args: BRIDGE } },
  });
  const line = (kind: string) => `${process.execPath} ${PROGRAM} wait --hook ${kind}`;
  const stop = { type: 'command', command: line('stop'), async: true, asyncRewake: true, timeout: 86_400 };
  assert.equal(ada.json('.claude/settings.json'), {
    hooks: {
      Stop: [{ hooks: [stop] }],
      SessionStart: [{ hooks: [{ type: 'command', command: line('start') }] }],
    },
  });
  assert.equal([...new Set(Object.values(ada.tree()).map((file) => file.slice(0, 3)))], ['600']);
  const { server, username, nickname } = ada.json('.magi/config.json');
  assert.equal([server, nickname], [exchange.url.replace('http', 'ws'), 'Ada']);
  assert.match(username as string, /^ada\d+$/);
  assert.match(ada.read('.magi/identity.pem'), /BEGIN PRIVATE KEY/);
  // What it said, and that doctor had a look.
  assert.match(said, /\+ {3}"mcpServers": \{\n/);
  assert.match(said, /All links hold\./);
  assert.match(said, /claude --dangerously-load-development-channels server:magi-exchange/);
  await starts(ada.home, (ada.json('.claude.json').mcpServers as Json)['magi-exchange']);
  for (const kind of ['start', 'stop --timeout 0.2']) {
    const hook = spawnSync('sh', ['-c', line(kind)], { env: { HOME: ada.home }, input: '{"session_id":"s"}' });
    assert.equal([hook.status, `${hook.stdout}`, `${hook.stderr}`], [0, '', '']);
  }
  await ada.removes('claude');
  assert.equal(ada.tree(), {});
  assert.equal(readdirSync(ada.home), ['.magi'], 'no folder is left');
  assert.match(ada.read('.magi/identity.pem'), /BEGIN PRIVATE KEY/, 'the key stays');
});

for (const [assistant, servers, type] of [
  ['cursor', 'mcpServers', {}],
  ['vscode', 'servers', { type: 'stdio' }],
] as const)
  test(`${assistant}: the server`, async () => {
    const ada = new Newcomer();
    await ada.sets(assistant);
    assert.equal(ada.json(FILES[assistant]), {
      [servers]: { 'magi-exchange': { ...type, command: process.execPath, args: BRIDGE } },
    });
    await starts(ada.home, (ada.json(FILES[assistant])[servers] as Json)['magi-exchange']);
    await ada.removes(assistant);
    assert.equal(readdirSync(ada.home), ['.magi']);
  });

test('codex: a table between marks', async () => {
  const ada = new Newcomer();
  const file = ada.write(FILES.codex, 'model = "x"\n\n[mcp_servers.other]\ncommand = "y" # mine\n', 0o640);
  const before = ada.tree();
  await ada.sets('codex');
  assert.is(
    readFileSync(file, 'utf8'),
    `model = "x"

[mcp_servers.other]
command = "y" # mine

# >>> magi-exchange: written by its setup, and removed by setup --remove >>>
[mcp_servers.magi-exchange]
command = "${process.execPath}"
args = ["${PROGRAM}", "bridge"]
startup_timeout_sec = 30
tool_timeout_sec = 3660
# <<< magi-exchange <<<
`,
  );
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n[tui]\n`);
  await ada.removes('codex');
  assert.is(ada.read(FILES.codex), 'model = "x"\n\n[mcp_servers.other]\ncommand = "y" # mine\n\n[tui]\n');
  assert.not.ok(existsSync(`${file}${BEFORE}`), 'what it was before is not kept: there may be keys of others in it');
  writeFileSync(file, 'model = "x"\n\n[mcp_servers.other]\ncommand = "y" # mine\n');
  assert.equal(ada.tree(), before);
});

const OWN = {
  '.claude.json': '{"numStartups":3,"mcpServers":{"x":{"env":{"KEY":"secret"}}},"oauthAccount":{"id":1}}',
  '.claude/settings.json':
    '{\r\n\t"hooks": {\r\n\t\t"Stop": [\r\n\t\t\t{ "hooks": [ { "type": "command", "command": "say wait" } ] }\r\n\t\t],\r\n\t\t"PreToolUse": []\r\n\t}\r\n}',
  '.cursor/mcp.json': '// mine\n{\n  "mcpServers": {\n    "x": {}, // one\n  },\n}\n',
  '.config/Code/User/mcp.json': '\ufeff{\n    "servers": {},\n    "inputs": [ /* none */ ]\n}\n',
  '.codex/config.toml': 'a = """\n[mcp_servers.magi-exchange]\n"""',
} as const;

test('what is there already stays byte for byte, and comes back byte for byte', async () => {
  const ada = new Newcomer();
  for (const [path, text] of Object.entries(OWN)) ada.write(path, text, path.startsWith('.claude') ? 0o600 : 0o644);
  const before = ada.tree();
  for (const assistant of Object.keys(FILES)) await ada.sets(assistant);
  for (const [path, text] of Object.entries(OWN)) {
    assert.is(ada.read(`${path}${BEFORE}`), text, 'what it was is kept beside it');
    assert.is(ada.tree()[path]?.slice(0, 3), before[path]?.slice(0, 3), 'with its rights');
    assert.is.not(ada.read(path), text);
  }
  assert.equal(Object.keys(ada.tree()).length, 2 * Object.keys(OWN).length, 'and nothing else is there');
  for (const assistant of Object.keys(FILES)) await ada.removes(assistant);
  assert.equal(ada.tree(), before);
  assert.not(readdirSync(join(ada.home, '.magi')).includes('setup.json'));
});

test('what others have written meanwhile stays, and only what was added goes', async () => {
  const ada = new Newcomer();
  for (const [path, text] of Object.entries(OWN)) ada.write(path, text);
  for (const assistant of Object.keys(FILES)) await ada.sets(assistant);
  // As Claude Code does at every start: the whole file anew, something else in it.
  const mine = ada.json('.claude.json');
  mine.numStartups = 4;
  (mine.mcpServers as Json).y = { command: 'y' };
  writeFileSync(join(ada.home, '.claude.json'), JSON.stringify(mine, undefined, 2));
  for (const path of Object.keys(OWN).slice(1)) {
    const text = ada.read(path);
    writeFileSync(join(ada.home, path), path.endsWith('toml') ? `${text}# more\n` : `${text}// more\n`);
  }
  for (const assistant of Object.keys(FILES)) await ada.removes(assistant);
  assert.equal(ada.json('.claude.json'), {
    numStartups: 4,
    mcpServers: { x: { env: { KEY: 'secret' } }, y: { command: 'y' } },
    oauthAccount: { id: 1 },
  });
  for (const path of ['.claude/settings.json', '.cursor/mcp.json', '.config/Code/User/mcp.json'] as const)
    assert.is(ada.read(path), `${OWN[path]}// more\n`);
  assert.is(ada.read('.codex/config.toml'), `${OWN['.codex/config.toml']}\n# more\n`);
});

test('hooks and servers that were made for it go, unless something else has come into them', async () => {
  const ada = new Newcomer();
  ada.write('.claude.json', '{\n  "a": 1\n}\n');
  ada.write('.claude/settings.json', '{}\n');
  await ada.sets('claude');
  for (const path of ['.claude.json', '.claude/settings.json'])
    writeFileSync(join(ada.home, path), `${ada.read(path)}\n`);
  const settings = ada.read('.claude/settings.json');
  await ada.removes('claude');
  assert.equal([ada.read('.claude.json'), ada.read('.claude/settings.json')], ['{\n  "a": 1\n}\n\n', '{}\n\n']);
  // The same without the note of what was made.
  rmSync(join(ada.home, '.magi'), { recursive: true });
  writeFileSync(join(ada.home, '.claude/settings.json'), settings);
  await ada.removes('claude');
  assert.equal(ada.json('.claude/settings.json'), { hooks: { Stop: [], SessionStart: [] } });
});

test('a second time changes nothing, and another place of the program replaces the old one', async () => {
  const ada = new Newcomer();
  ada.write('.cursor/mcp.json', '{ "mcpServers": { "x": {} } }');
  await ada.sets('cursor');
  await ada.sets('claude');
  const tree = ada.tree();
  assert.match(await ada.sets('cursor'), /^Cursor is set up already, as ada\d+ at ws:/);
  assert.match(await ada.sets('claude'), /^Claude Code is set up already/);
  assert.equal(ada.tree(), tree);
  const moved = join(ada.home, 'my tools', 'magi.mjs');
  mkdirSync(dirname(moved));
  symlinkSync(PROGRAM, moved);
  const typist = spawnSync(process.execPath, [moved, ...ada.words('claude', '--yes')], { env: ada.typist.env });
  assert.is(typist.status, 0, `${typist.stderr}`);
  const { hooks } = ada.json('.claude/settings.json') as { hooks: Record<string, [{ hooks: { command: string }[] }]> };
  assert.equal(
    Object.values(hooks).map((groups) => groups.flatMap((group) => group.hooks.map(({ command }) => command))),
    ['stop', 'start'].map((kind) => [`${process.execPath} '${moved}' wait --hook ${kind}`]),
  );
  await starts(ada.home, (ada.json('.claude.json').mcpServers as Json)['magi-exchange']);
  await ada.removes('claude');
  await ada.removes('cursor');
  assert.is(ada.read('.cursor/mcp.json'), '{ "mcpServers": { "x": {} } }');
  rmSync(dirname(moved), { recursive: true });
  assert.equal(Object.keys(ada.tree()), ['.cursor/mcp.json']);
});

test('links are followed, and what is behind them is what changes', async () => {
  const ada = new Newcomer();
  const real = ada.write('dotfiles/cursor/mcp.json', '{"mcpServers": {}}', 0o644);
  symlinkSync(dirname(real), join(ada.home, '.cursor'));
  const toml = ada.write('dotfiles/codex.toml', 'a = 1\n', 0o644);
  mkdirSync(join(ada.home, '.codex'));
  symlinkSync('../dotfiles/codex.toml', join(ada.home, '.codex/config.toml'));
  const before = ada.tree();
  assert.match(await ada.sets('cursor'), /mcp\.json → \S+dotfiles\/cursor\/mcp\.json, line 1/);
  await ada.sets('codex');
  assert.ok(lstatSync(join(ada.home, '.codex/config.toml')).isSymbolicLink());
  assert.match(readFileSync(toml, 'utf8'), /mcp_servers/);
  assert.match(readFileSync(real, 'utf8'), /magi-exchange/);
  await ada.removes('cursor');
  await ada.removes('codex');
  assert.equal(ada.tree(), before);
});

test('a file that cannot be changed safely is left alone, in one line that says where', async () => {
  const cases: [path: string, text: string, assistant: string, message: RegExp][] = [
    ['.claude.json', '{\n  "a": 1\n  "b": 2\n}', 'claude', /\.claude\.json, line 3: a comma or \} is missing\./],
    ['.claude/settings.json', '{"hooks": {"Stop": {}}}', 'claude', /settings\.json, line 1: hooks\.Stop is no list\./],
    ['.cursor/mcp.json', '{"mcpServers": []}', 'cursor', /mcp\.json, line 1: mcpServers is no object\./],
    ['.config/Code/User/mcp.json', '[', 'vscode', /mcp\.json, line 1: no \] for what is opened here\./],
    [
      '.codex/config.toml',
      '\n[mcp_servers.magi-exchange]\n',
      'codex',
      /config\.toml, line 2: mcp_servers\.magi-exchange is there/,
    ],
    ['.cursor/mcp.json', '\u{0}', 'cursor', /line 1: a value is missing/],
  ];
  for (const [path, text, assistant, message] of cases) {
    const ada = new Newcomer();
    ada.write(path, text);
    const before = ada.tree();
    const line = await ada.typist.refused(78, ...ada.words(assistant, '--yes'));
    assert.match(line, message);
    assert.match(line, /Nothing was changed\.\n$/);
    assert.equal(ada.tree(), before);
    assert.not(readdirSync(ada.home).includes('.magi'), 'not even the key is made');
  }
  const ada = new Newcomer();
  writeFileSync(ada.write('.cursor/mcp.json', ''), Buffer.from([0x7b, 0xff, 0x7d]));
  assert.match(await ada.typist.refused(78, ...ada.words('cursor', '--yes')), /is not UTF-8/);
  rmSync(join(ada.home, '.cursor/mcp.json'));
  symlinkSync('nowhere', join(ada.home, '.cursor/mcp.json'));
  assert.match(await ada.typist.refused(78, ...ada.words('cursor', '--yes')), /is a link to a file that is not there/);
  rmSync(join(ada.home, '.cursor/mcp.json'));
  mkdirSync(join(ada.home, '.cursor/mcp.json'));
  assert.match(await ada.typist.refused(78, ...ada.words('cursor', '--yes')), /is no file/);
});

test('a file that another program changes meanwhile is not written over', () => {
  const ada = new Newcomer();
  const path = ada.write('a.json', '{}');
  const part = { path, set: () => ({ text: '{"x":1}', changes: [{ line: 1, removed: '', added: 'x' }], made: [] }) };
  const steps = planSetting([{ ...part, unset: part.set }], join(ada.home, '.magi'));
  writeFileSync(path, '{"theirs":1}');
  assert.throws(() => carryOut(steps, join(ada.home, '.magi')), /has just been changed by another program/);
  assert.is(readFileSync(path, 'utf8'), '{"theirs":1}');
});

test('the owner is asked first; without one, and without --yes, nothing is written', async () => {
  const ada = new Newcomer();
  const piped = await ada.typist.run(...ada.words('claude'));
  assert.is(piped.code, 1);
  assert.match(piped.stderr, /setup asks before it writes: type it in a terminal, or say --yes\./);
  assert.match(piped.stdout, /\+ .*"mcpServers"/, 'what it would do is shown');
  assert.equal(readdirSync(ada.home), []);
  const no = await ada.typist.types(ada.words('claude'), [/Write this\? \[y\/N\] /, 'n']);
  assert.is.not(no.code, 0);
  assert.equal(readdirSync(ada.home), []);
  const yes = await ada.typist.types(ada.words('claude'), [/Write this\? \[y\/N\] /, 'y']);
  assert.is(yes.code, 0, yes.stdout);
  assert.equal(Object.keys(ada.tree()), ['.claude.json', '.claude/settings.json']);
  const keep = await ada.typist.types(['setup', 'claude', '--remove'], [/Take this out\? \[y\/N\] /, 'n']);
  assert.is.not(keep.code, 0);
  assert.equal(Object.keys(ada.tree()), ['.claude.json', '.claude/settings.json']);
  assert.match(await ada.removes('cursor'), /^Nothing of setup is in the configuration of Cursor\./);
});

test('what is shown is what is added, and not the secrets that stand beside it', async () => {
  const ada = new Newcomer();
  ada.write('.claude.json', OWN['.claude.json']);
  const { stdout, stderr } = await ada.typist.run(...ada.words('claude'));
  assert.match(stdout, /\+ "magi-exchange": \{"type":"stdio"/);
  assert.not.match(stdout + stderr, /secret/);
});

test('one folder, one person: another name or exchange needs a folder of its own', async () => {
  const ada = new Newcomer();
  await ada.sets('cursor');
  const line = await ada.typist.refused(78, 'setup', 'claude', '--server', exchange.url, '--name', 'grace', '--yes');
  assert.match(line, /\.magi is ada\d+'s at ws:\/\/127\.0\.0\.1:\d+: say --home FOLDER for another account/);
  await ada.sets('cursor', '--nickname', 'Lovelace');
  assert.is(ada.json('.magi/config.json').nickname, 'Lovelace');
  // Who is set up need not say it again.
  await ada.typist.done('setup', 'vscode', '--yes');
  const other = join(ada.home, 'other folder');
  await ada.typist.done(
    'setup',
    'claude',
    '--server',
    exchange.url,
    '--name',
    `b${Date.now()}`,
    '--home',
    other,
    '--yes',
  );
  const entry = (ada.json('.claude.json').mcpServers as Json)['magi-exchange'] as { args: string[] };
  assert.equal(entry.args, [...BRIDGE, '--home', other]);
  assert.match(ada.read('.claude/settings.json'), /wait --hook stop --home '\S+other folder'"/);
  assert.match(readFileSync(join(other, 'identity.pem'), 'utf8'), /PRIVATE KEY/);
});

test('for one project', async () => {
  const ada = new Newcomer();
  const project = temporaryFolder();
  for (const assistant of Object.keys(FILES)) {
    const ended = spawnSync(process.execPath, [PROGRAM, ...ada.words(assistant, '--project', '--yes')], {
      env: ada.typist.env,
      cwd: project,
    });
    assert.is(ended.status, 0, `${ended.stderr}`);
  }
  const files = readdirSync(project, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(project, path)).isFile(),
  );
  assert.equal(files.sort(), [
    '.claude/settings.local.json',
    '.codex/config.toml',
    '.cursor/mcp.json',
    '.mcp.json',
    '.vscode/mcp.json',
  ]);
  assert.equal(ada.tree(), {});
});

test('the folders that an assistant was told to use are used', async () => {
  const ada = new Newcomer();
  const more = {
    CLAUDE_CONFIG_DIR: join(ada.home, 'c'),
    CODEX_HOME: join(ada.home, 'x'),
    XDG_CONFIG_HOME: join(ada.home, 'g'),
  };
  for (const assistant of Object.keys(FILES)) await ada.typist.with(more).done(...ada.words(assistant, '--yes'));
  assert.equal(Object.keys(ada.tree()), [
    '.cursor/mcp.json',
    'c/.claude.json',
    'c/settings.json',
    'g/Code/User/mcp.json',
    'x/config.toml',
  ]);
});

test('one JSON document for scripts', async () => {
  const ada = new Newcomer();
  const { assistant, files, ok, checks } = await ada.typist.json(...ada.words('cursor', '--yes'));
  assert.equal([assistant, ok, (files as Json[]).length], ['Cursor', true, 1]);
  assert.ok((checks as Json[]).length > 5);
  const [{ action, path }] = (await ada.typist.json('setup', 'cursor', '--remove', '--yes')).files as [Json];
  assert.equal([action, path], ['removed', join(ada.home, '.cursor/mcp.json')]);
});

test('an exchange that is not there: all is written, and doctor says what is wrong', async () => {
  const ada = new Newcomer();
  const ended = await ada.typist.run('setup', 'cursor', '--server', 'ws://127.0.0.1:1', '--name', 'ada', '--yes');
  assert.is(ended.code, 1);
  assert.match(ended.stdout, /✗ Connection/);
  assert.ok(FILES.cursor in ada.tree());
  const missing = new Newcomer();
  assert.match(await missing.typist.refused(78, 'setup', 'cursor', '--yes'), /MAGI_SERVER and MAGI_USERNAME not set/);
  assert.match(await missing.typist.refused(2, 'setup', 'emacs'), /setup knows claude, cursor, vscode, codex/);
});

test('the README shows what is written', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const launch = ['npx', '-y', 'magi-exchange'] as const;
  const around = { platform: 'linux' as const, env: {}, user: '~', project: undefined, launch, options: [] };
  for (const { parts } of Object.values(OF))
    for (const { path, set } of parts({ ...around, hookSeconds: HOOK_SECONDS })) {
      const text = set('')
        .text.trimEnd()
        .replaceAll(/^(?=.)/gm, '    ');
      assert.ok(readme.includes(`${text}\n`), path);
      assert.ok(readme.includes(path), path);
    }
});

test('how the program was started is how it will be started', () => {
  const started = { platform: 'linux' as const, execPath: '/opt/node', execArgv: [], script: '/x/magi' };
  assert.equal(launchOf(started), ['/opt/node', '/x/magi']);
  assert.equal(launchOf({ ...started, execArgv: ['--disable-warning=X'] }), [
    '/opt/node',
    '--disable-warning=X',
    '/x/magi',
  ]);
  assert.equal(launchOf({ ...started, script: undefined }), ['/opt/node']);
  const script = '/home/a/.npm/_npx/7f3a/node_modules/.bin/magi-exchange';
  assert.equal(launchOf({ ...started, script }), ['npx', '-y', 'magi-exchange']);
  const onWindows = { ...started, platform: 'win32' as const };
  assert.equal(
    launchOf({ ...onWindows, script: 'C:\\Users\\a\\npm-cache\\_npx\\7f\\node_modules\\magi-exchange\\x.mjs' }),
    [...['cmd', '/c', 'npx', '-y', 'magi-exchange']],
  );
  assert.is(shellLine(["/a b/it's", '--x=1', ''], 'linux'), "'/a b/it'\\''s' --x=1 ''");
  assert.is(shellLine(['C:\\Program Files\\node.exe', 'wait'], 'win32'), "'C:/Program Files/node.exe' wait");
});

test('a binary, a link to it and npx are told apart as they run', async () => {
  // A link in the PATH, as npm makes one for a package that is installed for good.
  const ada = new Newcomer();
  const linked = join(ada.home, 'bin', 'magi');
  mkdirSync(dirname(linked));
  symlinkSync(PROGRAM, linked);
  const run = (script: string) =>
    spawnSync(process.execPath, [script, ...ada.words('cursor', '--yes', '--json')], { env: ada.typist.env });
  assert.is(run(linked).status, 0);
  const entry = () => (ada.json('.cursor/mcp.json').mcpServers as Json)['magi-exchange'];
  assert.equal(entry(), { command: process.execPath, args: [linked, 'bridge'] });
  const cached = join(ada.home, '.npm/_npx/7f3a/node_modules/.bin');
  mkdirSync(cached, { recursive: true });
  renameSync(linked, join(cached, 'magi-exchange'));
  assert.is(run(join(cached, 'magi-exchange')).status, 0);
  assert.equal(entry(), { command: 'npx', args: ['-y', 'magi-exchange', 'bridge'] });
});

test.run();
