/** What all that is built has in common: esbuild, what it needs to be told of this project, and the licences to pass on. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const { version, magiNode } = createRequire(import.meta.url)('../../package.json');

/**
 * One program and all that it imports, in one file. Returns the paths of its inputs. `isLibrary`: for programs that import it, and
 * perhaps bundle it again: it asks nothing of the runtime, and imports Node's modules by name.
 */
export async function bundle({ entry, outfile, format = 'esm', banner = '', plugins, isLibrary = false }) {
  const { build } = await import('esbuild');
  const { metafile } = await build({
    metafile: true,
    entryPoints: [join(ROOT, entry)],
    outfile,
    bundle: true,
    platform: 'node',
    format,
    target: 'node22',
    legalComments: 'eof',
    banner: { js: banner },
    plugins: [...plugins, versionAlone(), ...(isLibrary ? [] : [builtinsLate()])],
    // ws looks for native helpers beside the file. There are none, and what happens to lie there is not ours.
    define: { 'process.env.WS_NO_BUFFER_UTIL': '"1"', 'process.env.WS_NO_UTF_8_VALIDATE': '"1"' },
    logLevel: 'warning',
    logOverride: { 'empty-import-meta': 'error' },
  });
  return Object.keys(metafile.inputs);
}

/**
 * Runs before all else in the bundle, on whatever Node was at hand: only what every Node has may be used here. For this the bundle
 * must not import names from Node's own modules (see builtinsLate): a name that an old Node lacks would fail before the first line.
 * What opens a native part asks for more: see src/server/native.ts.
 */
export function banner(what, how) {
  return `#!/usr/bin/env node
import { createRequire as magiCreateRequire } from 'node:module';
const require = magiCreateRequire(import.meta.url);
if (((major, minor) => major < 22 || (major === 22 && minor < 13))(...process.versions.node.split('.').map(Number))) {
  process.stderr.write('magi-exchange: this is Node ' + process.versions.node + ', and ${what} needs Node 22 (22.13 or newer). Install it, or ${how}.\\n');
  process.exit(78);
}`;
}

/** Node's own modules are asked for when they are first used, not when the file is linked. */
function builtinsLate() {
  return {
    name: 'builtins-late',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^node:/ }, ({ path, namespace }) =>
        namespace === 'builtin' ? { path, external: true } : { path, namespace: 'builtin' },
      );
      onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)})`,
        loader: 'js',
      }));
    },
  };
}

/** Of package.json the program asks for the version; the rest is about building it. */
function versionAlone() {
  return {
    name: 'version-alone',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]package\.json$/ }, ({ path }) =>
        path === join(ROOT, 'package.json') ? { contents: JSON.stringify({ version }), loader: 'json' } : undefined,
      );
    },
  };
}

/** The licences of all the packages that the inputs come from, as they ask to be passed on. */
export function licences(inputs, others = []) {
  const packages = new Set(others);
  for (const input of inputs) {
    const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules)/.exec(input)?.[1];
    if (name !== undefined) packages.add(name);
  }
  const texts = [...packages].sort().map((name) => {
    const folder = join(ROOT, 'node_modules', name);
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} has no licence file: it cannot be passed on`);
    return `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}`;
  });
  if (packages.has('uWebSockets.js'))
    texts.push(
      'The native part of uWebSockets.js is uWebSockets by Alex Hultman, Apache License 2.0; its text stands above.',
    );
  return `This holds these packages, under their own licences:\n\n${texts.join('\n\n---\n\n')}\n`;
}
