/**
 * The native parts that travel inside what is built: taken from their packages, held against the list in native-parts.json, and put to
 * where src/server/native.ts finds them. Runs when the project is built, and is part of nothing that is shipped.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, '../../node_modules');
const OPENER = join(HERE, '../server/native.ts');
const LIST = join(HERE, 'native-parts.json');

/** The platforms for which both packages bring a native part and there is a pinned Node. */
export const TARGETS = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64', 'win32-x64'];
/** That of this machine; it need not be one of them. */
export const THIS_TARGET = `${process.platform}-${process.arch}`;

/** Where each package keeps its part for a target. The 127 is the ABI of Node 22. */
const PARTS = {
  uws: { from: 'uWebSockets.js', file: (target) => `dist/bin/uws_${target.replace('-', '_')}_127.node` },
  sqlite: { from: 'better-sqlite3', file: (target) => `prebuilds/${target}.node` },
};

/**
 * The parts for `target`, as name → { sha256 (hex, of what is unpacked), packed (brotli) }. Throws, in one line, when a file is not the
 * one that the committed list names: then the package was changed on purpose, and the list has to be, or it was tampered with.
 */
export async function nativeParts(target) {
  const list = JSON.parse(readFileSync(LIST, 'utf8'));
  const parts = await Promise.all(
    Object.entries(PARTS).map(async ([name, { from, file }]) => {
      const addon = readFileSync(join(PACKAGES, from, file(target)));
      const sha256 = hashOf(addon);
      if (list[from]?.sha256[target] !== sha256)
        throw new Error(
          `${from}/${file(target)} is not the file that src/build/native-parts.json names (it has the SHA-256 ${sha256}): see "Native parts" in the README.`,
        );
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9, [constants.BROTLI_PARAM_LGWIN]: 24 };
      return [name, { sha256, packed: await promisify(brotliCompress)(addon, { params }) }];
    }),
  );
  return Object.fromEntries(parts);
}

/** Writes the list anew, from the packages as they are installed. */
export function listNativeParts() {
  const list = Object.fromEntries(
    Object.values(PARTS).map(({ from, file }) => {
      const { version } = JSON.parse(readFileSync(join(PACKAGES, from, 'package.json'), 'utf8'));
      const hashes = TARGETS.map((target) => [target, hashOf(readFileSync(join(PACKAGES, from, file(target))))]);
      return [from, { version, sha256: Object.fromEntries(hashes) }];
    }),
  );
  writeFileSync(LIST, `${JSON.stringify(list, null, 2)}\n`);
}

function hashOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * esbuild's plugin: in the place of the two packages, the same names taken from a part that is opened when it is first needed.
 * `source`: the text of a module whose `packed(name)` returns the part's bytes; FROM_THE_FILE or FROM_AN_ASSET.
 */
export function embedNative(target, parts, source) {
  const opener = (name) => `import { assertRuntime, openNative } from ${JSON.stringify(OPENER)};
import { packed } from 'native:source';
assertRuntime(${JSON.stringify(target)});
const open = () => openNative(${JSON.stringify(name)}, ${JSON.stringify(parts[name].sha256)}, () => packed(${JSON.stringify(name)}));`;
  const names = 'App SSLApp DISABLED LIBUS_LISTEN_EXCLUSIVE_PORT us_listen_socket_close us_socket_local_port';
  const contents = {
    'uWebSockets.js': `${opener('uws')}
export const { ${names.split(' ').join(', ')} } = open();`,
    'better-sqlite3': `${opener('sqlite')}
import createDatabase from ${JSON.stringify(join(PACKAGES, 'better-sqlite3/lib/database.js'))};
let addon;
export default createDatabase(() => (addon ??= open()), false);`,
    'native:source': source,
  };
  return {
    name: 'embed-native',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^(uWebSockets\.js|better-sqlite3|native:source)$/ }, ({ path }) => ({
        path,
        namespace: 'native',
      }));
      onLoad({ filter: /.*/, namespace: 'native' }, ({ path }) => ({
        contents: contents[path],
        loader: 'js',
        resolveDir: HERE,
      }));
    },
  };
}

/**
 * The one file holds the parts in comments at its end, and reads itself when one has to be unpacked. As strings they would be read,
 * copied and kept at every start: 30 ms of it, also for the commands that need none of them.
 */
export const FROM_THE_FILE = `import { readFileSync } from 'node:fs';
export function packed(name) {
  const file = readFileSync(new URL(import.meta.url), 'latin1');
  const mark = '\\n' + '// native part ' + name + ': ';
  const start = file.lastIndexOf(mark) + mark.length;
  return Buffer.from(file.slice(start, file.indexOf('\\n', start)), 'base64');
}`;

/** What goes to the end of the one file. */
export function partsAsComments(parts) {
  return Object.entries(parts)
    .map(([name, { packed }]) => `// native part ${name}: ${packed.toString('base64')}\n`)
    .join('');
}

/** The executable holds them as assets, under their names. */
export const FROM_AN_ASSET = `import { getRawAsset } from 'node:sea';
export function packed(name) {
  return new Uint8Array(getRawAsset(name));
}`;
