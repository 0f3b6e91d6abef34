/** The package of the client: what is in it, and that it works where nothing else is, on every Node that it is for. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import packageJson from '../../package.json' with { type: 'json' };
import { ROOT, suite, temporaryFolder, withExchange } from '../harness.ts';
import { otherNodes } from '../nodes.ts';
import { assertOneLine, runAlone, runBuild } from './form.ts';

const test = suite('package');
const folder = temporaryFolder();
const unpacked = join(folder, 'package');
const archive = `magi-exchange-${packageJson.version}.tgz`;

test.before(() => {
  const { status, stderr } = runBuild(['pack', '--into', folder]);
  assert.is(status, 0, stderr);
  assert.is(stderr, '');
  assert.equal(readdirSync(folder), [archive]);
  execFileSync('tar', ['-C', folder, '-xzf', join(folder, archive)]);
});

test('what somebody keeps in a folder named package stays, and nothing else is left beside the archive', () => {
  writeFileSync(join(unpacked, 'letters'), '');
  assert.is(runBuild(['pack', '--into', folder]).status, 0);
  assert.ok(existsSync(join(unpacked, 'letters')));
  rmSync(join(unpacked, 'letters'));
  assert.equal(readdirSync(folder).sort(), [archive, 'package']);
});

test('it holds what is needed and nothing else', () => {
  const files = execFileSync('tar', ['-tzf', join(folder, archive)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .sort();
  const types = files.filter((file) => /^package\/types\/(client|protocol)\/[a-z-]+\.d\.ts$/.test(file));
  assert.ok(types.includes('package/types/client/index.d.ts'));
  assert.equal(
    files.filter((file) => !types.includes(file)),
    ['LICENSE', 'README.md', 'THIRD-PARTY.txt', 'client.mjs', 'magi.mjs', 'package.json'].map(
      (file) => `package/${file}`,
    ),
  );
});

test('it depends on nothing, runs no script, and has no native part', () => {
  const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Record<string, unknown>;
  for (const field of [
    'dependencies',
    'optionalDependencies',
    'peerDependencies',
    'devDependencies',
    'scripts',
    'private',
  ])
    assert.not(field in manifest, field);
  assert.equal([manifest.version, manifest.engines], [packageJson.version, { node: '>=22.13' }]);
  for (const file of ['client.mjs', 'magi.mjs']) {
    const text = readFileSync(join(unpacked, file), 'utf8');
    assert.not.match(text, /dlopen|better-sqlite3|uWebSockets\.js'/, file);
    // Only Node's own modules are asked for. What stands in quotes is text that a validator could write.
    for (const [, name = ''] of text.matchAll(
      /(?:^import [^;]*?from |(?<!["'`])\brequire\(|\bimport\()["']([^"']+)["']/gm,
    ))
      assert.match(name, /^node:|^[a-z_/]+$/, `${file} imports ${name}`);
  }
  const licences = readFileSync(join(unpacked, 'THIRD-PARTY.txt'), 'utf8');
  for (const name of ['ws', 'zod']) assert.match(licences, new RegExp(`^${name}\n\n`, 'm'));
});

/** An empty project of somebody else's that has the package. */
function consumer(): string {
  const project = temporaryFolder();
  mkdirSync(join(project, 'node_modules'));
  cpSync(unpacked, join(project, 'node_modules/magi-exchange'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  return project;
}

/** `any` would take both: it has to be a type that says what is wrong. */
const PROGRAM = `import * as root from 'magi-exchange';
import { Client, MagiError } from 'magi-exchange/client';
const client: root.Client = new Client(...(null as unknown as ConstructorParameters<typeof Client>));
// @ts-expect-error
const number: number = client;
// @ts-expect-error
client.noSuchMethod();
// @ts-expect-error
export const text: string = new MagiError('closed', 'a sentence');
export { number };
`;

test('a program in TypeScript, checked strictly, gets its types and needs no others than Node’s', () => {
  const project = consumer();
  writeFileSync(join(project, 'use.ts'), PROGRAM);
  const compilerOptions = {
    module: 'nodenext',
    moduleResolution: 'nodenext',
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  const tsc = [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project];
  const { status, stdout } = spawnSync(process.execPath, tsc, { encoding: 'utf8' });
  assert.is(status, 0, stdout);
});

/** npx beside the npm that runs this, or the one on the PATH. */
function npx(): string {
  const { npm_execpath: cli = '' } = process.env;
  if (/npm-cli\.js$/.test(cli)) return join(dirname(cli), 'npx-cli.js');
  const found = (process.env.PATH ?? '').split(delimiter).map((path) => join(path, 'npx'));
  for (const file of found)
    try {
      return realpathSync(file);
    } catch {
      // Not in this folder: it is in the next.
    }
  throw new Error('there is no npx on the PATH');
}

for (const { version, path } of [{ version: process.versions.node, path: process.execPath }, ...otherNodes(test)]) {
  test(`on Node ${version}: npx runs it in an empty folder, offline`, async () => {
    const [project, home] = [temporaryFolder(), temporaryFolder()];
    copyFileSync(join(folder, archive), join(project, archive));
    const run = (command: string, env: Record<string, string> = {}) => {
      const PATH = `${dirname(path)}${delimiter}/usr/bin${delimiter}/bin`;
      const { status, stdout, stderr } = spawnSync(path, [npx(), '-y', `./${archive}`, command], {
        cwd: project,
        encoding: 'utf8',
        env: { PATH, HOME: home, npm_config_offline: 'true', ...env },
      });
      return { status, stdout, stderr };
    };
    assert.equal(run('--version'), { status: 0, stdout: `${packageJson.version}\n`, stderr: '' });
    const unset = run('status');
    assert.equal([unset.status, unset.stdout], [78, '']);
    assert.match(unset.stderr, /^magi(-exchange)?: MAGI_SERVER and MAGI_USERNAME not set: [^\n]+\n$/);
    await withExchange({ DATA_DIR: temporaryFolder() }, async ({ url }) => {
      const { status, stdout, stderr } = run('status', { MAGI_SERVER: url, MAGI_USERNAME: `ada-${version}` });
      assert.is(status, 0, stderr);
      assert.match(stdout, /^You +ada-[\d.]+\n/);
      assert.match(stdout, /connected, release /);
    });
    assert.equal(readdirSync(project), [archive]);
  });

  test(`on Node ${version}: the exchange is not in it, and it says so in one line`, () => {
    for (const command of ['serve', 'users', 'mailboxes', 'release', 'ban', 'backup', 'restore'])
      assertOneLine(
        runAlone([path, join(unpacked, 'magi.mjs'), command, ...(/^(re|ban|backup)/.test(command) ? ['x'] : [])]),
        78,
        /holds the client alone/,
      );
  });

  test(`on Node ${version}: a program imports the client`, () => {
    const program =
      "import { Client } from 'magi-exchange/client'; import * as root from 'magi-exchange'; console.log(root.Client === Client, typeof Client)";
    const { stdout, stderr } = spawnSync(path, ['--input-type=module', '--eval', program], {
      cwd: consumer(),
      encoding: 'utf8',
      env: {},
    });
    assert.equal([stdout, stderr], ['true function\n', '']);
  });
}

test.run();
