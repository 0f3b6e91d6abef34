/** Protocol part 5, other settings: TLS beside or instead of plain sockets. Needs openssl for a certificate. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { type Exchange, runMain, startExchange, suite, TestClient, temporaryFolder, within } from '../harness.ts';

const test = suite('TLS');

const folder = temporaryFolder();
const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];

/** Makes a certificate for 127.0.0.1; false where there is no openssl. */
function makeCertificate(): boolean {
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', ['req', ...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env.CI === 'true') throw error;
    console.log('skipped the tests of TLS: they need openssl (apt-get install openssl)');
    return false;
  }
}

function tlsPortOf(exchange: Exchange): { port: number } {
  return { port: exchange.logs.find(({ event }) => event === 'started')?.tlsPort as number };
}

/** The status of a GET over TLS. */
async function secureStatus({ port }: { port: number }, path: string, ca: string): Promise<number | undefined> {
  const answered = new Promise<number | undefined>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.on('error', reject).end();
  });
  return await within(answered, `an answer to ${path}`);
}

if (makeCertificate()) {
  const env = { TLS_CERT: cert, TLS_KEY: key, TLS_PORT: '0' };
  const ca = readFileSync(cert, 'utf8');

  test('with a certificate there are both, and users of either talk to each other', async () => {
    const exchange = await startExchange(env);
    const secure = await TestClient.identified(tlsPortOf(exchange), 'secure', undefined, { ca });
    const plain = await TestClient.identified(exchange, 'plain');
    await secure.connectTo(plain);
    await plain.request({ type: 'ask', content: 'Is it safe over there?' }, 'question_sent');
    assert.is((await secure.next('question')).from, 'plain');
    for (const path of ['/', '/healthz', '/api/stats']) {
      assert.is(await secureStatus(tlsPortOf(exchange), path, ca), 200, path);
    }
    const viewer = await TestClient.open(tlsPortOf(exchange), { path: '/live', ca });
    assert.is((await viewer.next()).liveClients, 2);

    exchange.process.kill('SIGTERM');
    for (const client of [secure, plain]) {
      await client.next('restarting');
      assert.is(await client.whenClosed(), 1012);
    }
    assert.is(await exchange.ended, 0);
  });

  test('PLAIN=off leaves TLS alone', async () => {
    const exchange = await startExchange({ ...env, PLAIN: 'off', PORT: '1' });
    await TestClient.identified(tlsPortOf(exchange), 'secure', undefined, { ca });
    assert.is(exchange.port, undefined);
    const { port } = tlsPortOf(exchange);
    const error = await TestClient.open({ port }).then(() => 'opened', String);
    assert.is.not(error, 'opened', 'a plain socket on the port for TLS');
    await exchange.stop();
  });

  test('a foreign Host and Origin get 403 over TLS too', async () => {
    const exchange = await startExchange(env);
    for (const headers of [{ Host: 'evil.example' }, { Origin: 'https://evil.example' }] as Record<string, string>[]) {
      const error = await TestClient.open(tlsPortOf(exchange), { ca, headers }).then(() => 'opened', String);
      assert.match(error, /Unexpected server response: 403/);
    }
    const Origin = `https://127.0.0.1:${tlsPortOf(exchange).port}`;
    await TestClient.unidentified(tlsPortOf(exchange), { ca, headers: { Origin } });
    await exchange.stop();
  });

  /** Makes another certificate and its key. Returns the settings that name them. */
  const another = (name: string, ...options: string[]) => {
    const files = { TLS_CERT: join(folder, `${name}-cert.pem`), TLS_KEY: join(folder, `${name}-key.pem`) };
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const made = ['req', '-x509', ...curve, '-subj', '/CN=localhost', ...options];
    execFileSync('openssl', [...made, '-keyout', files.TLS_KEY, '-out', files.TLS_CERT], { stdio: 'ignore' });
    return files;
  };
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  test('what cannot be used stops the start with one line that says what is wrong with which file', async () => {
    const good = { TLS_CERT: cert, TLS_KEY: key };
    const { TLS_CERT: request, ...old } = another('expired', '-nodes', '-days', '2');
    // The same, signed again to end the day before it begins: `req` refuses to, `x509` does not.
    const expired = { ...old, TLS_CERT: join(folder, 'expired.pem') };
    const again = ['x509', '-in', request, '-signkey', old.TLS_KEY, '-days', '-1', '-out', expired.TLS_CERT];
    execFileSync('openssl', again, { stdio: 'ignore' });
    const closed = file('closed.pem', ca);
    chmodSync(closed, 0);
    const rows: [Record<string, string>, RegExp][] = [
      [{ TLS_CERT: cert }, /TLS_CERT and TLS_KEY go together/],
      [{ TLS_KEY: key }, /TLS_CERT and TLS_KEY go together/],
      [{ PLAIN: 'off' }, /PLAIN is "off" and there is no TLS_CERT/],
      [
        { ...good, TLS_CERT: join(folder, 'missing.pem') },
        /TLS_CERT is "[^"]+missing\.pem": it cannot be read \(ENOENT\)/,
      ],
      [{ ...good, TLS_KEY: folder }, /TLS_KEY is "[^"]+": it cannot be read \(EISDIR\)/],
      [{ ...good, TLS_CERT: key }, /TLS_CERT is "[^"]+": the file does not hold a certificate in PEM form/],
      [{ ...good, TLS_KEY: cert }, /TLS_KEY is "[^"]+": the file does not hold a private key/],
      [{ ...good, TLS_CERT: file('empty.pem', '') }, /does not hold a certificate/],
      [{ ...good, TLS_KEY: file('garbage.pem', randomBytes(500)) }, /does not hold a private key/],
      [{ ...good, TLS_CERT: file('half.pem', ca.slice(0, 200)) }, /does not hold a certificate/],
      [
        { ...good, TLS_KEY: another('other', '-nodes', '-days', '2').TLS_KEY },
        /TLS_KEY "[^"]+" is not the key of the certificate/,
      ],
      [another('secret', '-passout', 'pass:open sesame', '-days', '2'), /a private key without a passphrase/],
      [expired, /TLS_CERT is "[^"]+": the certificate has expired on 20\d\d-\d\d-\d\d\. Renew it\./],
      // The superuser may read every file.
      ...(process.getuid?.() === 0
        ? []
        : [[{ ...good, TLS_CERT: closed }, /it cannot be read \(EACCES\)/] as [Record<string, string>, RegExp]]),
    ];
    const check = async ([settings, reason]: [Record<string, string>, RegExp]) => {
      const { code, stdout, stderr } = await runMain([], { PORT: '0', TLS_PORT: '0', ...settings });
      assert.equal([code, stdout], [78, ''], stderr);
      assert.match(stderr, /^magi-exchange: [^\n]+\n$/);
      assert.match(stderr, reason);
    };
    for (let at = 0; at < rows.length; at += 4) await Promise.all(rows.slice(at, at + 4).map(check));
  });

  test('TLS_PORT in use is told as such', async () => {
    const exchange = await startExchange(env);
    const { port } = tlsPortOf(exchange);
    const { code, stderr } = await runMain([], { ...env, PORT: '0', TLS_PORT: String(port) });
    await exchange.stop();
    assert.is(code, 1);
    assert.match(stderr, new RegExp(`^magi-exchange: [^\n]*port ${port}: it is in use[^\n]*TLS_PORT[^\n]*\n$`));
  });

  test('health asks over TLS, on this machine whatever the name in the certificate, elsewhere not', async () => {
    const exchange = await startExchange({ ...env, PLAIN: 'off' });
    const TLS_PORT = String(tlsPortOf(exchange).port);
    const own = await runMain(['health'], { ...env, PLAIN: 'off', TLS_PORT });
    assert.equal([own.code, own.stdout], [0, `https://127.0.0.1:${TLS_PORT}/readyz is ready\n`]);
    const asked = await runMain(['health', `https://127.0.0.1:${TLS_PORT}`]);
    assert.is(asked.code, 1);
    assert.match(asked.stderr, /is not ready: DEPTH_ZERO_SELF_SIGNED_CERT\.$/m);
    await exchange.stop();
  });
}

test.run();
