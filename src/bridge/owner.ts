/**
 * How the owner is asked. A confirmation counts only from the assistant's own dialog (elicitation), from an assistant that is known to ask
 * its owner before every call of a tool that is marked so, or from `magi approve` in a terminal. Nothing that a friend writes can stand
 * for one of these.
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';

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

/** Shows `question` to the owner; the tool is called again with `state` and what the owner said. */
export function askOwner(question: string, yes: string, state: string): InputRequiredResult {
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
    requestState: state,
  });
}

/** Only a yes is a yes. */
export function hasAgreed(context: ServerContext): boolean {
  const response = inputResponse(context.mcpReq.inputResponses, 'owner');
  return response.kind === 'elicit' && response.action === 'accept' && response.content?.agree === true;
}
