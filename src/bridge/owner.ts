/**
 * How the owner is asked. A confirmation counts only from the assistant's own dialog (elicitation), from an assistant that is known to ask
 * its owner before every call of a tool that is marked so, or from `magi approve` in a terminal. Nothing that a friend writes can stand
 * for one of these.
 */
import { randomBytes } from 'node:crypto';
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  createRequestStateCodec,
  type Implementation,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import type { Friend } from '../client/friends.ts';

export type Way = 'dialog' | 'tool' | 'terminal';

/** The mark on a tool that its owner has to agree to, each time. */
export const ASKS_EACH_TIME = { 'anthropic/requiresUserInteraction': true } as const;
/** Assistants that are known to honour the mark, by the name with which they introduce themselves. */
const HONOURS_THE_MARK: ReadonlySet<string> = new Set(['claude-code']);

/** The modern handshake says who is there with every request, the older one once. */
export function wayToAsk(mcp: McpServer, context: ServerContext): Way {
  const envelope = context.mcpReq.envelope as Record<string, unknown> | undefined;
  const capabilities =
    (envelope?.[CLIENT_CAPABILITIES_META_KEY] as ClientCapabilities | undefined) ?? mcp.server.getClientCapabilities();
  const client = (envelope?.[CLIENT_INFO_META_KEY] as Implementation | undefined) ?? mcp.server.getClientVersion();
  const { elicitation } = capabilities ?? {};
  // `{url: {}}` alone means that it can open a page, not ask.
  if (elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined)) return 'dialog';
  return HONOURS_THE_MARK.has(client?.name ?? '') ? 'tool' : 'terminal';
}

/** What a call that waits for its owner will do when they agree. */
export type Pending =
  | { readonly action: 'send'; readonly draft: string; readonly seconds: number }
  | { readonly action: 'connect'; readonly code: string }
  | { readonly action: 'create_invite' }
  | { readonly action: 'disconnect'; readonly friend: Friend };

const PENDING_SECONDS = 600;
const PENDING_MAX = 1_000;
/** Of the whole process: over HTTP the second call may come to another server of ours. By a name that is good once. */
const pendings = new Map<string, { readonly pending: Pending; readonly until: number }>();
/** What the second call brings back: the name, sealed. */
export const codec = createRequestStateCodec<string>({ key: randomBytes(32), ttlSeconds: PENDING_SECONDS });

/** Shows `question` to the owner; the tool is called again with what they said. `yes`: the label of what they tick. */
export async function askOwner(question: string, yes: string, pending: Pending): Promise<InputRequiredResult> {
  const now = Date.now();
  for (const [name, { until }] of pendings)
    if (until < now || pendings.size >= PENDING_MAX) pendings.delete(name);
    else break;
  const name = randomBytes(16).toString('base64url');
  pendings.set(name, { pending, until: now + PENDING_SECONDS * 1000 });
  return inputRequired({
    inputRequests: {
      owner: inputRequired.elicit({
        message: question,
        requestedSchema: {
          type: 'object',
          properties: { agree: { type: 'boolean', title: yes, default: false } },
          required: ['agree'],
        },
      }),
    },
    requestState: await codec.mint(name),
  });
}

/** What the owner was asked before this call, once; `used`: they have answered that already. Undefined: they were not asked. */
export function takePending(context: ServerContext): Pending | 'used' | undefined {
  const name = context.mcpReq.requestState<string>();
  if (name === undefined) return undefined;
  const found = pendings.get(name);
  pendings.delete(name);
  return found?.pending ?? 'used';
}

/** Only a yes is a yes. */
export function hasAgreed(context: ServerContext): boolean {
  const response = inputResponse(context.mcpReq.inputResponses, 'owner');
  return response.kind === 'elicit' && response.action === 'accept' && response.content?.agree === true;
}
