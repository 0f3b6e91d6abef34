/**
 * Keyed clients that stop reading, while thousands of messages a second go on coming for them: what they cost the exchange in memory, what
 * the others notice, and whether anything acknowledged is lost once they read again. `node build.mjs build`, then
 * `node bench/slow-readers.ts [--slow 100] [--rate 5000] [--seconds 20]`. Ends with 1 if the bound is passed or something is lost.
 */
import { parseArgs } from 'node:util';
import type { Client, Message } from './dialects.ts';
import { content } from './messages.ts';
import { comeAs, type Person, person, serve } from './people.ts';
import { residentBytes } from './process.ts';
import { maskedFrame } from './socket.ts';

const { values: flags } = parseArgs({
  options: {
    slow: { type: 'string', default: '100' },
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '20' },
    calm: { type: 'string', default: '5' },
  },
});
const [slow, rate, seconds, calm] = [flags.slow, flags.rate, flags.seconds, flags.calm].map(Number) as [
  ...[number, number, number, number],
];

const SENDERS = 4;
/** Those who go on talking, a question every 50 ms each. */
const TALKERS = 20;
const TALK_EVERY_MS = 50;
const BEAT_MS = 5;
const DRAIN_MS_MAX = 120_000;
/** The default of BACKPRESSURE_BYTES. */
const BACKPRESSURE_BYTES = 1024 * 1024;
const SPARE_BYTES = 100 * 1024 * 1024;

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const mebibytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;

async function connect(one: Client, other: Client): Promise<void> {
  const { code } = await one.ask({ type: 'create_invite' }, 'invite_created');
  await other.ask({ type: 'connect', code }, 'connected_to_friend');
  await one.next('friend_connected');
}

function onMessage(client: Client, told: (message: Message) => void): void {
  client.socket.onFrame = (bytes, start, end) => told(JSON.parse(bytes.toString('utf8', start, end)) as Message);
}

/** What one sender has said to one slow reader. Numbers count from 0 in the order of asking. */
class Pair {
  asked = 0;
  readonly acknowledged: number[] = [];
  readonly refused = new Map<string, number>();
  readonly came: number[] = [];

  get lost(): number {
    const came = new Set(this.came);
    return this.acknowledged.filter((number) => !came.has(number)).length;
  }

  get doubled(): number {
    return this.came.length - new Set(this.came).size;
  }

  get outOfOrder(): number {
    return this.came.filter((number, at) => at > 0 && number <= (this.came[at - 1] as number)).length;
  }
}

const pairs = new Map<string, Pair>();
const pairOf = (id: unknown): [Pair, number] => {
  const [sender, reader, number] = (id as string).split('-') as [string, string, string];
  return [pairs.get(`${sender}-${reader}`) as Pair, Number(number)];
};
const sum = (count: (pair: Pair) => number) => [...pairs.values()].reduce((total, pair) => total + count(pair), 0);

/** A slow reader, once it reads: acknowledges what came in one read with one frame, as a client does that has put it away. */
function readAll(client: Client): void {
  let deliveryIds: unknown[] = [];
  onMessage(client, ({ type, id, deliveryId }) => {
    if (type !== 'question') return;
    const [pair, number] = pairOf(id);
    pair.came.push(number);
    deliveryIds.push(deliveryId);
  });
  client.socket.onRead = () => {
    if (deliveryIds.length > 0) client.say({ type: 'received', deliveryIds });
    deliveryIds = [];
  };
}

/** Notes what becomes of what the sender says. Receipts are acknowledged, or they would wait in the exchange. */
function listen(sender: Client): void {
  onMessage(sender, ({ type, id, status, code, deliveryId }) => {
    if (type === 'receipt') sender.say({ type: 'received', deliveryIds: [deliveryId] });
    else if (type === 'question_sent' && status !== 'forwarded') {
      const [pair, number] = pairOf(id);
      pair.acknowledged.push(number);
    } else if (type === 'error') {
      const [{ refused }] = pairOf(id);
      refused.set(code as string, (refused.get(code as string) ?? 0) + 1);
    }
  });
}

/** Two who talk: milliseconds from each question to `delivered`. They do not wait for each other, so a stall shows in every question of it. */
function talk(one: Client, other: Client, name: string, latencies: () => number[]): () => void {
  const askedAt = new Map<unknown, number>();
  let rounds = 0;
  onMessage(other, ({ type, deliveryId }) => {
    if (type === 'question') other.say({ type: 'received', deliveryIds: [deliveryId] });
  });
  onMessage(one, ({ type, status, id }) => {
    if (type !== 'question_sent' || status !== 'delivered') throw new Error(`${type} ${status} among those who read`);
    latencies().push(performance.now() - (askedAt.get(id) ?? Number.NaN));
    askedAt.delete(id);
  });
  return () => {
    const id = `${name}-${rounds++}`;
    askedAt.set(id, performance.now());
    one.say({ type: 'ask', content: content(rounds), id });
  };
}

