/** Keyed users for the load: the exchange they use, a key each, and how their clients identify (protocol part 2). */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, DIALECTS } from './dialects.ts';
import { BUNDLE, type Server, startRow } from './process.ts';

export interface Person {
  readonly name: string;
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

export function person(name: string): Person {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { name, publicKey: publicKey.export({ format: 'jwk' }).x as string, privateKey };
}

/** A client of this person, identified. With `before` it is called instead of waiting for the answer. */
export async function comeAs(
  { name, publicKey, privateKey }: Person,
  port: number,
  isKeyed: boolean,
  before?: (client: Client) => void,
): Promise<Client> {
  const client = await Client.open(DIALECTS.json as never, port, '/');
  const { challenge } = await client.next('connected');
  if (!isKeyed) await client.ask({ type: 'identify', username: name }, 'identified');
  else {
    const host = `127.0.0.1:${port}`;
    const text = `magi-exchange:identify:v1\n${challenge}\n${name}\n${host}`;
    const signature = sign(null, Buffer.from(text), privateKey).toString('base64url');
    before?.(client);
    client.say({ type: 'identify', username: name, publicKey, host, signature });
    if (before === undefined) await client.next('identified');
  }
  return client;
}

const NO_BOUND = '1000000000';

/** The exchange with a store on disk, in a folder of its own; every bound is checked, and none is so low that it would bite. */
export async function serve(): Promise<Server & { cleanUp(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'magi-bench-data-'));
  const bounds = Object.fromEntries(
    [
      ...[
        'QUESTIONS_PER_MINUTE',
        'COMMANDS_PER_MINUTE',
        'FRAMES_PER_SECOND',
        'CLIENTS_PER_ADDRESS',
        'KEYS_PER_ADDRESS',
        'CONNECTIONS_PER_USER',
        'INVITES_PER_HOUR',
      ],
      ...['MAILBOX_MESSAGES', 'MAILBOX_BYTES', 'MAILBOX_TOTAL_BYTES'],
    ].map((name) => [name, NO_BOUND]),
  );
  const env = { PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'info', LOG_FORMAT: 'json', ...bounds };
  const server = await startRow({ name: 'exchange', dialect: 'json', args: [BUNDLE], env });
  return {
    ...server,
    async cleanUp() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
