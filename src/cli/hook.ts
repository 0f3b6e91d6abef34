/**
 * `wait --hook`: what the hooks of an assistant run. `stop`, when a turn has ended: waits in the background until something waits, says so on
 * standard error and ends with exit code 2, which wakes the session. `start`, when a session begins: one line on standard output.
 *
 * Whatever else happens, it does not end with 2: the session would be woken for nothing, and again when that turn has ended. What is
 * printed goes to the model as it is, so it holds nothing that others have written, names included.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SHOWN } from '../bridge/reading.ts';
import type { Entry } from '../client/entries.ts';
import { openDatabase, STORE_FILE } from '../client/home.ts';
import { Inbox } from '../client/inbox.ts';
import { wakeSentence } from '../client/wakes.ts';
import { ancestors, isThere } from './ancestors.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, UsageError } from './exit.ts';
import { homeFolder } from './settings.ts';
import { Visit } from './visit.ts';
import { count } from './wording.ts';

/** For so long setup lets the hook of an idle session wait, in seconds. */
export const HOOK_SECONDS = 24 * 60 * 60;
/** Before the assistant would end it. */
const MARGIN_MS = 60_000;
/** What the assistant says on standard input is there by then, or will not come. */
const INPUT_MS_MAX = 2_000;
const INPUT_BYTES_MAX = 8 * 1024 * 1024;
const LOOK_MS = 5_000;
const NAMED_MAX = 10;

export async function hook(call: Call): Promise<ExitCode> {
  const kind = call.value('hook');
  if (kind === 'stop') return await stop(call);
  if (kind === 'start') return start(call);
  throw new UsageError('--hook takes stop or start.');
}

async function stop(call: Call): Promise<ExitCode> {
  const { signal } = call;
  const until = Date.now() + (call.seconds('timeout') ?? HOOK_SECONDS * 1000 - MARGIN_MS);
  const above = ancestors();
  const session = sessionIn(await input());
  const { client } = new Visit(call);
  const { waking, wakes, session: own } = client;
  let refused: unknown;
  client.identify().catch((error: unknown) => {
    refused = error;
  });
  if (session !== undefined) await waking.attend(session, own.process, Date.now());
  while (!signal.aborted && Date.now() < until) {
    if (refused !== undefined) throw refused;
    // A later turn has its own hook, and of a session that has gone nobody would be woken.
    if (session !== undefined && !waking.isAttending(session, own.process)) break;
    if (!above.every(isThere)) break;
    const word = wakes.take('hook');
    const line = word === undefined ? lineFor(await waking.wake(Date.now(), { policies: SHOWN })) : wakeSentence(word);
    if (line !== undefined) {
      process.stderr.write(`${line}\n`);
      return EXIT.waiting;
    }
    const pause = Math.min(LOOK_MS, Math.max(0, until - Date.now()));
    await client.changed(AbortSignal.any([signal, AbortSignal.timeout(pause)]));
  }
  return EXIT.ok;
}

function start(call: Call): ExitCode {
  const home = homeFolder(call);
  if (!existsSync(join(home, STORE_FILE))) return EXIT.ok;
  const database = openDatabase(home);
  try {
    const { questions, answers } = new Inbox(database).waiting(Date.now(), SHOWN);
    const parts = [
      ...(questions > 0 ? [count(questions, 'question')] : []),
      ...(answers > 0 ? [count(answers, 'answer')] : []),
    ];
    if (parts.length > 0)
      process.stdout.write(`mAGI Exchange: ${parts.join(' and ')} waiting. Read with the tool magi_inbox.\n`);
  } finally {
    database.close();
  }
  return EXIT.ok;
}

function lineFor(entries: readonly Entry[]): string | undefined {
  if (entries.length === 0) return undefined;
  const asked = entries.filter(({ kind }) => kind === 'question');
  const numbers = asked.slice(0, NAMED_MAX).map(({ number }) => `#${number}`);
  const news = entries.length - asked.length;
  const parts = [
    ...(asked.length > 0 ? [`${count(asked.length, 'question')} of friends (${numbers.join(', ')})`] : []),
    ...(news > 0 ? [`${count(news, 'answer')} to what you asked`] : []),
  ];
  return `mAGI Exchange: ${parts.join(' and ')} waiting. Read with the tool magi_inbox.`;
}

/** Which session's hook this is: a short name for its id; undefined if the assistant does not say. */
function sessionIn(text: string): string | undefined {
  try {
    const { session_id } = JSON.parse(text) as { session_id?: unknown };
    return typeof session_id === 'string'
      ? createHash('sha256').update(session_id).digest('base64url').slice(0, 22)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Standard input up to its end; empty when it is a terminal, too long, or does not end in time. */
async function input(): Promise<string> {
  const { stdin } = process;
  if (stdin.isTTY) return '';
  const chunks: Buffer[] = [];
  let length = 0;
  return await new Promise<string>((resolve) => {
    const end = (text: string) => {
      clearTimeout(timer);
      stdin.destroy();
      resolve(text);
    };
    const timer = setTimeout(end, INPUT_MS_MAX, '');
    stdin
      .on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > INPUT_BYTES_MAX) end('');
        else chunks.push(chunk);
      })
      .on('end', () => end(Buffer.concat(chunks).toString()))
      .on('error', () => end(''));
  });
}
