/** What `doctor` finds on the way to the exchange: its name, a way to it, its certificate, its answer, its WebSocket, its clock. */
import { lookup } from 'node:dns/promises';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import packageJson from '../../package.json' with { type: 'json' };
import type { Settings } from '../client/settings.ts';
import type { Finding } from './doctor.ts';
import { reasonOf } from './visit.ts';

const STEP_MS_MAX = 5_000;
const CLOCK_MS_MAX = 60_000;
const CERTIFICATE_DAYS_MIN = 14;
const BODY_BYTES_MAX = 1024 * 1024;

/** Ends with the first thing that is wrong: what comes after it cannot be right. */
export async function* linkFindings({ server }: Settings): AsyncGenerator<Finding> {
  const url = new URL(server);
  for (const step of [lookedUp, dialled, certified]) {
    const finding = await step(url);
    if (finding === undefined) continue;
    yield finding;
    if (finding.state === 'wrong') return;
  }
  for (const finding of await answered(url)) {
    yield finding;
    if (finding.state === 'wrong') return;
  }
  yield await upgraded(url);
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'wss:' ? 443 : 80) : Number(port);
}

async function lookedUp(url: URL): Promise<Finding | undefined> {
  const host = hostOf(url);
  if (isIP(host) !== 0) return undefined;
  const check = 'Host';
  try {
    const addresses = await lookup(host, { all: true });
    return { check, state: 'ok', message: `${host} is ${addresses.map(({ address }) => address).join(', ')}` };
  } catch (error) {
    const advice =
      'Is the name spelled right, and does this machine have a network? A browser that opens it knows more.';
    return { check, state: 'wrong', message: `${host}: ${reasonOf(error as Error)}`, advice };
  }
}

async function dialled(url: URL): Promise<Finding> {
  const check = 'Connection';
  const [host, port] = [hostOf(url), portOf(url)];
  try {
    const socket = connectTcp({ host, port });
    await opened(socket, 'connect');
    socket.destroy();
    return { check, state: 'ok', message: `port ${port} is open` };
  } catch (error) {
    const advice =
      'Is the exchange running, and is the port right? A firewall between may also refuse it. Ask the operator.';
    return { check, state: 'wrong', message: `port ${port}: ${reasonOf(error as Error)}`, advice };
  }
}

async function certified(url: URL): Promise<Finding | undefined> {
  if (url.protocol !== 'wss:') return undefined;
  const check = 'TLS';
  const host = hostOf(url);
  try {
    const socket = connectTls({ host, port: portOf(url), ...(isIP(host) === 0 ? { servername: host } : {}) });
    await opened(socket, 'secureConnect');
    const { valid_to: until } = (socket as TLSSocket).getPeerCertificate();
    socket.destroy();
    const days = Math.floor((Date.parse(until) - Date.now()) / 86_400_000);
    const message = `the certificate is good for ${days} more days`;
    if (days >= CERTIFICATE_DAYS_MIN) return { check, state: 'ok', message };
    return { check, state: 'warning', message, advice: 'Tell the operator: it has to be renewed.' };
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Everything that OpenSSL says of bytes that are not TLS begins so; what it says of certificates does not.
    const isOther = code.startsWith('ERR_SSL') || code === 'EPROTO' || code === 'ECONNRESET';
    return isOther
      ? { check, state: 'wrong', message: 'it does not speak TLS there', advice: PLAIN_ADVICE }
      : { check, state: 'wrong', message: reasonOf(error as Error), advice: CERTIFICATE_ADVICE };
  }
}

const PLAIN_ADVICE = 'Is the port right? An exchange without TLS is dialled by ws://, and only on this machine.';
const CERTIFICATE_ADVICE =
  'If the certificate is of your own making: NODE_EXTRA_CA_CERTS names a file to trust. Else do not go on; ask the operator.';

/** Rejected with what the system says. */
function opened(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.setTimeout(STEP_MS_MAX, () => socket.destroy(new Error('no answer')));
    socket.once(event, () => {
      socket.setTimeout(0);
      resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection was cut')));
  });
}

// --- what it says ------------------------------------------------------------------------------------------------------------

