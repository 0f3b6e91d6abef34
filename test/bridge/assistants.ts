/**
 * Assistants of people, for the tests: a bridge as a real process and the MCP SDK's own client, of either generation, that drives it over
 * stdio or HTTP.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as OldHttpTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import { eventually, MAIN } from '../harness.ts';

const QUICK = fileURLToPath(new URL('./quick-bridge.ts', import.meta.url));

/** `old`: the first SDK, which the assistants in use speak; `legacy`, `modern`: both handshakes of the second. */
export type Generation = 'old' | 'legacy' | 'modern';
export const GENERATIONS: readonly Generation[] = ['old', 'legacy', 'modern'];

type Said = 'accept' | 'decline' | 'cancel';

export interface Options {
  readonly generation?: Generation;
  readonly url: string;
  readonly username: string;
  /** The folder in which each person has a MAGI_HOME of their name. */
  readonly home: string;
  /** What the owner says when they are asked, `true` meaning yes; undefined: this assistant cannot ask. */
  readonly owner?: (question: string) => boolean | Said;
  /** How the assistant introduces itself. */
  readonly name?: string;
  readonly args?: readonly string[];
  /** The file that is the bridge. Default: the sources. */
  readonly program?: string;
  /** Of the bridge: more of its environment, or other values. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where a bridge listens that was started before; else one is started and spoken to over stdio. */
  readonly http?: { readonly url: string; readonly token: string };
  /** In milliseconds: how long others have a head start, then from notice to notice. Default: those of the product. */
  readonly wakeTimes?: readonly number[];
  /** Told each event of the channel. */
  readonly pushed?: (content: string) => void;
}

export interface Result {
  readonly text: string;
  readonly data: { readonly status: string; readonly [field: string]: unknown };
  readonly isError: boolean;
}

export interface Assistant {
  readonly generation: Generation;
  readonly username: string;
  /** Calls a tool as the model would. `signal` gives the call up. */
  call(
    tool: string,
    args?: Record<string, unknown>,
    progress?: (message: string) => void,
    signal?: AbortSignal,
  ): Promise<Result>;
  tools(): Promise<Tool[]>;
  /** Events of the channel so far. */
  readonly events: { readonly content: string; readonly meta?: Record<string, string> | undefined }[];
  /** What the owner was asked so far. */
  readonly asked: string[];
  readonly pid: number | undefined;
  /** What the bridge said on standard error so far. */
  stderr(): string;
  /** Ends its standard input. */
  close(): Promise<void>;
  /** SIGKILL for the bridge, and waits until it is gone. */
  kill(): Promise<void>;
}

interface Tool {
  readonly name: string;
  readonly title?: string | undefined;
  readonly description?: string | undefined;
  readonly inputSchema: unknown;
  readonly outputSchema?: unknown;
  readonly annotations?: unknown;
  readonly _meta?: unknown;
}

const Event = z.object({ content: z.string(), meta: z.record(z.string(), z.string()).optional() });

/** What both SDKs' clients are reduced to. */
interface Driver {
  call: Assistant['call'];
  tools: Assistant['tools'];
  close(): Promise<void>;
  pid(): number | null;
  stderr: { on(event: 'data', told: (chunk: Buffer) => void): unknown } | null;
}

interface Hands {
  readonly info: { name: string; version: string };
  readonly start: { command: string; args: string[]; env: Record<string, string>; stderr: 'pipe' };
  /** Told what the owner is asked; undefined: this assistant cannot ask. */
  readonly agree: ((message: string) => { action: Said; content?: { agree: boolean } }) | undefined;
  readonly heard: (event: z.infer<typeof Event>) => void;
}

