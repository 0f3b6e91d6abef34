/** The log as a feed, with the time as a literal: it ends with the token by which it was opened. */
import * as assert from 'uvu/assert';
import { Log } from '../../src/observe/log.ts';
import { Output } from '../../src/observe/output.ts';
import { Admin } from '../../src/server/admin.ts';
import { Hosts } from '../../src/server/hosts.ts';
import type { Reply, Request, Stream } from '../../src/server/http.ts';
import { eventually, suite } from '../harness.ts';

const test = suite('admin feed');

const PASSWORD = 'correct horse battery staple';
const EIGHT_HOURS_MS = 8 * 3_600_000;

function request(fields: Partial<Request>): Request {
  return {
    ...{ method: 'GET', path: '', query: new URLSearchParams(), host: '', origin: '', authorization: '', accept: '' },
    ...{ acceptEncoding: '', isForwarded: false, address: '127.0.0.1', body: '' },
    ...fields,
  };
}

/** A log and its admin panel at a time that the test sets. */
function panel() {
  const at = { now: 1_000 };
  const output = new Output(
    () => {},
    () => {},
  );
  const log = new Log({ level: 'debug', format: 'json', output });
  const admin = new Admin({
    password: { text: PASSWORD, isTrial: false, onTerminal: '', elsewhere: '' },
    log,
    hosts: () => new Hosts([], [], '127.0.0.1', [8082]),
    clock: () => at.now,
  });
  const feed = async (bearer: string) => {
    const asked = request({ accept: 'text/event-stream', authorization: `Bearer ${bearer}` });
    const stream = (await admin.routes['/api/admin/logs']?.GET?.(asked)) as Stream;
    const told: string[] = [];
    const seen = { isEnded: false, text: () => told.join('') };
    const stop = stream.open(
      (text) => told.push(text) > 0,
      () => {
        seen.isEnded = true;
      },
    );
    return { seen, stop };
  };
  return { at, log, admin, feed };
}

async function tokenOf(admin: Admin): Promise<string> {
  const body = JSON.stringify({ password: PASSWORD });
  const reply = (await admin.routes['/api/admin/verify']?.POST?.(request({ body }))) as Reply;
  return (JSON.parse(String(reply.body)) as { token: string }).token;
}

test('a feed that was opened by a token ends with it', async () => {
  const { at, log, admin, feed } = panel();
  const { seen } = await feed(await tokenOf(admin));
  log.entry('warning', at.now, { hint: 'seen' });
  await eventually(() => seen.text().includes('seen'), 'the entry');
  at.now += EIGHT_HOURS_MS - 1;
  log.entry('warning', at.now, { hint: 'the last one' });
  await eventually(() => seen.text().includes('the last one'), 'the entry');
  assert.not.ok(seen.isEnded);
  at.now += 1;
  await eventually(() => seen.isEnded, 'the end of the feed');
  log.entry('warning', at.now, { hint: 'too late' });
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.not.match(seen.text(), /too late/);
});

test('one that was opened by the password goes on, and says how much it did not send', async () => {
  const { at, log, feed } = panel();
  const { seen, stop } = await feed(PASSWORD);
  at.now += 2 * EIGHT_HOURS_MS;
  for (let n = 0; n < 700; n++) log.entry('warning', at.now, { hint: `number ${n}` });
  await eventually(() => seen.text().includes('event: skipped\ndata: 200\n\n'), 'what was skipped');
  assert.not.ok(seen.isEnded);
  stop();
});

test.run();
