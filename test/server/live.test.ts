/** Protocol part 6: /live pushes the stats to everybody who looks. */
import * as assert from 'uvu/assert';
import {
  type Exchange,
  eventually,
  httpRequest,
  type Json,
  startExchange,
  suite,
  TestClient,
  UNLIMITED,
} from '../harness.ts';

const test = suite('live');
let exchange: Exchange;
test.before(async () => {
  exchange = await startExchange(UNLIMITED);
});
test.after(() => exchange.stop());

const view = () => TestClient.open(exchange, { path: '/live' });

test('a viewer is pushed the stats of /api/stats, again and again', async () => {
  const viewer = await view();
  const pushes = [await viewer.next(), await viewer.next(), await viewer.next()];
  const published = JSON.parse((await httpRequest(exchange, '/api/stats')).text) as Json;
  for (const push of pushes) assert.equal(Object.keys(push).sort(), Object.keys(published).sort());
  const seconds = pushes.map(({ uptimeSeconds }) => uptimeSeconds as number);
  assert.equal(
    seconds,
    [...seconds].sort((a, b) => a - b),
  );
  assert.ok((seconds[2] as number) > (seconds[0] as number), `uptimeSeconds ${seconds}`);
  viewer.terminate();
});

test('every viewer is pushed the same', async () => {
  const early = await view();
  await early.next();
  const viewers = [await view(), await view()];
  // The first push may be made for the newcomer alone; those after it are for all.
  for (const viewer of viewers) await viewer.next();
  const pushed = (messages: Json[]) => messages.map((message) => JSON.stringify(message));
  const common: string[][] = [];
  for (const viewer of viewers) common.push(pushed([await viewer.next(), await viewer.next()]));
  await eventually(() => pushed(early.inbox).includes(common[1]?.[1] ?? ''), 'the last push to reach the early viewer');
  const seen = pushed(early.inbox);
  for (const messages of common) {
    const at = seen.indexOf(messages[0] ?? '');
    assert.ok(at >= 0, 'a push that one viewer had reached the other');
    assert.equal(seen.slice(at, at + 2), messages);
  }
  for (const viewer of [early, ...viewers]) viewer.terminate();
});

test('what happens is seen, without names', async () => {
  const viewer = await view();
  const [ann] = await TestClient.pair(exchange, 'secret username', 'hidden username');
  await ann.request({ type: 'ask', content: '1234567' }, 'question_sent');
  const stats = await eventually(async () => {
    const push = await viewer.next();
    return push.totalMessages === 1 && push;
  }, 'the question to be counted');
  assert.is(stats.liveClients, 2);
  assert.is(stats.activeConnections, 1);
  assert.equal((stats.connectedUsers as Json[]).map(({ initial }) => String(initial).toLowerCase()).sort(), ['h', 's']);
  assert.not.match(JSON.stringify(stats), /username|1234567/);
  viewer.terminate();
});

test('viewers are no clients, and what they say is not answered', async () => {
  const viewer = await view();
  const before = (await viewer.next()).liveClients;
  for (const said of [
    '{"type":"identify","username":"viewer"}',
    '{"type":"ping"}',
    'garbage',
    new Uint8Array([0xff]),
  ]) {
    viewer.send(said);
  }
  for (let n = 0; n < 2; n += 1) {
    const push = await viewer.next();
    assert.is(push.type, undefined);
    assert.is(push.liveClients, before);
  }
  await TestClient.identified(exchange, 'viewer');
});

test.run();