export async function assistant(options: Options): Promise<Assistant> {
  const { generation = 'legacy', url, username, home, owner, name = 'claude-code', args = [], env = {} } = options;
  const { program = MAIN, wakeTimes, pushed } = options;
  const events: Assistant['events'] = [];
  const asked: string[] = [];
  const hands: Hands = {
    info: { name, version: '1.0.0' },
    start: {
      command: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        ...(wakeTimes === undefined ? [program, 'bridge', ...args] : [QUICK]),
      ],
      env: {
        PATH: process.env.PATH ?? '',
        MAGI_SERVER: url,
        MAGI_USERNAME: username,
        MAGI_HOME: join(home, username),
        ...(wakeTimes === undefined ? {} : { WAKE_TIMES: wakeTimes.join() }),
        ...env,
      },
      stderr: 'pipe',
    },
    agree:
      owner &&
      ((message) => {
        asked.push(message);
        const said = owner(message);
        const action = said === true ? 'accept' : said === false ? 'decline' : said;
        return { action, ...(action === 'accept' ? { content: { agree: said === true } } : {}) };
      }),
    heard: (event) => {
      events.push(event);
      pushed?.(event.content);
    },
  };
  const drive = generation === 'old' ? driveOld : driveNew(generation);
  const driver = await drive(hands, options.http);
  let stderr = '';
  driver.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const pid = driver.pid() ?? undefined;
  return {
    generation,
    username,
    events,
    asked,
    pid,
    stderr: () => stderr,
    call(...args) {
      const result = driver.call(...args);
      // A test that has failed elsewhere does not wait for it any more.
      result.catch(() => {});
      return result;
    },
    tools: driver.tools,
    close: driver.close,
    async kill() {
      if (pid === undefined) throw new Error('this bridge is none of our processes');
      process.kill(pid, 'SIGKILL');
      await eventually(() => !isThere(pid), 'the bridge to be gone');
    },
  };
}

type Http = Options['http'];

function addressOf({ url, token }: NonNullable<Http>) {
  return [new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }] as const;
}

async function driveOld({ info, start, agree, heard }: Hands, http: Http): Promise<Driver> {
  const client = new OldClient(info, { capabilities: agree === undefined ? {} : { elicitation: {} } });
  const transport = http === undefined ? new OldTransport(start) : new OldHttpTransport(...addressOf(http));
  if (agree !== undefined) client.setRequestHandler(ElicitRequestSchema, async ({ params }) => agree(params.message));
  client.setNotificationHandler(
    z.object({ method: z.literal('notifications/claude/channel'), params: Event }) as never,
    ({ params }: { params: z.infer<typeof Event> }) => heard(params),
  );
  await client.connect(transport as OldTransport);
  return {
    async call(tool, args = {}, progress, signal) {
      const more = {
        timeout: 120_000,
        ...(progress === undefined ? {} : { onprogress: ({ message = '' }) => progress(message) }),
        ...(signal === undefined ? {} : { signal }),
      };
      return resultOf(await client.callTool({ name: tool, arguments: args }, undefined, more));
    },
    tools: async () => (await client.listTools()).tools,
    close: () => client.close(),
    pid: () => ('pid' in transport ? transport.pid : null),
    stderr: 'stderr' in transport ? transport.stderr : null,
  };
}

function driveNew(generation: 'legacy' | 'modern') {
  return async ({ info, start, agree, heard }: Hands, http: Http): Promise<Driver> => {
    const mode = generation === 'modern' ? { pin: '2026-07-28' as const } : ('legacy' as const);
    const capabilities = agree === undefined ? {} : { elicitation: { form: {} } };
    const client = new Client(info, { capabilities, versionNegotiation: { mode } });
    const transport =
      http === undefined ? new StdioClientTransport(start) : new StreamableHTTPClientTransport(...addressOf(http));
    if (agree !== undefined)
      client.setRequestHandler('elicitation/create', async ({ params }) => agree(params.message));
    client.setNotificationHandler('notifications/claude/channel', { params: Event }, heard);
    await client.connect(transport);
    return {
      async call(tool, args = {}, progress, signal) {
        const more = {
          timeout: 120_000,
          ...(progress === undefined
            ? {}
            : { onprogress: ({ message = '' }: { message?: string | undefined }) => progress(message) }),
          ...(signal === undefined ? {} : { signal }),
        };
        return resultOf(await client.callTool({ name: tool, arguments: args }, more));
      },
      tools: async () => (await client.listTools()).tools,
      close: () => client.close(),
      pid: () => ('pid' in transport ? transport.pid : null),
      stderr: 'stderr' in transport ? transport.stderr : null,
    };
  };
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export function resultOf(result: unknown): Result {
  const { content, structuredContent, isError } = result as {
    content: { type: string; text: string }[];
    structuredContent: Result['data'];
    isError?: boolean;
  };
  return { text: content.map(({ text }) => text).join('\n'), data: structuredContent, isError: isError === true };
}
