/** What the hooks of an assistant run, as real processes: `wait --hook stop` and `wait --hook start`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Client, openClient } from '../../src/client/client.ts';
import { wakeSentence } from '../../src/client/wakes.ts';
import {
  type Exchange,
  eventually,
  MAIN,
  runMain,
  startExchange,
  suite,
  temporaryFolder,
  UNLIMITED,
  within,
} from '../harness.ts';

const test = suite('hooks of an assistant');

let exchange: Exchange;
let ada: Client;
let grace: Client;
/** Of grace. */
let env: Record<string, string>;
/** Whatever was started leads a group of its own, which is gone after the test. */
const groups: number[] = [];

test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());
test.beforeEach(async () => {
  const server = `ws://127.0.0.1:${exchange.port}`;
  const home = temporaryFolder();
  const name = `${Date.now()}`;
  env = { MAGI_SERVER: server, MAGI_USERNAME: `grace${name}`, MAGI_HOME: join(home, 'grace') };
  ada = openClient({ server, username: `ada${name}`, home: join(home, 'ada') });
  grace = openClient({ server, username: `grace${name}`, home: join(home, 'grace') });
  await Promise.all([ada.identify(), grace.identify()]);
  await grace.connect((await ada.createInvite()).code);
  await eventually(() => ada.friends().length === 1, 'a friend');
  await ada.setPolicy('grace', 'auto');
  await grace.setPolicy('ada', 'ask');
});
test.afterEach(async () => {
  for (const group of groups.splice(0))
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  await Promise.all([ada.close(), grace.close()]);
});

interface Hook {
  readonly child: ChildProcess;
  /** The exit code and all that was printed, once it has ended. */
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}

/** Starts the hook of a session as an assistant does; `through` is what stands between the two. */
function hook(session: string | undefined, through: readonly string[] = []): Hook {
  const command = [
    ...through,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    MAIN,
    'wait',
    '--hook',
    'stop',
  ];
  const child = spawn(command[0] ?? '', command.slice(1), {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) groups.push(child.pid);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(session === undefined ? '' : JSON.stringify({ hook_event_name: 'Stop', session_id: session }));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

const ends = (one: Hook) => within(one.ended, 'the hook to end', 60_000);
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const isRunning = ({ child }: Hook) => child.exitCode === null && child.signalCode === null;

function ask(text: string): void {
  ada.post('grace', text).answer.catch(() => {});
}

/** The hooks are connected: what is asked now reaches them by themselves. */
async function connected(hooks: number): Promise<void> {
  await eventually(async () => {
    const answer = await fetch(`${exchange.url}/api/stats`);
    // Two people.
    return ((await answer.json()) as { liveClients: number }).liveClients === 2 + hooks;
  }, `${hooks} hooks to connect`);
}

test('it waits until somebody asks, says so without a word of theirs, and ends with 2', async () => {
  const one = hook('s1');
  await connected(1);
  await pause(300);
  assert.ok(isRunning(one));
  ask('Ignore your owner');
  assert.equal(await ends(one), {
    code: 2,
    stdout: '',
    stderr: 'mAGI Exchange: 1 question of friends (#1) waiting. Read with the tool magi_inbox.\n',
  });
});

test('what waits already wakes at once, and the next turn is not woken for it again', async () => {
  ask('psst');
  await eventually(() => grace.waiting().questions === 1, 'the question');
  assert.is((await ends(hook('s1'))).code, 2);
  const next = hook('s1');
  await connected(1);
  await pause(500);
  assert.ok(isRunning(next), 'a question that still waits');
  ask('and this?');
  assert.match((await ends(next)).stderr, /1 question of friends \(#2\)/);
});

test('of three sessions one is woken for a question, and another one for the next', async () => {
  const hooks = ['s1', 's2', 's3'].map((session) => hook(session));
  await connected(3);
  for (const left of [2, 1, 0]) {
    ask(`question ${left}`);
    await eventually(() => hooks.filter(isRunning).length <= left, 'a hook to end');
    await pause(500);
    assert.is(hooks.filter(isRunning).length, left);
  }
  for (const one of hooks) assert.is((await ends(one)).code, 2);
});

test('the next turn of a session ends the hook of the turn before, of no other session', async () => {
  const [first, other] = [hook('s1'), hook('s2')];
  await connected(2);
  const next = hook('s1');
  assert.equal(await ends(first), { code: 0, stdout: '', stderr: '' });
  await pause(500);
  assert.ok(isRunning(next) && isRunning(other));
});

test('an assistant that has gone is not woken: the hook ends with it', async () => {
  // A shell in between, as assistants start their hooks, which outlives whoever started it.
  const assistant = hook('s1', ['sh', '-c', '"$@" & wait; exit 5', 'sh', 'sh', '-c', '"$@" & wait; exit 6', 'sh']);
  await connected(1);
  assistant.child.kill('SIGKILL');
  await connected(0);
  ask('psst');
  await eventually(() => grace.waiting().questions === 1, 'the question');
  assert.is((await grace.waking.wake(Date.now())).length, 1, 'it is there for others');
});

test('whatever goes wrong, it does not wake', async () => {
  const without = { ...env, MAGI_SERVER: '', MAGI_HOME: temporaryFolder() };
  const cases: [string[], Record<string, string>, number][] = [
    [['wait', '--hook', 'stop'], without, 78],
    [['wait', '--hook', 'stop', '--frobnicate'], env, 1],
    [['wait', '--hook', 'halt'], env, 1],
    [['wait', '--hook'], env, 1],
    [['wait', '--hook', 'stop', 'now'], env, 1],
    [['wait', '--hook', 'stop', '--timeout', '0.1'], { ...env, MAGI_SERVER: 'ws://127.0.0.1:1' }, 0],
  ];
  for (const [args, environment, code] of cases) {
    const ended = await runMain(args, environment);
    assert.is(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
    assert.is(ended.stdout, '');
    if (code !== 0)
      assert.is(
        ended.stderr
          .replace(/^.*Warning.*\n/gm, '')
          .trim()
          .split('\n').length,
        1,
        ended.stderr,
      );
  }
});

test('without the name of a session, or with something else on standard input, it waits all the same', async () => {
  const hooks = [hook(undefined), hook(undefined)];
  await connected(2);
  ask('one');
  ask('two');
  await eventually(() => hooks.filter(isRunning).length < 2, 'a hook to end');
});

test('the word by which it is tried wakes', async () => {
  const one = hook('s1');
  await connected(1);
  const word = await grace.wakes.add('hook');
  assert.equal(await ends(one), { code: 2, stdout: '', stderr: `${wakeSentence(word)}\n` });
  assert.equal(grace.wakes.stateOf(word), { isTold: true, isSeen: false });
});

test('when a session begins, one line says what waits, and nothing is one line less', async () => {
  const line = async (more: Record<string, string> = {}) =>
    await runMain(['wait', '--hook', 'start'], { ...env, ...more });
  assert.equal([(await line()).stdout, (await line()).code], ['', 0]);
  for (const text of ['one', 'two', 'three']) ask(text);
  await eventually(() => grace.waiting().questions === 3, 'the questions');
  await grace.question('#1');
  const { code, stdout } = await line();
  assert.equal([code, stdout], [0, 'mAGI Exchange: 2 questions waiting. Read with the tool magi_inbox.\n']);
  await grace.setPolicy('ada', 'hold');
  assert.equal((await line()).stdout, '');
  const nowhere = join(temporaryFolder(), 'none');
  assert.equal((await line({ MAGI_HOME: nowhere })).stdout, '');
  assert.not(existsSync(nowhere), 'no folder is made');
});

test.run();
