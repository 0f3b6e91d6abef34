/** Protocol part 5, other settings: TLS beside or instead of plain sockets. Needs openssl for a certificate. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

  test('a certificate that cannot be used stops the start with one line', async () => {
    const missing = join(folder, 'missing.pem');
    for (const settings of [
      { TLS_CERT: cert },
      { TLS_KEY: key },
      { TLS_CERT: missing, TLS_KEY: key },
      { TLS_CERT: key, TLS_KEY: key },
    ]) {
      const { code, stderr } = await runMain([], { PORT: '0', TLS_PORT: '0', ...settings } as Record<string, string>);
      assert.is(code, 78);
      assert.match(stderr, /^[^\n]*\bTLS_(CERT|KEY)\b[^\n]*\n$/);
    }
  });
}

test.run();
