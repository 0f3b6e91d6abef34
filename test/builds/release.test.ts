/** A release: every platform's file with the right native parts in it, checksums, and the bill of materials. */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import * as assert from 'uvu/assert';
import packageJson from '../../package.json' with { type: 'json' };
import lock from '../../package-lock.json' with { type: 'json' };
import list from '../../src/build/native-parts.json' with { type: 'json' };
import { ROOT, suite, temporaryFolder } from '../harness.ts';
import { assertOneLine, runAlone, runBuild } from './form.ts';

const test = suite('release');
const into = temporaryFolder();
const folder = join(into, 'release');
const TARGETS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-x64'] as const;
const HERE = `${process.platform}-${process.arch}`;
const name = (rest: string) => `magi-exchange-${packageJson.version}${rest}`;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

test.before(() => {
  // The release before, under the name of another version.
  mkdirSync(folder);
  writeFileSync(join(folder, 'magi-exchange-0.0.1.tgz'), '');
  writeFileSync(join(folder, 'SHA256SUMS'), `${sha256(Buffer.of())}  magi-exchange-0.0.1.tgz\n`);
  const { status, stderr } = runBuild(['release', '--into', into]);
  assert.is(status, 0, stderr);
});

test('it is complete', () => {
  const files = [
    ...TARGETS.map((target) => name(`-${target}.mjs`)),
    name(`-${HERE}`),
    name('-licences.txt'),
    name('.tgz'),
    name('.cdx.json'),
  ];
  assert.equal(readdirSync(folder).sort(), [...files, 'SHA256SUMS'].sort());
  assert.equal(readdirSync(into), ['release']);
});

test('what is not a release is left as it is, and that is one line, before anything is built', () => {
  const sums = `${sha256(Buffer.of())}  magi-exchange-0.0.1.tgz\n`;
  for (const [files, named] of [
    [{ letters: '' }, 'letters'],
    [{ 'magi-exchange-0.0.1.tgz': '' }, 'magi-exchange-0.0.1.tgz'],
    [{ SHA256SUMS: sums, 'magi-exchange-0.0.1.tgz': '', 'magi-exchange-notes.txt': '' }, 'magi-exchange-notes.txt'],
    [{ SHA256SUMS: `${sha256(Buffer.of())}  letters\n`, letters: '' }, 'SHA256SUMS'],
    [{ SHA256SUMS: sums, 'magi-exchange-0.0.1.tgz': 'of somebody else' }, 'magi-exchange-0.0.1.tgz'],
  ] as const) {
    const theirs = temporaryFolder();
    mkdirSync(join(theirs, 'release'));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(theirs, 'release', file), text);
    const { status, stdout, stderr } = runBuild(['release', '--into', theirs]);
    assert.equal([status, stdout], [1, '']);
    assert.match(stderr, /^build\.mjs: [^\n]+\n$/);
    assert.ok(stderr.includes(join(theirs, 'release')) && stderr.includes(` ${named}, `), stderr);
    assert.equal(readdirSync(theirs), ['release']);
    assert.equal(readdirSync(join(theirs, 'release')).sort(), Object.keys(files).sort());
  }
});

test('a link in the place of the folder is left, and what it leads to', () => {
  const theirs = temporaryFolder();
  symlinkSync(folder, join(theirs, 'release'));
  const { status, stderr } = runBuild(['release', '--into', theirs]);
  assert.is(status, 1);
  assert.match(stderr, /^build\.mjs: [^\n]+ is no folder[^\n]+\n$/);
  assert.ok(existsSync(join(folder, 'SHA256SUMS')));
});

test('the licences are those of the packages inside, and of Node', () => {
  const text = readFileSync(join(folder, name('-licences.txt')), 'utf8');
  for (const name of ['better-sqlite3', 'uWebSockets.js', 'uplot', 'zod'])
    assert.match(text, new RegExp(`^${name}\n\n`, 'm'));
  assert.match(text, /^Node\.js is licensed for use as follows/m);
});

test('the checksums are those of the files', () => {
  const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trimEnd().split('\n');
  assert.is(sums.length, readdirSync(folder).length - 1);
  for (const line of sums) {
    const [hash, file = ''] = line.split('  ');
    assert.is(hash, sha256(readFileSync(join(folder, file))), file);
  }
});

