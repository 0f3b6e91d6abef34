/** Messages from client to client: every row under the same load, in turn, and the table that comes of it. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Load } from './load.ts';
import { type Row, start, startRow } from './process.ts';

export interface Setting {
  readonly inflight: number;
  readonly answers: boolean;
}

export const SETTINGS: readonly Setting[] = [
  { inflight: 16, answers: false },
  { inflight: 16, answers: true },
  { inflight: 1, answers: false },
  { inflight: 1, answers: true },
];

export interface Effort {
  readonly pairs: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly rounds: number;
}

export interface Figures extends Setting {
  readonly row: string;
  readonly messagesPerSecond: number;
  /** CPU time of the server's process for one message and its `*_sent`. */
  readonly serverMicroseconds: number;
  /** Of one core. */
  readonly serverShare: number;
  readonly generatorShare: number;
  readonly othersShare: number;
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  readonly bytesPerMessage: number;
}

/** Over this share of a core a process counts as busy all the time. */
const BUSY_SHARE = 0.9;
const SETUP_MS_MAX = 60_000;

export const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

/** One server and one generator, each a process of its own, for one setting. */
async function measure(row: Row, setting: Setting, effort: Effort): Promise<Figures> {
  const server = await startRow(row);
  try {
    const flags = {
      port: server.port,
      'server-pid': server.pid,
      dialect: row.dialect,
      pairs: effort.pairs,
      inflight: setting.inflight,
      warm: effort.warmSeconds,
      seconds: effort.seconds,
    };
    const options = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const generator = start(['bench/load.ts', ...options, ...(setting.answers ? ['--answers'] : [])], {}, 'pipe');
    const late = setTimeout(
      () => generator.kill('SIGKILL'),
      (effort.warmSeconds + effort.seconds) * 1000 + SETUP_MS_MAX,
    );
    const [line] = await Promise.all([text(generator.stdout as Readable), once(generator, 'exit')]);
    clearTimeout(late);
    if (generator.exitCode !== 0) throw new Error(`the load on ${row.name} ended with ${generator.exitCode}`);
    const load = JSON.parse(line) as Load;
    const serverNanoseconds = load.serverNanoseconds ?? Number.NaN;
    return {
      ...setting,
      row: row.name,
      messagesPerSecond: load.messages / load.seconds,
      serverMicroseconds: serverNanoseconds / 1000 / load.messages,
      serverShare: serverNanoseconds / 1e9 / load.seconds,
      generatorShare: load.generatorShare,
      othersShare: load.othersShare,
      p50Microseconds: load.p50Microseconds,
      p99Microseconds: load.p99Microseconds,
      bytesPerMessage: load.bytesPerMessage,
    };
  } finally {
    await server.stop();
  }
}

/** All rows under one setting. In each round every row has its turn, each time in another order: noise hits all alike. */
export async function relay(rows: readonly Row[], setting: Setting, effort: Effort): Promise<Figures[]> {
  const measured: Figures[] = [];
  for (let round = 0; round < effort.rounds; round++)
    for (let turn = 0; turn < rows.length; turn++)
      measured.push(await measure(rows[(round + turn) % rows.length] as Row, setting, effort));
  return rows.map(({ name }) => {
    const own = measured.filter((figures) => figures.row === name);
    const middle = (of: keyof Figures) => median(own.map((figures) => figures[of] as number));
    return {
      ...setting,
      row: name,
      messagesPerSecond: middle('messagesPerSecond'),
      serverMicroseconds: middle('serverMicroseconds'),
      serverShare: middle('serverShare'),
      generatorShare: middle('generatorShare'),
      othersShare: middle('othersShare'),
      p50Microseconds: middle('p50Microseconds'),
      p99Microseconds: middle('p99Microseconds'),
      bytesPerMessage: middle('bytesPerMessage'),
    };
  });
}

function note({ serverShare, generatorShare }: Figures): string {
  if (serverShare >= BUSY_SHARE) return 'the server was the limit';
  return generatorShare >= BUSY_SHARE ? 'the generator was the limit' : 'neither was the limit';
}

export function relayTable(setting: Setting, figures: readonly Figures[], effort: Effort): string {
  const floor = figures.find(({ row }) => row === 'floor')?.serverMicroseconds ?? Number.NaN;
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const lines = figures.map((row) => [
    row.row,
    Math.round(row.messagesPerSecond).toLocaleString('en'),
    row.serverMicroseconds.toFixed(2),
    (row.serverMicroseconds / floor).toFixed(2),
    row.p50Microseconds.toLocaleString('en'),
    row.p99Microseconds.toLocaleString('en'),
    percent(row.serverShare),
    percent(row.generatorShare),
    percent(row.othersShare),
    row.bytesPerMessage.toFixed(0),
    note(row),
  ]);
  const title =
    `${setting.answers ? 'Questions and answers' : 'Questions'}, ${setting.inflight} in flight, ${effort.pairs} pairs, ` +
    `median of ${effort.rounds} × ${effort.seconds} s`;
  const head = [
    'row',
    'messages/s',
    'CPU µs/msg',
    '÷ floor',
    'p50 µs',
    'p99 µs',
    'server',
    'load',
    'others',
    'B/msg',
    'note',
  ];
  return `${title}\n${table(head, lines)}`;
}

/** Columns as wide as their widest cell; the first and the last flush left, numbers flush right. */
export function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [head, ...lines];
  const widths = head.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0)));
  return all
    .map((line) =>
      line
        .map((cell, column) => {
          const flushLeft = column === 0 || column === head.length - 1;
          return flushLeft ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
