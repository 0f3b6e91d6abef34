/**
 * A host to deploy to: a real sshd on a port of 127.0.0.1, with an /etc, a /run and processes of its own, in Linux namespaces that end
 * with the test, however that ends. Instead of systemd there is systemd.ts; all else is what the machine has.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { eventually, ROOT, seededChance, temporaryFolder, within } from '../harness.ts';
import { freePort } from '../torture/victims.ts';

const chance = seededChance('ports of a host');

const STAND_IN = join(import.meta.dirname, 'systemd.ts');
/** One takes some seconds; a machine that is busy with other things takes its time. */
const DEPLOY_MS_MAX = 300_000;
/** For a test that deploys twice. */
export const TEST_MS_MAX = 2 * DEPLOY_MS_MAX;
const SSHD = '/usr/sbin/sshd';

/** What this machine lacks to be such a host, as a sentence; undefined when nothing. */
export function lacking(): string | undefined {
  if (process.platform !== 'linux') return 'a host is made of Linux namespaces: run it on Linux';
  if (process.getuid?.() !== 0) return 'a host with accounts of its own can only be made by root: run it as root';
  if (!existsSync(SSHD)) return 'it needs sshd (apt-get install openssh-server)';
  if (spawnSync('ssh', ['-V']).status !== 0) return 'it needs ssh (apt-get install openssh-client)';
  const spaces = spawnSync('unshare', ['--mount', '--pid', '--fork', 'true'], { encoding: 'utf8' });
  if (spaces.status !== 0)
    return `it needs namespaces, and may not make them: ${spaces.error?.message ?? spaces.stderr.trim()}`;
  return undefined;
}

export interface Host {
  /** A Host of the ssh configuration `sshConfig`, which knows the host's key and no other. */
  readonly name: string;
  readonly sshConfig: string;
  /** A folder that everybody may look into, for REMOTE_DIR. */
  readonly folder: string;
  /** A port that was free a moment ago. */
  readonly freePort: () => Promise<number>;
  /** A Node that everybody on the host may run. */
  readonly node: string;
  /** What the stand-in for systemd keeps. */
  readonly state: string;
  /** Runs a command on the host as `user`, over ssh. Throws when it fails. */
  run(user: string, command: string): string;
  stop(): Promise<void>;
}

