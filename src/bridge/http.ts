/**
 * The bridge over Streamable HTTP, on loopback only, for assistants that are configured with an address. Who asks needs the token; Host and
 * Origin are looked at first, so that no web page can reach it. The modern handshake has no session: there, what has entered one
 * conversation counts for all.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import {
  createMcpHandler,
  isLegacyRequest,
  type McpServerFactory,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';

const BODY_BYTES_MAX = 256 * 1024;
const SESSIONS_MAX = 32;
/** Longer than any call waits, which says nothing meanwhile. */
const SESSION_IDLE_MS = 90 * 60_000;

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  usedAt: number;
}

export interface HttpBridge {
  readonly url: string;
  close(): void;
}

/** Listens on 127.0.0.1; port 0: any free one. Rejects when the port is taken. */
export async function serveOnHttp(factory: McpServerFactory, port: number, token: string): Promise<HttpBridge> {
  const expected = digest(`Bearer ${token}`);
  const sessions = new Sessions(factory);
  const modern = createMcpHandler(factory, { legacy: 'reject', maxRequestBodySize: BODY_BYTES_MAX, onerror: say });
  const server = createServer((request, response) => {
    const refusal = refusalOf(request, server, expected);
    if (refusal !== undefined) {
      refuse(response, ...refusal);
      return;
    }
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const asked = toRequest(request, gone.signal);
    isLegacyRequest(asked, undefined, { maxRequestBodySize: BODY_BYTES_MAX })
      .then((isLegacy) => (isLegacy ? sessions.fetch(asked) : modern.fetch(asked)))
      .then((answer) => send(answer, response))
      .catch((error: Error) => {
        say(error);
        if (response.headersSent) response.destroy();
        else refuse(response, 500, 'A fault of the bridge; it goes on.');
      });
  });
  // A tool call may wait for hours; how long the headers may take stays bounded.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  server.on('error', say);
  return {
    url: `http://127.0.0.1:${portOf(server)}/mcp`,
    close() {
      void modern.close();
      sessions.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** The older handshake: one server for each session, so that it knows its client and can ask the owner. */
class Sessions {
  readonly #factory: McpServerFactory;
  readonly #sessions = new Map<string, Session>();
  readonly #sweep = setInterval(() => this.#forgetIdle(), 60_000).unref();

  constructor(factory: McpServerFactory) {
    this.#factory = factory;
  }

  async fetch(request: Request): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    if (id !== null) {
      const session = this.#sessions.get(id);
      if (session === undefined) return rpcError(404, -32_001, 'There is no such session. Initialize again.');
      session.usedAt = Date.now();
      return await session.transport.handleRequest(request);
    }
    if (this.#sessions.size >= SESSIONS_MAX) this.#forgetOldest();
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      maxRequestBodySize: BODY_BYTES_MAX,
      onsessioninitialized: (made) => void this.#sessions.set(made, { transport, usedAt: Date.now() }),
      onsessionclosed: (made) => void this.#sessions.delete(made),
    });
    const mcp = await this.#factory({ era: 'legacy' });
    await mcp.connect(transport);
    const response = await transport.handleRequest(request);
    // It was no initialize.
    if (transport.sessionId === undefined) await mcp.close();
    return response;
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const { transport } of this.#sessions.values()) void transport.close();
  }

  /** Clients mostly do not say that they leave. */
  #forgetIdle(): void {
    for (const [id, { usedAt }] of this.#sessions) if (Date.now() - usedAt > SESSION_IDLE_MS) this.#forget(id);
  }

  #forgetOldest(): void {
    const [oldest] = [...this.#sessions].sort(([, one], [, other]) => one.usedAt - other.usedAt);
    if (oldest !== undefined) this.#forget(oldest[0]);
  }

  #forget(id: string): void {
    void this.#sessions.get(id)?.transport.close();
    this.#sessions.delete(id);
  }
}

type Refusal = readonly [status: number, error: string];

function refusalOf({ headers, url }: IncomingMessage, server: Server, expected: Buffer): Refusal | undefined {
  const names = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${portOf(server)}`);
  if (!names.includes((headers.host ?? '').toLowerCase())) return [403, 'This host is not served here.'];
  if (headers.origin !== undefined && !names.some((name) => headers.origin === `http://${name}`))
    return [403, 'This origin is not allowed.'];
  if (url?.split('?')[0] !== '/mcp') return [404, 'There is only /mcp.'];
  if (!timingSafeEqual(digest(headers.authorization ?? ''), expected))
    return [401, 'The token is missing or wrong: send Authorization: Bearer with it.'];
  return undefined;
}

function refuse(response: ServerResponse, status: number, error: string): void {
  const challenge = status === 401 ? { 'www-authenticate': 'Bearer' } : {};
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close', ...challenge });
  response.end(JSON.stringify({ error }));
}

function rpcError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}

function toRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (let at = 0; at < request.rawHeaders.length; at += 2)
    headers.append(request.rawHeaders[at] ?? '', request.rawHeaders[at + 1] ?? '');
  const { method = 'GET' } = request;
  const init: RequestInit = { method, headers, signal };
  if (method !== 'GET' && method !== 'HEAD') Object.assign(init, { body: Readable.toWeb(request), duplex: 'half' });
  return new Request(`http://${request.headers.host}${request.url}`, init);
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  const reader = answer.body.getReader();
  response.once('close', () => void reader.cancel().catch(() => {}));
  for (let read = await reader.read(); !read.done && !response.destroyed; read = await reader.read())
    if (!response.write(read.value))
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
  response.end();
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Of one length, so that the comparison tells nothing. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function say(error: Error): void {
  process.stderr.write(`magi-exchange bridge: ${error.message.split('\n')[0]}\n`);
}
