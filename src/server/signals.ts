/** How the process ends: on a signal in good order, on an error that nobody foresaw at once. */
import type { Log } from '../observe/log.ts';
import { describe } from '../observe/observer.ts';
import type { Output } from '../observe/output.ts';

/** readyz says 503 for this long before anybody is sent away, so that whoever balances load can look elsewhere first. */
const DRAIN_NOTICE_MS = 1_000;
/** One Ctrl-C may arrive twice: from the terminal and passed on by npm. */
const SAME_SIGNAL_MS = 500;
/** EX_SOFTWARE of sysexits.h. */
const EXIT_FAULT = 70;

export interface Running {
  readonly clients: () => number;
  /** Sends everybody away; resolves when they are gone. `noticeMs`: how long readyz says 503 first. */
  drain(noticeMs: number): Promise<void>;
}

/**
 * SIGTERM and SIGINT drain; a second one, once the first has had a moment, ends at once. To be called before anything starts, since a
 * signal without a handler ends the process without a word. `running`: undefined until the exchange has started.
 */
export function handleSignals(running: () => Running | undefined, log: Log, output: Output, clock: () => number): void {
  let startedAt = 0;
  const end = (code: number) => {
    log.entry('stopped', clock());
    output.flush();
    process.exit(code);
  };
  const onSignal = (signal: 'SIGTERM' | 'SIGINT') => {
    if (startedAt > 0 && performance.now() - startedAt < SAME_SIGNAL_MS) return;
    const exchange = running();
    // As shells report a death by signal: 128 and its number.
    if (startedAt > 0 || exchange === undefined) {
      end(signal === 'SIGINT' ? 130 : 143);
      return;
    }
    startedAt = performance.now();
    // Whoever pressed Ctrl-C is waiting; and with no clients nobody has to be told.
    const noticeMs = signal === 'SIGINT' || exchange.clients() === 0 ? 0 : DRAIN_NOTICE_MS;
    exchange.drain(noticeMs).then(
      () => end(0),
      (error: unknown) => {
        log.entry('fault', clock(), { where: 'drain', ...describe(error) });
        end(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('uncaughtException', (error) => {
    // A state that nobody foresaw: what is acknowledged is safe elsewhere, so starting afresh is the honest way on.
    const fault = describe(error);
    log.entry('fault', clock(), { where: 'uncaught', ...fault });
    output.flush();
    // Also for who logs nothing, or elsewhere. Its text may quote a client.
    process.stderr.write(`magi-exchange: a fault of its own: ${Object.values(fault).join(' at ')}\n`);
    process.exit(EXIT_FAULT);
  });
}
