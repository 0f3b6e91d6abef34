/**
 * What open dashboards cost: the share of a core that the operating system says the server's process used with many viewers on
 * /live, less what the same process used just before without any. The viewers are in this process, the server in one of its own.
 *
 * On the loopback interface the kernel does the receiving side's work too within the sender's call, so it is counted here; on a
 * real network it would be another machine's.
 */
import { parseArgs } from 'node:util';
import { Client, DIALECTS } from './dialects.ts';
import { openFilesMax } from './idle.ts';
import { cpuNanoseconds, ROWS, type Server, startRow } from './process.ts';
import { median, table } from './relay.ts';
import { RawSocket } from './socket.ts';

const { values: flags } = parseArgs({
  options: {
    viewers: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
  },
});
const viewersWanted = Number(flags.viewers);
const seconds = Number(flags.seconds);
const rounds = Number(flags.rounds);
/** An exchange where nobody is, and one with as many users as the stats list: the longest push there is. */
const USERS = [0, 200];
const SETTLE_MS = 2_000;
const AT_ONCE = 50;
/** Of a core. */
const ASKED_SHARE = 0.02;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

interface Measured {
  readonly share: number;
  readonly pushesPerSecond: number;
  readonly bytesPerPush: number;
}

/** Watches the server's process for a while, and what reaches the viewers. */
async function measure(server: Server, viewers: readonly RawSocket[], pushes: () => number): Promise<Measured> {
  await pause(SETTLE_MS);
  const bytes = () => viewers.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0);
  const before = { cpu: cpuNanoseconds(server.pid), at: performance.now(), pushes: pushes(), bytes: bytes() };
  await pause(seconds * 1_000);
  const took = performance.now() - before.at;
  const pushed = pushes() - before.pushes;
  return {
    share: (cpuNanoseconds(server.pid) - before.cpu) / 1e6 / took,
    pushesPerSecond: pushed / Math.max(1, viewers.length) / (took / 1_000),
    bytesPerPush: (bytes() - before.bytes) / Math.max(1, pushed),
  };
}

async function openAll<T>(count: number, open: (at: number) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  while (opened.length < count) {
    const next = Math.min(AT_ONCE, count - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: next }, (_, at) => open(opened.length + at)))));
  }
  return opened;
}

async function join(port: number, at: number): Promise<Client> {
  const client = await Client.open(DIALECTS.json as NonNullable<(typeof DIALECTS)['json']>, port, '/');
  await client.next('connected');
  await client.ask({ type: 'identify', username: `user${at}` }, 'identified');
  return client;
}

interface Round {
  readonly idle: Measured;
  readonly viewed: Measured;
}

/** One exchange, first without viewers and then with them. */
async function round(users: number): Promise<Round> {
  const exchange = ROWS.find(({ name }) => name === 'exchange');
  if (exchange === undefined) throw new Error('there is no exchange to measure');
  const server = await startRow(exchange);
  try {
    await openAll(users, (at) => join(server.port, at));
    const idle = await measure(server, [], () => 0);
    let pushes = 0;
    const viewers = await openAll(viewersWanted, async () => {
      const viewer = await RawSocket.open(server.port, '/live', '127.0.0.1', (opening) => {
        opening.onFrame = () => pushes++;
      });
      viewer.onClosed = (why) => {
        throw new Error(`a viewer was closed: ${why}`);
      };
      return viewer;
    });
    const viewed = await measure(server, viewers, () => pushes);
    for (const viewer of viewers) viewer.close();
    return { idle, viewed };
  } finally {
    await server.stop();
  }
}

const percent = (share: number) => `${(share * 100).toFixed(2)} %`;

console.log(
  `\n${viewersWanted} viewers of the dashboard, ${rounds} rounds of ${seconds} s (ulimit -n ${openFilesMax()})`,
);
const lines: string[][] = [];
for (const users of USERS) {
  const results: Round[] = [];
  for (let at = 0; at < rounds; at++) results.push(await round(users));
  const middle = (read: (result: Round) => number) => median(results.map(read));
  const cost = middle(({ idle, viewed }) => viewed.share - idle.share);
  lines.push([
    String(users),
    percent(middle(({ idle }) => idle.share)),
    percent(middle(({ viewed }) => viewed.share)),
    percent(cost),
    middle(({ viewed }) => viewed.pushesPerSecond).toFixed(2),
    Math.round(middle(({ viewed }) => viewed.bytesPerPush)).toLocaleString('en'),
    cost < ASKED_SHARE ? 'yes' : 'no',
  ]);
}
const head = ['users', 'without', 'with', 'viewers', 'pushes/s', 'bytes', `under ${ASKED_SHARE * 100} %`];
console.log(table(head, lines));
