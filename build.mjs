/**
 * Everything that is done to the project, as `node build.mjs COMMAND`; the npm scripts are names for these. It runs on the pinned
 * Node of the dependencies: on another one it starts itself again with that binary.
 *
 *   start          builds what is stale and serves          check   what CI checks, with the quick tests
 *   build          dist/magi-exchange.mjs                   bench   the benchmarks
 *   test [PART…]   the tests whose path holds a PART        demo    a first conversation, in a second terminal
 *   demo:bridge    two assistants and all that can happen between them, in one terminal, see test/bridge/demo.ts
 *   sim            the simulator: --seeds N, --seed S, --trace, --bugs
 *   torture        kills the exchange under load, again and again: --cycles N --seed S, see test/torture/run.ts
 *
 * What others are given:
 *   build --target linux-arm64    the one file for another platform        build --binary    an executable that needs no Node
 *   pack                          the npm package of the client            release           all of it, with checksums, in dist/release
 *   build, pack and release take --into FOLDER, for another one than dist
 *   native-parts                  lists the native parts anew, after one of their packages was changed
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { magiNode, ROOT } from './src/build/bundle.mjs';
import { buildBinary, buildOneFile, buildPage, EXE, write } from './src/build/exchange.mjs';
import { listNativeParts, TARGETS, THIS_TARGET } from './src/build/native-parts.mjs';
import { pinnedNode } from './src/build/programs.mjs';
import { pack, release } from './src/build/release.mjs';

const DIST = join(ROOT, 'dist');
const BUNDLE = join(DIST, 'magi-exchange.mjs');
/** The page for the server that runs from its sources. */
const PAGE = join(DIST, 'dashboard.json');
/** What the bundle is made of: when one of these changes, it is stale. */
const SOURCES = ['src', 'dashboard', 'build.mjs', 'package.json', 'package-lock.json'];

// --- the pinned Node ---------------------------------------------------------------------------------------------------------

/** Runs this same command on `node` and ends as it ends. */
function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A Ctrl-C reaches the child by itself, since it shares the terminal; what is sent to us alone is passed on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', ({ code }) =>
    fail(
      `${node} does not start (${code}): it takes a system with glibc, which Alpine has not, and a folder that is not mounted noexec.`,
      78,
    ),
  );
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

// --- build -------------------------------------------------------------------------------------------------------------------

/** A hash over the contents of all sources. */
function sourcesHash() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of SOURCES.flatMap((source) => filesUnder(join(ROOT, source))).sort())
    hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

function filesUnder(path) {
  if (/\.\w+$/.test(path)) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Builds if a source has changed since the last build. */
async function buildIfStale() {
  const hash = sourcesHash();
  const stamp = join(DIST, 'stamp');
  if (existsSync(BUNDLE) && existsSync(PAGE) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  const page = await buildPage();
  write(PAGE, JSON.stringify(page));
  await buildOneFile(page, THIS_TARGET, BUNDLE);
  write(stamp, hash);
}

// --- what others are given ---------------------------------------------------------------------------------------------------

/** What `npm run build -- …` asks for. Returns the files that were made. */
async function buildAsked({ targets, binary, into }) {
  if (targets.length === 0 && !binary && into === DIST) {
    rmSync(join(DIST, 'stamp'), { force: true });
    await buildIfStale();
    return [BUNDLE];
  }
  mkdirSync(into, { recursive: true });
  const page = await buildPage();
  const files = [];
  for (const target of targets.length === 0 && !binary ? [THIS_TARGET] : targets) {
    files.push(join(into, target === THIS_TARGET ? 'magi-exchange.mjs' : `magi-exchange-${target}.mjs`));
    await buildOneFile(page, target, files.at(-1));
  }
  if (binary) {
    files.push(join(into, `magi-exchange${EXE}`));
    await buildBinary(page, files.at(-1));
  }
  return files;
}

// --- check -------------------------------------------------------------------------------------------------------------------

/** Tests that start no process and open no socket: most of what can be broken is seen in twenty seconds. */
const QUICK_TESTS = ['test/protocol/', 'test/exchange/', 'test/observe/'];

/** Type check, linter, unused code and the walls between folders, side by side. Returns the names of those that found something. */
async function check() {
  const { runTestFile, runTests, testFiles } = await import('./test/runner.mjs');
  const tools = {
    tsc: () => runTool('typescript/bin/tsc', []),
    biome: () =>
      runTool('@biomejs/biome/bin/biome', [
        'check',
        '--error-on-warnings',
        `--colors=${process.stdout.isTTY ? 'force' : 'off'}`,
      ]),
    knip: () => runTool('knip/bin/knip.js', []),
    structure: async () => {
      const { failed, output } = await runTestFile(join(ROOT, 'test/structure.test.ts'));
      return { ok: failed === 0, output };
    },
  };
  const unhappy = [];
  const runs = Object.entries(tools).map(async ([name, run]) => {
    const { ok, output } = await run();
    process.stdout.write(`${ok ? '' : `${output.trimEnd()}\n`}${ok ? '✓' : '✗'} ${name}\n`);
    if (!ok) unhappy.push(name);
  });
  await Promise.all(runs);
  // There all tests have just run.
  if (process.env.CI !== undefined) return unhappy;
  const { failed } = await runTests(testFiles(QUICK_TESTS));
  return failed === 0 ? unhappy : [...unhappy, 'tests'];
}

/** Runs a tool of node_modules. Returns whether it was content, and what it said. */
function runTool(tool, args) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(ROOT, 'node_modules', tool), ...args], { cwd: ROOT });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
      });
    child.on('close', (code) => done({ ok: code === 0, output }));
  });
}

