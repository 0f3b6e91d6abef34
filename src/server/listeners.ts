/** What is listened on, and how the operator learns of it. */
import type { Config } from '../config.ts';
import type { Log } from '../observe/log.ts';
import type { Password } from './admin.ts';
import { type AppOptions, type Listening, listen } from './app.ts';
import { readTls } from './tls.ts';

export interface Listener extends Listening {
  readonly isTls: boolean;
}

/** Listens on PORT and, with a certificate, on TLS_PORT. Throws OperatorError. */
export function listenAll(config: Config, options: AppOptions): Listener[] {
  const { HOST, PORT, TLS_PORT, PLAIN } = config;
  const tls = readTls(config, options.clock());
  const listeners = [];
  if (PLAIN === 'on') listeners.push({ ...listen(HOST, PORT, 'PORT', options), isTls: false });
  if (tls !== undefined) listeners.push({ ...listen(HOST, TLS_PORT, 'TLS_PORT', { ...options, tls }), isTls: true });
  return listeners;
}

/** Tells the log that it has started and, on a terminal, the person in front of it where the dashboard is and how to log in. */
export function announce(
  config: Config,
  version: string,
  password: Password,
  listeners: readonly Listener[],
  log: Log,
  now: number,
): string {
  const [first] = listeners;
  if (first === undefined) throw new Error('nothing listens');
  const plain = listeners.find(({ isTls }) => !isTls);
  const tls = listeners.find(({ isTls }) => isTls);
  const url = `http${first.isTls ? 's' : ''}://${config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST}:${first.port}`;
  log.entry('started', now, {
    host: config.HOST,
    ...(plain === undefined ? {} : { port: plain.port }),
    ...(tls === undefined ? {} : { tlsPort: tls.port }),
    url,
    login: password.elsewhere,
    version,
  });
  return `
  mAGI Exchange ${version}

  Dashboard   ${url}
  Admin log   ${password.onTerminal}
  Clients     ${url.replace(/^http/, 'ws')}
  Try it      npm run demo, in a second terminal
  Stop        Ctrl-C

`;
}
