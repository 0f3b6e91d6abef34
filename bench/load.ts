/**
 * The load: pairs of guests who ask and answer as fast as the server lets them, each with a fixed number of questions in
 * flight. A process of its own; prints one line of JSON. `bench/run.ts` starts it, and it runs alone too:
 * `node bench/load.ts --port 8082 --server-pid 123 --inflight 16`.
 */
import { parseArgs } from 'node:util';
import { Client, DIALECTS } from './dialects.ts';
import { CONTENTS, said, sent, told, username } from './messages.ts';
import { cpuNanoseconds, machineNanoseconds } from './process.ts';
import { maskedFrame } from './socket.ts';

const { values: flags } = parseArgs({
  options: {
    port: { type: 'string', default: '8082' },
    dialect: { type: 'string', default: 'json' },
    pairs: { type: 'string', default: '100' },
    inflight: { type: 'string', default: '1' },
    answers: { type: 'boolean', default: false },
    warm: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
    'server-pid': { type: 'string' },
  },
});
const dialect = DIALECTS[flags.dialect] ?? fail(`no dialect ${flags.dialect}`);
const port = Number(flags.port);
const inflight = Number(flags.inflight);
const serverPid = flags['server-pid'] === undefined ? undefined : Number(flags['server-pid']);
if (inflight > CONTENTS) fail(`at most ${CONTENTS} questions in flight`);

export interface Load {
  readonly messages: number;
  readonly seconds: number;
  /** Undefined when the server's process is not known. */
  readonly serverNanoseconds: number | undefined;
  /** Of one core, 0 to 1 (and beyond, with the threads of Node). */
  readonly generatorShare: number;
  /** What everything else on this machine took meanwhile: the more, the less the other figures say. Of one core. */
  readonly othersShare: number;
  /** From writing a question until the friend's frame is read. */
  readonly p50Microseconds: number;
  readonly p99Microseconds: number;
  /** What both sides received, for one message: shows whether the rows say the same. */
  readonly bytesPerMessage: number;
}

/** One bucket a microsecond; the last one takes everything slower. */
const rounds = new Uint32Array(500_000);
let messages = 0;
let running = true;

function fail(why: string): never {
  console.error(`load: ${why}`);
  process.exit(1);
}

/** All the frames of a burst in one piece: a burst of n is the first n of them, from any of them on. */
function prepare(pair: number, side: 'a' | 'b') {
  const frames = Array.from({ length: 2 * CONTENTS }, (_, at) => maskedFrame(dialect.encode(said(pair, side, at))));
  const bytes = Buffer.concat(frames);
  const length = bytes.length / frames.length;
  if (frames.some((frame) => frame.length !== length)) fail('frames of different lengths');
  return (from: number, count: number) =>
    bytes.subarray((from % CONTENTS) * length, ((from % CONTENTS) + count) * length);
}

/** Two guests who are connected, and one question and one answer between them looked at closely. */
async function introduce(pair: number): Promise<[Client, Client]> {
  const asker = await Client.open(dialect, port, dialect.path(pair, 'a'));
  const friend = await Client.open(dialect, port, dialect.path(pair, 'b'));
  if (dialect.commands) {
    await asker.next('connected');
    await asker.ask({ type: 'identify', username: username(pair, 'a') }, 'identified');
    await friend.next('connected');
    await friend.ask({ type: 'identify', username: username(pair, 'b') }, 'identified');
    const { code } = await asker.ask({ type: 'create_invite' }, 'invite_created');
    await friend.ask({ type: 'connect', code }, 'connected_to_friend');
    await asker.next('friend_connected');
  }
  for (const [side, from, to] of [['a', asker, friend] as const, ['b', friend, asker] as const]) {
    same(await from.ask(said(pair, side, 0), sent(pair, side, 0).type), sent(pair, side, 0));
    same(await to.next(told(pair, side, 0).type), told(pair, side, 0));
  }
  return [asker, friend];
}

/** The row must say what the protocol says; `remaining` depends on the server's limits. */
function same(got: Record<string, unknown>, wanted: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(wanted))
    if (name !== 'remaining' && got[name] !== value) fail(`${JSON.stringify(got)} is not ${JSON.stringify(wanted)}`);
}

