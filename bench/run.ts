/**
 * The command behind `npm run bench`. Every server is a process of its own, so is the load, all on the loopback interface;
 * CPU time is what the operating system says the server's process used. Figures of one run compare with each other only.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Idle, measureIdle, openFilesMax } from './idle.ts';
import { BUNDLE, binaryRow, privateBytes, ROWS, type Row, residentBytes, start, startRow } from './process.ts';
import { type Effort, type Figures, median, relay, relayTable, SETTINGS, table } from './relay.ts';

/** By then V8 has given back what the start took. */
const REST_MS = 60_000;

const USAGE = `usage: node bench/run.ts [options]
  --quick               one short round, fewer idle clients: to see that it works, not to quote
  --only relay,keyed,idle,parts,start,store,viewers,client,bridge,slow
  --rows exchange,floor,ws,socketio
  --pairs N             pairs of guests (100)
  --seconds N           measured seconds of each round (5)
  --rounds N            rounds, of which the median counts (3)
  --clients N           idle clients (15000)
  --json FILE           write the figures there too`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'relay,keyed,idle,start,parts,store,viewers,client,bridge' },
    rows: { type: 'string', default: ROWS.map(({ name }) => name).join() },
    pairs: { type: 'string', default: '100' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    clients: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}

const effort: Effort = {
  pairs: Number(flags.pairs),
  warmSeconds: flags.quick ? 1 : 2,
  seconds: Number(flags.seconds ?? (flags.quick ? 2 : 5)),
  rounds: Number(flags.rounds ?? (flags.quick ? 1 : 3)),
};
const idleClients = Number(flags.clients ?? (flags.quick ? 3000 : 15_000));
const only = flags.only.split(',');
const rows = flags.rows.split(',').map((name) => ROWS.find((row) => row.name === name) ?? unknownRow(name));

function unknownRow(name: string): never {
  console.error(`no row ${name}\n${USAGE}`);
  process.exit(64);
}

const machine = {
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  node: process.version,
  openFilesMax: openFilesMax(),
};
const result = {
  machine,
  effort,
  relay: [] as Figures[],
  idle: [] as Idle[],
  startMilliseconds: {} as Record<string, number>,
};
const asked: string[] = [];

function buildIfMissing(): void {
  if (existsSync(BUNDLE) || !rows.some(({ name }) => name === 'exchange')) return;
  const built = spawnSync(process.execPath, ['build.mjs', 'build'], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(1);
}

async function measureRelay(): Promise<void> {
  for (const setting of SETTINGS) {
    const figures = await relay(rows, setting, effort);
    result.relay.push(...figures);
    console.log(`\n${relayTable(setting, figures, effort)}`);
  }
  const cpu = (row: string, inflight: number) =>
    result.relay.find((one) => one.row === row && one.inflight === inflight && !one.answers)?.serverMicroseconds;
  const compare = (one: string, other: string, inflight: number, wanted: string) => {
    const ratio = (cpu(one, inflight) ?? Number.NaN) / (cpu(other, inflight) ?? Number.NaN);
    if (!Number.isNaN(ratio))
      asked.push(`${one} / ${other} CPU, ${inflight} in flight: ${ratio.toFixed(2)} (asked: ${wanted})`);
  };
  compare('exchange', 'floor', 16, 'at most 2.6');
  compare('exchange', 'floor', 1, 'at most 1.3');
  compare('ws', 'exchange', 16, 'at least 3.5');
}

async function idle(): Promise<void> {
  for (const row of rows) result.idle.push(await measureIdle(row, idleClients));
  const lines = result.idle.map((one) => [
    one.row,
    one.clients.toLocaleString('en'),
    Math.round(one.bytesPerClient).toLocaleString('en'),
    '',
  ]);
  console.log(
    `\nIdle identified clients (ulimit -n ${machine.openFilesMax})\n${table(['row', 'clients', 'bytes/client', ''], lines)}`,
  );
  const exchange = result.idle.find(({ row }) => row === 'exchange');
  if (exchange !== undefined)
    asked.push(
      `bytes per idle client of the exchange, at ${exchange.clients} clients: ${Math.round(exchange.bytesPerClient)}`,
    );
}

/** How long the one file and, if there is one, the executable take. The first start, which may have to unpack, is not counted. */
async function startTimes(exchange: Row): Promise<void> {
  const binary = binaryRow();
  for (const row of binary === undefined ? [exchange] : [exchange, binary]) {
    const times: number[] = [];
    for (let round = 0; round < 12; round++) {
      const server = await startRow(row);
      if (round > 0) times.push(server.startMilliseconds);
      await server.stop();
    }
    result.startMilliseconds[row.name] = median(times);
    asked.push(
      `from the start of the process until it listens, ${row.name}: ${Math.round(median(times))} ms, median of ${times.length}, ${Math.round(Math.min(...times))} to ${Math.round(Math.max(...times))} (asked: at most 150)`,
    );
  }
  if (binary === undefined) asked.push('no executable was measured: npm run build -- --binary makes it');
}

/** What a server takes that keeps a store and has no clients, once it has come to rest. */
async function memoryAtRest(exchange: Row): Promise<void> {
  for (const row of [exchange, binaryRow()]) {
    if (row === undefined) continue;
    const folder = mkdtempSync(join(tmpdir(), 'magi-bench-rest-'));
    const server = await startRow({ ...row, env: { ...row.env, DATA_DIR: folder } });
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
    asked.push(
      `memory of the idle server after a minute, ${row.name}: ${mebibytes(residentBytes(server.pid))} MiB resident (asked: under 80), ${mebibytes(privateBytes(server.pid))} of it its own, the rest Node's program and libraries`,
    );
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function parts(file: string, options: readonly string[] = []): Promise<void> {
  const child = start([file, ...options], {}, 1);
  await new Promise((resolve) => child.on('exit', resolve));
}

console.log(
  `${machine.processor}, ${machine.cores} cores, Node ${machine.node}, ulimit -n ${machine.openFilesMax}\n` +
    'The exchange runs with every check, metric and log on; its log goes to a file, each entry as in real use.',
);
if (only.some((part) => part !== 'parts' && part !== 'store')) buildIfMissing();
const exchange = rows.find(({ name }) => name === 'exchange');
if (only.includes('start') && exchange !== undefined) {
  await startTimes(exchange);
  await memoryAtRest(exchange);
}
if (only.includes('relay')) await measureRelay();
if (only.includes('keyed'))
  await parts('bench/keyed.ts', ['--rounds', `${effort.rounds}`, '--seconds', `${effort.seconds}`, '--warm', '4']);
if (only.includes('idle')) await idle();
if (only.includes('parts')) await parts('bench/parts.ts');
if (only.includes('store')) await parts('bench/store.ts');
if (only.includes('viewers')) await parts('bench/viewers.ts', flags.quick ? ['--rounds', '1', '--seconds', '3'] : []);
if (only.includes('client')) await parts('bench/cli.ts');
if (only.includes('bridge')) await parts('bench/bridge.ts');
if (only.includes('slow')) await parts('bench/slow-readers.ts');
if (asked.length > 0) console.log(`\n${asked.join('\n')}`);
if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(result, null, 2)}\n`);
