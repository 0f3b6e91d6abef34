/** What a client costs that has identified and says nothing: resident memory of the server, before and after many of them. */
import { readFileSync } from 'node:fs';
import { Client, DIALECTS } from './dialects.ts';
import { type Row, residentBytes, startRow } from './process.ts';

export interface Idle {
  readonly row: string;
  readonly clients: number;
  readonly bytesPerClient: number;
}

/** These come first and stay, uncounted: they warm the process up. */
const WARM_CLIENTS = 1000;
const AT_ONCE = 100;
const SETTLE_MS = 3000;
/** What a process needs beside its clients. */
const SPARE_FILES = 200;

/** The bound of this process on open files, `ulimit -n`; the server's is the same. */
export function openFilesMax(): number {
  return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
}

/** As many clients as asked for, or as the system allows. */
export const clientsPossible = (wanted: number): number =>
  Math.min(wanted, openFilesMax() - WARM_CLIENTS - SPARE_FILES);

/** Every client has an address of its own in 127.0.0.0/8, as clients in the world have. */
const address = (at: number): string =>
  `127.${1 + Math.floor(at / 62_500)}.${Math.floor(at / 250) % 250}.${1 + (at % 250)}`;

async function join(row: Row, port: number, at: number): Promise<Client> {
  const dialect = DIALECTS[row.dialect];
  if (dialect === undefined) throw new Error(`no dialect ${row.dialect}`);
  const client = await Client.open(dialect, port, dialect.path(at, 'a'), address(at));
  if (dialect.commands) {
    await client.next('connected');
    await client.ask({ type: 'identify', username: `idle${String(at).padStart(6, '0')}` }, 'identified');
  }
  return client;
}

export async function measureIdle(row: Row, wanted: number): Promise<Idle> {
  const clients: Client[] = [];
  const server = await startRow(row);
  const fill = async (count: number) => {
    while (clients.length < count) {
      const next = Math.min(AT_ONCE, count - clients.length);
      clients.push(
        ...(await Promise.all(Array.from({ length: next }, (_, at) => join(row, server.port, clients.length + at)))),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  };
  try {
    const counted = clientsPossible(wanted);
    await fill(WARM_CLIENTS);
    const before = residentBytes(server.pid);
    await fill(WARM_CLIENTS + counted);
    const after = residentBytes(server.pid);
    return { row: row.name, clients: counted, bytesPerClient: (after - before) / counted };
  } finally {
    for (const client of clients) client.socket.close();
    await server.stop();
  }
}
