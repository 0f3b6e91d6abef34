/** deploy.sh against a host of its own: over ssh, with real processes, as a user without root and as root. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { httpRequest, type Json, suite, TestClient } from '../harness.ts';
import { copyOfProject, type Deployed, deploy, type Host, lacking, startHost } from './host.ts';

const test = suite('deploy.sh');

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
    project = copyOfProject();
  });
  test.after(() => host.stop());

  const dir = () => join(host.folder, 'home/ada/exchange');
  let port = 0;
  const settings = () => ({
    REMOTE_USER: 'ada',
    REMOTE_HOST: host.name,
    REMOTE_DIR: dir(),
    PORT: String(port),
    SSH_CONFIG: host.sshConfig,
    PUBLIC_HOSTS: `127.0.0.1:${port}`,
    INVITE_MINUTES: '7',
    NPM_TOKEN: 'of another program',
  });
  const releases = () => readdirSync(join(dir(), 'releases')).sort();
  const current = () => readlinkSync(join(dir(), 'current')).replace('releases/', '');
  const startTime = async () => (JSON.parse((await httpRequest({ port }, '/api/stats')).text) as Json).startTime;

  test('the first deployment: it runs, for everybody, with what the settings say', async () => {
    port = await host.freePort();
    succeeded(await deploy(project, settings()));
    assert.equal(releases(), [current()]);
    const [one, other] = await TestClient.pair({ port }, 'one', 'other');
    one.send({ type: 'create_invite' });
    assert.is((await one.next('invite_created')).expiresIn, '7 minutes', 'a setting of .env');
    await one.request({ type: 'ask', content: 'deployed?' }, 'question_sent');
    assert.is((await other.next('question')).content, 'deployed?');
    await Promise.all([one.close(), other.close()]);

    const release = join(dir(), 'current');
    assert.equal(readdirSync(release).sort(), [
      '.env',
      'before',
      'host.sh',
      'magi-exchange.mjs',
      'node',
      'system.service',
      'unit',
      'user.service',
    ]);
    const kept = readFileSync(join(release, '.env'), 'utf8').split('\n').sort();
    assert.equal(kept, ['', 'INVITE_MINUTES="7"', `PUBLIC_HOSTS="127.0.0.1:${port}"`]);
    assert.is(statSync(join(release, '.env')).mode & 0o777, 0o640);
    assert.ok(existsSync(join(dir(), 'data/exchange.sqlite')), 'what is kept lies outside the release');
    assert.match(
      readFileSync(join(dir(), 'logs/server.log'), 'utf8'),
      /^\{[^\n]*"event":"started","icon"[^\n]*"host":"0\.0\.0\.0"/,
    );
    assert.ok(existsSync(join(host.state, 'linger')), 'it outlives the login');
    assert.is(host.run('ada', `stat -c %U ${release}/magi-exchange.mjs`), 'ada\n');
    const unit = readFileSync(join(host.folder, 'home/ada/.config/systemd/user/magi-exchange.service'), 'utf8');
    assert.not.match(unit, /@[A-Z_]+@|#sandbox/);
    assert.match(unit, /^PrivateUsers=yes$/m);
  });

  test('the second one: another release, the same data, the Node that is there', async () => {
    const [first, password, since] = [current(), secret(dir()), await startTime()];
    const deployed = succeeded(await deploy(project, { ...settings(), INVITE_MINUTES: '8' }));
    assert.is.not(current(), first);
    assert.equal(releases(), [first, current()]);
    assert.is(secret(dir()), password);
    assert.is.not(await startTime(), since);
    const [runtime = '', ...others] = readdirSync(join(dir(), 'runtime'));
    assert.equal(others, []);
    assert.is(lstatSync(join(dir(), 'runtime', runtime)).nlink, 3, 'one Node for both');
    assert.match(deployed.stdout, /^• look at ada@magi-host$/m);
  });

  test('a build that crashes: the one before runs again', async () => {
    const before = current();
    const undo = spoil(project, "throw new Error('spoiled on purpose');");
    const deployed = await deploy(project, settings());
    undo();
    wentBack(deployed, before);
    assert.match(deployed.stdout, /spoiled on purpose/, 'it is shown why');
  });

  test('a build that does not listen: the one before runs again', async () => {
    const before = current();
    const undo = spoil(project, 'if (setInterval(() => {}, 1_000)) return;');
    const deployed = await deploy(project, settings());
    undo();
    wentBack(deployed, before);
  });

  test('a build that does not build leaves the host alone', async () => {
    const [before, since] = [current(), await startTime()];
    const undo = spoil(project, '}}} this is no program');
    const deployed = await deploy(project, settings());
    undo();
    assert.is(deployed.code, 1);
    assert.match(deployed.stderr, /^deploy\.sh: it cannot be built[^\n]+$/m);
    assert.equal([current(), await startTime()], [before, since]);
  });

  test('ready on the host and not from outside: the one before runs again', async () => {
    const before = current();
    const deployed = await deploy(project, { ...settings(), PUBLIC_URL: `http://127.0.0.1:${await host.freePort()}` });
    wentBack(deployed, before);
    assert.match(deployed.stderr, /is ready on the host, but not at http/);
  });

  test('only so many releases are kept, and always the one before', async () => {
    succeeded(await deploy(project, { ...settings(), KEEP_RELEASES: '2' }));
    assert.is(releases().length, 3, `${releases()}`);
    assert.is(releases().at(-1), current());
    const before = readFileSync(join(dir(), 'current/before'), 'utf8');
    assert.ok(releases().includes(before), 'the one before, though newer ones failed');
  });

  test('a host that shows another key gets nothing', async () => {
    const config = join(host.folder, 'ssh_config_of_others');
    const others = join(host.folder, 'known_hosts_of_others');
    const known = readFileSync(join(host.folder, 'known_hosts'), 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(others, `${known} ${readFileSync(join(host.folder, 'user_key.pub'), 'utf8').split(' ')[1]}\n`);
    writeFileSync(
      config,
      readFileSync(host.sshConfig, 'utf8').replace(/UserKnownHostsFile .*/, `UserKnownHostsFile ${others}`),
    );
    const before = releases();
    const deployed = await deploy(project, { ...settings(), SSH_CONFIG: config });
    assert.is(deployed.code, 1);
    assert.match(deployed.stderr, /Host key verification failed/);
    assert.match(deployed.stderr, /^deploy\.sh: the host cannot be used, see above\.$/m);
    assert.equal(releases(), before);
  });

  test('without lingering or namespaces: told, or done without', async () => {
    const other = { ...settings(), REMOTE_DIR: join(host.folder, 'home/ada/other'), SERVICE_NAME: 'other' };
    host.run('ada', `rm -f ${host.state}/linger; touch ${host.state}/no-linger ${host.state}/no-namespaces`);
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
    succeeded(await deploy(project, { ...root, PORT: String(port), PUBLIC_HOSTS: `127.0.0.1:${port}` }));
    const [one] = await TestClient.pair({ port }, 'one', 'other');
    assert.ok(one.closed === undefined);
    assert.match(host.run('root', 'getent passwd magi'), /^magi:x:\d+:\d+:/);
    const { pid } = JSON.parse(readFileSync(join(host.state, 'magi.service.json'), 'utf8')) as { pid: number };
    assert.is(host.run('root', `stat -c %U /proc/${pid}`), 'magi\n');
    for (const path of ['current/magi-exchange.mjs', 'current/node', 'current/.env', 'releases', 'current/unit'])
      assert.is(host.run('root', `stat -L -c %U ${root.REMOTE_DIR}/${path}`), 'root\n', path);
    assert.is(host.run('root', `stat -c '%U %a' ${root.REMOTE_DIR}/data`), 'magi 700\n');
    const unit = host.run('root', 'cat /etc/systemd/system/magi.service');
    assert.match(unit, /^User=magi$/m);
    assert.not.match(unit, /@[A-Z_]+@/);
  });

  test('as root: an account of somebody else is not used, and a first deployment that fails leaves no service', async () => {
    const REMOTE_DIR = join(host.folder, 'opt/third');
    const third = { ...settings(), REMOTE_USER: 'root', REMOTE_DIR, PORT: String(await host.freePort()) };
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

  function wentBack({ code, stdout, stderr }: Deployed, before: string): void {
    assert.is(code, 1, stdout + stderr);
    assert.match(stderr, /; the one before runs again\.$/m);
    assert.match(stdout, new RegExp(`went back to ${before}, which is ready`));
    assert.is(current(), before);
    const unit = readFileSync(join(host.folder, 'home/ada/.config/systemd/user/magi-exchange.service'), 'utf8');
    assert.is(unit, readFileSync(join(dir(), 'current/unit'), 'utf8'));
  }
}

function succeeded(deployed: Deployed): Deployed {
  assert.is(deployed.code, 0, deployed.stdout + deployed.stderr);
  assert.is(deployed.stderr, '');
  return deployed;
}

function secret(dir: string): string {
  return readFileSync(join(dir, 'data/admin-password'), 'utf8');
}

/** Puts a line at the beginning of `serve`. Returns what takes it out. */
function spoil(project: string, line: string): () => void {
  const file = join(project, 'src/server/serve.ts');
  const text = readFileSync(file, 'utf8');
  const begin = 'export function serve(version: string): void {\n';
  assert.ok(text.includes(begin));
  writeFileSync(file, text.replace(begin, `${begin}${line}\n`));
  return () => writeFileSync(file, text);
}

test.run();
