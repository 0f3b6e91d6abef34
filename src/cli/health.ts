/**
 * `magi-exchange health`: is it ready for clients? For container health checks and deployments, on machines that have neither curl nor
 * a Node of their own.
 */
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { type Config, OperatorError, readConfig } from '../config.ts';

const EXIT_NOT_READY = 1;
const EXIT_USAGE = 2;
const ANSWER_MS_MAX = 5_000;

/** `url`: where the exchange is; by default on this machine, as its settings say. Throws OperatorError when it is not ready. */
export async function health(url?: string): Promise<void> {
  const address = new URL('/readyz', url === undefined ? ownUrl(readConfig(process.env, false)) : readUrl(url));
  // On this machine the certificate is for another name, and nobody is in between.
  const status = await ask(address, url !== undefined);
  if (status !== 200) throw new OperatorError(`${address.href} is not ready: it answers ${status}.`, EXIT_NOT_READY);
  process.stdout.write(`${address.href} is ready\n`);
}

function ownUrl({ HOST, PORT, TLS_PORT, PLAIN }: Config): string {
  const isTls = PLAIN === 'off';
  const port = isTls ? TLS_PORT : PORT;
  if (port === 0)
    throw new OperatorError(`${isTls ? 'TLS_PORT' : 'PORT'} is 0, which may be any: say which URL to ask.`, EXIT_USAGE);
  // Who listens on every address listens on this one.
  const host = HOST === '0.0.0.0' ? '127.0.0.1' : HOST === '::' ? '::1' : HOST;
  return `http${isTls ? 's' : ''}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new OperatorError(`${JSON.stringify(text)} is not a URL such as https://magi.example.org.`, EXIT_USAGE);
  return url.origin;
}

function ask(address: URL, isVerified: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (reason: string) =>
      reject(new OperatorError(`${address.href} is not ready: ${reason}.`, EXIT_NOT_READY));
    const options = { agent: false, timeout: ANSWER_MS_MAX };
    const sent =
      address.protocol === 'https:'
        ? tlsRequest(address, { ...options, rejectUnauthorized: isVerified })
        : plainRequest(address, options);
    sent.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('timeout', () => {
      refuse(`no answer within ${ANSWER_MS_MAX / 1000} seconds`);
      sent.destroy();
    });
    sent.on('error', (error: NodeJS.ErrnoException) => refuse(error.code ?? 'no answer'));
    sent.end();
  });
}
