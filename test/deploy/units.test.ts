/** The units of systemd that deploy.sh installs: systemd reads them, calls them safe, and what they forbid the exchange never does. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { MAIN, ROOT, startExchange, suite, TestClient, temporaryFolder, within } from '../harness.ts';

const test = suite('systemd units');

/** Of 10, by `systemd-analyze security`: a service of which nothing is said has 9.6. */
const EXPOSURE_MAX = 2;

/** A unit as host.sh writes it, by a user who is root or not. */
function unit(isRoot: boolean, facts: Record<string, string> = {}): { text: string; file: string; dir: string } {
  const dir = temporaryFolder();
  chmodSync(dir, 0o777);
  for (const name of ['system.service', 'user.service', 'host.sh'])
    copyFileSync(join(ROOT, 'deploy', name), join(dir, name));
  mkdirSync(join(dir, 'current'));
  writeFileSync(join(dir, 'current/node'), '', { mode: 0o755 });
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: dir,
    DIR: dir,
    SERVICE: 'magi',
    HOST: '0.0.0.0',
    PORT: '8082',
    DATA_DIR: `${dir}/data`,
    PRIVILEGED: 'no',
    ...facts,
  };
  const become =
    isRoot || process.getuid?.() !== 0 ? [] : ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const [program = '', ...args] = [...become, 'sh', join(dir, 'host.sh'), 'write_unit', dir];
  execFileSync(program, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const text = readFileSync(join(dir, 'unit'), 'utf8');
  const file = join(dir, 'magi.service');
  writeFileSync(file, text);
  return { text, file, dir };
}

/** The values of a setting, joined as systemd does. */
function setting(text: string, name: string): string {
  return [...text.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map((match) => match[1]).join(' ');
}

function analyze(...args: string[]) {
  const env = { ...process.env, XDG_RUNTIME_DIR: temporaryFolder() };
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8', env });
  return { status, said: stdout + stderr };
}

/** The system calls of a set of systemd's, and of the sets in it. */
function calls(set: string): string[] {
  return analyze('syscall-filter', set)
    .said.split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap((name) => (name.startsWith('@') ? calls(name) : [name]));
}

test('of a user: nothing is left to fill in, and what works everywhere is forbidden', () => {
  const { text } = unit(false);
  assert.not.match(text, /@[A-Z_]+@/);
  assert.is(setting(text, 'User'), '');
  assert.is(setting(text, 'WantedBy'), 'default.target');
  assert.is(setting(text, 'NoNewPrivileges'), 'yes');
});

if (process.getuid?.() === 0) {
  test('of the machine: never root, one port below 1024 if it has to be, homes only where they are needed', () => {
    const { text, dir } = unit(true);
    assert.not.match(text, /@[A-Z_]+@/);
    assert.is(setting(text, 'User'), 'magi');
    assert.is(setting(text, 'ReadWritePaths'), `${dir}/data ${dir}/logs ${dir}/cache`);
    assert.is(setting(text, 'ProtectHome'), 'yes');
    assert.is(setting(text, 'CapabilityBoundingSet'), '');
    const other = unit(true, { PRIVILEGED: 'yes', DATA_DIR: '/home/magi/data' }).text;
    assert.is(setting(other, 'CapabilityBoundingSet'), 'CAP_NET_BIND_SERVICE');
    assert.is(setting(other, 'AmbientCapabilities'), 'CAP_NET_BIND_SERVICE');
    assert.is(setting(other, 'ProtectHome'), 'read-only');
    const forgetful = unit(true, { DATA_DIR: 'memory' });
    assert.is(setting(forgetful.text, 'ReadWritePaths'), `${forgetful.dir}/logs ${forgetful.dir}/cache`);
  });
}

test('a setting that does not work is not tried again, anything else for ever, and it may compile JavaScript', () => {
  for (const name of ['system.service', 'user.service']) {
    const text = readFileSync(join(ROOT, 'deploy', name), 'utf8');
    assert.equal(setting(text, 'RestartPreventExitStatus').split(' '), ['2', '78']);
    assert.is(setting(text, 'Restart'), 'on-failure');
    assert.is(setting(text, 'StartLimitIntervalSec'), '0');
    assert.is(setting(text, 'MemoryDenyWriteExecute'), 'no');
    assert.ok(Number(setting(text, 'TimeoutStopSec')) > 10, 'longer than a drain');
  }
});

if (analyze('--version').status === 0) {
  test('systemd reads them without a word, and finds that little is left to forbid', () => {
    for (const isRoot of process.getuid?.() === 0 ? [true, false] : [false]) {
      const { file } = unit(isRoot);
      const verified = analyze('verify', '--man=no', ...(isRoot ? [] : ['--user']), file);
      assert.equal(verified, { status: 0, said: '' });
      if (!isRoot) continue;
      const { said } = analyze('security', '--offline=yes', '--no-pager', file);
      const exposure = Number(/Overall exposure level for magi\.service: ([\d.]+)/.exec(said)?.[1]);
      assert.ok(exposure < EXPOSURE_MAX, said);
    }
  });

  test('the exchange makes no system call that is forbidden', async () => {
    const record = join(temporaryFolder(), 'calls');
    const strace = ['strace', '-f', '-c', '-U', 'name', '-o', record];
    const data = join(temporaryFolder(), 'data');
    const logs = { LOG_FILE: join(data, 'server.log'), LOG_FILE_BYTES: '1500' };
    const exchange = await startExchange({ DATA_DIR: data, ...logs }, [...strace, process.execPath, MAIN]);
    try {
      const [one, other] = await TestClient.pair(exchange, 'one', 'other');
      await one.request({ type: 'ask', content: 'watched?' }, 'question_sent');
      await other.next('question');
      await (await fetch(`${exchange.url}/metrics`)).text();
    } finally {
      // What strace runs gets the signal; strace ends with it, and would leave it behind if it were ended itself.
      const { pid } = exchange.process;
      for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' '))
        process.kill(Number(child), 'SIGTERM');
      await within(exchange.ended, 'the exchange to end');
    }
    assert.ok(existsSync(`${logs.LOG_FILE}.1`), 'it has rotated its log');
    const [, , ...made] = readFileSync(record, 'utf8').trim().split(/\s+/).slice(0, -2);
    assert.ok(made.length > 30 && made.includes('epoll_pwait'), `${made}`);
    const allowed = new Set(calls('@system-service'));
    for (const name of calls('@privileged')) allowed.delete(name);
    // SQLite gives a file to the owner of another one, when root runs it, and goes on when it may not.
    for (const name of ['chown', 'fchown']) allowed.add(name);
    assert.equal(
      made.filter((name) => !allowed.has(name)),
      [],
    );
  });
} else if (process.env.CI === 'true') throw new Error('the units are read by systemd-analyze, which is not here');
else console.log('skipped: what systemd says of the units needs systemd-analyze (apt-get install systemd)');

test.run();
