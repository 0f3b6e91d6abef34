/**
 * Messages between keyed users, as a load of its own: both here (`delivered`), one of them away (`queued`), and what one finds who comes
 * back (`drain`); and guests in the same run to compare with. Prints CPU of the exchange's process for each message.
 */
import { parseArgs } from 'node:util';
import type { Client } from './dialects.ts';
import { CONTENT_BYTES, content } from './messages.ts';
import { comeAs, type Person, person, serve } from './people.ts';
import { cpuNanoseconds } from './process.ts';
import { median, table } from './relay.ts';
import { maskedFrame } from './socket.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    warm: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '100' },
  },
});
const [seconds, warm, rounds, pairs] = [flags.seconds, flags.warm, flags.rounds, flags.pairs].map(Number) as [
  ...[number, number, number, number],
];
const DRAINED = 1_000;

interface Kind {
  readonly name: string;
  readonly pairs: number;
  readonly inflight: number;
  readonly isKeyed: boolean;
  /** The friend stays away: messages are queued. */
  readonly isAway?: boolean;
}

const KINDS: readonly Kind[] = [
  { name: 'guest, 16 in flight', pairs, inflight: 16, isKeyed: false },
  { name: 'delivered, 16 in flight', pairs, inflight: 16, isKeyed: true },
  { name: 'guest, 1 in flight', pairs, inflight: 1, isKeyed: false },
  { name: 'delivered, 1 in flight', pairs, inflight: 1, isKeyed: true },
  { name: 'queued, 8 pairs, 64 in flight', pairs: 8, inflight: 8, isKeyed: true, isAway: true },
];

const state = { messages: 0, running: true };
let ids = 0;

/** Keeps a pair busy: as many questions in flight as wanted, each done when its `question_sent` has come. */
function converse(asker: Client, friend: Client | undefined, to: string, inflight: number): void {
  let [asked, sent] = [0, 0];
  const ask = () => {
    const count = state.running ? sent + inflight - asked : 0;
    if (count === 0) return;
    const frames = Array.from({ length: count }, (_, at) => {
      const id = `m${String(ids++).padStart(9, '0')}`;
      return maskedFrame(`{"type":"ask","content":"${content(asked + at)}","to":"${to}","id":"${id}"}`);
    });
    asked += count;
    asker.socket.write(Buffer.concat(frames));
  };
  asker.socket.onFrame = (bytes, start, end) => {
    const letter = bytes[start + '{"type":"'.length];
    if (letter !== 'q'.charCodeAt(0)) throw new Error(bytes.toString('utf8', start, end));
    sent++;
    state.messages++;
  };
  asker.socket.onRead = ask;
  if (friend !== undefined) acknowledgeAll(friend, () => {});
  ask();
}

/** Acknowledges what came in one read with one frame, as a client does that has put it away with one write. */
function acknowledgeAll(friend: Client, counted: (count: number) => void): void {
  let ids: string[] = [];
  const label = Buffer.from('"deliveryId":"');
  friend.socket.onFrame = (bytes, start, end) => {
    const at = bytes.subarray(start, end).lastIndexOf(label);
    if (at > 0) ids.push(bytes.toString('latin1', start + at + label.length, end - 2));
  };
  friend.socket.onRead = () => {
    if (ids.length === 0) return;
    friend.socket.write(maskedFrame(`{"type":"received","deliveryIds":["${ids.join('","')}"]}`));
    counted(ids.length);
    ids = [];
  };
}

async function introduce(kind: Kind, pair: number, port: number): Promise<[Client, Client, Person]> {
  const [one, other] = [person(`a${pair}`), person(`b${pair}`)];
  const asker = await comeAs(one, port, kind.isKeyed);
  const friend = await comeAs(other, port, kind.isKeyed);
  const { code } = await asker.ask({ type: 'create_invite' }, 'invite_created');
  await friend.ask({ type: 'connect', code }, 'connected_to_friend');
  await asker.next('friend_connected');
  return [asker, friend, other];
}

const sleep = (wanted: number) => new Promise((resolve) => setTimeout(resolve, wanted * 1000));

/** Server CPU, in microseconds for each message. */
async function measure(kind: Kind): Promise<number> {
  const server = await serve();
  try {
    const clients: Client[] = [];
    for (let pair = 0; pair < kind.pairs; pair++) {
      const [asker, friend] = await introduce(kind, pair, server.port);
      clients.push(asker, friend);
      if (kind.isAway) {
        friend.socket.close();
        await asker.next('friend_away');
      }
    }
    state.running = true;
    for (let pair = 0; pair < kind.pairs; pair++)
      converse(clients[2 * pair] as Client, kind.isAway ? undefined : clients[2 * pair + 1], `b${pair}`, kind.inflight);
    await sleep(warm);
    state.messages = 0;
    const before = cpuNanoseconds(server.pid);
    await sleep(seconds);
    const spent = (cpuNanoseconds(server.pid) - before) / 1000 / state.messages;
    state.running = false;
    for (const client of clients) client.socket.close();
    return spent;
  } finally {
    await server.cleanUp();
  }
}

/** Milliseconds from `identify` until the last of the waiting messages is here, with everything acknowledged on the way. */
async function drain(): Promise<number> {
  const server = await serve();
  try {
    const [asker, friend, absent] = await introduce({ name: '', pairs: 1, inflight: 1, isKeyed: true }, 0, server.port);
    friend.socket.close();
    await asker.next('friend_away');
    for (let n = 0; n < DRAINED; n++) asker.say({ type: 'ask', content: content(n), to: absent.name, id: `d${n}` });
    for (let n = 0; n < DRAINED; n++) await asker.next('question_sent');
    asker.socket.onFrame = () => {};
    let came = 0;
    let startedAt = 0;
    let back: Client | undefined;
    await new Promise<void>((resolve, reject) => {
      // It listens from its identify on: the first messages come together with the answer.
      comeAs(absent, server.port, true, (client) => {
        startedAt = performance.now();
        back = client;
        acknowledgeAll(client, (count) => {
          came += count;
          if (came >= DRAINED) resolve();
        });
      }).catch(reject);
    });
    const took = performance.now() - startedAt;
    asker.socket.close();
    back?.socket.close();
    return took;
  } finally {
    await server.cleanUp();
  }
}

const drained: number[] = [];
const figures = new Map<string, number[]>();
for (let round = 0; round < rounds; round++) {
  drained.push(await drain());
  for (const kind of KINDS) figures.set(kind.name, [...(figures.get(kind.name) ?? []), await measure(kind)]);
}
const middle = (name: string) => median(figures.get(name) ?? []);
console.log(`\nBetween keyed users, ${CONTENT_BYTES} B, store on disk, median of ${rounds} × ${seconds} s`);
console.log(
  table(
    ['row', 'CPU µs/msg', ''],
    KINDS.map(({ name }) => [name, middle(name).toFixed(2), '']),
  ),
);
for (const inflight of [16, 1]) {
  const ratio = middle(`delivered, ${inflight} in flight`) / middle(`guest, ${inflight} in flight`);
  console.log(`delivered / guest CPU, ${inflight} in flight: ${ratio.toFixed(2)} (asked: at most 1.6)`);
}
console.log(`a mailbox of ${DRAINED} drained in ${median(drained).toFixed(0)} ms (asked: under 100)`);
console.log(
  `queued, from receipt to queued: ${middle('queued, 8 pairs, 64 in flight').toFixed(1)} µs (asked: at most 25)`,
);
