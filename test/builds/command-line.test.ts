/** What build.mjs does not understand it says in one line, and does nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import packageJson from '../../package.json' with { type: 'json' };
import { ROOT, suite, temporaryFolder } from '../harness.ts';
import { runBuild } from './form.ts';

const test = suite('command line of build.mjs');
const other = process.arch === 'arm64' ? 'linux-x64' : 'linux-arm64';

for (const [args, said] of [
  [['nonsense'], /"nonsense": it takes start, [^\n]*--help/],
  [['constructor'], /"constructor"/],
  [['build', '--nonsense'], /"--nonsense".*--target, --binary, --into/],
  [['build', 'linux-arm64'], /"linux-arm64"/],
  [['build', '--target'], /--target takes linux-x64/],
  [['build', '--target', 'linux-s390x'], /linux-arm64.*"linux-s390x"/],
  [['build', '--target='], /--target takes/],
  [['build', '--target', 'toString'], /"toString"/],
  [['build', '--into'], /--into takes a folder/],
  [['build', '--binary', '--target', other], /--binary makes an executable for the platform that it runs on/],
  [['pack', '--binary'], /"--binary"/],
  [['release', '--target', other], /"--target"/],
  [['check', 'now'], /"now"/],
  [['native-parts', '--force'], /"--force"/],
  [['--help', 'build'], /"build"/],
  [['test', 'no/such/test'], /no\/such\/test/],
] as const)
  test(`node build.mjs ${args.join(' ')}`, () => {
    const { status, stdout, stderr } = runBuild(args);
    assert.equal([status, stdout], [2, '']);
    assert.match(stderr, /^build\.mjs: [^\n]+\n$/);
    assert.match(stderr, said);
  });

test('the list of commands: with --help what was asked for, without a command what was missing', () => {
  const asked = runBuild(['--help']);
  assert.equal([asked.status, asked.stderr], [0, '']);
  for (const command of [...Object.keys(packageJson.scripts), 'native-parts'])
    assert.match(asked.stdout, new RegExp(`^.*(^|  )${command} `, 'm'));
  assert.not.match(asked.stdout, /^ ?[*/]/m, 'no marks of a comment');
  assert.equal(runBuild([]), { status: 2, stdout: '', stderr: asked.stdout });
});

test('a file for another platform says so in its name, one for this platform does not', () => {
  const folder = join(temporaryFolder(), 'new');
  const here = `${process.platform}-${process.arch}`;
  const { status, stdout } = runBuild(['build', '--target', other, `--target=${here}`, '--into', folder]);
  assert.is(status, 0);
  assert.match(
    stdout,
    new RegExp(`magi-exchange-${other}\\.mjs {2}\\d\\.\\d MB\n.*magi-exchange\\.mjs {2}\\d\\.\\d MB\n$`),
  );
  assert.ok(existsSync(join(folder, `magi-exchange-${other}.mjs`)) && existsSync(join(folder, 'magi-exchange.mjs')));
});

test('every script of package.json is a command of build.mjs', () => {
  const commands = readFileSync(join(ROOT, 'build.mjs'), 'utf8');
  for (const script of Object.values(packageJson.scripts)) {
    const [, command = ''] = /^node build\.mjs ([a-z:-]+)$/.exec(script) ?? [];
    assert.match(commands, new RegExp(`^ {2}(async )?'?${command}'?\\(`, 'm'), script);
  }
});

test.run();
