/** What is published: the package of the client, and a release with everything in it. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { licences, ROOT, version } from './bundle.mjs';
import { buildBinary, buildOneFile, buildPage, EMBEDDED, EXE } from './exchange.mjs';
import { TARGETS, THIS_TARGET } from './native-parts.mjs';
import { writePackage } from './package.mjs';
import { npm, pinnedNode } from './programs.mjs';

/** The package of the client, as `npm publish` takes it. Returns its path. */
export async function pack(into) {
  mkdirSync(into, { recursive: true });
  return await withWorkFolder(async (work) => {
    await writePackage(work);
    const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', into, work]));
    return join(into, filename);
  });
}

/** Everything that a release consists of, in a folder of its own. Returns the files. */
export async function release(folder) {
  const replaced = filesOfRelease(folder);
  const into = dirname(folder);
  mkdirSync(into, { recursive: true });
  return await withWorkFolder(async (work) => {
    const draft = join(work, 'release');
    mkdirSync(draft);
    const files = await writeRelease(draft);
    for (const file of replaced) rmSync(join(folder, file));
    // One by one, so that what has come there meanwhile stops us instead of being removed.
    if (existsSync(folder)) rmdirSync(folder);
    renameSync(draft, folder);
    return files.map((file) => join(folder, file));
  }, into);
}

/** Returns the names of the files. */
async function writeRelease(folder) {
  const name = (rest) => join(folder, `${NAME}${version}${rest}`);
  const page = await buildPage();
  for (const target of TARGETS) await buildOneFile(page, target, name(`-${target}.mjs`));
  const inputs = await buildBinary(page, name(`-${THIS_TARGET}${EXE}`));
  // The files carry their licences themselves; who has the executable cannot read what is in it.
  const nodes = readFileSync(join(dirname(pinnedNode()), '../LICENSE'), 'utf8');
  writeFileSync(
    name('-licences.txt'),
    `${licences(inputs, EMBEDDED)}\n---\n\nThe executable holds Node.js.\n\n${nodes}`,
  );
  await pack(folder);
  writeFileSync(name('.cdx.json'), await billOfMaterials());
  const files = readdirSync(folder).sort();
  writeFileSync(join(folder, SUMS), files.map((file) => `${sumOf(folder, file)}\n`).join(''));
  return [...files, SUMS];
}

// --- the release before ------------------------------------------------------------------------------------------------------

const NAME = 'magi-exchange-';
const SUMS = 'SHA256SUMS';

/** The line of a file in the list of checksums. */
function sumOf(folder, file) {
  const hash = createHash('sha256').update(readFileSync(join(folder, file)));
  return `${hash.digest('hex')}  ${file}`;
}

/** The files of the release in `folder`, where there is one. Throws when anything else is there, which is not ours to replace. */
function filesOfRelease(folder) {
  const theirs = (what) => new Error(`${folder} ${what}: move it away, or name another place with --into.`);
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) throw theirs('is no folder that a release has made');
  const files = readdirSync(folder).sort();
  const sums = files.includes(SUMS) ? readFileSync(join(folder, SUMS), 'utf8').trimEnd().split('\n') : [];
  const isOurs = (file) => {
    if (!lstatSync(join(folder, file)).isFile()) return false;
    if (file === SUMS) return sums.every((line) => line.slice(66).startsWith(NAME));
    return file.startsWith(NAME) && sums.includes(sumOf(folder, file));
  };
  const other = files.find((file) => !isOurs(file));
  if (other !== undefined) throw theirs(`holds ${other}, which is of no release`);
  return files;
}

// --- how it is made ----------------------------------------------------------------------------------------------------------

/** Gives `use` a new folder that goes when it has ended. Returns what `use` does. */
async function withWorkFolder(use, parent = tmpdir()) {
  const work = mkdtempSync(join(parent, '.magi-'));
  try {
    return await use(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/**
 * The software bill of materials, CycloneDX, from npm. npm leaves out whatever a development dependency also needs, and names the
 * project after its folder: so it is asked in a folder of the right name, about a lockfile without those.
 */
function billOfMaterials() {
  return withWorkFolder((work) => {
    const folder = join(work, 'magi-exchange');
    mkdirSync(folder);
    const [manifest, lock] = ['package.json', 'package-lock.json'].map((file) =>
      JSON.parse(readFileSync(join(ROOT, file), 'utf8')),
    );
    delete manifest.devDependencies;
    delete lock.packages[''].devDependencies;
    for (const [path, { dev }] of Object.entries(lock.packages)) if (dev) delete lock.packages[path];
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
    const format = ['--sbom-format', 'cyclonedx', '--sbom-type', 'application'];
    return npm(['sbom', ...format, '--omit', 'dev', '--package-lock-only'], folder);
  });
}
