/**
 * A process of keyed users who only read: `sleepers.ts URL COUNT EVIDENCE`. It says `code <n> <code>`, an invite of each, then `ready`, and
 * writes down what each of them is shown. Stopping the process is how they stop reading.
 */
import { Client } from '../../src/client/client.ts';
import { Database } from '../../src/client/database.ts';
import { Identity } from '../../src/client/identity.ts';
import { Evidence } from '../torture/evidence.ts';

const [url = '', count = '', path = ''] = process.argv.slice(2);
const evidence = new Evidence(path);

for (let n = 0; n < Number(count); n++) {
  const username = `sleeper-${n}`;
  const client = new Client({
    url,
    username,
    identity: Identity.make(),
    database: new Database(undefined),
    backoff: { minMs: 50, maxMs: 500 },
    on: {
      arrived: ({ number, kind, from, id, content }) => {
        if (kind !== 'question') return;
        const n = Number.parseInt(content, 10);
        void evidence.write({ what: 'shown', from, to: username, n, id, number, isWhole: true });
      },
    },
  });
  await client.identify();
  console.log(`code ${n} ${(await client.createInvite()).code}`);
}
console.log('ready');
