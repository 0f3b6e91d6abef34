/**
 * deploy/nginx.conf and deploy/Caddyfile in the real nginx and Caddy, in front of a real exchange that is set up as they say. Only names,
 * ports and certificates are others.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  httpRequest,
  type Json,
  ROOT,
  seededChance,
  startExchange,
  suite,
  TestClient,
  temporaryFolder,
  within,
} from '../harness.ts';
import { freePort } from '../torture/victims.ts';

const NAME = 'magi.example.org';
const PASSWORD = 'correct horse battery staple';
/** Longer than the 60 seconds after which proxies cut what is silent, and than the exchange waits for an answer to its ping. */
const SILENCE_MS = 75_000;

const test = suite('proxies', SILENCE_MS + 120_000);

const folder = temporaryFolder();
const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];

interface Kind {
  readonly program: string;
  /** Writes the configuration for these ports. Returns the command line. */
  readonly configure: (home: string, ports: Ports) => string[];
}

interface Ports {
  readonly exchange: number;
  readonly plain: number;
  readonly tls: number;
}

/** Replaces each, which has to be there. */
function replaced(text: string, ...pairs: readonly (readonly [from: string, to: string])[]): string {
  for (const [from, to] of pairs) {
    assert.ok(text.includes(from), `${from} is in the configuration`);
    text = text.replaceAll(from, to);
  }
  return text;
}

const KINDS: Readonly<Record<string, Kind>> = {
  nginx: {
    program: '/usr/sbin/nginx',
    configure(home, { exchange, plain, tls }) {
      const site = replaced(
        readFileSync(join(ROOT, 'deploy/nginx.conf'), 'utf8'),
        ['listen 80;', `listen 127.0.0.1:${plain};`],
        ['listen 443 ssl;', `listen 127.0.0.1:${tls} ssl;`],
        ['listen [::]:80;', ''],
        ['listen [::]:443 ssl;', ''],
        [`/etc/letsencrypt/live/${NAME}/fullchain.pem`, cert],
        [`/etc/letsencrypt/live/${NAME}/privkey.pem`, key],
        ['127.0.0.1:8082', `127.0.0.1:${exchange}`],
      );
      writeFileSync(join(home, 'site.conf'), site);
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
      const http = temporary.map((name) => `${name}_temp_path ${home}/${name};`).join(' ');
      writeFileSync(
        join(home, 'nginx.conf'),
        `daemon off; master_process off; pid ${home}/pid; error_log stderr;
events { worker_connections 256; }
http { ${http} include ${home}/site.conf; }\n`,
      );
      return ['-p', home, '-e', 'stderr', '-c', join(home, 'nginx.conf')];
    },
  },
  caddy: {
    program: '/usr/bin/caddy',
    configure(home, { exchange, plain, tls }) {
      const site = replaced(
        readFileSync(join(ROOT, 'deploy/Caddyfile'), 'utf8'),
        [`\n${NAME} {`, `\n${NAME} {\n\tbind 127.0.0.1\n\ttls ${cert} ${key}`],
        ['127.0.0.1:8082', `127.0.0.1:${exchange}`],
      );
      const options = `{\n\tadmin off\n\tskip_install_trust\n\thttp_port ${plain}\n\thttps_port ${tls}\n}\n`;
      writeFileSync(join(home, 'Caddyfile'), options + site);
      return ['run', '--adapter', 'caddyfile', '--config', join(home, 'Caddyfile')];
    },
  },
};

interface Proxy {
  readonly name: string;
  readonly exchange: Exchange;
  readonly tls: { readonly port: number };
  readonly plain: { readonly port: number };
  readonly process: ChildProcess;
  readonly said: () => string;
}

