/**
 * HTTP on uWebSockets.js: the one place where a request is read and a reply is written, so that its traps are met once. A handler is a
 * function from a request to a reply; all that it needs is read before it runs, since uWS takes the request away at the first await.
 */
import { addressOfBytes, clientAddress } from './address.ts';
import type { Hosts } from './hosts.ts';
import type { HttpRequest, HttpResponse, TemplatedApp } from './uws.ts';

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly host: string;
  readonly origin: string;
  readonly authorization: string;
  readonly accept: string;
  readonly acceptEncoding: string;
  /** Whether a proxy says that it passes this on for somebody. */
  readonly isForwarded: boolean;
  /** What limits are counted by. */
  readonly address: string;
  /** The body of a POST, at most BODY_BYTES_MAX. */
  readonly body: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** A reply that goes on. `open` is called once, with `write` (false: the reader is gone or too slow, and the stream is over) and `end`, after
 * which nothing is written; it returns what to do when the reader goes. */
export interface Stream {
  readonly headers: Readonly<Record<string, string>>;
  readonly open: (write: (text: string) => boolean, end: () => void) => () => void;
}

export type Handler = (request: Request) => Reply | Stream | Promise<Reply | Stream>;

/** The handlers of a path, by method. */
export type Routes = Readonly<Record<string, Readonly<Partial<Record<'GET' | 'POST', Handler>>>>>;

export interface HttpOptions {
  readonly routes: Routes;
  readonly hosts: () => Hosts;
  readonly proxies: number;
  readonly onForwarded: () => void;
  readonly failed: (where: string, error: unknown) => void;
}

const BODY_BYTES_MAX = 8 * 1024;
/** UTF-16 units that wait for a reader of a stream. */
const STREAM_WAITING_MAX = 1024 * 1024;
/** Asked by those who keep the exchange running, by whatever name or address they have for it. */
const ANY_HOST = new Set(['/healthz', '/readyz']);

const STATUS: Readonly<Record<number, string>> = {
  200: '200 OK',
  400: '400 Bad Request',
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  405: '405 Method Not Allowed',
  413: '413 Content Too Large',
  426: '426 Upgrade Required',
  429: '429 Too Many Requests',
  500: '500 Internal Server Error',
  503: '503 Service Unavailable',
};

const EVERY_REPLY = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
} as const;

const NOTHING_LOADS = "default-src 'none'; frame-ancestors 'none'";

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  };
}

export function plainText(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'Content-Type': 'text/plain; charset=utf-8', ...headers }, body: text };
}

/** Answers every request that is not a WebSocket's. */
export function serveHttp(app: TemplatedApp, options: HttpOptions): void {
  app.any('/*', (res, req) => {
    let isAborted = false;
    let onAborted = () => {};
    res.onAborted(() => {
      isAborted = true;
      onAborted();
    });
    const request = readRequest(res, req, options);
    const declaredBytes = Number(req.getHeader('content-length') || 0);
    const finish = (result: Reply | Stream) => {
      if (isAborted) return;
      res.cork(() => {
        if ('open' in result && request.method !== 'HEAD') onAborted = stream(res, result, () => isAborted);
        else
          writeReply(
            res,
            request.method,
            'open' in result ? { status: 200, headers: result.headers, body: '' } : result,
          );
      });
    };
    const fail = (error: unknown) => {
      options.failed(`http ${request.path in options.routes ? request.path : 'unknown path'}`, error);
      finish(json(500, { error: 'The exchange failed here; the operator can see it in the log.' }));
    };
    const found = find(options, request);
    if (typeof found !== 'function') {
      finish(found);
      return;
    }
    const run = async (body: string) => finish(await found({ ...request, body }));
    if (request.method !== 'POST') run('').catch(fail);
    else if (declaredBytes > BODY_BYTES_MAX) finish(tooLong());
    else readBody(res, (body) => (body === undefined ? finish(tooLong()) : run(body).catch(fail)));
  });
}

function tooLong(): Reply {
  return json(413, { error: `A body may have at most ${BODY_BYTES_MAX} bytes.` }, { Connection: 'close' });
}

