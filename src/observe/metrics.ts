/**
 * What a Prometheus scrapes. Counting is on the path of every message, so it is plain numbers; prom-client reads them and writes the
 * text when it is asked.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { FaultCode } from '../protocol/faults.ts';
import { COMMANDS, type CommandType } from '../protocol/messages.ts';
import { Histogram } from './histogram.ts';

const FRAME_KINDS = [...Object.keys(COMMANDS), 'fault'];

/** Numbers that only grow. */
export class Counts {
  readonly received = Object.fromEntries(FRAME_KINDS.map((kind) => [kind, 0])) as Record<CommandType | 'fault', number>;
  readonly errors = new Map<FaultCode, number>();
  questions = 0;
  answers = 0;
  queued = 0;
  delivered = 0;
  expired = 0;
  readonly frameBytes = new Histogram();
  /** Nanoseconds from the arrival of a frame to the end of its handling. */
  readonly handlingNs = new Histogram();
  /** Nanoseconds that a commit of the store held up the event loop. */
  readonly commitNs = new Histogram();
}

/** What is asked of the rest of the program when Prometheus asks us. */
export interface Gauges {
  readonly clients: () => number;
  readonly users: () => number;
  readonly connections: () => number;
  readonly connectionsTotal: () => number;
  readonly refusedCodes: () => number;
  readonly viewers: () => number;
  readonly logLinesDropped: () => number;
  readonly mailboxMessages: () => number;
  /** Of their contents. */
  readonly mailboxBytes: () => number;
  /** Seconds that the oldest message has waited; 0 without one. */
  readonly mailboxOldest: () => number;
  /** Bytes left where the store is; undefined without one. */
  readonly diskFree: () => number | undefined;
  /** Milliseconds. */
  readonly eventLoopDelayP99: () => number;
}

/** The scrape, as text of `contentType`. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

export function metrics(counts: Counts, gauges: Gauges): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const counter = (name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      collect() {
        this.reset();
        for (const [value, count] of read()) this.inc({ [label]: value }, count);
      },
    });
  counter('magi_frames_received_total', 'Frames received, by the type of their command', 'type', () =>
    Object.entries(counts.received).filter(([, count]) => count > 0),
  );
  counter('magi_messages_forwarded_total', 'Messages forwarded to a friend', 'type', () => [
    ['question', counts.questions],
    ['answer', counts.answers],
  ]);
  counter('magi_errors_total', 'Commands refused, by error code', 'code', () => counts.errors);

  const plain = (name: string, help: string, read: () => number) => {
    if (name.endsWith('_total'))
      new Counter({
        name,
        help,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    else
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
  };
  plain('magi_clients', 'Open clients', gauges.clients);
  plain('magi_users', 'Identified users', gauges.users);
  plain('magi_connections', 'Connections between two users', gauges.connections);
  plain('magi_connections_total', 'Connections made since the start', gauges.connectionsTotal);
  plain('magi_refused_codes_total', 'Wrong invite codes since the start', gauges.refusedCodes);
  plain('magi_messages_queued_total', 'Messages kept in a mailbox', () => counts.queued);
  plain('magi_messages_delivered_total', 'Messages that a client acknowledged', () => counts.delivered);
  plain('magi_messages_expired_total', 'Messages that waited too long', () => counts.expired);
  plain('magi_mailbox_messages', 'Messages that wait in mailboxes', gauges.mailboxMessages);
  plain('magi_mailbox_bytes', 'Bytes of content that wait in mailboxes', gauges.mailboxBytes);
  plain('magi_mailbox_oldest_seconds', 'How long the oldest message has waited', gauges.mailboxOldest);
  if (gauges.diskFree() !== undefined)
    plain('magi_disk_free_bytes', 'Bytes left on the disk of DATA_DIR', () => gauges.diskFree() ?? 0);
  plain('magi_dashboard_viewers', 'Open dashboards', gauges.viewers);
  plain('magi_log_lines_dropped_total', 'Log lines that nobody read in time', gauges.logLinesDropped);
  plain(
    'magi_event_loop_delay_p99_seconds',
    'The 99th percentile of the event-loop delay in the last second',
    () => gauges.eventLoopDelayP99() / 1000,
  );

  registry.registerMetric(
    histogram('magi_handling_seconds', 'Time to handle a frame', counts.handlingNs, 1e9, 9, 30) as never,
  );
  registry.registerMetric(
    histogram(
      'magi_commit_seconds',
      'Time that a commit held up the event loop',
      counts.commitNs,
      1e9,
      15,
      33,
    ) as never,
  );
  registry.registerMetric(
    histogram('magi_frame_bytes', 'Length of the frames received', counts.frameBytes, 1, 5, 17) as never,
  );
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

/** A histogram of ours in the shape that the registry asks of a metric. Bounds are the numbers before powers of two, two apart. */
function histogram(name: string, help: string, source: Histogram, unit: number, firstPower: number, lastPower: number) {
  const get = async () => {
    const values: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
    for (let power = firstPower; power <= lastPower; power += 2)
      values.push({
        metricName: `${name}_bucket`,
        labels: { le: (2 ** power - 1) / unit },
        value: source.below(power),
      });
    values.push({ metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: source.count });
    values.push({ metricName: `${name}_sum`, labels: {}, value: source.sum / unit });
    values.push({ metricName: `${name}_count`, labels: {}, value: source.count });
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  };
  return { name, get };
}
