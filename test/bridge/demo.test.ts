/** The demo as whoever has cloned this sees it: every scene, in 80 columns; and nothing is left of it, however it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { widthOf } from '../../src/cli/visible.ts';
import { eventually, ROOT, suite, temporaryFolder, within } from '../harness.ts';
import { SCENES } from './demo-scenes.ts';

const test = suite('bridge: the demo');

const demos = new Set<ChildProcess>();
test.after(() => {
  for (const demo of demos) demo.kill('SIGKILL');
});

/** Runs it, with temporary folders of its own, to its end; then nothing of it may be left. `meanwhile` is called when scene 3 begins. */
async function play(meanwhile: (demo: ChildProcess, folder: string) => void = () => {}) {
  const folder = temporaryFolder();
  const { NODE_V8_COVERAGE: _, ...env } = process.env;
  const demo = spawn(process.execPath, [join(ROOT, 'build.mjs'), 'demo:bridge'], {
    env: { ...env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  demos.add(demo);
  let stdout = '';
  let stderr = '';
  let hasBegun = false;
  demo.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    if (hasBegun || !stdout.includes('── 3 ')) return;
    hasBegun = true;
    meanwhile(demo, folder);
  });
  demo.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const [code] = await within(once(demo, 'close'), 'the demo to end', 50_000);
  demos.delete(demo);
  assert.equal(readdirSync(folder), [], `${stdout}${stderr}`);
  await eventually(() => processesOf(folder).length === 0, 'its processes to be gone');
  return { code, stdout, stderr };
}

/** Those that have the folder in their environment, where the system tells; the demo's own among them. */
function processesOf(folder: string): { readonly pid: number; readonly command: string }[] {
  if (!existsSync('/proc/self/environ')) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({
      pid: Number(name),
      command: content(`/proc/${name}/cmdline`),
      environment: content(`/proc/${name}/environ`),
    }))
    .filter(({ environment }) => environment.includes(folder));
}

/** Empty when the process has just ended, or is another user's. */
function content(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

test('it plays every scene in lines of 80 columns, without colours in a pipe', async () => {
  const { code, stdout, stderr } = await play();
  assert.equal([code, stderr], [0, ''], stdout);
  for (const [at, [title]] of SCENES.entries()) assert.ok(stdout.includes(`── ${at + 1}  ${title} ─`), title);
  assert.match(stdout, /^── 8 scenes, \d+\.\d s: 6 questions, 5 answers, 1 refusal, nothing lost ─+\n$/m);
  assert.match(stdout, /"trust":"untrusted"/);
  assert.not.match(stdout, /[^\P{C}\n]/u);
  for (const line of stdout.split('\n')) assert.ok(widthOf(line) <= 80, line);
});

if (existsSync('/proc/self/environ'))
  test('it fails, and says in which scene, when a bridge dies', async () => {
    const { code, stdout, stderr } = await play((_, folder) => {
      const bridges = processesOf(folder).filter(({ command }) => command.includes('\0bridge'));
      assert.is(bridges.length, 2);
      for (const { pid } of bridges) process.kill(pid, 'SIGKILL');
    });
    assert.is(code, 1, stdout);
    assert.match(stderr, /^Scene 3 has failed: /);
    assert.not.match(stdout, /nothing lost/);
  });

for (const [signal, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`${signal} ends it at once`, async () => {
    const { code, stdout, stderr } = await play((demo) => demo.kill(signal));
    assert.equal([code, stderr], [expected, ''], stdout);
  });

test('whoever has read enough ends it', async () => {
  const { code, stderr } = await play((demo) => demo.stdout?.destroy());
  assert.equal([code, stderr], [1, '']);
});

test.run();
