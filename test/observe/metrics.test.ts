/** What a Prometheus reads: every number once, in the text format, with the help and type of its name. */
import * as assert from 'uvu/assert';
import { Counts, type Gauges, metrics } from '../../src/observe/metrics.ts';
import { suite } from '../harness.ts';

const test = suite('metrics');

const GAUGES: Gauges = {
  clients: () => 11,
  users: () => 12,
  connections: () => 13,
  connectionsTotal: () => 14,
  refusedCodes: () => 15,
  viewers: () => 16,
  logLinesDropped: () => 17,
  mailboxMessages: () => 19,
  mailboxBytes: () => 20,
  mailboxOldest: () => 21,
  diskFree: () => 22,
  eventLoopDelayP99: () => 18,
};

/** The samples of a scrape that are ours: `name{labels}` → value. */
async function scrape(counts: Counts, gauges: Gauges = GAUGES): Promise<Map<string, number>> {
  const samples = new Map<string, number>();
  for (const line of (await metrics(counts, gauges).text()).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', value] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    assert.not(samples.has(name), `${line} is there twice or unreadable`);
    if (name.startsWith('magi_')) samples.set(name, Number(value));
  }
  return samples;
}

function only(samples: Map<string, number>, name: string): Record<string, number | undefined> {
  return Object.fromEntries([...samples].filter(([sample]) => sample.startsWith(name)));
}

test('the gauges are asked when Prometheus asks', async () => {
  const told = await scrape(new Counts());
  const plain = [...told].filter(([name]) => !/[{]|_(sum|count)$/.test(name));
  assert.equal(Object.fromEntries(plain), {
    ...{ magi_clients: 11, magi_users: 12, magi_connections: 13, magi_connections_total: 14 },
    ...{ magi_refused_codes_total: 15, magi_dashboard_viewers: 16, magi_log_lines_dropped_total: 17 },
    ...{ magi_mailbox_messages: 19, magi_mailbox_bytes: 20, magi_mailbox_oldest_seconds: 21, magi_disk_free_bytes: 22 },
    ...{ magi_messages_queued_total: 0, magi_messages_delivered_total: 0, magi_messages_expired_total: 0 },
    magi_event_loop_delay_p99_seconds: 0.018,
  });
  let clients = 1;
  const { text } = metrics(new Counts(), { ...GAUGES, clients: () => clients });
  for (clients of [5, 3]) assert.match(await text(), new RegExp(`^magi_clients ${clients}$`, 'm'));
});

test('counts are told by label, and stay the same when they are read again', async () => {
  const counts = new Counts();
  counts.received.ask = 3;
  counts.received.fault = 1;
  counts.errors.set('no_connection', 2);
  counts.questions = 3;
  counts.answers = 2;
  const { text } = metrics(counts, GAUGES);
  const ours = (scraped: string) =>
    scraped.split('\n').filter((line) => /^magi_(frames|messages_forwarded|errors)/.test(line));
  const expected = [
    'magi_frames_received_total{type="ask"} 3',
    'magi_frames_received_total{type="fault"} 1',
    'magi_messages_forwarded_total{type="question"} 3',
    'magi_messages_forwarded_total{type="answer"} 2',
    'magi_errors_total{code="no_connection"} 2',
  ];
  assert.equal(ours(await text()), expected);
  assert.equal(ours(await text()), expected);
});

test('a histogram has growing buckets, a sum and a count', async () => {
  const counts = new Counts();
  for (const bytes of [20, 40, 40, 1_000, 200_000]) counts.frameBytes.add(bytes);
  for (const nanoseconds of [900, 5_000, 2_000_000_000]) counts.handlingNs.add(nanoseconds);
  const told = await scrape(counts);
  assert.equal(only(told, 'magi_frame_bytes'), {
    'magi_frame_bytes_bucket{le="31"}': 1,
    'magi_frame_bytes_bucket{le="127"}': 3,
    'magi_frame_bytes_bucket{le="511"}': 3,
    'magi_frame_bytes_bucket{le="2047"}': 4,
    'magi_frame_bytes_bucket{le="8191"}': 4,
    'magi_frame_bytes_bucket{le="32767"}': 4,
    'magi_frame_bytes_bucket{le="131071"}': 4,
    'magi_frame_bytes_bucket{le="+Inf"}': 5,
    magi_frame_bytes_sum: 201_100,
    magi_frame_bytes_count: 5,
  });
  const handling = only(told, 'magi_handling_seconds');
  assert.is(handling['magi_handling_seconds_bucket{le="0.000002047"}'], 1);
  assert.is(handling['magi_handling_seconds_bucket{le="0.000008191"}'], 2);
  assert.is(handling['magi_handling_seconds_bucket{le="+Inf"}'], 3);
  assert.is(handling.magi_handling_seconds_count, 3);
  assert.ok(Math.abs((handling.magi_handling_seconds_sum ?? 0) - 2.0000059) < 1e-9);
});

test('every name has its help and its type, once, and Node’s own numbers are there', async () => {
  const { text, contentType } = metrics(new Counts(), GAUGES);
  const lines = (await text()).split('\n');
  assert.match(contentType, /^text\/plain; version=0\.0\.4/);
  const described = (what: string) =>
    lines.filter((line) => line.startsWith(`# ${what} magi_`)).map((line) => line.split(' ')[2]);
  const names = described('HELP');
  assert.is(new Set(names).size, names.length);
  assert.equal(described('TYPE'), names);
  for (const name of names)
    assert.match(
      lines.find((line) => line.startsWith(`# TYPE ${name} `)) ?? '',
      name?.endsWith('_total') ? 'counter' : /gauge|histogram/,
    );
  for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds'])
    assert.ok(
      lines.some((line) => line.startsWith(`${name} `)),
      name,
    );
});

test.run();
