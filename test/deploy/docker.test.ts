/**
 * The Dockerfile, where there is no Docker: a linter reads it, its steps are carried out in a folder on the context that .dockerignore
 * leaves, and what comes out runs as the image would: alone with the libraries that it was linked with, read-only, not as root.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { validate } from 'dockerfile-utils';
import * as assert from 'uvu/assert';
import { type Exchange, ROOT, seededChance, startExchange, suite, TestClient, temporaryFolder } from '../harness.ts';
import { freePort } from '../torture/victims.ts';

const chance = seededChance('ports of an image');

const test = suite('Dockerfile');

const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

interface Step {
  readonly keyword: string;
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags, on one line. */
  readonly rest: string;
}

/** The steps of each stage, FROM first. */
const stages: readonly (readonly Step[])[] = (() => {
  const lines = text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
  const steps = lines.map((line) => {
    const [, keyword = '', flags = '', rest = ''] = /^([A-Z]+) ((?:--\S+ )*)(.*)$/.exec(line) ?? [];
    const pairs = flags
      .trim()
      .split(' ')
      .filter((flag) => flag !== '')
      .map((flag) => flag.slice(2).split(/=(.*)/s));
    return { keyword, flags: Object.fromEntries(pairs) as Record<string, string>, rest };
  });
  const found: Step[][] = [];
  for (const step of steps) {
    if (step.keyword === 'FROM') found.push([]);
    found.at(-1)?.push(step);
  }
  return found;
})();

const last = stages.at(-1) ?? [];

/** The one step of the last stage with this keyword. */
function only(keyword: string): Step {
  const [step, ...others] = last.filter((step) => step.keyword === keyword);
  assert.ok(step !== undefined && others.length === 0, `one ${keyword}`);
  return step;
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    only('ENV')
      .rest.split(' ')
      .map((pair) => pair.split(/=(.*)/s) as [string, string]),
  );
}

/** What Docker would send of the project: what .dockerignore leaves, which here is a list of exceptions from nothing. */
function makeContext(): string {
  const [first, ...rest] = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.is(first, '*');
  const context = temporaryFolder();
  for (const line of rest) {
    assert.match(line, /^![\w.-]+$/);
    cpSync(join(ROOT, line.slice(1)), join(context, line.slice(1)), { recursive: true });
  }
  return context;
}

test('a linter finds nothing', () => {
  assert.equal(validate(text), []);
  assert.ok(validate(text.replace('ENTRYPOINT [', 'ENTRYPONIT [')).length > 0, 'it would find a slip');
});

test('it is small, runs as nobody, for others, keeps what it keeps in a volume, and can be asked how it is', () => {
  assert.match(last[0]?.rest ?? '', /^gcr\.io\/distroless\/cc-debian12:nonroot$/);
  assert.equal(
    last.filter(({ keyword }) => keyword === 'RUN'),
    [],
    'there is no shell',
  );
  assert.match(only('USER').rest, /^[1-9]\d+:[1-9]\d+$/);
  const { HOST, PORT, DATA_DIR } = environment();
  assert.equal([HOST, PORT, DATA_DIR], ['0.0.0.0', '8082', '/data']);
  assert.is(only('VOLUME').rest, DATA_DIR);
  assert.is(only('EXPOSE').rest, PORT);
  assert.is(text.match(/\b(curl|wget|apt-get|ADD)\b/), null);
});

test('what is told about reading a file in it shows that file, not the archive that docker cp makes of it', () => {
  const told = [...text.matchAll(/docker cp \S+ -(.*)$/gm)].map(([, rest]) => rest);
  assert.equal(told, [' | tar -xOf -']);
});

test('nothing of this machine gets into it', () => {
  const context = makeContext();
  assert.equal(readdirSync(context).sort(), [
    '.npmrc',
    'LICENSE',
    'build.mjs',
    'dashboard',
    'package-lock.json',
    'package.json',
    'src',
  ]);
});

