/**
 * uWebSockets.js, from wherever it comes: the npm repack has named exports, the official release a default one. To switch to the
 * official release, change the dependency in package.json and, here, the import to `import uws from 'uWebSockets.js'`.
 * The build replaces the package by the native part of one platform, kept inside the bundle.
 */

import type { us_listen_socket as ListenSocket } from 'uWebSockets.js';
import * as uws from 'uWebSockets.js';

/** What the package has and its types leave out. */
declare module 'uWebSockets.js' {
  const DISABLED: number;
  const LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  interface TemplatedApp {
    listen(host: string, port: number, options: number, cb: (listenSocket: ListenSocket | false) => void): TemplatedApp;
  }
}

export const { App, SSLApp, DISABLED, LIBUS_LISTEN_EXCLUSIVE_PORT, us_listen_socket_close, us_socket_local_port } = uws;
export type {
  HttpRequest,
  HttpResponse,
  TemplatedApp,
  us_listen_socket,
  us_socket_context_t,
  WebSocket,
} from 'uWebSockets.js';
