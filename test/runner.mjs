/** Runs the test files, each in a process of its own, and sums what uvu reports. Behind `npm test`. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { constants, cpus, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const TESTS = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(TESTS);
/** A test file that takes longer has hung. The simulator runs ten thousand worlds, the torture starts the exchange a hundred times. */
const TEST_FILE_MS_MAX = 1_200_000;
const LONG_TEST_FILE_MS_MAX = 2_400_000;
const LONG_TESTS = ['sim', 'torture'];
/** So long after its last test a file is given to end: a slow machine needs some of it for the coverage and for what is tidied up. */
const END_MS_MAX = 60_000;
/** So long the output of what was killed is waited for. */
const OUTPUT_MS_MAX = 5_000;

/** The test files whose path in the project holds one of `parts`; all of them, if there are none. */
export function testFiles(parts) {
  return readdirSync(TESTS, { recursive: true })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(TESTS, path))
    .filter((file) => parts.length === 0 || parts.some((part) => relative(ROOT, file).includes(part)))
    .sort();
}

/** So many files that failed run once more; when it is more of them, it was not the machine. */
const AGAIN_MAX = 6;

/**
 * Runs as many files at a time as there are cores, each with a line about it. Returns { passed, failed, skipped }.
 * A file that failed runs once more when all others are done, alone: real processes on a busy machine may wait for longer than a test
 * does. Both runs are shown, the second one counts. `withCoverage`: prints afterwards what of src was run.
 */
export async function runTests(files, { withCoverage = false } = {}) {
  const coverage = withCoverage ? mkdtempSync(join(tmpdir(), 'magi-coverage-')) : undefined;
  const results = new Map();
  const queue = [...files];
  const run = async (file, note) => {
    const result = await runTestFile(file, coverage);
    results.set(file, result);
    const { passed, failed, skipped, seconds } = result;
    const summary = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    process.stdout.write(
      `${failed > 0 ? '✗' : '✓'} ${relative(ROOT, file)}${note}: ${summary} (${seconds.toFixed(1)} s)\n${failed + skipped > 0 ? `${result.output}\n` : ''}`,
    );
  };
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) await run(file, '');
  };
  await Promise.all(Array.from({ length: Math.min(cpus().length, files.length) }, worker));
  const unhappy = files.filter((file) => results.get(file).failed > 0);
  if (files.length > 1 && unhappy.length <= AGAIN_MAX) for (const file of unhappy) await run(file, ', again and alone');
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results.values()) for (const key of Object.keys(total)) total[key] += result[key];
  if (coverage !== undefined) {
    reportCoverage(coverage);
    rmSync(coverage, { recursive: true, force: true });
  }
  return total;
}

/**
 * The files that run, each a process group with all that it has started: a file that was killed has ended nothing of its own, and what
 * stays behind would hold its output open. A Ctrl-C reaches no group but ours.
 */
const groups = new Set();
process.on('exit', () => {
  for (const pid of groups) killGroup(pid);
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => process.exit(128 + constants.signals[signal]));

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}

/** Returns { passed, failed, skipped, output, seconds }. */
export function runTestFile(file, coverage) {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const env = { ...process.env, ...(coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage }) };
    const args = ['--disable-warning=ExperimentalWarning', file];
    const child = spawn(process.execPath, args, { cwd: ROOT, env, detached: true });
    groups.add(child.pid);
    const timers = [];
    let output = '';
    let isKilled = false;
    const killIn = (milliseconds, why) => {
      const kill = () => {
        isKilled = true;
        output += `\n${why}\n`;
        killGroup(child.pid);
        // Whoever has left the group may hold the output open for ever.
        const letGo = () => [child.stdout, child.stderr].map((stream) => stream.destroy());
        timers.push(setTimeout(letGo, OUTPUT_MS_MAX));
      };
      timers.push(setTimeout(kill, milliseconds));
    };
    const isLong = LONG_TESTS.some((folder) => file.startsWith(join(TESTS, folder)));
    const msMax = isLong ? LONG_TEST_FILE_MS_MAX : TEST_FILE_MS_MAX;
    killIn(msMax, `The file took longer than ${msMax / 1000} s: a test hangs.`);
    let isOver = false;
    const over = () => {
      const why = `The tests were over for ${END_MS_MAX / 1000} s, and a socket, a timer or a process was still open.`;
      if (!isOver) killIn(END_MS_MAX, why);
      isOver = true;
    };
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        // The last line of uvu, which sets an exit code and leaves it to the file to end.
        if (!isOver && /^ {2}Duration: /m.test(output)) over();
      });
    // Its output stays open as long as a process has it that the file has left behind.
    child.on('exit', over);
    child.on('close', (code) => {
      for (const timer of timers) clearTimeout(timer);
      killGroup(child.pid);
      groups.delete(child.pid);
      // What is skipped is not in the total.
      const [ran, passed, skipped] = ['Total', 'Passed', 'Skipped'].map((word) =>
        Number(new RegExp(`^ {2}${word}: +(\\d+)`, 'm').exec(stripColours(output))?.[1] ?? 0),
      );
      // A file that ran nothing, ended badly after its tests or left something running, has failed.
      const failed = Math.max(ran - passed, code !== 0 || ran === 0 || isKilled ? 1 : 0);
      if (ran === 0) output += '\nThis file ran no test: it must end with .run().\n';
      resolve({ passed, failed, skipped, output, seconds: (performance.now() - startedAt) / 1000 });
    });
  });
}

function stripColours(text) {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}

function reportCoverage(folder) {
  const options = ['--reporter=text', '--include=src/**', '--exclude=src/build/**', '--all', '--src=src'];
  const args = [join(ROOT, 'node_modules/c8/bin/c8.js'), 'report', '--temp-directory', folder, ...options];
  spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
}
