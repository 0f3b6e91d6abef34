/**
 * The settings of a deployment, from the environment and `.env`, each checked before anything is done with it: what passes holds no
 * character that any shell, ssh or systemd reads otherwise than it stands there. Prints them as NAME=value lines for deploy.sh, or with
 * `release FILE` writes what of `.env` is the exchange's, for the host.
 */
import { writeFileSync } from 'node:fs';
import { OperatorError, readConfig, readDotEnv } from '../src/config.ts';

interface Setting {
  readonly takes: string;
  readonly allowed: RegExp;
  /** Undefined: it has to be set. */
  readonly fallback?: string;
}

const PATH = /^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/;

const SETTINGS: Readonly<Record<string, Setting>> = {
  REMOTE_USER: { takes: 'the user to log in as, such as ada or root', allowed: /^[a-z_][a-z0-9_-]{0,31}$/ },
  REMOTE_HOST: {
    takes: 'a host name, an address or a Host of the ssh configuration',
    allowed: /^([A-Za-z0-9][A-Za-z0-9._-]{0,252}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{1,43})$/,
  },
  REMOTE_DIR: { takes: 'an absolute path of letters, digits and . _ -, such as /opt/magi-exchange', allowed: PATH },
  SERVICE_NAME: {
    takes: 'up to 31 small letters, digits and hyphens',
    allowed: /^[a-z][a-z0-9-]{0,30}$/,
    fallback: 'magi-exchange',
  },
  PUBLIC_URL: {
    takes: 'the URL by which others reach the exchange, such as https://magi.example.org',
    allowed: /^https?:\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/,
    fallback: '',
  },
  KEEP_RELEASES: { takes: 'a whole number from 2 to 99', allowed: /^([2-9]|[1-9]\d)$/, fallback: '5' },
  SSH_CONFIG: { takes: 'a file, by its absolute path', allowed: /^\/[^\0\n\r]*$/, fallback: '' },
};

/** The exchange's own settings that may name a file or folder on the host. */
const PATHS = ['ADMIN_PASSWORD_FILE', 'TLS_CERT', 'TLS_KEY'] as const;

/** Throws OperatorError. */
function deployment(file: Record<string, string>): Record<string, string> {
  const given = (name: string) => process.env[name]?.trim() || file[name]?.trim() || '';
  const values: Record<string, string> = {};
  for (const [name, { takes, allowed, fallback }] of Object.entries(SETTINGS)) {
    const value = given(name) || fallback;
    if (value === undefined) throw new OperatorError(`${name} is not set: it takes ${takes}. Set it in .env.`);
    if (value !== '' && !allowed.test(value))
      throw new OperatorError(`${name} is ${JSON.stringify(value)}: it takes ${takes}.`);
    values[name] = value;
  }
  return { ...values, ...listening(file, values) };
}

/** Where the exchange listens on the host, and keeps what it keeps. Checks every setting of the exchange on the way. */
function listening(file: Record<string, string>, values: Record<string, string>): Record<string, string> {
  const { REMOTE_DIR, PUBLIC_URL } = values;
  const config = readConfig(process.env.PORT === undefined ? {} : { PORT: process.env.PORT }, false);
  for (const name of PATHS)
    if (config[name] !== '' && !PATH.test(config[name]))
      throw new OperatorError(`${name} is ${JSON.stringify(config[name])}: for a host it takes an absolute path.`);
  const HOST = file.HOST?.trim() || '0.0.0.0';
  if (!/^[0-9a-fA-F.:]+$/.test(HOST))
    throw new OperatorError(`HOST is ${JSON.stringify(HOST)}: it takes an IP address.`);
  const isLocal = /^(127\.|::1$)/.test(HOST);
  if (isLocal && PUBLIC_URL === '')
    throw new OperatorError(`HOST is ${HOST}, which others cannot reach: set PUBLIC_URL to where the proxy answers.`);
  const [port, scheme] = config.PLAIN === 'off' ? [config.TLS_PORT, 'https'] : [config.PORT, 'http'];
  if (port === 0) throw new OperatorError('PORT is 0, which may be any: a deployment takes one from 1 to 65535.');
  const isPrivileged = [config.PORT, ...(config.TLS_CERT === '' ? [] : [config.TLS_PORT])].some((port) => port < 1024);
  return {
    HOST,
    PORT: String(config.PORT),
    DATA_DIR: dataFolder(config.DATA_DIR, REMOTE_DIR ?? ''),
    PRIVILEGED: isPrivileged ? 'yes' : 'no',
    PUBLIC_SCHEME: scheme,
    PUBLIC_PORT: String(port),
    HINT: config.PUBLIC_HOSTS.length === 0 ? 'PUBLIC_HOSTS is not set: clients with a key will be refused.' : '',
  };
}

/** What of REMOTE_DIR a deployment uses itself. Some of it goes with time, and none of it is for the service to change. */
const TAKEN = ['releases', 'current', 'runtime', 'logs', 'cache'];

/** Where the exchange keeps what it keeps: the service's account becomes the only one that may look into that folder. */
function dataFolder(given: string, remoteDir: string): string {
  // A folder beside the releases, so that what is kept outlives each of them.
  if (given === './data') return `${remoteDir}/data`;
  if (given === 'memory') return given;
  const refusal = `DATA_DIR is ${JSON.stringify(given)}: `;
  if (!PATH.test(given))
    throw new OperatorError(`${refusal}for a host it takes an absolute path of letters, digits and . _ -, or memory.`);
  const isAround = `${remoteDir}/`.startsWith(`${given}/`);
  if (isAround || TAKEN.some((name) => `${given}/`.startsWith(`${remoteDir}/${name}/`)))
    throw new OperatorError(
      `${refusal}it takes a folder of its own, and REMOTE_DIR with its ${TAKEN.join(', ')} is used otherwise.`,
    );
  return given;
}

/** What of `.env` is the exchange's and not set by the unit: secrets of other programs stay here. */
function releaseSettings(file: Record<string, string>): string {
  const ours = Object.keys(readConfig({}, false)).filter((name) => /^[A-Z_]+$/.test(name));
  const byUnit = ['HOST', 'PORT', 'DATA_DIR', 'LOG_FILE'];
  return Object.entries(file)
    .filter(([name]) => ours.includes(name) && !byUnit.includes(name))
    .map(([name, value]) => `${name}=${quote(name, value)}\n`)
    .join('');
}

/** As a `.env` file has it. */
function quote(name: string, value: string): string {
  const mark = ['"', "'", '`'].find((mark) => !value.includes(mark) && !(mark === '"' && value.includes('\\')));
  if (mark === undefined) throw new OperatorError(`${name} holds all of " ' and \`: a .env file cannot hold that.`);
  return `${mark}${value}${mark}`;
}

try {
  const file = readDotEnv();
  const [command, target] = process.argv.slice(2);
  const values = deployment(file);
  if (command === 'release' && target !== undefined) writeFileSync(target, releaseSettings(file), { mode: 0o600 });
  else for (const [name, value] of Object.entries(values)) process.stdout.write(`${name}=${value}\n`);
} catch (error) {
  if (!(error instanceof OperatorError)) throw error;
  process.stderr.write(`deploy.sh: ${error.message}\n`);
  process.exitCode = error.exitCode;
}
