/** The executable: no Node is needed, and none is asked for. */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ROOT, suite, temporaryFolder } from '../harness.ts';
import { addFormTests, runAlone, runBuild } from './form.ts';

const test = suite('executable');
const folder = temporaryFolder();
const binary = join(folder, 'magi-exchange');

test.before(() => {
  const { status, stdout, stderr } = runBuild(['build', '--binary', '--into', folder]);
  assert.is(status, 0, stderr);
  assert.is(stderr, '');
  assert.match(stdout, /magi-exchange {2}\d+\.\d MB\n$/);
});

addFormTests(test, () => [binary]);

test('its symbols are stripped where there is a strip', () => {
  const node = statSync(process.execPath).size;
  const { size } = statSync(binary);
  const canStrip = process.platform === 'linux' && spawnSync('strip', ['--version']).status === 0;
  assert.is(size < node, canStrip, `${size} bytes, Node alone ${node}`);
});

test('it is a program of its own: the options of Node are not its', () => {
  assert.is(runAlone([binary, '--eval', 'console.log(1)']).status, 2);
  assert.is(runAlone([binary, '-p', '1']).status, 2);
});

test('where there is no strip it is built all the same, and that is said', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'build.mjs'), 'build', '--binary', '--into', join(folder, 'unstripped')],
    { cwd: ROOT, encoding: 'utf8', env: { PATH: temporaryFolder() } },
  );
  assert.is(status, 0, stderr);
  if (process.platform === 'linux') assert.match(stdout, /^There is no strip here/);
  const unstripped = join(folder, 'unstripped/magi-exchange');
  assert.ok(existsSync(unstripped) && statSync(unstripped).size > statSync(process.execPath).size);
  assert.match(runAlone([unstripped, '--version']).stdout, /^\d+\.\d+\.\d+\n$/);
});

test.run();
