/** What deploy.sh takes, and the one line with which it refuses anything else; a dry run. None of it reaches any host. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { ROOT, suite, temporaryFolder } from '../harness.ts';

const test = suite('deploy.sh, settings');

const GOOD = { REMOTE_USER: 'ada', REMOTE_HOST: 'magi.example.org', REMOTE_DIR: '/opt/magi' };

/** What deploy.sh needs to look at its settings. */
function project(dotEnv: string | undefined): string {
  const folder = temporaryFolder();
  for (const name of ['deploy.sh', 'deploy', 'src', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  if (dotEnv !== undefined) writeFileSync(join(folder, '.env'), dotEnv);
  return folder;
}

const shared = project(undefined);

function lines(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

const { PATH = '', HOME = '' } = process.env;

function run(program: string, args: string[], env: Record<string, string> = {}) {
  return spawnSync(program, args, { cwd: shared, env: { PATH, HOME, ...env }, encoding: 'utf8', timeout: 30_000 });
}

/** deploy.sh with this `.env`. */
function dryRun(dotEnv: string, args = ['--dry-run'], env: Record<string, string> = {}) {
  writeFileSync(join(shared, '.env'), dotEnv);
  return run(join(shared, 'deploy.sh'), args, env);
}

/** The settings as deploy.sh reads them; quicker than a dry run. */
function read(dotEnv: string, env: Record<string, string> = {}) {
  writeFileSync(join(shared, '.env'), dotEnv);
  const { status, stdout, stderr } = run(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(shared, 'deploy/settings.ts')],
    env,
  );
  const values = Object.fromEntries(stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split(/=(.*)/s)])));
  return { status, stderr, values: values as Record<string, string> };
}

function assertRefused(dotEnv: string, reason: RegExp, env: Record<string, string> = {}): void {
  const { status, stderr } = read(dotEnv, env);
  assert.is(status, 78, dotEnv);
  assert.match(stderr, /^deploy\.sh: [^\n]+\n$/, dotEnv);
  assert.match(stderr, reason, dotEnv);
}

test('a dry run prints each step, and does none', () => {
  const before = existsSync(join(shared, 'dist'));
  const { status, stdout, stderr } = dryRun(lines({ ...GOOD, PORT: '9000', SERVICE_NAME: 'ours', KEEP_RELEASES: '7' }));
  assert.equal([status, stderr], [0, '']);
  const steps = stdout.split('\n').filter((line) => line.startsWith('• '));
  const [look, build, copy, node, activate, outside, keep, ...others] = steps;
  assert.match(look ?? '', /ada@magi\.example\.org/);
  assert.match(build ?? '', /build for linux-(x64|arm64)/);
  assert.match(copy ?? '', / to \/opt\/magi\/releases\/\d{8}T\d{6}Z-\w+$/);
  assert.match(node ?? '', new RegExp(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).magiNode));
  assert.match(activate ?? '', /restart ours/);
  assert.match(outside ?? '', /http:\/\/magi\.example\.org:9000\/readyz/);
  assert.match(keep ?? '', /newest 7/);
  assert.equal(others, []);
  assert.match(stdout, /HOST=0\.0\.0\.0 PORT=9000 DATA_DIR=\/opt\/magi\/data/);
  assert.match(stdout, /goes back/);
  assert.is(existsSync(join(shared, 'dist')), before);
});

if (spawnSync('shellcheck', ['--version']).status === 0)
  test('a linter of shell scripts finds nothing', () => {
    const scripts = ['deploy.sh', 'deploy/host.sh', '.ci/run'].map((name) => join(ROOT, name));
    const { status, stdout } = spawnSync('shellcheck', scripts, { encoding: 'utf8' });
    assert.equal([status, stdout], [0, '']);
  });
else if (process.env.CI === 'true') throw new Error('the shell scripts are read by shellcheck, which is not here');
else console.log('skipped: shell scripts are read by shellcheck (apt-get install shellcheck)');

test('a command line that it does not know is one line and exit 2', () => {
  for (const args of [['--dryrun'], ['now'], ['--dry-run', '--dry-run']]) {
    const { status, stdout, stderr } = dryRun(lines(GOOD), args);
    assert.equal([status, stdout], [2, '']);
    assert.match(stderr, /^deploy\.sh: [^\n]+\n$/);
  }
  assert.match(dryRun('', ['--help']).stdout, /REMOTE_USER, REMOTE_HOST, REMOTE_DIR/);
});

test('a setting that is missing is one line and exit 78, without anything done', () => {
  for (const name of Object.keys(GOOD)) {
    const { status, stdout, stderr } = dryRun(lines({ ...GOOD, [name]: '' }));
    assert.equal([status, stdout], [78, '']);
    assert.match(stderr, new RegExp(`^deploy\\.sh: ${name} is not set: it takes [^\n]+\n$`));
  }
  rmSync(join(shared, '.env'));
  assert.is(run(join(shared, 'deploy.sh'), []).status, 78);
});

