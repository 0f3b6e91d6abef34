/** build.mjs on another Node than the pinned one: it goes on with that, ends as that ends, and says in one line where it does not start. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { ROOT, suite, temporaryFolder } from '../harness.ts';
import { type Ended, runBuild } from './form.ts';

const test = suite('build.mjs on another Node');

/** Where a package has the Node of this platform. */
const PINNED = `node-${process.platform === 'darwin' && process.arch === 'arm64' ? 'bin-' : ''}${process.platform}-${process.arch}/bin/node`;

/** A copy of the project that takes this Node for another one, with `script` for the pinned one. */
function buildWith(script: string, mode = 0o755): Ended {
  const copy = temporaryFolder();
  for (const name of ['build.mjs', 'src/build', 'package.json'])
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')) as Record<string, unknown>;
  writeFileSync(join(copy, 'package.json'), JSON.stringify({ ...manifest, magiNode: '22.0.0' }));
  const pinned = join(copy, 'node_modules', PINNED);
  mkdirSync(dirname(pinned), { recursive: true });
  writeFileSync(pinned, script, { mode });
  return runBuild(['check', '--nonsense'], copy);
}

if (process.platform !== 'win32') {
  test('it is given the same command line', () => {
    const { status, stdout, stderr } = buildWith('#!/bin/sh\necho "$@"\n');
    assert.equal([status, stderr], [0, '']);
    assert.match(stdout, /\/build\.mjs check --nonsense\n$/);
  });

  for (const [end, status] of [
    ['exit 7', 7],
    ['kill -INT $$', 130],
    ['kill -KILL $$', 137],
    ['kill -SEGV $$', 139],
    ['kill -TERM $$', 143],
  ] as const)
    test(`${end}: that is ${status}, as shells have it`, () => {
      assert.equal(buildWith(`#!/bin/sh\n${end}\n`), { status, stdout: '', stderr: '' });
    });

  for (const [what, code, script, mode] of [
    ['what it needs to start is not there, as where there is no glibc', 'ENOENT', '#!/no/such/loader\n', 0o755],
    ['programs may not be run there', 'EACCES', '#!/bin/sh\n', 0o644],
  ] as const)
    test(`${what}: one line, and 78`, () => {
      const { status, stdout, stderr } = buildWith(script, mode);
      assert.equal([status, stdout], [78, '']);
      assert.match(stderr, /^build\.mjs: [^\n]+\n$/);
      for (const part of [PINNED, code, 'glibc', 'noexec']) assert.ok(stderr.includes(part), stderr);
    });
}

test.run();