/** Sends at the wanted rate, to each reader in turn and by each sender in turn, and what is due in one beat with one write for each sender. */
async function load(senders: readonly Client[], readers: readonly Person[], milliseconds: number): Promise<void> {
  const startedAt = performance.now();
  let count = 0;
  for (let now = startedAt; now < startedAt + milliseconds; now = performance.now()) {
    const frames: Buffer[][] = senders.map(() => []);
    for (const due = ((now - startedAt) * rate) / 1000; count < due; count++) {
      const sender = Math.floor(count / readers.length) % senders.length;
      const reader = count % readers.length;
      const pair = pairs.get(`${sender}-${reader}`) as Pair;
      const { name } = readers[reader] as Person;
      const id = `${sender}-${reader}-${pair.asked++}`;
      frames[sender]?.push(maskedFrame(`{"type":"ask","content":"${content(count)}","to":"${name}","id":"${id}"}`));
    }
    for (const [index, batch] of frames.entries())
      if (batch.length > 0) senders[index]?.socket.write(Buffer.concat(batch));
    await sleep(BEAT_MS);
  }
}

function percentile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((one, other) => one - other);
  return `${(sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(2)} ms`;
}

const server = await serve();
try {
  const senders: Client[] = [];
  for (let n = 0; n < SENDERS; n++) senders.push(await comeAs(person(`sender${n}`), server.port, true));
  const readers: Person[] = [];
  const clients: Client[] = [];
  for (let n = 0; n < slow; n++) {
    const reader = person(`slow${n}`);
    const client = await comeAs(reader, server.port, true);
    for (const [index, sender] of senders.entries()) {
      await connect(client, sender);
      pairs.set(`${index}-${n}`, new Pair());
    }
    readers.push(reader);
    clients.push(client);
  }
  let latencies: number[] = [];
  const turns: (() => void)[] = [];
  for (let n = 0; n < TALKERS; n++) {
    const one = await comeAs(person(`one${n}`), server.port, true);
    const other = await comeAs(person(`other${n}`), server.port, true);
    await connect(one, other);
    turns.push(talk(one, other, `talk${n}`, () => latencies));
  }
  for (const sender of senders) listen(sender);

  let turn = 0;
  const talking = setInterval(() => turns[turn++ % TALKERS]?.(), TALK_EVERY_MS / TALKERS);
  await sleep(calm * 1000);
  const calmly = latencies;
  const before = residentBytes(server.pid);
  let most = before;
  const watching = setInterval(() => {
    most = Math.max(most, residentBytes(server.pid));
  }, 20);

  latencies = [];
  for (const { socket } of clients) socket.pause();
  await load(senders, readers, seconds * 1000);
  const meanwhile = latencies;
  latencies = [];
  const asked = sum((pair) => pair.asked);

  const resumedAt = performance.now();
  for (const client of clients) readAll(client);
  for (const { socket } of clients) socket.resume();
  const isOver = () =>
    sum((pair) => pair.acknowledged.length + [...pair.refused.values()].reduce((total, count) => total + count, 0)) >=
      asked && sum((pair) => pair.came.length) >= sum((pair) => pair.acknowledged.length);
  while (!isOver() && performance.now() - resumedAt < DRAIN_MS_MAX) await sleep(20);
  const drained = performance.now() - resumedAt;
  clearInterval(watching);
  clearInterval(talking);

  const bound = slow * BACKPRESSURE_BYTES + SPARE_BYTES;
  const [acknowledged, lost, doubled, outOfOrder] = [
    sum((pair) => pair.acknowledged.length),
    sum((pair) => pair.lost),
    sum((pair) => pair.doubled),
    sum((pair) => pair.outOfOrder),
  ];
  console.log(`${slow} slow readers, ${rate} messages a second for ${seconds} s, ${TALKERS} pairs beside them`);
  console.log(`RSS        ${mebibytes(before)} before, ${mebibytes(most)} at most (bound: ${mebibytes(bound)} more)`);
  console.log(`asked      ${asked}, of which acknowledged ${acknowledged}, refused ${asked - acknowledged}`);
  console.log(`lost       ${lost}, doubled ${doubled}, out of order ${outOfOrder}`);
  console.log(`all came   ${(drained / 1000).toFixed(1)} s after they read again`);
  const others = { before: calmly, meanwhile, afterwards: latencies };
  for (const [when, values] of Object.entries(others)) {
    const [p50, p99] = [percentile(values, 0.5), percentile(values, 0.99)];
    console.log(`the others ${when.padEnd(10)} p50 ${p50}, p99 ${p99} (${values.length} questions)`);
  }
  if (lost + doubled + outOfOrder > 0 || most - before > bound || acknowledged === 0) process.exitCode = 1;
} finally {
  await server.cleanUp();
}
process.exit();
