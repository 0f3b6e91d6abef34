/** Which folders host.sh gives to the service: new, empty and its own ones, and none in which somebody else keeps something. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { ROOT, suite, temporaryFolder } from '../harness.ts';

const test = suite('host.sh, folders');

/** An account that is everywhere stands for the one that host.sh would make. */
const SERVICE = 'daemon';
const LOGIN = 'nobody';

function uidOf(user: string): number {
  return Number(spawnSync('id', ['-u', user], { encoding: 'utf8' }).stdout);
}

/** REMOTE_DIR, and beside it a folder of `owner`. */
function folders({ owner, isEmpty }: { owner: string; isEmpty: boolean }): { dir: string; kept: string } {
  const dir = temporaryFolder();
  const kept = join(dir, 'kept');
  mkdirSync(kept);
  if (!isEmpty) writeFileSync(join(kept, 'letters'), '');
  chmodSync(kept, 0o755);
  chownSync(kept, uidOf(owner), 0);
  return { dir, kept };
}

/** Has host.sh make the folders of the service, as `login`. */
function makeFolders(login: 'root' | typeof LOGIN, dir: string, dataDir: string) {
  chownSync(dir, uidOf(login), 0);
  const become = login === 'root' ? [] : ['setpriv', `--reuid=${login}`, '--clear-groups'];
  const [program = '', ...args] = [...become, 'sh', '-s', 'make_folders'];
  const { PATH = '' } = process.env;
  const env = { PATH, HOME: dir, DIR: dir, SERVICE, DATA_DIR: dataDir };
  return spawnSync(program, args, { input: readFileSync(join(ROOT, 'deploy/host.sh')), env, encoding: 'utf8' });
}

if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  const reason = 'folders of several accounts can only be made by root, on Linux';
  if (process.env.CI === 'true') throw new Error(reason);
  console.log(`skipped: ${reason}`);
} else
  for (const [login, account] of [
    ['root', SERVICE],
    [LOGIN, LOGIN],
  ] as const) {
    const assertTaken = (folder: string) => {
      const { uid, mode } = statSync(folder);
      assert.equal([uid, mode & 0o777], [uidOf(account), 0o700]);
    };

    test(`as ${login}: one with somebody else's things in it is left as it is, and that is one line`, () => {
      for (const owner of ['root', 'bin']) {
        const { dir, kept } = folders({ owner, isEmpty: false });
        const { status, stderr } = makeFolders(login, dir, kept);
        assert.is(status, 1);
        assert.match(stderr, /^deploy\.sh: DATA_DIR [^\n]+\n$/);
        assert.ok(stderr.includes(`${kept} is not empty and belongs to ${owner}: `), stderr);
        assert.ok(stderr.includes(account), stderr);
        const { uid, mode } = statSync(kept);
        assert.equal([uid, mode & 0o777], [uidOf(owner), 0o755]);
        assert.not.ok(existsSync(join(dir, 'logs')));
      }
    });

    test(`as ${login}: a new one and one of the service's own are taken`, () => {
      const { dir, kept } = folders({ owner: account, isEmpty: false });
      for (const folder of [kept, join(dir, 'new')]) {
        const { status, stderr } = makeFolders(login, dir, folder);
        assert.equal([status, stderr], [0, '']);
        assertTaken(folder);
      }
    });

    if (login === 'root')
      test('as root: an empty one is taken, whoever made it', () => {
        const { dir, kept } = folders({ owner: 'root', isEmpty: true });
        assert.is(makeFolders(login, dir, kept).status, 0);
        assertTaken(kept);
      });
  }

test.run();
