/** What is published: the package of the client, and a release with everything in it. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { licences, ROOT, version } from './bundle.mjs';
import { buildBinary, buildOneFile, buildPage, EMBEDDED, EXE } from './exchange.mjs';
import { TARGETS, THIS_TARGET } from './native-parts.mjs';
import { writePackage } from './package.mjs';
import { npm, pinnedNode } from './programs.mjs';

/** The package of the client, as a folder and as what `npm publish` takes. Returns the latter's path. */
export async function pack(into) {
  const folder = join(into, 'package');
  rmSync(folder, { recursive: true, force: true });
  await writePackage(folder);
  const [{ filename }] = JSON.parse(npm(['pack', '--json', '--pack-destination', into, folder]));
  return join(into, filename);
}

/** Everything that a release consists of, in a folder of its own. Returns the files. */
export async function release(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const name = (rest) => join(folder, `magi-exchange-${version}${rest}`);
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
  rmSync(join(folder, 'package'), { recursive: true });
  writeFileSync(name('.cdx.json'), billOfMaterials());
  const files = readdirSync(folder).sort();
  const hash = (file) =>
    createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
  writeFileSync(join(folder, 'SHA256SUMS'), files.map((file) => `${hash(file)}  ${file}\n`).join(''));
  return [...files, 'SHA256SUMS'].map((file) => join(folder, file));
}

/**
 * The software bill of materials, CycloneDX, from npm. npm leaves out whatever a development dependency also needs, and names the
 * project after its folder: so it is asked in a folder of the right name, about a lockfile without those.
 */
function billOfMaterials() {
  const work = mkdtempSync(join(tmpdir(), 'magi-sbom-'));
  try {
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
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