async function start(name: string, { program, configure }: Kind): Promise<Proxy> {
  const exchange = await startExchange({
    TRUST_PROXY: '1',
    PUBLIC_HOSTS: NAME,
    ADMIN_PASSWORD: PASSWORD,
    WRONG_CODES_PER_ADDRESS: '1',
  });
  const chance = seededChance(`ports for ${name}`);
  const ports = { exchange: exchange.port, plain: await freePort(chance), tls: await freePort(chance) };
  const home = join(folder, name);
  mkdirSync(home);
  const env = { PATH: process.env.PATH ?? '', HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
  const child = spawn(program, configure(home, ports), { env, stdio: ['ignore', 'pipe', 'pipe'] });
  process.on('exit', () => child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const proxy = {
    name,
    exchange,
    tls: { port: ports.tls },
    plain: { port: ports.plain },
    process: child,
    said: () => said,
  };
  await eventually(async () => {
    assert.is(child.exitCode, null, said);
    return (await ask(proxy, '/healthz').catch(() => undefined))?.status === 200;
  }, `${name} to pass on: ${said}`);
  return proxy;
}

interface Asked {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Stops reading once the text satisfies it. */
  enough?: (text: string) => boolean;
}

/** One request over TLS, through the proxy. */
async function ask(
  { tls }: Pick<Proxy, 'tls'>,
  path: string,
  { method = 'GET', headers = {}, body, enough }: Asked = {},
) {
  const options = {
    host: '127.0.0.1',
    port: tls.port,
    path,
    method,
    servername: NAME,
    headers: { Host: NAME, ...headers },
    ca: ca(),
    agent: false,
  };
  const sent = request(options);
  const answered = once(sent, 'response');
  sent.end(body);
  const [response] = await within(answered, `an answer to ${method} ${path}`);
  let text = '';
  const reading = async () => {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      if (enough?.(text)) break;
    }
  };
  await within(reading(), `the rest of ${path}`);
  sent.destroy();
  return { status: response.statusCode as number, headers: response.headers as Record<string, string>, text };
}

const ca = () => readFileSync(cert, 'utf8');

/** A client over TLS, through the proxy. */
function client(
  { tls }: Proxy,
  username: string,
  more: { headers?: Record<string, string>; localAddress?: string } = {},
) {
  const headers = { Host: NAME, ...more.headers };
  return TestClient.identified(tls, username, undefined, { ...more, headers, ca: ca() });
}

/** What this machine lacks, as a sentence. */
function lacking(): string | undefined {
  for (const [name, { program }] of Object.entries(KINDS))
    if (!existsSync(program)) return `they need ${program} (apt-get install ${name})`;
  if (spawnSync('openssl', ['version']).status !== 0) return 'they need openssl (apt-get install openssl)';
  return undefined;
}

const reason = lacking();
if (reason !== undefined) {
  if (process.env.CI === 'true') throw new Error(`the tests of proxies cannot run: ${reason}`);
  console.log(`skipped the tests of proxies: ${reason}`);
} else proxied();

function proxied(): void {
  const proxies: Proxy[] = [];
  const silent: { proxy: Proxy; one: TestClient; other: TestClient; since: number }[] = [];

  test.before(async () => {
    const names = ['-subj', `/CN=${NAME}`, '-addext', `subjectAltName=DNS:${NAME},IP:127.0.0.1`];
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    for (const [name, kind] of Object.entries(KINDS)) proxies.push(await start(name, kind));
    for (const proxy of proxies) {
      const [one, other] = [await client(proxy, 'silent one'), await client(proxy, 'silent other')];
      await other.connectTo(one);
      silent.push({ proxy, one, other, since: performance.now() });
    }
  });
  test.after(async () => {
    for (const { process: child, exchange } of proxies) {
      const ended = once(child, 'exit');
      if (child.exitCode === null && child.kill('SIGKILL')) await within(ended, 'the proxy to end');
      await exchange.stop('SIGKILL');
    }
  });
  const withEach = (title: string, run: (proxy: Proxy) => Promise<void>) => {
    for (const name of Object.keys(KINDS))
      test(`${name}: ${title}`, async () => {
        const proxy = proxies.find((proxy) => proxy.name === name);
        assert.ok(proxy);
        await run(proxy);
      });
  };

  withEach('a conversation, with the largest messages, and the dashboard with its feed', async (proxy) => {
    const [one, other] = [await client(proxy, 'one'), await client(proxy, 'other')];
    await other.connectTo(one);
    const content = '☃'.repeat((32 * 1024) / 3);
    await one.request({ type: 'ask', content }, 'question_sent');
    assert.is((await other.next('question')).content, content);
    const page = await ask(proxy, '/');
    assert.equal([page.status, /<title>/.test(page.text)], [200, true]);
    assert.match(page.headers['content-security-policy'] ?? '', /default-src 'none'/);
    const viewer = await TestClient.open(proxy.tls, { path: '/live', headers: { Host: NAME }, ca: ca() });
    for (let second = 0; second < 2; second++) assert.type((await viewer.next()).liveClients, 'number');
    await Promise.all([one, other, viewer].map((each) => each.close()));
  });

  withEach('who comes without TLS is sent to where there is one', async ({ plain }) => {
    const { status, headers } = await httpRequest(plain, '/some?where', { headers: { Host: NAME } });
    assert.ok([301, 308].includes(status), `${status}`);
    assert.match(headers.location ?? '', new RegExp(`^https://${NAME}(:\\d+)?/some\\?where$`));
  });

  withEach('the client’s own address counts, and not one that it claims', async (proxy) => {
    let count = 0;
    const mayGuess = async (localAddress: string, claimed?: string) => {
      const headers: Record<string, string> = claimed === undefined ? {} : { 'X-Forwarded-For': claimed };
      const guesser = await client(proxy, `guesser ${count++}`, { localAddress, headers });
      const { code } = await guesser.request({ type: 'connect', code: '222222' }, 'error');
      await guesser.close();
      return code === 'invalid_code';
    };
    assert.is(await mayGuess('127.0.0.2'), true);
    assert.is(await mayGuess('127.0.0.2'), false);
    assert.is(await mayGuess('127.0.0.2', '203.0.113.7'), false, 'claimed to be another');
    assert.is(await mayGuess('127.0.0.3', '127.0.0.2'), true, 'another, claimed to be the first');
    const warnings = proxy.exchange.logs.filter(({ event, hint }) => event === 'warning' && /PROXY/.test(String(hint)));
    assert.equal(warnings, []);
  });

  withEach('the exchange sees the name that was dialled', async (proxy) => {
    // nginx has one server here and gives it every name; Caddy answers by itself what is not its own.
    const foreign = await ask(proxy, '/api/stats', { headers: { Host: 'evil.example' } });
    assert.not.match(foreign.text, /liveClients/);
    const headers = { Origin: 'https://evil.example' };
    assert.is((await ask(proxy, '/api/admin/verify', { method: 'POST', headers, body: '{}' })).status, 403);
    assert.is((await ask(proxy, '/api/stats', { headers: { Origin: `https://${NAME}` } })).status, 200);
  });

  withEach('a login may be as long as the exchange takes, and no longer', async (proxy) => {
    const body = (bytes: number) => `{"password":"${'x'.repeat(bytes - 15)}"}`;
    const verify = async (bytes: number) =>
      (await ask(proxy, '/api/admin/verify', { method: 'POST', body: body(bytes) })).status;
    assert.is(await verify(8 * 1024), 401);
    // Caddy 2.6, cut off in the middle, may blame the exchange; later ones say 413, too.
    const refusals = proxy.name === 'caddy' ? [413, 502] : [413];
    for (const bytes of [9 * 1024, 1024 * 1024]) assert.ok(refusals.includes(await verify(bytes)), `${bytes}`);
  });

  withEach('the admin’s log comes as it happens; metrics are not for everybody', async (proxy) => {
    const { status, text } = await ask(proxy, '/api/admin/verify', {
      method: 'POST',
      body: JSON.stringify({ password: PASSWORD }),
    });
    assert.is(status, 200);
    const Authorization = `Bearer ${(JSON.parse(text) as Json).token}`;
    const headers = { Accept: 'text/event-stream', Authorization };
    const feed = ask(proxy, `/api/admin/logs?since=${Date.now()}`, {
      headers,
      enough: (text) => /^data: .*"event":"identified"/m.test(text),
    });
    const beacon = setInterval(() => {
      // One that is late or cut off at the end is no matter: what the feed tells is.
      client(proxy, `beacon ${performance.now()}`)
        .then((each) => each.close())
        .catch(() => {});
    }, 200);
    try {
      assert.match((await feed).text, /"event":"identified"/);
    } finally {
      clearInterval(beacon);
    }
    assert.is((await ask(proxy, '/metrics')).status, 401);
  });

  test('nginx waits longer than the exchange does', () => {
    const text = readFileSync(join(ROOT, 'deploy/nginx.conf'), 'utf8');
    for (const name of ['proxy_read_timeout', 'proxy_send_timeout'])
      assert.ok(Number(new RegExp(`^\\s*${name} (\\d+)s;$`, 'm').exec(text)?.[1]) > 68, name);
  });

  test('who is silent for longer than a minute is not cut', async () => {
    for (const { proxy, one, other, since } of silent) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, since + SILENCE_MS - performance.now())));
      assert.equal([one.closed, other.closed], [undefined, undefined], `${proxy.name}: ${proxy.said()}`);
      await one.request({ type: 'ask', content: 'Still there?' }, 'question_sent');
      assert.is((await other.next('question')).content, 'Still there?');
    }
  });
}

test.run();