/** Starts the endless conversation of one pair. */
function converse(pair: number, asker: Client, friend: Client): void {
  const questions = prepare(pair, 'a');
  const answers = prepare(pair, 'b');
  const written = new Float64Array(CONTENTS);
  let asked = 0;
  let questionsSent = 0;
  let questionsTold = 0;
  let answered = 0;
  let answersSent = 0;
  let answersTold = 0;
  let done = 0;
  /** When the friend's frames of this read arrived; 0: not asked yet in this read. */
  let readAt = 0;

  const ask = () => {
    const count = running ? done + inflight - asked : 0;
    if (count === 0) return;
    const now = performance.now();
    for (let at = 0; at < count; at++) written[(asked + at) % CONTENTS] = now;
    asker.socket.write(questions(asked, count));
    asked += count;
  };
  /** A question is done when the asker has its question_sent and the friend has the question; so is its answer. */
  const settle = () => {
    let all = Math.min(questionsSent, questionsTold);
    if (flags.answers) all = Math.min(all, answersSent, answersTold);
    messages += flags.answers ? 2 * (all - done) : all - done;
    done = all;
    ask();
  };

  const letters = { q: 'q'.charCodeAt(0), a: 'a'.charCodeAt(0) };
  const listen = (client: Client, question: () => void, answer: () => void) => {
    client.socket.onFrame = (bytes, start, end) => {
      const letter = bytes[start + dialect.typeAt];
      if (letter === letters.q) question();
      else if (letter === letters.a) answer();
      else if (dialect.heartbeat !== undefined && end - start === 1)
        client.socket.write(maskedFrame(dialect.heartbeat.pong));
      else fail(`pair ${pair} was told ${bytes.toString('utf8', start, end)}`);
    };
    client.socket.onClosed = (why) => fail(`pair ${pair}: ${why}`);
  };
  listen(
    asker,
    () => questionsSent++,
    () => answersTold++,
  );
  asker.socket.onRead = settle;
  listen(
    friend,
    () => {
      if (readAt === 0) readAt = performance.now();
      const took = (readAt - (written[questionsTold++ % CONTENTS] as number)) * 1000;
      const bucket = Math.min(rounds.length - 1, Math.max(0, Math.round(took)));
      rounds[bucket] = (rounds[bucket] as number) + 1;
    },
    () => answersSent++,
  );
  friend.socket.onRead = () => {
    readAt = 0;
    if (flags.answers && questionsTold > answered) {
      friend.socket.write(answers(answered, questionsTold - answered));
      answered = questionsTold;
    }
    settle();
  };
  ask();
}

function percentile(share: number): number {
  const wanted = share * rounds.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (let bucket = 0; bucket < rounds.length; bucket++) {
    seen += rounds[bucket] as number;
    if (seen >= wanted) return bucket;
  }
  return rounds.length;
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const clients: Client[] = [];
for (let pair = 0; pair < Number(flags.pairs); pair++) {
  const [asker, friend] = await introduce(pair);
  clients.push(asker, friend);
}
for (let pair = 0; pair < clients.length / 2; pair++)
  converse(pair, clients[2 * pair] as Client, clients[2 * pair + 1] as Client);
await sleep(Number(flags.warm));

const received = () => clients.reduce((sum, client) => sum + client.socket.bytesReceived, 0);
const before = {
  at: performance.now(),
  server: serverPid === undefined ? undefined : cpuNanoseconds(serverPid),
  own: process.cpuUsage(),
  machine: machineNanoseconds(),
  bytes: received(),
};
messages = 0;
rounds.fill(0);
await sleep(Number(flags.seconds));
const seconds = (performance.now() - before.at) / 1000;
const own = process.cpuUsage(before.own);
const serverNanoseconds = before.server === undefined ? undefined : cpuNanoseconds(serverPid as number) - before.server;
const generatorShare = (own.user + own.system) / 1e6 / seconds;
const machineShare = (machineNanoseconds() - before.machine) / 1e9 / seconds;
const load: Load = {
  messages,
  seconds,
  serverNanoseconds,
  generatorShare,
  othersShare: Math.max(0, machineShare - generatorShare - (serverNanoseconds ?? 0) / 1e9 / seconds),
  p50Microseconds: percentile(0.5),
  p99Microseconds: percentile(0.99),
  bytesPerMessage: (received() - before.bytes) / messages,
};
running = false;
console.log(JSON.stringify(load));
for (const client of clients) client.socket.close();
