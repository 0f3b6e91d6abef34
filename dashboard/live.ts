/** The feed of numbers: one WebSocket to /live, and what happens when it is gone (PROTOCOL.md, part 6). */
import type { Point } from './history.ts';

export interface User {
  /** A letter or digit, or `•`. */
  initial: string;
  /** The first 8 characters. */
  clientId: string;
  /** ms since the epoch, by the exchange's clock */
  since: number;
  connections: number;
  status: 'idle' | 'connected';
}

export interface Stats {
  liveClients: number;
  activeConnections: number;
  totalConnections: number;
  totalMessages: number;
  messagesPerSecond: number;
  uptime: string;
  uptimeSeconds: number;
  /** ms since the epoch, by the exchange's clock */
  startTime: number;
  version: string;
  connectedUsers: User[];
  lastMessage: { time: number; length: number; type: string } | null;
  // Said when the exchange measures them; an older one may not.
  eventLoopDelayP99Ms?: number;
  handlingP99Us?: number;
  mailboxMessages?: number;
  mailboxOldestSeconds?: number;
  /** null: nothing is kept on disk. */
  diskFreeBytes?: number | null;
  commitP99Ms?: number;
  refusedCodes?: number;
  wrongCodesLocked?: boolean;
  errors?: Record<string, number>;
  /** Identified; all of them, also those that are not listed. */
  users?: number;
  guests?: number;
  notices?: string[];
  latest?: (readonly [step: number, ...Point])[];
}

/** The exchange's own "now": what it says of times is compared with its clock, not with the reader's. */
export function exchangeNow(stats: Stats): number {
  return stats.startTime + stats.uptimeSeconds * 1_000;
}

export interface Viewer {
  /** A socket is being opened. */
  trying(): void;
  pushed(stats: Stats): void;
  cutOff(retryInMs: number): void;
}

/** The exchange speaks once a second; after this long a silent socket is a dead one, whatever TCP believes. */
const SILENCE_MS_MAX = 5_000;
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 15_000;

/**
 * How long to wait before the next try: at random between 1 s and a ceiling that doubles up to 15 s, so that the pages that
 * watch a restarted exchange do not all return in the same instant.
 */
export function retryMs(failures: number): number {
  const ceiling = Math.min(RETRY_MS_MAX, 2 * RETRY_MS_MIN * 2 ** failures);
  return RETRY_MS_MIN + Math.random() * (ceiling - RETRY_MS_MIN);
}

/** Watches the exchange for as long as the page is open. `tryNow` cuts a wait short. */
export function watchExchange(viewer: Viewer): { tryNow(): void } {
  let socket: WebSocket | undefined;
  let failures = 0;
  let retry: number | undefined;
  let silence: number | undefined;

  function open(): void {
    window.clearTimeout(retry);
    viewer.trying();
    const opened = new WebSocket(new URL('live', location.href).href.replace(/^http/, 'ws'));
    socket = opened;
    listenFor(opened);
    opened.onmessage = (event) => {
      failures = 0;
      listenFor(opened);
      viewer.pushed(JSON.parse(String(event.data)) as Stats);
    };
    opened.onclose = () => lost(opened);
  }

  function listenFor(opened: WebSocket): void {
    window.clearTimeout(silence);
    silence = window.setTimeout(() => lost(opened), SILENCE_MS_MAX);
  }

  /** Not by `onclose` alone: on a dead network the closing handshake can take minutes. */
  function lost(gone: WebSocket): void {
    if (socket !== gone) return;
    socket = undefined;
    gone.onmessage = null;
    gone.close();
    window.clearTimeout(silence);
    const wait = retryMs(failures++);
    viewer.cutOff(wait);
    retry = window.setTimeout(open, wait);
  }

  function tryNow(): void {
    if (socket === undefined) open();
  }

  // Someone looks at the page again, or the network is back: no reason to let them wait.
  window.addEventListener('online', tryNow);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) tryNow();
  });
  open();
  return { tryNow };
}
