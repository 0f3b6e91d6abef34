/** One uWebSockets.js app: the WebSocket routes, with who may open one; HTTP; listening. */
import { OperatorError } from '../config.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Hosts } from './hosts.ts';
import { type HttpOptions, isForwarded, json, type Reply, requestAddress, serveHttp, writeReply } from './http.ts';
import type { Live } from './live.ts';
import type { Sockets } from './socket.ts';
import type { Tls } from './tls.ts';
import {
  App,
  type HttpRequest,
  type HttpResponse,
  LIBUS_LISTEN_EXCLUSIVE_PORT,
  SSLApp,
  type TemplatedApp,
  type us_listen_socket,
  us_listen_socket_close,
  type us_socket_context_t,
  us_socket_local_port,
} from './uws.ts';

export interface AppOptions extends HttpOptions {
  readonly exchange: Exchange;
  readonly sockets: Sockets;
  readonly live: Live;
  readonly isDraining: () => boolean;
  readonly clock: () => number;
  /** When this app speaks TLS. */
  readonly tls?: Tls;
}

export interface Listening {
  readonly port: number;
  close(): void;
}

/** Builds the app and listens. Throws OperatorError when the address or the port cannot be had. */
export function listen(host: string, port: number, portSetting: string, options: AppOptions): Listening {
  const app = options.tls === undefined ? App() : tlsApp(options.tls);
  serveSockets(app, options);
  serveHttp(app, options);
  let listening: us_listen_socket | false = false;
  // Without the option a second exchange would share the port in silence.
  app.listen(host, port, LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
    listening = socket;
  });
  if (!listening)
    throw new OperatorError(
      `Cannot listen on ${host} port ${port}: it is in use, or not ours to use. Set ${portSetting} or HOST.`,
      1,
    );
  const socket: us_listen_socket = listening;
  return { port: us_socket_local_port(socket), close: () => us_listen_socket_close(socket) };
}

function tlsApp({ cert, key }: Tls): TemplatedApp {
  try {
    return SSLApp({ cert_file_name: cert, key_file_name: key });
  } catch {
    throw new OperatorError(
      `TLS_CERT ${JSON.stringify(cert)} and TLS_KEY ${JSON.stringify(key)} cannot be used: they take PEM files that belong together.`,
    );
  }
}

function serveSockets(app: TemplatedApp, options: AppOptions): void {
  const { exchange, sockets, live } = options;
  const clients = upgradeIf(options, (address) => exchange.admits(address, options.clock()));
  sockets.serve(app, '/', clients);
  sockets.serve(app, '/ws', clients);
  live.serve(
    app,
    upgradeIf(options, (address) => live.admits(address)),
  );
}

/** Decides at once, since an upgrade that waits is what uWebSockets.js does not survive. */
function upgradeIf(options: AppOptions, admits: (address: string) => boolean) {
  return (res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void => {
    try {
      if (isForwarded(req)) options.onForwarded();
      const address = requestAddress(res, req, options.proxies);
      const refusal = refuse(options.hosts(), req, options.isDraining(), () => admits(address));
      if (refusal !== undefined) {
        writeReply(res, 'GET', refusal);
        return;
      }
      const [key, extensions] = [req.getHeader('sec-websocket-key'), req.getHeader('sec-websocket-extensions')];
      res.upgrade({ address, client: undefined }, key, req.getHeader('sec-websocket-protocol'), extensions, context);
    } catch (error) {
      options.failed('upgrade', error);
      res.close();
    }
  };
}

function refuse(hosts: Hosts, req: HttpRequest, isDraining: boolean, admits: () => boolean): Reply | undefined {
  const host = req.getHeader('host');
  if (!hosts.allowsHost(host))
    return json(403, { error: 'This exchange is not reached by that Host. See PUBLIC_HOSTS.' });
  if (!hosts.allowsOrigin(req.getHeader('origin'), host))
    return json(403, { error: 'This Origin is not allowed. See ALLOWED_ORIGINS.' });
  if (isDraining)
    return json(503, { error: 'The exchange is restarting. Come back in ten seconds.' }, { 'Retry-After': '10' });
  if (!admits())
    return json(429, { error: 'Too many clients from this address. Close one of them.' }, { 'Retry-After': '60' });
  return undefined;
}
