/** What is listened on, and how the operator learns of it. */
import { accessSync, constants } from 'node:fs';
import { type Config, OperatorError } from '../config.ts';
import type { Log } from '../observe/log.ts';
import type { Password } from './admin.ts';
import { type AppOptions, type Listening, listen } from './app.ts';

export interface Listener extends Listening {
  readonly isTls: boolean;
}

/** Listens on PORT and, with a certificate, on TLS_PORT. Throws OperatorError. */
export function listenAll(config: Config, options: AppOptions): Listener[] {
  const { HOST, PORT, TLS_PORT, TLS_CERT, TLS_KEY, PLAIN } = config;
  const listeners = [];
  if (PLAIN === 'on') listeners.push({ ...listen(HOST, PORT, 'PORT', options), isTls: false });
  if (TLS_CERT !== '') {
    for (const [setting, file] of Object.entries({ TLS_CERT, TLS_KEY })) mustBeReadable(setting, file);
    listeners.push({
      ...listen(HOST, TLS_PORT, 'TLS_PORT', { ...options, tls: { cert: TLS_CERT, key: TLS_KEY } }),
      isTls: true,
    });
  }
  return listeners;
}

function mustBeReadable(setting: string, file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new OperatorError(
      `${setting} is ${JSON.stringify(file)}: it cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    );
  }
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