async function answered(url: URL): Promise<Finding[]> {
  const check = 'Exchange';
  let answer: { status: number; date: string | undefined; text: string };
  try {
    answer = await get(new URL('/api/stats', url));
  } catch (error) {
    return [
      {
        check,
        state: 'wrong',
        message: `no answer to HTTP: ${reasonOf(error as Error)}`,
        advice: 'Something else listens there. Is the address right, and http or https?',
      },
    ];
  }
  const { status, date, text } = answer;
  if (status === 403)
    return [
      {
        check,
        state: 'wrong',
        message: `it does not go by the name ${url.host}`,
        advice: `The operator has to list ${url.host} in PUBLIC_HOSTS, or you to use the name that is listed.`,
      },
    ];
  const version = versionOf(text);
  return [release(check, status, version), ...clockOf(date)];
}

function release(check: string, status: number, version: string | undefined): Finding {
  const own = packageJson.version;
  // Behind a proxy that passes on only the WebSocket this is not to be had, and nothing is wrong.
  if (version === undefined)
    return {
      check,
      state: 'warning',
      message: `/api/stats answers ${status}: this may be no exchange`,
      advice: 'Is the address right? Behind a proxy it may be: then ignore this.',
    };
  if (series(version) === series(own))
    return { check, state: 'ok', message: `release ${version}; this program is ${own}` };
  return {
    check,
    state: 'warning',
    message: `release ${version}, and this program is ${own}`,
    advice: 'Use the same release, if something does not work: npm install -g magi-exchange',
  };
}

/** Releases of one series understand each other: 1.x, 0.1.x. */
function series(version: string): string {
  return /^(0\.\d+|\d+)/.exec(version)?.[0] ?? version;
}

function versionOf(text: string): string | undefined {
  try {
    const { version } = JSON.parse(text) as { version?: unknown };
    return typeof version === 'string' ? version : undefined;
  } catch {
    return undefined;
  }
}

function clockOf(date: string | undefined): Finding[] {
  const at = Date.parse(date ?? '');
  if (Number.isNaN(at)) return [];
  const off = Date.now() - at;
  const check = 'Clock';
  if (Math.abs(off) <= CLOCK_MS_MAX)
    return [{ check, state: 'ok', message: "this machine's and the exchange's agree" }];
  const minutes = Math.round(Math.abs(off) / 60_000);
  return [
    {
      check,
      state: 'warning',
      message: `this machine is ${minutes} minutes ${off > 0 ? 'ahead of' : 'behind'} the exchange`,
      advice: 'Set the clock of the one that is wrong: certificates and times depend on it.',
    },
  ];
}

async function get(url: URL): Promise<{ status: number; date: string | undefined; text: string }> {
  const response = await requested(url, {});
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.length > BODY_BYTES_MAX) break;
  }
  return { status: response.statusCode ?? 0, date: response.headers.date, text };
}

async function upgraded(url: URL): Promise<Finding> {
  const check = 'WebSocket';
  try {
    const headers = {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64'),
    };
    const { statusCode: status = 0 } = await requested(url, headers);
    if (status === 101) return { check, state: 'ok', message: 'it opens' };
    return {
      check,
      state: 'wrong',
      message: `it answers ${status} instead of opening`,
      advice: ADVICE[status] ?? 'A proxy in front may not pass WebSockets on. Ask the operator.',
    };
  } catch (error) {
    return {
      check,
      state: 'wrong',
      message: reasonOf(error as Error),
      advice: 'A proxy in front may not pass WebSockets on. Ask the operator.',
    };
  }
}

const ADVICE: Readonly<Record<number, string>> = {
  403: 'The operator has to list this host in PUBLIC_HOSTS.',
  404: 'Is the path right? The exchange answers at / and at /ws.',
  429: 'Too many connections from your address. Close some programs, or wait.',
  503: 'It is starting or stopping. Try again in a minute.',
};

/** The head of the answer; the socket of an upgrade is closed. Rejected with what the system says. */
function requested(url: URL, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  const isTls = url.protocol === 'wss:';
  const address = new URL(url.href.replace(/^ws/, 'http'));
  return new Promise((resolve, reject) => {
    const sent = (isTls ? tlsRequest : plainRequest)(address, { headers, agent: false, timeout: STEP_MS_MAX });
    sent.on('response', resolve);
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve(response);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.end();
  });
}
