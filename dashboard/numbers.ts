/** The numbers of this moment: over the charts, and those that have none. */
import { part, say } from './dom.ts';
import { exchangeNow, type Stats } from './live.ts';
import { bytes, count, duration, exact, moment, plural, rate, span } from './words.ts';

const at = {
  about: part('about'),
  rate: part('rate'),
  clients: part('clients'),
  delay: part('delay'),
  handling: part('handling'),
  connections: part('connections'),
  connectionsNote: part('connections-note'),
  messages: part('messages'),
  messagesNote: part('messages-note'),
  mailbox: part('mailbox'),
  mailboxNote: part('mailbox-note'),
  disk: part('disk'),
  diskNote: part('disk-note'),
};

export function showNumbers(stats: Stats): void {
  say(at.about, `Version ${stats.version}, up ${stats.uptime}`);
  at.about.title = `since ${moment(stats.startTime)}`;
  say(at.rate, rate(stats.messagesPerSecond));
  number(at.clients, stats.liveClients);
  say(at.delay, stats.eventLoopDelayP99Ms === undefined ? '–' : duration(stats.eventLoopDelayP99Ms * 1_000));
  // 0 says that there was nothing to handle in this second.
  say(at.handling, stats.handlingP99Us ? duration(stats.handlingP99Us) : '–');
  number(at.connections, stats.activeConnections);
  say(at.connectionsNote, stats.totalConnections > 0 ? `${count(stats.totalConnections)} since the start` : 'none yet');
  number(at.messages, stats.totalMessages);
  say(at.messagesNote, lastMessage(stats));
  showStore(stats);
}

/** A number too long for its place is shortened; the exact one is in the tooltip. */
function number(element: HTMLElement, n: number): void {
  say(element, count(n));
  element.title = n >= 1e6 ? exact(n) : '';
}

function lastMessage(stats: Stats): string {
  if (stats.lastMessage === null) return 'none yet';
  const { type, length, time } = stats.lastMessage;
  const age = exchangeNow(stats) - time;
  return `${type}, ${plural(length, 'character', 'characters')}, ${age < 2_000 ? 'just now' : `${span(age)} ago`}`;
}

function showStore(stats: Stats): void {
  const { mailboxMessages, mailboxOldestSeconds = 0, diskFreeBytes, commitP99Ms = 0 } = stats;
  say(at.mailbox, mailboxMessages === undefined ? '–' : count(mailboxMessages));
  const waiting = (mailboxMessages ?? 0) > 0;
  say(at.mailboxNote, waiting ? `the oldest for ${span(mailboxOldestSeconds * 1_000)}` : 'nobody has missed anything');
  say(at.disk, typeof diskFreeBytes === 'number' ? bytes(diskFreeBytes) : '–');
  const commits = commitP99Ms > 0 ? `commit p99 ${duration(commitP99Ms * 1_000)}` : 'no commit yet';
  say(at.diskNote, diskFreeBytes === null ? 'nothing is kept on disk' : commits);
}