const BAD: Record<string, readonly string[]> = {
  REMOTE_USER: ['Ada Lovelace', '-oProxyCommand=x', 'ada;reboot', 'a@b', '$USER'],
  REMOTE_HOST: ['-oProxyCommand=x', 'magi.example.org:22', 'a b', 'host;reboot', '$(reboot)', 'ada@host', 'https://x'],
  REMOTE_DIR: [
    'opt/magi',
    '/',
    '/opt/magi/',
    '/opt/ma gi',
    "/opt/'",
    '/opt/$HOME',
    '/opt/../etc',
    '~/magi',
    '/opt/%h',
    '/-rf',
  ],
  SERVICE_NAME: ['a b', 'magi.service', '../x', '-x', 'Magi', 'x'.repeat(32), 'magi@1'],
  PUBLIC_URL: ['magi.example.org', 'https://magi.example.org/', 'ftp://x', 'https://a b', 'https://$x'],
  KEEP_RELEASES: ['0', '1', '100', 'all', '-3'],
  SSH_CONFIG: ['config', '~/.ssh/config'],
  PORT: ['0', '65536', 'http', '80 80'],
  HOST: ['example.org', '0.0.0.0;', '*'],
  LOG_LEVEL: ['loud'],
  TLS_CERT: ['cert.pem'],
  DATA_DIR: [
    '/srv/my data',
    '../data',
    'data',
    './data/',
    '/srv/magi/',
    '/srv/../etc',
    '~/data',
    '/opt',
    '/opt/magi',
    ...['releases', 'current', 'runtime', 'logs', 'cache'].flatMap((name) => [
      `/opt/magi/${name}`,
      `/opt/magi/${name}/data`,
    ]),
  ],
};

test('a value that is not what a setting takes is one line that names it', () => {
  for (const [name, values] of Object.entries(BAD))
    for (const value of values) {
      const more = name === 'TLS_CERT' ? { TLS_KEY: '/etc/key.pem' } : {};
      assertRefused(
        lines({ ...GOOD, ...more, [name]: `'${value.replaceAll("'", '')}${value.includes("'") ? '"' : ''}'` }),
        new RegExp(`\\b${name}\\b`),
      );
    }
});

test('whatever is written there, what passes has no character that a shell, ssh or systemd reads otherwise', () => {
  const names = ['REMOTE_USER', 'REMOTE_HOST', 'REMOTE_DIR', 'SERVICE_NAME', 'PUBLIC_URL', 'DATA_DIR', 'HOST'];
  const text = fc.string({
    unit: fc.constantFrom(...'az09AZ/._-:[]@%$;&|<>(){}*?~!#\\"` \t='),
    minLength: 1,
    maxLength: 12,
  });
  fc.assert(
    fc.property(fc.constantFrom(...names), text, (name, value) => {
      const { status, stderr, values } = read(lines({ ...GOOD, [name]: `'${value}'` }));
      if (status === 0) {
        for (const [given, passed] of Object.entries(values))
          if (given !== 'HINT') assert.match(passed, /^[A-Za-z0-9/._:[\]-]*$/, `${given}=${passed}`);
      } else assert.match(stderr, /^deploy\.sh: [^\n]+\n$/);
    }),
    { numRuns: 60 },
  );
});

test('it listens for others and keeps its data outside the releases, unless told where', () => {
  const { values } = read(lines(GOOD));
  assert.equal(
    [values.HOST, values.PORT, values.DATA_DIR, values.PRIVILEGED],
    ['0.0.0.0', '8082', '/opt/magi/data', 'no'],
  );
  assert.is(read(lines({ ...GOOD, DATA_DIR: './data' })).values.DATA_DIR, '/opt/magi/data');
  for (const DATA_DIR of ['/srv/magi', '/opt/magi/kept', '/opt/magi-data', '/opt/magi/logs-and-more'])
    assert.is(read(lines({ ...GOOD, DATA_DIR })).values.DATA_DIR, DATA_DIR);
  assert.is(read(lines({ ...GOOD, DATA_DIR: 'memory' })).values.DATA_DIR, 'memory');
  assert.is(read(lines({ ...GOOD, PORT: '443' })).values.PRIVILEGED, 'yes');
  assert.is(read(lines(GOOD), { PORT: '9001' }).values.PORT, '9001', 'the environment goes before .env');
  assertRefused(lines({ ...GOOD, HOST: '127.0.0.1' }), /^deploy\.sh: HOST is 127\.0\.0\.1[^\n]*PUBLIC_URL/);
  const behind = read(lines({ ...GOOD, HOST: '127.0.0.1', PUBLIC_URL: 'https://magi.example.org' }));
  assert.equal([behind.status, behind.values.HOST], [0, '127.0.0.1']);
  const tls = { TLS_CERT: '/etc/magi/cert.pem', TLS_KEY: '/etc/magi/key.pem', PLAIN: 'off' };
  const { PUBLIC_SCHEME, PUBLIC_PORT } = read(lines({ ...GOOD, ...tls })).values;
  assert.equal([PUBLIC_SCHEME, PUBLIC_PORT], ['https', '8443']);
});

test('to the host goes what is the exchange’s own, as it stands in .env', () => {
  const given = {
    ADMIN_PASSWORD: `a "quoted" $PASS \\word with \`ticks\``,
    PUBLIC_HOSTS: 'magi.example.org',
    HOST: '0.0.0.0',
    PORT: '9000',
    AWS_SECRET: 'stays here',
  };
  writeFileSync(join(shared, '.env'), lines({ ...GOOD, ...given, ADMIN_PASSWORD: `'${given.ADMIN_PASSWORD}'` }));
  const target = join(temporaryFolder(), '.env');
  const { status, stderr } = run(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    join(shared, 'deploy/settings.ts'),
    'release',
    target,
  ]);
  assert.equal([status, stderr], [0, '']);
  const { ADMIN_PASSWORD, PUBLIC_HOSTS } = given;
  const kept = spawnSync(process.execPath, ['--env-file', target, '-p', 'JSON.stringify(process.env)'], {
    env: {},
    encoding: 'utf8',
  });
  // Node passes this one on to what it starts, when coverage is measured.
  const { NODE_V8_COVERAGE: _, ...found } = JSON.parse(kept.stdout);
  assert.equal(found, { ADMIN_PASSWORD, PUBLIC_HOSTS });
});

test.run();
