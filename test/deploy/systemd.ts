/**
 * A stand-in for systemd, as far as deploy.sh asks for it: `systemd.ts systemctl|journalctl|loginctl …`. What a unit starts, it really
 * starts, as the unit's user and with the unit's environment alone, watches, and starts again when it fails. STATE is its folder.
 */
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { STATE = '', XDG_CONFIG_HOME, HOME } = process.env;

interface State {
  active: 'active' | 'inactive' | 'failed' | 'activating';
  restarts: number;
  /** Of the process that watches, and of the service itself. */
  watcher?: number;
  pid?: number;
}

function stateOf(unit: string): State {
  const file = join(STATE, `${unit}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { active: 'inactive', restarts: 0 };
}

function setState(unit: string, state: State): void {
  const file = join(STATE, `${unit}.json`);
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

function unitFile(unit: string, isUser: boolean): string {
  return join(
    isUser ? join(XDG_CONFIG_HOME ?? join(HOME ?? '', '.config'), 'systemd/user') : '/etc/systemd/system',
    unit,
  );
}

/** The values of a setting of the unit's [Service], in order. */
function values(text: string, name: string): string[] {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}=`));
  return lines.map((line) => line.slice(name.length + 1).trim());
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

function stop(unit: string): void {
  const { watcher } = stateOf(unit);
  if (watcher === undefined || !isAlive(watcher)) return;
  process.kill(watcher, 'SIGTERM');
  while (isAlive(watcher)) sleep(20);
}

function start(unit: string, isUser: boolean): void {
  if (!existsSync(unitFile(unit, isUser))) fail(`Unit ${unit} not found.`, 5);
  setState(unit, { active: 'activating', restarts: 0 });
  const journal = openSync(join(STATE, `${unit}.journal`), 'a');
  const args = [import.meta.filename, 'watch', unit, isUser ? 'user' : 'system'];
  const watcher = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    detached: true,
    stdio: ['ignore', journal, journal],
  });
  watcher.unref();
  while (stateOf(unit).active === 'activating') sleep(20);
}

/** Runs the service until it is told to stop, or the service is not to be started again. */
function watch(unit: string, isUser: boolean): void {
  const text = readFileSync(unitFile(unit, isUser), 'utf8');
  const [program = '', ...args] = (values(text, 'ExecStart')[0] ?? '').split(' ');
  const environment = values(text, 'Environment').flatMap((line) => line.split(' '));
  const user = values(text, 'User')[0] ?? String(process.getuid?.());
  const id = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);
  const prevented = values(text, 'RestartPreventExitStatus').flatMap((line) => line.split(' '));
  const identity = isUser ? {} : { uid: id('-u'), gid: id('-g') };
  let isStopping = false;
  let restarts = 0;
  const run = (): void => {
    const child = spawn(program, args, {
      cwd: values(text, 'WorkingDirectory')[0],
      env: { PATH: '/usr/bin:/bin', ...Object.fromEntries(environment.map((pair) => pair.split(/=(.*)/s))) },
      stdio: 'inherit',
      ...identity,
    });
    const state = { restarts, watcher: process.pid, ...(child.pid === undefined ? {} : { pid: child.pid }) };
    setState(unit, { ...state, active: 'active' });
    process.removeAllListeners('SIGTERM');
    process.on('SIGTERM', () => {
      isStopping = true;
      if (!child.kill('SIGTERM')) process.exit(0);
    });
    child.on('error', (error) => process.stdout.write(`${error.message}\n`));
    child.on('close', (code) => {
      if (isStopping || code === 0) {
        setState(unit, { ...state, active: 'inactive' });
        process.exit(0);
      }
      process.stdout.write(`${unit}: exited, status=${code}\n`);
      if (prevented.includes(String(code))) {
        setState(unit, { ...state, active: 'failed' });
        process.exit(0);
      }
      restarts++;
      setState(unit, { ...state, restarts, active: 'active' });
      setTimeout(run, 100);
    });
  };
  run();
}

function systemctl(args: string[]): void {
  const isUser = args.includes('--user');
  const option = (name: string) => args.find((arg) => arg.startsWith(`--${name}=`))?.split('=')[1];
  const [verb = '', unit = ''] = args.filter((arg) => !arg.startsWith('--'));
  appendFileSync(join(STATE, 'calls'), `${args.join(' ')}\n`);
  const state = stateOf(unit);
  switch (verb) {
    case 'daemon-reload':
    case 'enable':
      return;
    case 'disable':
      if (args.includes('--now')) stop(unit);
      return;
    case 'restart':
      stop(unit);
      start(unit, isUser);
      return;
    case 'start': {
      // One that does nothing, to see whether its sandbox can be had.
      const text = readFileSync(unitFile(unit, isUser), 'utf8');
      if (values(text, 'Type')[0] !== 'oneshot' || values(text, 'ExecStart')[0] !== '/bin/true')
        fail(`not for ${unit}`);
      if (values(text, 'PrivateUsers')[0] === 'yes' && existsSync(join(STATE, 'no-namespaces')))
        fail('status=226/NAMESPACE');
      return;
    }
    case 'reset-failed':
      return;
    case 'is-active':
    case 'is-failed':
      process.exitCode = `is-${state.active}` === verb ? 0 : 3;
      return;
    case 'show':
      if (option('property') !== 'NRestarts') fail(`no property ${option('property')}`);
      process.stdout.write(`${state.restarts}\n`);
      return;
    default:
      fail(`Unknown command verb ${verb}.`);
  }
}

function journalctl(args: string[]): void {
  const unit = args.find((arg) => arg.startsWith('--unit='))?.slice('--unit='.length);
  const file = join(STATE, `${unit}.journal`);
  process.stdout.write(readFileSync(file, 'utf8').split('\n').slice(-15).join('\n'));
}

function loginctl([verb = '', user]: string[]): void {
  const lingering = join(STATE, 'linger');
  if (verb === 'show-user') process.stdout.write(existsSync(lingering) ? 'yes\n' : `no\n`);
  else if (verb === 'enable-linger' && !existsSync(join(STATE, 'no-linger'))) writeFileSync(lingering, user ?? '');
  else fail('Could not enable linger: Access denied');
}

function fail(message: string, code = 1): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

mkdirSync(STATE, { recursive: true });
const [program, ...args] = process.argv.slice(2);
if (program === 'systemctl') systemctl(args);
else if (program === 'loginctl') loginctl(args);
else if (program === 'journalctl') journalctl(args);
else if (program === 'watch') watch(args[0] ?? '', args[1] === 'user');
else fail(`there is no stand-in for ${program}`);
