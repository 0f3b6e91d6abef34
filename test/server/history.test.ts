/** What a dashboard asks for when it opens: what the exchange has kept for its charts. */
import * as assert from 'uvu/assert';
import { type Exchange, eventually, httpRequest, startExchange, suite, TestClient, UNLIMITED } from '../harness.ts';

const test = suite('history over http');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

interface Range {
  readonly step: number;
  readonly length: number;
  readonly points: (number | null)[][];
}

async function ranges(): Promise<Range[]> {
  const { status, headers, text } = await httpRequest(exchange, '/api/history');
  assert.is(status, 200);
  assert.is(headers['content-type'], 'application/json; charset=utf-8');
  assert.is(headers['access-control-allow-origin'], undefined);
  assert.is(headers['cache-control'], 'no-store');
  return JSON.parse(text).ranges;
}

test('seconds become points of all three ranges, and hold what happened in them', async () => {
  const [ann, bob] = await TestClient.pair(exchange, 'secret ann', 'secret bob');
  for (let n = 0; n < 5; n++) {
    await ann.request({ type: 'ask', content: 'a secret' }, 'question_sent');
    await bob.next('question');
  }
  assert.is((await ann.request({ type: 'zzz' })).code, 'unknown_type');
  const total = (points: Range['points'], column: number) =>
    points.reduce((sum, point) => sum + (point[column] ?? 0), 0);
  const kept = await eventually(async () => {
    const [seconds] = await ranges();
    if (seconds === undefined || total(seconds.points, 6) !== 1) return false;
    // A late second is shared among those that it stands for, to two decimals.
    return Math.abs(total(seconds.points, 1) - 5) < 0.1 && ranges();
  }, 'five messages and a refusal in the seconds');
  assert.equal(
    kept.map(({ step, length }) => [step, length]),
    [
      [1, 60],
      [5, 180],
      [300, 288],
    ],
  );
  for (const { step, points } of kept) {
    const [time = 0, , peak, clients, , handling] = points.at(-1) ?? [];
    assert.ok(Math.abs((time ?? 0) - Date.now() / 1_000) <= step + 5, `${time} is the newest of ${step} s`);
    assert.is(clients, 2);
    assert.ok(step === 1 || (Number(peak) > 0 && Number(handling) > 0), `${points.at(-1)}`);
  }
  const { text } = await httpRequest(exchange, '/api/history');
  assert.not.match(text, /secret/);
  await Promise.all([ann.close(), bob.close()]);
});

test('every push brings the newest point of each', async () => {
  const viewer = await TestClient.open(exchange, { path: '/live' });
  await viewer.next();
  const latest = (await viewer.next()).latest as number[][];
  assert.equal(
    latest.map(([step]) => step),
    [1, 5, 300],
  );
  const kept = await ranges();
  for (const [step, time] of latest)
    assert.ok(
      kept.some((range) => range.step === step && range.points.some(([at]) => at === time)),
      `${step} ${time}`,
    );
  viewer.terminate();
});

test('it is read and not written, and only by the names of the exchange', async () => {
  assert.is((await httpRequest(exchange, '/api/history', { method: 'HEAD' })).text, '');
  assert.is((await httpRequest(exchange, '/api/history', { method: 'POST' })).status, 405);
  assert.is((await httpRequest(exchange, '/api/history', { headers: { Host: 'evil.example.org' } })).status, 403);
});

test.run();