/** The handler, or the reply that says why there is none. */
function find({ routes, hosts }: HttpOptions, { method, path, host }: Request): Handler | Reply {
  if (!ANY_HOST.has(path) && !hosts().allowsHost(host))
    return json(403, { error: 'This exchange is not reached by that Host. See PUBLIC_HOSTS.' });
  const methods = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (methods === undefined) return json(404, { error: 'There is nothing here.' });
  const handler = method === 'HEAD' ? methods.GET : method === 'GET' || method === 'POST' ? methods[method] : undefined;
  if (handler !== undefined) return handler;
  const allowed = [
    ...(methods.GET === undefined ? [] : ['GET', 'HEAD']),
    ...(methods.POST === undefined ? [] : ['POST']),
  ];
  return json(405, { error: `Use ${allowed.join(' or ')}.` }, { Allow: allowed.join(', ') });
}

function readRequest(res: HttpResponse, req: HttpRequest, options: HttpOptions): Request {
  const forwarded = isForwarded(req);
  if (forwarded) options.onForwarded();
  return {
    method: req.getMethod().toUpperCase(),
    path: req.getUrl(),
    query: new URLSearchParams(req.getQuery() ?? ''),
    host: req.getHeader('host'),
    origin: req.getHeader('origin'),
    authorization: req.getHeader('authorization'),
    accept: req.getHeader('accept'),
    acceptEncoding: req.getHeader('accept-encoding'),
    isForwarded: forwarded,
    address: requestAddress(res, req, options.proxies),
    body: '',
  };
}

const FORWARDED = ['x-forwarded-for', 'forwarded', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via'];

/** Whether a proxy says that it passes this on for somebody. */
export function isForwarded(req: HttpRequest): boolean {
  return FORWARDED.some((name) => req.getHeader(name) !== '');
}

export function requestAddress(res: HttpResponse, req: HttpRequest, proxies: number): string {
  return clientAddress(
    addressOfBytes(new Uint8Array(res.getRemoteAddress())),
    proxies === 0 ? '' : forwardedFor(req),
    proxies,
  );
}

/** All lines of that name: some proxies add one of their own to the client's, and `getHeader` gives only the first. */
function forwardedFor(req: HttpRequest): string {
  const lines: string[] = [];
  req.forEach((name, value) => {
    if (name === 'x-forwarded-for') lines.push(value);
  });
  return lines.join(',');
}

/** Calls back with the text of the body, or undefined when it is too long. Not called when the request is aborted. */
function readBody(res: HttpResponse, done: (body: string | undefined) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let isDone = false;
  res.onData((chunk, isLast) => {
    if (isDone) return;
    bytes += chunk.byteLength;
    isDone = isLast || bytes > BODY_BYTES_MAX;
    // uWS takes the chunk back when this returns.
    if (bytes <= BODY_BYTES_MAX) chunks.push(Buffer.from(chunk.slice(0)));
    if (isDone) done(bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks).toString('utf8'));
  });
}

function writeHead(res: HttpResponse, status: number, headers: Readonly<Record<string, string>>): void {
  res.writeStatus(STATUS[status] ?? String(status));
  const all = { ...EVERY_REPLY, 'Content-Security-Policy': NOTHING_LOADS, ...headers };
  for (const [name, value] of Object.entries(all)) if (name !== 'Connection') res.writeHeader(name, value);
}

/** Writes it all. To be called inside the handler or a cork. */
export function writeReply(res: HttpResponse, method: string, { status, headers = {}, body }: Reply): void {
  writeHead(res, status, headers);
  const closes = headers.Connection === 'close';
  if (method === 'HEAD') res.endWithoutBody(Buffer.byteLength(body), closes);
  else res.end(body, closes);
}

/** Returns what to do when the reader goes. What a slow reader has not taken waits here, up to a bound; beyond it the stream is closed. */
function stream(res: HttpResponse, { headers, open }: Stream, isAborted: () => boolean): () => void {
  writeHead(res, 200, headers);
  let waiting = '';
  let isFull = false;
  let isOver = false;
  res.onWritable(() => {
    const text = waiting;
    waiting = '';
    isFull = text !== '' && !isOver && !res.write(text);
    return true;
  });
  const write = (text: string) => {
    if (isAborted() || isOver) return false;
    if (isFull) waiting += text;
    else
      res.cork(() => {
        isFull = !res.write(text);
      });
    if (waiting.length <= STREAM_WAITING_MAX) return true;
    isOver = true;
    res.close();
    return false;
  };
  const end = () => {
    if (isAborted() || isOver) return;
    isOver = true;
    res.cork(() => res.end(waiting));
  };
  return open(write, end);
}