/** The first bytes of a library for that system and processor. */
const MAGIC: Record<(typeof TARGETS)[number], RegExp> = {
  'linux-x64': /^7f454c460201.{20}03003e00/,
  'linux-arm64': /^7f454c460201.{20}0300b700/,
  'darwin-x64': /^cffaedfe07000001/,
  'darwin-arm64': /^cffaedfe0c000001/,
  'win32-x64': /^4d5a/,
};

for (const target of TARGETS)
  test(`the file for ${target} holds its native parts, those of the list`, () => {
    const text = readFileSync(join(folder, name(`-${target}.mjs`)), 'latin1');
    const parts = [...text.matchAll(/^\/\/ native part (\w+): ([A-Za-z0-9+/=]+)$/gm)];
    const unpacked = parts.map(
      ([, part, packed = '']) => [part, brotliDecompressSync(Buffer.from(packed, 'base64'))] as const,
    );
    assert.equal(
      unpacked.map(([part, bytes]) => [part, sha256(bytes)]),
      [
        ['uws', list['uWebSockets.js'].sha256[target]],
        ['sqlite', list['better-sqlite3'].sha256[target]],
      ],
    );
    for (const [part, bytes] of unpacked) assert.match(bytes.subarray(0, 20).toString('hex'), MAGIC[target], part);
    assert.ok(text.includes(`assertRuntime("${target}")`));
  });

test('on another platform than its own a file says whose it is, and runs what needs no native part', () => {
  for (const target of TARGETS.filter((target) => target !== HERE)) {
    const file = join(folder, name(`-${target}.mjs`));
    assertOneLine(
      runAlone([process.execPath, file], { PORT: '0' }),
      78,
      new RegExp(`for ${target}, and this is ${HERE}`),
    );
    assert.is(runAlone([process.execPath, file, '--version']).stdout, `${packageJson.version}\n`);
  }
});

test('the list is of the packages that are installed', () => {
  assert.is(list['uWebSockets.js'].version, packageJson.dependencies['uWebSockets.js'].split('@').at(-1));
  assert.is(list['better-sqlite3'].version, packageJson.dependencies['better-sqlite3']);
});

test('the bill of materials names the project, everything that is shipped, and no more', () => {
  const text = readFileSync(join(folder, name('.cdx.json')), 'utf8');
  const bill = JSON.parse(text) as {
    bomFormat: string;
    metadata: { component: { name: string; version: string } };
    components: { name: string; version: string; hashes: unknown[] }[];
  };
  assert.is(bill.bomFormat, 'CycloneDX');
  assert.equal([bill.metadata.component.name, bill.metadata.component.version], ['magi-exchange', packageJson.version]);
  const shipped = Object.entries(lock.packages as Record<string, { dev?: boolean; version: string }>)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')} ${version}`);
  assert.equal(bill.components.map(({ name, version }) => `${name} ${version}`).sort(), shipped.sort());
  for (const dependency of Object.keys(packageJson.dependencies)) assert.match(text, `"name": "${dependency}"`);
  for (const { name, hashes } of bill.components) assert.ok(hashes.length > 0, name);
});

test('a native part that is not the listed one stops the build with one line', () => {
  const copy = temporaryFolder();
  for (const path of ['build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json', 'src', 'dashboard', 'LICENSE'])
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const file = join(copy, 'src/build/native-parts.json');
  const right = list['better-sqlite3'].sha256['linux-arm64'];
  const wrong = right.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  writeFileSync(file, readFileSync(file, 'utf8').replace(right, wrong));
  const refused = runBuild(['build', '--target', 'linux-arm64', '--into', join(copy, 'dist')], copy);
  assert.equal([refused.status, refused.stdout], [1, '']);
  assert.match(
    refused.stderr,
    /^build\.mjs: better-sqlite3\/prebuilds\/linux-arm64\.node is not the file [^\n]+README\.\n$/,
  );
  assert.ok(refused.stderr.includes(right));
  assert.equal(
    readdirSync(join(copy, 'dist')).filter((entry) => entry.endsWith('.mjs')),
    [],
  );
  // Listing them anew is how a changed package is accepted.
  assert.is(runBuild(['native-parts'], copy).status, 0);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')), list);
});

test.run();
