/**
 * Makes the package that is published: the client for programs, its types, and the command line without what only the exchange's
 * operator needs. Everything is bundled: it has no dependency and no native part. Runs when the project is built.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, posix, relative, sep } from 'node:path';
import { banner, bundle, licences, ROOT } from './bundle.mjs';

/** What serves, or works on the data folder: not in the package. */
const OPERATORS_FOLDERS = /^src\/(server|store|observe)\//;
const OPERATORS_COMMANDS = /^src\/cli\/(users|mailboxes|release|ban|backup|restore)\.ts$/;
const CLIENT_ONLY =
  'this package holds the client alone. To serve, or to look into a data folder, take the exchange: the file magi-exchange.mjs, or the executable, of a release.';

/** Writes the package's files to `folder`, which is made. Throws when the client would bring something that the package must not hold. */
export async function writePackage(folder) {
  const { version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  const inputs = await bundle({
    entry: 'src/main.ts',
    outfile: join(folder, 'magi.mjs'),
    banner: banner('magi-exchange', 'run it with one'),
    plugins: [clientOnly()],
  });
  inputs.push(
    ...(await bundle({
      entry: 'src/client/index.ts',
      outfile: join(folder, 'client.mjs'),
      plugins: [clientOnly(), requiredBuiltins()],
      isLibrary: true,
    })),
  );
  writeTypes(join(folder, 'types'));
  writeFileSync(join(folder, 'THIRD-PARTY.txt'), licences(inputs));
  copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  copyFileSync(join(ROOT, 'src/client/README.md'), join(folder, 'README.md'));
  const client = { types: './types/client/index.d.ts', default: './client.mjs' };
  const manifest = {
    name: 'magi-exchange',
    version,
    description: 'Ask the AI assistants of your friends: the client and the command line of mAGI Exchange.',
    license,
    keywords: ['ai', 'assistants', 'messaging', 'mcp'],
    type: 'module',
    engines: { node: '>=22.13' },
    bin: { 'magi-exchange': 'magi.mjs', magi: 'magi.mjs' },
    exports: { '.': client, './client': client, './package.json': './package.json' },
    sideEffects: false,
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** In the place of each command that the package does not hold: one line that says so, when it is asked for. */
function clientOnly() {
  return {
    name: 'client-only',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\./ }, ({ path, resolveDir, importer, kind }) => {
        const file = relative(ROOT, join(resolveDir, path)).replaceAll(sep, '/');
        if (!OPERATORS_FOLDERS.test(file) && !OPERATORS_COMMANDS.test(file)) return undefined;
        if (kind === 'dynamic-import') return { path: file, namespace: 'left-out' };
        const by = relative(ROOT, importer);
        const text = `${by} imports ${file}, which is not in the package. If ${by} is an operator's command, add it to OPERATORS_COMMANDS in src/build/package.mjs.`;
        return { errors: [{ text }] };
      });
      onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
        contents: `import { OperatorError } from ${JSON.stringify(join(ROOT, 'src/config.ts'))};
throw new OperatorError(${JSON.stringify(CLIENT_ONLY)});`,
        resolveDir: ROOT,
      }));
      onResolve({ filter: /^(uWebSockets\.js|better-sqlite3)$/ }, ({ path, importer }) => ({
        errors: [
          { text: `${relative(ROOT, importer)} imports ${path}, which has a native part: the package holds none.` },
        ],
      }));
    },
  };
}

/**
 * A builtin that a package requires becomes an import of it, so that the client can be bundled again and needs no `require`. Two steps:
 * esbuild lets a required module be an importing one, but then gives its namespace and not its default.
 */
function requiredBuiltins() {
  const names = new Set(builtinModules);
  return {
    name: 'required-builtins',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[a-z_/]+$/ }, ({ path, kind }) =>
        kind === 'require-call' && names.has(path) ? { path, namespace: 'required' } : undefined,
      );
      onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
        contents: `module.exports = require('imported:${path}').default;`,
      }));
      onResolve({ filter: /^imported:/ }, ({ path }) => ({ path: path.slice(9), namespace: 'imported' }));
      onLoad({ filter: /.*/, namespace: 'imported' }, ({ path }) => ({
        contents: `import builtin from 'node:${path}';\nexport default builtin;`,
      }));
    },
  };
}

// --- types -------------------------------------------------------------------------------------------------------------------

const MESSAGES = 'protocol/messages';

/** Writes the declarations that src/client/index.ts reaches, and no others. */
function writeTypes(folder) {
  // Inside the project, where tsc finds the packages that the sources import.
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  const work = mkdtempSync(join(ROOT, 'dist/types-'));
  try {
    const plain = plainMessages(readFileSync(join(ROOT, `src/${MESSAGES}.ts`), 'utf8'));
    writeFileSync(join(work, 'plain.ts'), plain);
    const options = { noEmit: false, declaration: true, emitDeclarationOnly: true, rootDir: '../..', outDir: 'out' };
    const files = ['../../src/client/index.ts', 'plain.ts'];
    const config = { extends: '../../tsconfig.json', compilerOptions: options, include: [], files };
    writeFileSync(join(work, 'tsconfig.json'), JSON.stringify(config));
    const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', work];
    const { status } = spawnSync(process.execPath, tsc, { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) throw new Error('the declarations of src/client/index.ts cannot be made.');

    const declarationsOf = (path) => readFileSync(join(work, 'out/src', `${path}.d.ts`), 'utf8');
    const plainTypes = readFileSync(join(work, 'out', relative(ROOT, work), 'plain.d.ts'), 'utf8');
    const seen = new Set(['client/index']);
    for (const path of seen) {
      const text = path === MESSAGES ? asTypes(plainTypes, declarationsOf(path)) : declarationsOf(path);
      for (const [, specifier] of text.matchAll(/(?:from |import\(|^import )['"]([^'"]+)['"]/gm)) {
        if (specifier.startsWith('.')) seen.add(posix.join(posix.dirname(path), specifier).replace(/\.ts$/, ''));
        else if (!specifier.startsWith('node:'))
          throw new Error(
            `src/${path}.ts shows a type of ${specifier} to programs, and the package does not bring it.`,
          );
      }
      const file = join(folder, `${path}.d.ts`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text.replaceAll(/((?:from |import\()['"]\.[^'"]*)\.ts(?=['"])/g, '$1.js'));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * The types of the messages come from zod's schemas, and zod is not for who uses the package. tsc writes the type of a constant out in
 * full: a module with one for each exported type of messages.ts.
 */
function plainMessages(source) {
  const names = [...source.matchAll(/^export type (\w+) =/gm)].map(([, name]) => name);
  return `import type * as messages from '../../src/${MESSAGES}.ts';
declare function plain<T>(): T extends infer O ? { [K in keyof O]: O[K] } : never;
${names.map((name) => `export const ${name} = plain<messages.${name}>();`).join('\n')}
`;
}

/** tsc's declarations of those constants, as types; with the plain constants of messages.ts. */
function asTypes(declarations, original) {
  const constants = original.match(/^export declare const \w+ = .*;$|^export declare const \w+: number;$/gm) ?? [];
  return `/** Every message of the protocol, both directions. */
${declarations.replaceAll(/^export declare const (\w+): /gm, 'export type $1 = ')}${constants.join('\n')}\n`;
}