/** Carries out the steps of a stage in `root`, as root if we are. `port`: where the build may try what it has built. */
function carryOut(steps: readonly Step[], root: string, sources: Readonly<Record<string, string>>, port: number): void {
  let workdir = '/';
  const at = (path: string, base = root) => join(base, path.startsWith('/') ? '' : workdir, path);
  for (const { keyword, flags, rest } of steps) {
    if (keyword === 'WORKDIR') {
      workdir = rest;
      mkdirSync(at(workdir), { recursive: true });
    }
    if (keyword === 'COPY') {
      const paths = rest.split(' ');
      const to = paths.pop() ?? '';
      const source = sources[flags.from ?? 'context'] ?? '';
      for (const path of paths) {
        const from = join(source, path);
        // A folder gives what is in it; a file goes into what ends with a slash.
        const target = statSync(from).isDirectory() || !to.endsWith('/') ? at(to) : join(at(to), basename(path));
        mkdirSync(dirname(target), { recursive: true });
        cpSync(from, target, { recursive: true, verbatimSymlinks: true });
        if (flags.chown !== undefined && process.getuid?.() === 0) execFileSync('chown', ['-R', flags.chown, target]);
      }
    }
    if (keyword !== 'RUN') continue;
    if (rest === 'npm ci') {
      // These are the ones that npm ci has made of the same lockfile; they need not be fetched twice.
      for (const name of ['package.json', 'package-lock.json', '.npmrc'])
        assert.ok(readFileSync(at(name)).equals(readFileSync(join(ROOT, name))), name);
      symlinkSync(join(ROOT, 'node_modules'), at('node_modules'));
    } else {
      const { PATH = '', HOME = '' } = process.env;
      const ran = spawnSync('sh', ['-c', rest], {
        cwd: at('.'),
        env: { PATH, HOME, PORT: String(port) },
        encoding: 'utf8',
      });
      assert.is(ran.status, 0, `${rest}: ${ran.stdout}${ran.stderr}`);
    }
  }
}

/** What the base image has that Node needs: the libraries it is linked with. */
function addLibraries(root: string, program: string): void {
  for (const [, library = ''] of execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}

/** A command line that runs this one as the image does: its files alone and read-only, its user, its environment. */
function asContainer(root: string, volume: string, env: Record<string, string>, command: readonly string[]): string[] {
  const script = join(dirname(volume), 'run');
  const variables = Object.entries({ ...environment(), ...env }).map(([name, value]) => `'${name}=${value}'`);
  writeFileSync(
    script,
    `set -eu
mount --bind '${root}' '${root}'
mount --bind '${volume}' '${root}${only('VOLUME').rest}'
mount -t proc proc '${root}/proc'
mount -o remount,bind,ro '${root}'
exec env -i ${variables.join(' ')} "$(command -v chroot)" --userspec=${only('USER').rest} '${root}' "$@"\n`,
  );
  return ['unshare', '--mount', 'sh', script, ...command];
}

function lacking(): string | undefined {
  if (process.platform !== 'linux') return 'it takes Linux';
  if (process.getuid?.() !== 0) return 'it takes root, to run in a file system of its own';
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return 'it takes a mount namespace, and may not make one';
  return undefined;
}

const reason = lacking();
if (reason !== undefined) {
  if (process.env.CI === 'true') throw new Error(`the steps of the Dockerfile cannot be carried out: ${reason}`);
  console.log(`skipped: the steps of the Dockerfile: ${reason}`);
} else
  test('its steps can be carried out, and what comes out serves, from nothing but itself', async () => {
    const [build = [], final = []] = stages;
    const port = await freePort(chance);
    const [built, root] = [temporaryFolder(), temporaryFolder()];
    carryOut(build, built, { context: makeContext() }, port);
    carryOut(final, root, { build: built }, port);
    assert.equal(readdirSync(join(root, 'app')).sort(), ['LICENSE', 'cache', 'magi-exchange.mjs', 'node']);
    addLibraries(root, join(root, 'app/node'));
    for (const folder of ['proc', 'tmp', 'dev']) mkdirSync(join(root, folder), { recursive: true });
    chmodSync(root, 0o755);

    // As Docker makes a new volume: with the owner of the folder in the image.
    const volume = join(temporaryFolder(), 'volume');
    mkdirSync(volume, { mode: 0o755 });
    const { uid, gid } = statSync(join(root, 'data'));
    chownSync(volume, uid, gid);
    assert.is(`${uid}:${gid}`, only('USER').rest);

    const env = { PORT: String(port) };
    const entry = JSON.parse(only('ENTRYPOINT').rest) as string[];
    const check = JSON.parse(only('HEALTHCHECK').rest.replace(/^CMD /, '')) as string[];
    const health = () => {
      const [program = '', ...args] = asContainer(root, volume, env, check);
      return spawnSync(program, args, { encoding: 'utf8' }).status;
    };
    const exchange: Exchange = await startExchange({}, asContainer(root, volume, env, entry));
    try {
      assert.match(
        readFileSync(`/proc/${exchange.process.pid}/status`, 'utf8'),
        new RegExp(`^Uid:\\s+${uid}\\s+${uid}\\s`, 'm'),
      );
      assert.is(exchange.logs.find(({ event }) => event === 'started')?.host, '0.0.0.0');
      const [one, other] = await TestClient.pair(exchange, 'one', 'other');
      await one.request({ type: 'ask', content: 'from a container?' }, 'question_sent');
      await other.next('question');
      assert.is(health(), 0);
      await Promise.all([one.close(), other.close()]);
    } finally {
      assert.is(await exchange.stop(), 0);
    }
    assert.is(health(), 1);
    assert.is(exchange.stderr(), '');
    assert.ok(existsSync(join(volume, 'exchange.sqlite')));
    assert.equal(readdirSync(join(root, 'data')), [], 'all of it is in the volume');
  });

test.run();
