/** Wiring: config → store → exchange → app; the clock's beats; signals and the drain. */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { type Config, readConfig } from '../config.ts';
import { Exchange } from '../exchange/exchange.ts';
import { Log } from '../observe/log.ts';
import { logFile } from '../observe/log-file.ts';
import { Counts, metrics } from '../observe/metrics.ts';
import { describe, observer } from '../observe/observer.ts';
import { type Output, standardOutput } from '../observe/output.ts';
import { Stats } from '../observe/stats.ts';
import { CODE_LENGTH } from '../protocol/names.ts';
import { addressKind, isLoopbackHost } from './address.ts';
import { Admin, adminPassword, type Password } from './admin.ts';
import type { AppOptions } from './app.ts';
import { type DataFolder, openDataFolder } from './data.ts';
import { Hosts } from './hosts.ts';
import { verifyEd25519 } from './keys.ts';
import { announce, listenAll } from './listeners.ts';
import { Live } from './live.ts';
import { Notices } from './notices.ts';
import { loadPage } from './page.ts';
import { randomText } from './random-text.ts';
import { publicRoutes } from './routes.ts';
import { handleSignals, type Running } from './signals.ts';
import { Sockets } from './socket.ts';
import { openStorage } from './storage.ts';

/** How often the exchange is told the time. */
const TICK_MS = 250;
/** Clients that do not close by themselves after 1012 are cut off. */
const DRAIN_CLOSE_MS = 5_000;
const RETURN_SPREAD_MS = 10_000;
/** Fewer clients than this from one address say nothing about a proxy. */
const CROWD_MIN = 20;

const clock = () => Date.now();

/** Starts the exchange and returns when it listens. Throws OperatorError. */
export function serve(version: string): void {
  const config = readConfig(process.env, process.stdout.isTTY === true);
  const data = openDataFolder(config.DATA_DIR);
  const password = adminPassword(config, data);
  const tagKey = Buffer.from(
    data.secret('log-key', () => randomBytes(32).toString('hex')),
    'hex',
  );
  const output = config.LOG_FILE === '' ? standardOutput() : fileOutput(config);
  const log = new Log({ level: config.LOG_LEVEL, format: config.LOG_FORMAT, output });
  let running: Running | undefined;
  handleSignals(() => running, log, output, clock);
  running = start({ config, version, data, password, tagKey, log, output });
}

function fileOutput({ LOG_FILE, LOG_FILE_BYTES, LOG_FILES }: Config): Output {
  const complain = (sentence: string) => {
    try {
      // Not process.stderr, whose failing would end the process: standard error may be a file on the same full disk.
      writeSync(2, `magi-exchange: ${sentence}\n`);
    } catch {
      // Then there is nobody left to tell; the metrics count the lines that are lost.
    }
  };
  const stopwatch = () => performance.now();
  return logFile({ path: LOG_FILE, bytesMax: LOG_FILE_BYTES, filesMax: LOG_FILES, complain, stopwatch });
}

interface Parts {
  readonly config: Config;
  readonly version: string;
  readonly data: DataFolder;
  readonly password: Password;
  readonly tagKey: Uint8Array;
  readonly log: Log;
  readonly output: Output;
}

