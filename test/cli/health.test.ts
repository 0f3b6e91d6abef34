/** `health`: what a container and a deployment ask, with exit codes that they understand. */
import * as assert from 'uvu/assert';
import { eventually, httpRequest, runMain, startExchange, suite, TestClient, withExchange } from '../harness.ts';

const test = suite('cli: health');

const ONE_LINE = /^magi-exchange: [^\n]+\n$/;

test('an exchange that is ready is exit 0, by its URL and by its settings', async () => {
  await withExchange({}, async ({ port, url }) => {
    const env = { PORT: String(port) };
    const asked = [
      await runMain(['health', url]),
      await runMain(['health'], env),
      await runMain(['health'], { ...env, HOST: '0.0.0.0' }),
    ];
    for (const { code, stdout, stderr } of asked)
      assert.equal([code, stdout, stderr], [0, `${url}/readyz is ready\n`, '']);
  });
});

test('one that drains, or is not there, or is silent, is exit 1 and one line', async () => {
  const exchange = await startExchange();
  const client = await TestClient.unidentified(exchange);
  exchange.process.kill('SIGTERM');
  await eventually(async () => (await httpRequest(exchange, '/readyz')).status === 503, 'it to drain');
  const draining = await runMain(['health', exchange.url]);
  await client.whenClosed();
  await exchange.ended;
  const gone = await runMain(['health', exchange.url]);
  // Between the two it may have ended already.
  for (const { code, stdout, stderr } of [draining, gone]) {
    assert.equal([code, stdout], [1, '']);
    assert.match(stderr, ONE_LINE);
  }
  assert.match(gone.stderr, /is not ready: ECONNREFUSED\.$/m);
});

test('what is no URL, or too much, is exit 2 and one line', async () => {
  for (const args of [['ftp://127.0.0.1'], ['nonsense'], ['http://127.0.0.1:1', 'more']]) {
    const { code, stdout, stderr } = await runMain(['health', ...args]);
    assert.equal([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, ONE_LINE);
  }
  const any = await runMain(['health'], { PORT: '0' });
  assert.is(any.code, 2);
  assert.match(any.stderr, /^magi-exchange: PORT is 0[^\n]+\n$/);
});

test.run();
