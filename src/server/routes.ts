/** The routes that are not the admin's: the dashboard's page, stats, health, metrics (protocol part 6). */
import type { Metrics } from '../observe/metrics.ts';
import { type Handler, json, plainText, type Reply, type Request, type Routes } from './http.ts';
import type { Page } from './page.ts';

export interface PublicParts {
  readonly page: Page;
  readonly stats: () => string;
  /** What the charts show, as JSON. */
  readonly history: () => string;
  readonly metrics: Metrics;
  /** Whether all is well enough to take clients. */
  readonly isReady: () => boolean;
  /** Whether only this machine reaches us: then metrics need no password. */
  readonly isLoopback: boolean;
  readonly adminRefusal: (request: Request) => Reply | undefined;
}

export function publicRoutes({
  page,
  stats,
  history,
  metrics,
  isReady,
  isLoopback,
  adminRefusal,
}: PublicParts): Routes {
  const upgradeOnly: Handler = () => json(426, { error: 'Open a WebSocket here.' }, { Upgrade: 'websocket' });
  const [brotli, gzip] = [Buffer.from(page.brotli, 'base64'), Buffer.from(page.gzip, 'base64')];
  return {
    '/': { GET: (request) => pageReply(page, brotli, gzip, request) },
    '/ws': { GET: upgradeOnly },
    '/live': { GET: upgradeOnly },
    '/api/stats': {
      GET: () => ({
        status: 200,
        headers: { 'Content-Type': 'application/json; charset=utf-8', 'Access-Control-Allow-Origin': '*' },
        body: stats(),
      }),
    },
    '/api/history': {
      GET: () => ({
        status: 200,
        headers: { 'Content-Type': 'application/json; charset=utf-8' },
        body: history(),
      }),
    },
    '/healthz': { GET: () => plainText(200, 'ok') },
    '/readyz': { GET: () => (isReady() ? plainText(200, 'ok') : plainText(503, 'draining', { 'Retry-After': '10' })) },
    '/metrics': {
      GET: async (request) => {
        // What a proxy on this machine passes on comes from elsewhere.
        const refused = isLoopback && !request.isForwarded ? undefined : adminRefusal(request);
        return refused ?? { status: 200, headers: { 'Content-Type': metrics.contentType }, body: await metrics.text() };
      },
    },
  };
}

function pageReply(page: Page, brotli: Uint8Array, gzip: Uint8Array, { acceptEncoding }: Request): Reply {
  const headers = {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': page.csp,
    Vary: 'Accept-Encoding',
  };
  if (/\bbr\b/.test(acceptEncoding))
    return { status: 200, headers: { ...headers, 'Content-Encoding': 'br' }, body: brotli };
  if (/\bgzip\b/.test(acceptEncoding))
    return { status: 200, headers: { ...headers, 'Content-Encoding': 'gzip' }, body: gzip };
  return { status: 200, headers, body: page.html };
}
