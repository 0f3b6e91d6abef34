/** deploy.sh against a host of its own: over ssh, with real processes, as a user without root. */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { httpRequest, type Json, suite, TestClient } from '../harness.ts';
import {
  copyOfProject,
  type Deployed,
  deploy,
  type Host,
  lacking,
  spoil,
  startHost,
  succeeded,
  TEST_MS_MAX,
} from './host.ts';

const test = suite('deploy.sh', TEST_MS_MAX);

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
    assert.is(statSync(join(release, '.env')).mode & 0o777, 0o600, 'a group may be everybody’s');
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

  function wentBack({ code, stdout, stderr }: Deployed, before: string): void {
    assert.is(code, 1, stdout + stderr);
    assert.match(stderr, /; the one before runs again\.$/m);
    assert.match(stdout, new RegExp(`went back to ${before}, which is ready`));
    assert.is(current(), before);
    const unit = readFileSync(join(host.folder, 'home/ada/.config/systemd/user/magi-exchange.service'), 'utf8');
    assert.is(unit, readFileSync(join(dir(), 'current/unit'), 'utf8'));
  }
}

function secret(dir: string): string {
  return readFileSync(join(dir, 'data/admin-password'), 'utf8');
}

test.run();