// --- the command line --------------------------------------------------------------------------------------------------------

/** Says in one line what is wrong, and ends. */
function fail(message, code) {
  process.stderr.write(`build.mjs: ${message}\n`);
  process.exit(code);
}

const EXIT_USAGE = 2;

/** Reads --target, --binary and --into, as far as the command `takes` them. */
function readFlags(args, takes) {
  const flags = { targets: [], binary: false, into: DIST };
  const words = args.flatMap((word) => (/^--\w+=/.test(word) ? word.split(/=(.*)/s, 2) : word));
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (!takes.includes(word)) {
      const known = takes.length === 0 ? 'nothing' : takes.join(', ');
      fail(
        `there is no ${word.startsWith('-') ? 'option' : 'word'} ${JSON.stringify(word)} here: it takes ${known}.`,
        EXIT_USAGE,
      );
    }
    if (word === '--binary') {
      flags.binary = true;
      continue;
    }
    const value = words.shift();
    if (word === '--target') {
      if (!TARGETS.includes(value))
        fail(
          `--target takes ${TARGETS.join(', ')}${value === undefined ? '' : `, not ${JSON.stringify(value)}`}.`,
          EXIT_USAGE,
        );
      flags.targets.push(value);
    } else if (value === undefined || value === '') fail('--into takes a folder.', EXIT_USAGE);
    else flags.into = resolve(value);
  }
  if (flags.binary && flags.targets.some((target) => target !== THIS_TARGET))
    fail(
      `--binary makes an executable for the platform that it runs on: without --target, on ${flags.targets[0]}.`,
      EXIT_USAGE,
    );
  return flags;
}

function sizeOf(file) {
  const { size } = statSync(file);
  return size < 1e6 ? `${Math.ceil(size / 1e3)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

/** Each file with its size. */
function report(files) {
  for (const file of files) process.stdout.write(`${relative(process.cwd(), file)}  ${sizeOf(file)}\n`);
}

/** Runs one of the project's programs in this process. */
async function runProgram(file, args) {
  process.argv = [process.execPath, file, ...args];
  await import(pathToFileURL(file).href);
}

/** The list at the head of this file. */
function commandList() {
  const [, list] = /^\/\*\*\r?\n(.*?)^ \*\/$/ms.exec(readFileSync(fileURLToPath(import.meta.url), 'utf8'));
  return list.replaceAll(/^ \* ?/gm, '');
}

const COMMANDS = {
  async start(args) {
    await buildIfStale();
    await runProgram(BUNDLE, args);
  },
  async demo(args) {
    await buildIfStale();
    await runProgram(BUNDLE, ['demo', ...args]);
  },
  async 'demo:bridge'(args) {
    readFlags(args, []);
    await buildIfStale();
    await runProgram(join(ROOT, 'test/bridge/demo.ts'), args);
  },
  async build(args) {
    report(await buildAsked(readFlags(args, ['--target', '--binary', '--into'])));
  },
  async pack(args) {
    report([await pack(readFlags(args, ['--into']).into)]);
  },
  async release(args) {
    report(await release(join(readFlags(args, ['--into']).into, 'release')));
  },
  'native-parts'(args) {
    readFlags(args, []);
    listNativeParts();
  },
  async test(parts) {
    const { runTests, testFiles } = await import('./test/runner.mjs');
    const files = testFiles(parts);
    if (files.length === 0) fail(`No test file has ${parts.join(' or ')} in its path.`, EXIT_USAGE);
    await buildIfStale();
    const { passed, failed, skipped } = await runTests(files, { withCoverage: parts.length === 0 });
    process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
    // On a machine that must be able to run everything, a skipped test is one that was not run.
    process.exit(failed > 0 || (skipped > 0 && process.env.CI === 'true') ? 1 : 0);
  },
  async check(args) {
    readFlags(args, []);
    process.exit((await check()).length > 0 ? 1 : 0);
  },
  async bench(args) {
    await buildIfStale();
    await runProgram(join(ROOT, 'bench/run.ts'), args);
  },
  async sim(args) {
    await runProgram(join(ROOT, 'test/sim/run.ts'), args);
  },
  async torture(args) {
    await buildIfStale();
    await runProgram(join(ROOT, 'test/torture/run.ts'), args);
  },
  '--help'(args) {
    readFlags(args, []);
    process.stdout.write(commandList());
  },
};

async function main([command, ...args]) {
  if (command === undefined) {
    // A script that has lost its command is to notice.
    process.stderr.write(commandList());
    process.exit(EXIT_USAGE);
  }
  if (!Object.keys(COMMANDS).includes(command))
    fail(`there is no command ${JSON.stringify(command)}: it takes ${Object.keys(COMMANDS).join(', ')}.`, EXIT_USAGE);
  await COMMANDS[command](args);
}

/** What cannot be built is said in one line; a fault of a program that runs here keeps its stack. */
function told(error) {
  if (['build', 'pack', 'release', 'native-parts'].includes(process.argv[2])) fail(error.message, 1);
  throw error;
}

if (process.versions.node !== magiNode) {
  const node = pinnedNode();
  if (node !== undefined) runOn(node);
  else if (process.versions.modules === '127') await main(process.argv.slice(2)).catch(told);
  else
    fail(
      `this is Node ${process.versions.node} and there is no Node 22 for ${process.platform} ${process.arch} among the dependencies: run npm ci, or use Node 22.`,
      78,
    );
} else await main(process.argv.slice(2)).catch(told);
