/**
 * The bridge as assistants start it: MCP over standard input and output, both generations of the handshake. It ends when its assistant
 * closes it, and for nothing else.
 */
import { Writable } from 'node:stream';
import type { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { ClientOptions } from '../client/options.ts';
import { Opening } from './opening.ts';
import { makeServer } from './tools.ts';
import { Waker, type WakeTimes } from './wake.ts';

/** Assistants whose sessions an event of the channel can wake, by the name with which they introduce themselves. */
const HAS_CHANNEL = /^claude-code$/i;
/** While the folder or the settings cannot be used, it looks again. */
const LOOK_AGAIN_MS = 10_000;

export function serveOnStdio(
  version: string,
  options: ClientOptions,
  isChannelForced: boolean,
  wakeTimes?: WakeTimes,
): void {
  let session: McpServer | undefined;
  let waker: Waker | undefined;
  let again: NodeJS.Timeout | undefined;
  const opening = new Opening(options, (bridge) => {
    if (session === undefined) return;
    const { server } = session;
    // An assistant without a channel must not take on what another one could be woken for.
    if (!isChannelForced && !HAS_CHANNEL.test(server.getClientVersion()?.name ?? '')) return;
    const push = (content: string, meta: Record<string, string>) =>
      server.notification({ method: 'notifications/claude/channel', params: { content, meta } });
    waker = new Waker(bridge, push, wakeTimes);
    void waker.run();
  });
  /** The first message decides which handshake it is, and a modern one is told by its first tool call that it is meant. */
  const begin = () => {
    opening.get().catch((error) => {
      say(`${error instanceof Error ? error.message : error}`);
      again = setTimeout(begin, LOOK_AGAIN_MS);
    });
  };
  const { handle, wire } = connect(({ era }) => {
    const mcp = makeServer(version, opening.get);
    if (era === 'legacy')
      mcp.server.oninitialized = () => {
        session = mcp;
        begin();
      };
    return mcp;
  });
  let isLeaving = false;
  const leave = () => {
    if (isLeaving) return;
    isLeaving = true;
    clearTimeout(again);
    waker?.stop();
    // Nobody is there any more to whom an error would matter.
    void Promise.allSettled([handle.close(), opening.close()]).then(() => process.exit(0));
  };
  process.stdin.once('end', leave);
  process.stdin.once('close', leave);
  process.stdout.once('error', (error) => {
    wire.destroy(error);
    leave();
  });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, leave);
}

/** Nothing but protocol goes to standard output: whatever else is written there goes to standard error. */
function connect(factory: Parameters<typeof serveStdio>[0]) {
  const write = process.stdout.write.bind(process.stdout);
  const wire = new Writable({
    write(chunk, _encoding, done) {
      write(chunk, done);
    },
  });
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  const transport = new StdioServerTransport(process.stdin, wire);
  const onerror = (error: Error) => say(error.message.split('\n')[0] ?? '');
  return { handle: serveStdio(factory, { legacy: 'serve', transport, onerror }), wire };
}

function say(line: string): void {
  process.stderr.write(`magi-exchange bridge: ${line}\n`);
}
