/** Assistants of people, for the tests: a bridge as a real process and the MCP SDK's own client, of either generation, that drives it. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const QUICK = fileURLToPath(new URL('./quick-bridge.ts', import.meta.url));

/** `old`: the first SDK, which the assistants in use speak; `legacy`, `modern`: both handshakes of the second. */
export type Generation = 'old' | 'legacy' | 'modern';

export interface Options {
  readonly generation?: Generation;
  readonly url: string;
  readonly username: string;
  /** MAGI_HOME. */
  readonly home: string;
  /** What the owner says when they are asked; undefined: this assistant cannot ask. */
  readonly owner?: (question: string) => boolean;
  /** How the assistant introduces itself. */
  readonly name?: string;
  readonly args?: readonly string[];
  /** In milliseconds: how long others have a head start, then from notice to notice. Default: those of the product. */
  readonly wakeTimes?: readonly number[];
  /** Told each event of the channel. */
  readonly pushed?: (content: string) => void;
}

interface Result {
  readonly text: string;
  readonly data: { readonly status: string; readonly [field: string]: unknown };
  readonly isError: boolean;
}

export interface Assistant {
  readonly generation: Generation;
  /** Calls a tool as the model would. */
  call(tool: string, args?: Record<string, unknown>, progress?: (message: string) => void): Promise<Result>;
  tools(): Promise<
    { name: string; outputSchema?: unknown; inputSchema: unknown; annotations?: unknown; _meta?: unknown }[]
  >;
  /** Events of the channel so far. */
  readonly events: { readonly content: string; readonly meta?: Record<string, string> | undefined }[];
  /** What the owner was asked so far. */
  readonly asked: string[];
  readonly pid: number | undefined;
  close(): Promise<void>;
}

const Event = z.object({ content: z.string(), meta: z.record(z.string(), z.string()).optional() });

export async function assistant(options: Options): Promise<Assistant> {
  const {
    generation = 'legacy',
    url,
    username,
    home,
    owner,
    name = 'claude-code',
    args = [],
    wakeTimes,
    pushed,
  } = options;
  const events: Assistant['events'] = [];
  const asked: string[] = [];
  const onEvent = (event: z.infer<typeof Event>) => {
    events.push(event);
    pushed?.(event.content);
  };
  const env = {
    PATH: process.env.PATH ?? '',
    MAGI_SERVER: url,
    MAGI_USERNAME: username,
    MAGI_HOME: join(home, username),
    ...(wakeTimes === undefined ? {} : { WAKE_TIMES: wakeTimes.join() }),
  };
  const start = {
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...(wakeTimes === undefined ? [MAIN, 'bridge', ...args] : [QUICK])],
    env,
    stderr: 'inherit' as const,
  };
  const agree = (message: string) => {
    asked.push(message);
    return owner?.(message) ? { action: 'accept' as const, content: { agree: true } } : { action: 'decline' as const };
  };
  const info = { name, version: '1.0.0' };
  const capabilities = owner === undefined ? {} : { elicitation: generation === 'old' ? {} : { form: {} } };
  if (generation === 'old') {
    const client = new OldClient(info, { capabilities });
    const transport = new OldTransport(start);
    if (owner !== undefined) client.setRequestHandler(ElicitRequestSchema, async ({ params }) => agree(params.message));
    client.setNotificationHandler(
      z.object({ method: z.literal('notifications/claude/channel'), params: Event }) as never,
      ({ params }: { params: z.infer<typeof Event> }) => onEvent(params),
    );
    await client.connect(transport);
    return {
      generation,
      events,
      asked,
      get pid() {
        return transport.pid ?? undefined;
      },
      async call(tool, arguments_ = {}, progress) {
        const request = { name: tool, arguments: arguments_ };
        const heard = progress === undefined ? {} : { onprogress: ({ message = '' }) => progress(message) };
        return resultOf(await client.callTool(request, undefined, { timeout: 120_000, ...heard }));
      },
      tools: async () => (await client.listTools()).tools,
      close: () => client.close(),
    };
  }
  const mode = generation === 'modern' ? { pin: '2026-07-28' as const } : ('legacy' as const);
  const client = new Client(info, { capabilities, versionNegotiation: { mode } });
  const transport = new StdioClientTransport(start);
  if (owner !== undefined) client.setRequestHandler('elicitation/create', async ({ params }) => agree(params.message));
  client.setNotificationHandler('notifications/claude/channel', { params: Event }, onEvent);
  await client.connect(transport);
  return {
    generation,
    events,
    asked,
    get pid() {
      return transport.pid ?? undefined;
    },
    async call(tool, arguments_ = {}, progress) {
      const heard =
        progress === undefined
          ? {}
          : { onprogress: ({ message = '' }: { message?: string | undefined }) => progress(message) };
      return resultOf(await client.callTool({ name: tool, arguments: arguments_ }, { timeout: 120_000, ...heard }));
    },
    tools: async () => (await client.listTools()).tools,
    close: () => client.close(),
  };
}

function resultOf(result: unknown): Result {
  const { content, structuredContent, isError } = result as {
    content: { type: string; text: string }[];
    structuredContent: Result['data'];
    isError?: boolean;
  };
  return { text: content.map(({ text }) => text).join('\n'), data: structuredContent, isError: isError === true };
}
