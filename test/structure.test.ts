/** The walls of ARCHITECTURE.md, read from the import lines; and that no test file is silent. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import * as assert from 'uvu/assert';
import { ROOT, suite } from './harness.ts';

const test = suite('structure');

/** Which folder of src may import which others. `main` is src/main.ts, `config` src/config.ts. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  protocol: [],
  exchange: ['protocol'],
  store: ['exchange', 'protocol'],
  observe: ['exchange', 'protocol'],
  config: ['exchange'],
  server: ['exchange', 'protocol', 'store', 'observe', 'config'],
  client: ['protocol'],
  bridge: ['client', 'protocol'],
  setup: ['client'],
  cli: ['bridge', 'client', 'exchange', 'protocol', 'config', 'store', 'observe', 'server', 'setup'],
  main: ['server', 'cli', 'config'],
};

/** A package, and the only files that may know it. */
const KNOWN_ONLY_TO: Record<string, readonly string[]> = {
  'better-sqlite3': ['src/store/sqlite.ts'],
  'uWebSockets.js': ['src/server/uws.ts'],
  'prom-client': ['src/observe/metrics.ts'],
  'sonic-boom': ['src/observe/output.ts'],
  ws: ['src/client/link.ts'],
  '@modelcontextprotocol/server': [
    'src/bridge/call.ts',
    'src/bridge/http.ts',
    'src/bridge/owner.ts',
    'src/bridge/tools.ts',
    'src/bridge/stdio.ts',
  ],
  '@modelcontextprotocol/server/stdio': ['src/bridge/stdio.ts'],
  zod: ['src/protocol/messages.ts', 'src/protocol/codec.ts', 'src/bridge/schemas.ts'],
};

/** The world, which the pure folders must not touch. */
const WORLD =
  /\b(Date|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|console|process|Buffer|performance|fetch|crypto)\b/;

const LINES_MAX = 320;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sourcesUnder(folder: string, ending = '.ts'): Source[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .map((path) => {
      const file = posix.join(folder, path);
      const text = readFileSync(join(ROOT, file), 'utf8');
      const imports = [...text.matchAll(/(?:from|import\(|^import) ?'([^']+)'/gm)].map((match) => match[1] ?? '');
      return { path: file, text, imports };
    });
}

const sources = sourcesUnder('src');

/** `src/exchange/users.ts` → exchange; `src/main.ts` → main. */
function part(path: string): string {
  return (path.split('/')[1] ?? '').replace(/\.ts$/, '');
}

/** The file of src that an import of `from` names, undefined for a package. */
function target(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined;
}

test('the sources are found', () => {
  assert.ok(sources.length > 25, `${sources.length} files`);
  assert.ok(sources.some(({ imports }) => imports.length > 5));
});

test('no folder imports what it must not know', () => {
  for (const { path, imports } of sources)
    for (const specifier of imports) {
      const file = target(path, specifier);
      if (file === undefined || file === 'package.json') continue;
      const [own, other] = [part(path), part(file)];
      if (own !== other) assert.ok(MAY_IMPORT[own]?.includes(other), `${path} imports ${specifier}`);
    }
});

test('each package is known to one place', () => {
  for (const { path, imports } of sources)
    for (const [name, places] of Object.entries(KNOWN_ONLY_TO))
      if (imports.includes(name)) assert.ok(places.includes(path), `${path} imports ${name}`);
});

test('protocol and exchange know nothing of the world', () => {
  for (const { path, text, imports } of sources.filter(({ path }) => /^src\/(protocol|exchange)\//.test(path))) {
    for (const specifier of imports)
      assert.ok(specifier.startsWith('.') || specifier === 'zod', `${path}: ${specifier}`);
    const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'|`[^`]*`/gm, '');
    assert.not.match(code, WORLD, path);
  }
});

test('the environment is read in config.ts, and where the cache folder is found', () => {
  const readers = sources.filter(({ text }) => /process\.env\b/.test(text)).map(({ path }) => path);
  assert.equal(readers.sort(), [
    'src/cli/bridge.ts',
    'src/cli/demo.ts',
    'src/cli/health.ts',
    'src/cli/kept.ts',
    'src/cli/settings.ts',
    'src/cli/setup.ts',
    'src/client/client.ts',
    'src/server/native.ts',
    'src/server/serve.ts',
  ]);
  for (const { path, text } of sources.filter(({ path }) => path !== 'src/server/native.ts'))
    assert.not.match(text, /process\.env\.\w|\} = process\.env/, path);
});

test('.env is read in config.ts alone, also when the exchange is deployed', () => {
  const readers = [...sources, ...sourcesUnder('deploy')].filter(({ text }) => /\bparseEnv\b/.test(text));
  assert.equal(
    readers.map(({ path }) => path),
    ['src/config.ts'],
  );
});

test('the sources can be bundled as CommonJS, which the executable needs', () => {
  for (const { path, text } of sources) {
    assert.not.match(text, /^(\S.* )?await /m, `${path} awaits at its top level`);
    // The build replaces page.ts.
    if (path !== 'src/server/page.ts') assert.not.match(text, /import\.meta/, path);
  }
});

test('no imports go round in a circle', () => {
  const edges = new Map(
    sources.map(({ path, imports }) => [path, imports.flatMap((specifier) => target(path, specifier) ?? [])]),
  );
  // `import type` leaves no trace at run time: only what is really loaded counts.
  for (const { path, text } of sources) {
    const typeOnly = [...text.matchAll(/^import type [^;]*? from '([^']+)'/gm)].map((match) =>
      target(path, match[1] ?? ''),
    );
    edges.set(path, edges.get(path)?.filter((file) => !typeOnly.includes(file)) ?? []);
  }
  const done = new Set<string>();
  const visit = (path: string, way: string[]) => {
    assert.not(way.includes(path), `${[...way, path].join(' → ')}`);
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...way, path]);
    done.add(path);
  };
  for (const { path } of sources) visit(path, []);
});

/** What builds the project. It is read, too, and is no part of what it builds. */
const builders = [
  ...sourcesUnder('src', '.mjs'),
  ...sourcesUnder('dashboard', '.mjs'),
  ...sourcesUnder('test', '.mjs'),
  { path: 'build.mjs', text: readFileSync(join(ROOT, 'build.mjs'), 'utf8'), imports: [] },
];

test('files are named for what they are and can be read in one sitting', () => {
  assert.ok(builders.length > 5, `${builders.length} files`);
  for (const { path, text } of [...sources, ...builders]) {
    assert.not.match(path, /(utils?|helpers?|common|types|manager|interfaces?)\.m?[tj]s$/, path);
    assert.ok(text.split('\n').length <= LINES_MAX, `${path} has ${text.split('\n').length} lines`);
    assert.match(text, /^(import [^\n]*\n|\n)*\/\*\*/, `${path} does not say at its head what it is for`);
  }
});

test('the lockfile holds the optional packages of every platform, and no address', () => {
  const text = readFileSync(join(ROOT, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  for (const [path, { optionalDependencies = {} }] of Object.entries(packages))
    for (const name of Object.keys(optionalDependencies))
      assert.ok(
        `${path}/node_modules/${name}` in packages || `node_modules/${name}` in packages,
        `${name}, of ${path || 'the project'}`,
      );
  assert.not.match(text, /"resolved"/);
});

test('every test file runs its tests', () => {
  const silent = sourcesUnder('test').filter(
    ({ path, text }) => path.endsWith('.test.ts') && !/^\w+\.run\(\);?$/m.test(text),
  );
  assert.equal(
    silent.map(({ path }) => path),
    [],
  );
});

test.run();
