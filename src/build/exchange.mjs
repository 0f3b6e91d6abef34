/** The exchange as it is given away: as one file for whatever Node is there, and as an executable that needs none. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { banner, bundle, licences, version } from './bundle.mjs';
import {
  embedNative,
  FROM_AN_ASSET,
  FROM_THE_FILE,
  nativeParts,
  partsAsComments,
  THIS_TARGET,
} from './native-parts.mjs';
import { execute, pinnedNode } from './programs.mjs';

/** How an executable's name ends here. */
export const EXE = process.platform === 'win32' ? '.exe' : '';

/** The dashboard, as it is sent and as it is compressed. */
export async function buildPage() {
  const { html, csp } = await (await import('../../dashboard/page.mjs')).buildPage();
  return {
    html,
    csp,
    brotli: brotliCompressSync(html).toString('base64'),
    gzip: gzipSync(html).toString('base64'),
  };
}

/** In everything that serves, though esbuild does not see them: one is native, the other is inside the page. */
export const EMBEDDED = ['uWebSockets.js', 'uplot'];

/** Server, page, client commands and the native parts for `target`, in one file for whatever Node is there. */
export async function buildOneFile(page, target, outfile) {
  const parts = await nativeParts(target);
  const draft = draftOf(outfile);
  const inputs = await bundle({
    entry: 'src/main.ts',
    outfile: draft,
    banner: banner('magi-exchange', 'run the file with one'),
    plugins: [embedPage(page), embedNative(target, parts, FROM_THE_FILE)],
  });
  const text = `${readFileSync(draft, 'utf8')}\n/*\n${licences(inputs, EMBEDDED).replaceAll('*/', '* /')}*/\n`;
  writeFileSync(draft, `${inAscii(text)}${partsAsComments(parts)}`);
  chmodSync(draft, 0o755);
  renameSync(draft, outfile);
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

/**
 * One letter of another kind, in a comment, and every start has to turn all of the file into wide characters. In the code esbuild has
 * seen to that already.
 */
function inAscii(text) {
  return text.replaceAll(/[\u0080-\uffff]/g, (letter) =>
    letter === '©' ? '(c)' : `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * The same and Node itself in one executable, for this platform: Node's "single executable application". Its program has to be
 * CommonJS, so there is no top-level await and no import.meta in src. Returns the paths of its inputs.
 */
export async function buildBinary(page, outfile) {
  const node = pinnedNode();
  if (node === undefined)
    throw new Error(`the executable is made of the pinned Node, and there is none for ${THIS_TARGET}: run npm ci.`);
  const draft = draftOf(outfile);
  const folder = mkdtempSync(join(tmpdir(), 'magi-binary-'));
  try {
    const parts = await nativeParts(THIS_TARGET);
    const inputs = await bundle({
      entry: 'src/main.ts',
      outfile: join(folder, 'magi-exchange.cjs'),
      format: 'cjs',
      plugins: [embedPage(page), embedNative(THIS_TARGET, parts, FROM_AN_ASSET)],
    });
    for (const [name, { packed }] of Object.entries(parts)) writeFileSync(join(folder, name), packed);
    // Names without a folder: Node keeps that of `main`, and shows it in the stack of a fault.
    const config = {
      main: 'magi-exchange.cjs',
      output: 'blob',
      assets: Object.fromEntries(Object.keys(parts).map((name) => [name, name])),
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: true,
    };
    writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
    execute(node, ['--experimental-sea-config', 'config.json'], { cwd: folder });
    copyFileSync(node, draft);
    chmodSync(draft, 0o755);
    await injectBlob(draft, readFileSync(join(folder, 'blob')));
    const said = execute(draft, ['--version']).trim();
    if (said !== version) throw new Error(`the executable calls itself ${JSON.stringify(said)} and not ${version}.`);
    renameSync(draft, outfile);
    return inputs;
  } finally {
    rmSync(draft, { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where Node looks for the blob; the second is Node's own, the same in every release. */
const BLOB_NAME = 'NODE_SEA_BLOB';
const BLOB_FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

async function injectBlob(executable, blob) {
  const isMac = process.platform === 'darwin';
  // What is stripped after the blob is in has lost it. A seventh of Node is symbols.
  if (process.platform === 'linux' && spawnSync('strip', [executable], { stdio: 'ignore' }).status !== 0)
    process.stdout.write(
      'There is no strip here (it comes with binutils): the executable is larger than it has to be.\n',
    );
  if (isMac) execute('codesign', ['--remove-signature', executable]);
  const { inject } = (await import('postject')).default;
  const { warn } = console;
  // It warns of the names of sections in every stripped Node, and means nothing by it.
  console.warn = (text) => /string offset for section name/.test(text) || warn(text);
  try {
    const options = { sentinelFuse: BLOB_FUSE, ...(isMac ? { machoSegmentName: 'NODE_SEA' } : {}) };
    await inject(executable, BLOB_NAME, blob, options);
  } finally {
    console.warn = warn;
  }
  // A Mac runs nothing that is not signed; this signature names nobody.
  if (isMac) execute('codesign', ['--sign', '-', executable]);
}

/** Written beside its place and moved there, so that nobody finds half of it. */
export function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(draftOf(file), text);
  renameSync(draftOf(file), file);
}

function draftOf(file) {
  return `${file}.${process.pid}.draft`;
}
