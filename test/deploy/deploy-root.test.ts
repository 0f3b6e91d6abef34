/** deploy.sh where it is root, or may do less than a user may elsewhere; see deploy.test.ts for all else. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { suite, TestClient } from '../harness.ts';
import { copyOfProject, deploy, type Host, lacking, spoil, startHost, succeeded, TEST_MS_MAX } from './host.ts';

const test = suite('deploy.sh, as root and as others', TEST_MS_MAX);

const reason = lacking();
if (reason !== undefined) {
  if (process.env.CI === 'true') throw new Error(`the tests of deploy.sh cannot run: ${reason}`);
  console.log(`skipped the tests of deploy.sh: ${reason}`);
} else deployments();

function deployments(): void {
  let host: Host;
  let project: string;
  test.before(async () => {
    host = await startHost();
    project = copyOfProject(host.node);
  });
  test.after(() => host.stop());

  const settings = () => ({ REMOTE_USER: 'ada', REMOTE_HOST: host.name, SSH_CONFIG: host.sshConfig });

  test('without lingering or namespaces: told, or done without', async () => {
    const other = {
      ...settings(),
      REMOTE_DIR: join(host.folder, 'home/ada/other'),
      SERVICE_NAME: 'other',
      PUBLIC_HOSTS: 'x.example',
    };
    host.run('ada', `touch ${host.state}/no-linger ${host.state}/no-namespaces`);
    const refused = await deploy(project, { ...other, PORT: String(await host.freePort()) });
    assert.is(refused.code, 1);
    assert.match(
      refused.stderr,
      /^deploy\.sh: the exchange would end when ada logs out: [^\n]*loginctl enable-linger ada$/m,
    );
    assert.not.ok(existsSync(join(host.folder, 'home/ada/other/current')));
    host.run('ada', `rm ${host.state}/no-linger`);
    succeeded(await deploy(project, { ...other, PORT: String(await host.freePort()) }));
    const unit = readFileSync(join(host.folder, 'home/ada/.config/systemd/user/other.service'), 'utf8');
    assert.not.match(unit, /PrivateUsers|ProtectSystem|#sandbox/);
    assert.match(unit, /^NoNewPrivileges=yes$/m);
  });

  test('as root: a service of the machine, with an account of its own that cannot change what it runs', async () => {
    const root = {
      ...settings(),
      REMOTE_USER: 'root',
      REMOTE_DIR: join(host.folder, 'opt/magi'),
      SERVICE_NAME: 'magi',
    };
    const port = await host.freePort();
    // From the project itself as it is: with the Node that it brings along.
    succeeded(await deploy(copyOfProject(), { ...root, PORT: String(port), PUBLIC_HOSTS: `127.0.0.1:${port}` }));
    assert.is(host.run('root', `${root.REMOTE_DIR}/current/node --version`), `${process.version}\n`);
    const [one] = await TestClient.pair({ port }, 'one', 'other');
    assert.ok(one.closed === undefined);
    assert.match(host.run('root', 'getent passwd magi'), /^magi:x:\d+:\d+:/);
    const { pid } = JSON.parse(readFileSync(join(host.state, 'magi.service.json'), 'utf8')) as { pid: number };
    assert.is(host.run('root', `stat -c %U /proc/${pid}`), 'magi\n');
    const parts = ['magi-exchange.mjs', 'host.sh', 'system.service', 'node', 'unit'].map((name) => `current/${name}`);
    for (const path of ['releases', 'current', ...parts])
      assert.match(
        host.run('root', `stat -L -c '%U:%G %A' ${root.REMOTE_DIR}/${path}`),
        /^root:root .{5}-..-.\n$/,
        path,
      );
    assert.is(host.run('root', `stat -c '%U:%G %a' ${root.REMOTE_DIR}/current/.env`), 'root:magi 640\n');
    assert.is(host.run('root', `stat -c '%U %a' ${root.REMOTE_DIR}/data`), 'magi 700\n');
    const unit = host.run('root', 'cat /etc/systemd/system/magi.service');
    assert.match(unit, /^User=magi$/m);
    assert.not.match(unit, /@[A-Z_]+@/);
  });

  test('as root: an account of somebody else is not used, and a first deployment that fails leaves no service', async () => {
    const REMOTE_DIR = join(host.folder, 'opt/third');
    const third = {
      ...settings(),
      PUBLIC_HOSTS: 'x.example',
      REMOTE_USER: 'root',
      REMOTE_DIR,
      PORT: String(await host.freePort()),
    };
    const foreign = await deploy(project, { ...third, SERVICE_NAME: 'daemon' });
    assert.is(foreign.code, 1);
    assert.match(foreign.stderr, /there is an account daemon already/);
    const undo = spoil(project, 'process.exit(78);');
    const failed = await deploy(project, { ...third, SERVICE_NAME: 'third' });
    undo();
    assert.is(failed.code, 1);
    assert.match(failed.stderr, /did not come up; nothing runs on the host now\.$/m);
    assert.is(
      host.run('root', `ls -A ${REMOTE_DIR} /etc/systemd/system | grep -cE '^(current|third.service)$' || :`),
      '0\n',
    );
    assert.is(host.run('root', `ls ${REMOTE_DIR}/data`), '', 'it is left');
  });
}

test.run();
