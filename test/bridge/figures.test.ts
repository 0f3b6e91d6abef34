/** What the protocol's part 8 fixes and an assistant relies on: the channel's capability, and how long things take. */
import * as assert from 'uvu/assert';
import { WAKE_TIMES } from '../../src/bridge/wake.ts';
import { openDatabase } from '../../src/client/home.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { type Json, suite, temporaryFolder } from '../harness.ts';
import { Wire } from './wire.ts';

const test = suite('bridge: figures');

test('the older handshake tells of the channel, and never of one that could approve', async () => {
  // Nobody needs to listen there for it.
  const wire = new Wire({ url: 'ws://127.0.0.1:1', username: 'ada', home: temporaryFolder() });
  try {
    const { capabilities, instructions } = (await wire.initialize()).result as {
      capabilities: { experimental?: Json };
      instructions?: string;
    };
    assert.equal(capabilities.experimental, { 'claude/channel': {} });
    assert.match(instructions ?? '', /<channel source="magi-exchange">.*magi_inbox/s);
    const { tools } = (await wire.request('tools/list', {})).result as { tools: Json[] };
    const waits = tools.flatMap(({ name, inputSchema }) => {
      const { wait_seconds } = (inputSchema as { properties: Record<string, Json | undefined> }).properties;
      return wait_seconds === undefined ? [] : [[name, wait_seconds.default]];
    });
    assert.equal(waits, [
      ['magi_ask', 45],
      ['magi_inbox', 0],
    ]);
    assert.is(await wire.end(), 0);
  } finally {
    wire.kill();
  }
});

test('a notice that nobody follows comes again after 30, 60 and 120 seconds', () => {
  assert.equal(WAKE_TIMES.againMs, [30_000, 60_000, 120_000]);
});

test('the same question is the one that is open for 10 minutes, to the same friend and in the same words', async () => {
  const database = openDatabase(temporaryFolder());
  const outbox = new Outbox(database);
  const asked = { kind: 'question', to: 'grace', content: 'why?', owner: 'me', state: 'waiting' } as const;
  await database.write(() => outbox.add({ ...asked, id: 'q1', at: 1_000 }));
  assert.is(outbox.findOpen('grace', 'why?', 1_000)?.id, 'q1');
  assert.is(outbox.findOpen('grace', 'why?', 1_001), undefined);
  assert.is(outbox.findOpen('grace', 'Why?', 0), undefined);
  assert.is(outbox.findOpen('ada', 'why?', 0), undefined);
  database.close();
});

test.run();
