/** `magi-exchange bridge`: MCP for an assistant, over standard input and output or, with `--http`, over HTTP on loopback. */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serveOnHttp } from '../bridge/http.ts';
import { Opening } from '../bridge/opening.ts';
import { serveOnStdio } from '../bridge/stdio.ts';
import { makeServer } from '../bridge/tools.ts';
import { BRIDGE_TOKEN_FILE, makeFolder } from '../client/home.ts';
import type { ClientOptions } from '../client/options.ts';
import { homeOf } from '../client/settings.ts';
import { OperatorError } from '../config.ts';

const PORT = 8182;
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

export async function bridge(version: string, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      http: { type: 'boolean', default: false },
      port: { type: 'string', default: `${PORT}` },
      channel: { type: 'boolean', default: false },
      server: { type: 'string' },
      username: { type: 'string' },
      home: { type: 'string' },
      insecure: { type: 'boolean' },
    },
  });
  const { http, port, channel, ...given } = values;
  // Whoever reads what the bridge complains of may go; the assistant is still there.
  process.stderr.on('error', () => {});
  if (!http) {
    serveOnStdio(version, given, channel);
    return;
  }
  const number = Number(port);
  if (!/^\d{1,5}$/.test(port) || number > 65_535) throw new OperatorError('--port takes a number from 0 to 65535.', 2);
  await serveHttp(version, given, number);
}

async function serveHttp(version: string, given: ClientOptions, port: number): Promise<void> {
  process.stdout.on('error', () => {});
  const token = keptToken(homeOf(given, process.env));
  const opening = new Opening(given);
  let served: Awaited<ReturnType<typeof serveOnHttp>>;
  try {
    served = await serveOnHttp(() => makeServer(version, opening.get), port, token);
  } catch (error) {
    throw new OperatorError(`--port ${port} cannot be listened on: ${(error as NodeJS.ErrnoException).code}.`, 1);
  }
  process.stdout.write(
    `${JSON.stringify({ url: served.url, tokenFile: join(homeOf(given, process.env), BRIDGE_TOKEN_FILE) })}\n`,
  );
  opening.get().catch((error: Error) => process.stderr.write(`magi-exchange bridge: ${error.message}\n`));
  const leave = () => {
    served.close();
    void opening.close().then(() => process.exit(0));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, leave);
}

/** The token of this user's bridges, made once; only its owner can read the file. */
function keptToken(home: string): string {
  try {
    makeFolder(home);
  } catch (error) {
    throw new OperatorError(`MAGI_HOME: ${(error as Error).message}`, 1);
  }
  const file = join(home, BRIDGE_TOKEN_FILE);
  try {
    const opened = openSync(file, 'wx', 0o600);
    writeSync(opened, `${randomBytes(32).toString('base64url')}\n`);
    closeSync(opened);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new OperatorError(`MAGI_HOME: ${file} cannot be written: ${(error as NodeJS.ErrnoException).code}.`, 1);
  }
  const token = readFileSync(file, 'utf8').trim();
  if (!TOKEN.test(token))
    throw new OperatorError(`MAGI_HOME: ${file} holds no token; remove it and a new one is made.`);
  return token;
}