/** Starts a host on which `root` and `ada` may log in. */
export async function startHost(): Promise<Host> {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  const at = (name: string) => join(folder, name);
  for (const key of ['host_key', 'user_key'])
    spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', at(key)]);
  for (const name of ['bin', 'etc', 'state', 'home', 'home/ada', 'opt']) mkdirSync(at(name));
  chmodSync(at('state'), 0o777);
  // Both where everybody on the host may read them, wherever the project lies.
  const [node, standIn] = [at('bin/node'), at('bin/systemd.ts')];
  copyFileSync(process.execPath, node, constants.COPYFILE_FICLONE);
  copyFileSync(STAND_IN, standIn);
  chmodSync(node, 0o755);
  for (const name of ['systemctl', 'journalctl', 'loginctl']) {
    const script = `#!/bin/sh\nexec '${node}' --disable-warning=ExperimentalWarning '${standIn}' ${name} "$@"\n`;
    writeFileSync(join(at('bin'), name), script, { mode: 0o755 });
  }
  const port = await freePort(chance);
  writeFileSync(
    at('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host_key')}`,
      `AuthorizedKeysFile ${at('user_key.pub')}`,
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'StrictModes no',
      'PidFile none',
      `SetEnv PATH=${at('bin')}:/usr/sbin:/usr/bin:/sbin:/bin STATE=${at('state')} READY_SECONDS=8`,
      '',
    ].join('\n'),
  );
  const sshConfig = at('ssh_config');
  writeFileSync(at('known_hosts'), `[127.0.0.1]:${port} ${readFileSync(at('host_key.pub'), 'utf8')}`);
  writeFileSync(
    sshConfig,
    [
      'Host magi-host',
      'HostName 127.0.0.1',
      `Port ${port}`,
      `IdentityFile ${at('user_key')}`,
      'IdentitiesOnly yes',
      'StrictHostKeyChecking yes',
      `UserKnownHostsFile ${at('known_hosts')}`,
      'GlobalKnownHostsFile /dev/null',
      'LogLevel ERROR',
      '',
    ].join('\n'),
  );
  writeFileSync(at('begin'), BEGIN, { mode: 0o755 });
  const keeper = spawn('unshare', ['--mount', '--pid', '--fork', '--mount-proc', 'sh', at('begin'), folder], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let complaint = '';
  keeper.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  await Promise.race([
    eventually(() => accepts(port), 'sshd to listen'),
    once(keeper, 'close').then(() => {
      throw new Error(`the host ended at once: ${complaint}`);
    }),
  ]);
  return {
    name: 'magi-host',
    sshConfig,
    folder,
    freePort: () => freePort(chance),
    node,
    state: at('state'),
    run(user, command) {
      const { status, stdout, stderr } = spawnSync('ssh', ['-F', sshConfig, `${user}@magi-host`, command], {
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`${command} as ${user}: ${stderr}`);
      return stdout;
    },
    stop: () => stop(keeper),
  };
}

/** The first process of the host: when it ends, which it does with its standard input, so does every other. */
const BEGIN = `set -eu
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/etc"
cp -a /etc/. "$1/etc"
mount --bind "$1/etc" /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/sshd
mkdir -p /etc/systemd/system
# An account that is locked cannot log in, not even with a key.
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow
useradd --no-create-home --home-dir "$1/home/ada" --shell /bin/sh ada
sed -i 's/^ada:[^:]*:/ada:*:/' /etc/shadow
chown ada "$1/home/ada"
chmod 750 "$1/home/ada"
/usr/sbin/sshd -D -e -f "$1/sshd_config" &
cat >/dev/null
`;

async function stop(keeper: ChildProcess): Promise<void> {
  const ended = once(keeper, 'close');
  keeper.stdin?.end();
  await within(ended, 'the host to end');
}

async function accepts(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port });
  const isOpen = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'error').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return isOpen;
}

/**
 * A copy of the project to deploy from, which a test may change; its dependencies are the project's own. `node`: stands for the pinned Node,
 * which takes its time to be copied.
 */
export function copyOfProject(node?: string): string {
  const folder = temporaryFolder();
  for (const name of PARTS) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  const [from, to] = [join(ROOT, 'node_modules'), join(folder, 'node_modules')];
  if (node === undefined) symlinkSync(from, to);
  else {
    mkdirSync(to);
    const pinned = `node-linux-${process.arch}`;
    for (const name of readdirSync(from)) if (name !== pinned) symlinkSync(join(from, name), join(to, name));
    mkdirSync(join(to, pinned, 'bin'), { recursive: true });
    writeFileSync(join(to, pinned, 'bin/node'), `#!/bin/sh\nexec '${node}' "$@"\n`, { mode: 0o755 });
  }
  return folder;
}

const PARTS = [
  'src',
  'dashboard',
  'deploy',
  'build.mjs',
  'deploy.sh',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];

export interface Deployed {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs deploy.sh of a copy to its end, with these lines in `.env`. */
export async function deploy(project: string, dotEnv: Record<string, string>, args: string[] = []): Promise<Deployed> {
  writeFileSync(
    join(project, '.env'),
    Object.entries(dotEnv)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const { PATH = '', HOME = '' } = process.env;
  // By somebody whose number is ada's on the host, and who shows no file of his to others.
  const env = { PATH, HOME, TAR_OPTIONS: '--owner=ada --group=ada' };
  const command = ['-c', 'umask 077; exec "$0" "$@"', join(project, 'deploy.sh'), ...args];
  const child = spawn('sh', command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  const [code] = await within(once(child, 'close'), 'deploy.sh to end', DEPLOY_MS_MAX);
  return { code: code as number | null, ...said };
}

/** Asserts that all went well, without a word of complaint. */
export function succeeded(deployed: Deployed): Deployed {
  assert.is(deployed.code, 0, deployed.stdout + deployed.stderr);
  assert.is(deployed.stderr, '');
  return deployed;
}

/** Puts a line at the beginning of `serve`. Returns what takes it out. */
export function spoil(project: string, line: string): () => void {
  const file = join(project, 'src/server/serve.ts');
  const text = readFileSync(file, 'utf8');
  const begin = 'export function serve(version: string): void {\n';
  assert.ok(text.includes(begin));
  writeFileSync(file, text.replace(begin, `${begin}${line}\n`));
  return () => writeFileSync(file, text);
}
