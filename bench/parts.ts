/**
 * The parts of one message, each by itself and without a socket: text to command, the exchange's own work, message to text.
 * `node bench/parts.ts`. The wire takes the texts and does nothing, so they are never flattened or put into bytes: what that
 * costs shows only in the whole-process runs.
 */
import { bench, do_not_optimize, run, summary } from 'mitata';
import { Exchange } from '../src/exchange/exchange.ts';
import { DEFAULT_LIMITS } from '../src/exchange/limits.ts';
import type { ExchangeEvent, Observer, Ports } from '../src/exchange/ports.ts';
import type { Client } from '../src/exchange/users.ts';
import {
  contentPart,
  decode,
  encode,
  encodeForwarded,
  encodeSent,
  recipientPart,
  senderPart,
} from '../src/protocol/codec.ts';
import type { ServerMessage } from '../src/protocol/messages.ts';
import { memoryStore } from '../src/store/memory.ts';
import { CONTENTS, content, said, sent, told, username } from './messages.ts';

const questions = Array.from({ length: CONTENTS }, (_, at) => JSON.stringify(said(0, 'a', at)));
const answers = Array.from({ length: CONTENTS }, (_, at) => JSON.stringify(said(0, 'b', at)));
let turn = 0;
const next = (texts: readonly string[]): string => texts[turn++ % CONTENTS] as string;

const nobody: Observer = {
  tag: (userKey) => userKey,
  received() {},
  forwarded() {},
  kept() {},
  mailed() {},
  refused(_client, code) {
    throw new Error(`refused: ${code}`);
  },
  happened(_event: ExchangeEvent) {},
  failed(where, error) {
    throw new Error(where, { cause: error });
  },
};

/** An exchange with two connected guests, and the time, which is ours. */
async function pair() {
  let ids = 0;
  let said = '';
  const ports: Ports = {
    wire: {
      send(_client, text) {
        said = text;
      },
      sendSoon(_client, text) {
        said = text;
      },
      publish(_topic, text) {
        said = text;
      },
      subscribe() {},
      unsubscribe() {},
      ping() {},
      close() {},
    },
    store: memoryStore(1),
    observer: nobody,
    chance: { id: () => `id-${String(ids++).padStart(20, '0')}`, code: () => '234567', challenge: () => 'none' },
    keys: { verify: () => false, hosts: () => [] },
    clock: () => 1_800_000_000_000,
  };
  const limits = { ...DEFAULT_LIMITS, questionsPerMinute: 1e9, commandsPerMinute: 1e9, framesPerSecond: 1e9 };
  const exchange = new Exchange(limits, ports, 'bench');
  const say = async (client: Client, message: object) => {
    const text = JSON.stringify(message);
    exchange.received(client, text, text.length, ports.clock());
    await new Promise((resolve) => setTimeout(resolve, 1));
    return JSON.parse(said) as Record<string, unknown>;
  };
  const asker = exchange.opened('127.0.0.1', ports.clock());
  const friend = exchange.opened('127.0.0.1', ports.clock());
  await say(asker, { type: 'identify', username: username(0, 'a') });
  await say(friend, { type: 'identify', username: username(0, 'b') });
  const { code } = await say(asker, { type: 'create_invite' });
  await say(friend, { type: 'connect', code });
  const check = await say(asker, { type: 'ask', content: content(0), to: username(0, 'b') });
  if (check.type !== 'question_sent') throw new Error(`expected question_sent, was told ${said}`);
  return { exchange, asker, friend };
}

const { exchange, asker, friend } = await pair();
let now = 1_800_000_000_000;

summary(() => {
  bench('JSON.parse of a question, for comparison', () => do_not_optimize(JSON.parse(next(questions)))).baseline(true);
  bench('decode a question', () => do_not_optimize(decode(next(questions))));
  bench('decode an answer', () => do_not_optimize(decode(next(answers))));
});

summary(() => {
  const from = senderPart(username(0, 'a'), username(0, 'a'));
  const to = recipientPart(username(0, 'b'));
  const texts = Array.from({ length: CONTENTS }, (_, at) => content(at));
  bench('two JSON.stringify, for comparison', () => {
    const at = turn++ % CONTENTS;
    do_not_optimize(encode(told(0, 'a', at) as ServerMessage));
    do_not_optimize(encode(sent(0, 'a', at) as ServerMessage));
  }).baseline(true);
  bench('encode a question and its question_sent', () => {
    const part = contentPart(next(texts));
    do_not_optimize(encodeForwarded('question', part, from, undefined, undefined));
    do_not_optimize(encodeSent('question', part, to, 10, undefined));
  });
});

summary(() => {
  bench('exchange: a question, decoded and encoded', () => {
    const text = next(questions);
    exchange.received(asker, text, text.length, now++);
  });
  bench('exchange: an answer, decoded and encoded', () => {
    const text = next(answers);
    exchange.received(friend, text, text.length, now++);
  });
});

await run({ colors: process.stdout.isTTY === true });
