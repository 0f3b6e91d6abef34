/** What a client does while its store takes nothing: the store is real, and bounded to the size that it has. */
import * as assert from 'uvu/assert';
import { Client } from '../../src/client/client.ts';
import { Database } from '../../src/client/database.ts';
import { Identity } from '../../src/client/identity.ts';
import { eventually, suite } from '../harness.ts';
import { befriend, everybodyLeaves, nextQuestion, onExchange, person, refusal } from './people.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

const test = suite('client on a disk that refuses');
const TEXT = 'x'.repeat(30_000);
test.afterEach(everybodyLeaves);

/** Until it is called, nothing more than a few bytes goes in. */
function fill(database: Database): () => void {
  const { page_count: pages } = database.get('PRAGMA page_count') ?? {};
  database.get(`PRAGMA max_page_count = ${pages}`);
  return () => database.get('PRAGMA max_page_count = 1000000');
}

test('it does not dial again and again, and tells its owner once', async () => {
  const exchange = await ScriptedExchange.start();
  const ada = person(exchange, 'ada');
  const database = new Database(undefined);
  const troubles: unknown[] = [];
  const grace = new Client({
    url: exchange.url,
    username: 'grace',
    identity: Identity.make(),
    database,
    backoff: { minMs: 1, maxMs: 60_000 },
    on: { trouble: (error) => troubles.push(error) },
  });
  try {
    await Promise.all([ada.client.identify(), grace.identify()]);
    const { code } = await ada.client.createInvite();
    await grace.connect(code);
    await eventually(() => ada.client.friends().length === 1, 'a friend');
    fill(database);
    exchange.heard.length = 0;
    const posted = [1, 2, 3].map((n) => ada.client.post('grace', `${n} ${TEXT}`));
    await eventually(() => exchange.heardOf('identify').length >= 3, 'grace to try again');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const tries = exchange.heardOf('identify').length;
    assert.ok(tries < 40, `${tries} times`);
    assert.equal(exchange.heardOf('received'), []);
    assert.equal(grace.inbox({ limit: 9 }), []);
    assert.is(await refusal(grace.ask('ada', TEXT)), 'storage_failed');
    assert.equal(
      troubles.map((error) => (error as { code: string }).code),
      ['storage_failed'],
    );
    assert.equal(await Promise.race([posted[0]?.sent, 'nothing']), 'nothing', 'it was not acknowledged');
  } finally {
    await grace.close();
    exchange.stop();
  }
});

test('what was refused comes again on the next socket', async () => {
  await onExchange(async (exchange) => {
    const [ada, grace] = [person(exchange, 'ada'), person(exchange, 'grace')];
    await Promise.all([ada.client.identify(), grace.client.identify()]);
    await befriend(ada, grace);
    const free = fill(grace.database);
    const asked = ada.client.ask('grace', TEXT);
    await grace.until('closed');
    free();
    const question = await nextQuestion(grace);
    assert.is(question.text, TEXT);
    await question.answer('well');
    assert.is((await asked).text, 'well');
    assert.is(grace.told.filter(([what]) => what === 'trouble').length, 1);
  });
});

test.run();