function start({ config, version, data, password, tagKey, log, output }: Parts): Running {
  const counts = new Counts();
  const storage = openStorage(data, counts, log, output, clock);
  const { store } = storage;
  const failed = (where: string, error: unknown) => log.entry('fault', clock(), { where, ...describe(error) });
  let isDraining = false;

  const sockets = new Sockets({
    backpressureBytes: config.BACKPRESSURE_BYTES,
    clock,
    stopwatch: () => performance.now(),
    handled: (milliseconds) => {
      const nanoseconds = milliseconds * 1e6;
      counts.handlingNs.add(nanoseconds);
      stats.handlingNs.add(nanoseconds);
    },
    failed,
  });
  const exchange: Exchange = new Exchange(
    config.limits,
    {
      wire: sockets.wire,
      store,
      observer: observer({ log, counts, stats: () => stats, tagKey, addressKind }),
      chance: {
        id: randomUUID,
        code: () => randomText(CODE_LENGTH),
        challenge: () => randomBytes(32).toString('base64url'),
      },
      keys: { verify: verifyEd25519, hosts: () => hosts.authorities },
      clock,
    },
    version,
    config.policy,
  );
  sockets.attach(exchange);
  const { state } = exchange;
  const notices = new Notices((hint) => log.entry('warning', clock(), { hint }));
  const stats: Stats = new Stats(state, counts, storage, version, clock(), () => notices.codes);
  const live = new Live(config.CLIENTS_PER_ADDRESS, () => stats.json(clock()));
  const admin = new Admin({ password, log, hosts: () => hosts, clock });
  const routes = publicRoutes({
    page: loadPage(),
    stats: () => stats.json(clock()),
    history: () => stats.history.json(),
    metrics: metrics(counts, {
      clients: () => state.users.clients.size,
      users: () => state.users.byKey.size,
      connections: () => state.connections.byId.size,
      connectionsTotal: () => state.connections.total,
      refusedCodes: () => state.invites.wrongTotal,
      mailboxMessages: () => store.counts().messages,
      mailboxBytes: () => store.counts().bytes,
      mailboxOldest: () => stats.mailboxOldest(clock()),
      diskFree: storage.diskFree,
      viewers: () => live.viewers,
      logLinesDropped: () => output.dropped,
      eventLoopDelayP99: () => stats.eventLoopDelayP99,
    }),
    isReady: () => !isDraining,
    isLoopback: isLoopbackHost(config.HOST),
    adminRefusal: (request) => admin.refusal(request),
  });

  const options: AppOptions = {
    exchange,
    sockets,
    live,
    routes: { ...routes, ...admin.routes },
    hosts: () => hosts,
    proxies: config.TRUST_PROXY,
    onForwarded: () => {
      if (config.TRUST_PROXY === 0) notices.note('proxy_untrusted', true);
    },
    isDraining: () => isDraining,
    clock,
    failed,
  };
  const listeners = listenAll(config, options);
  const ports = listeners.map(({ port }) => port);
  const hosts = new Hosts(config.PUBLIC_HOSTS, config.ALLOWED_ORIGINS, config.HOST, ports);

  const banner = announce(config, version, password, listeners, log, clock());
  // It may hold the password, which is for a person in front of a terminal and for no file.
  if (process.stdout.isTTY === true && config.LOG_FILE !== '') process.stdout.write(banner);
  else if (process.stdout.isTTY === true && config.LOG_FORMAT === 'pretty') output.write(banner);
  for (const hint of config.warnings) notices.note('setting_unknown', true, hint);
  notices.note('trial_password', password.isTrial);
  notices.note('hosts_unset', config.PUBLIC_HOSTS.length === 0 && !isLoopbackHost(config.HOST));
  output.flush();

  const tick = setInterval(() => exchange.ticked(clock()), TICK_MS);
  const stopSeconds = everySecond(() => {
    const now = clock();
    stats.second(now);
    const clients = state.users.clients.size;
    notices.note(
      'one_address',
      config.TRUST_PROXY === 0 && clients >= CROWD_MIN && state.users.largestAddress() > clients / 2,
    );
    live.second();
    admin.tick(now);
  });

  return {
    clients: () => sockets.size,
    async drain(noticeMs) {
      isDraining = true;
      log.entry('draining', clock(), { clients: sockets.size });
      await pause(noticeMs);
      exchange.drain(() => randomInt(RETURN_SPREAD_MS));
      live.drain();
      const end = performance.now() + DRAIN_CLOSE_MS;
      while (sockets.size > 0 && performance.now() < end) await pause(20);
      sockets.terminateAll();
      for (const listener of listeners) listener.close();
      clearInterval(tick);
      stopSeconds();
      stats.stop();
      await store.close();
    },
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Calls back at the beginning of every second of the clock, so that each of the dashboard's points is one second. */
function everySecond(run: () => void): () => void {
  let timer: NodeJS.Timeout;
  const next = () => {
    const untilNext = 1_000 - (clock() % 1_000);
    // A timer that fired a little early would else fire again at once.
    timer = setTimeout(beat, untilNext < 100 ? untilNext + 1_000 : untilNext);
  };
  const beat = () => {
    next();
    run();
  };
  next();
  return () => clearTimeout(timer);
}
