/** The four numbers that matter first, the facts below the charts, and the operator's warnings. */
import { make, part, say } from './dom.ts';
import { exchangeNow, type Stats } from './live.ts';
import { bytes, count, duration, exact, moment, plural, rate, span } from './words.ts';

const ERRORS_SHOWN_MAX = 3;

const at = {
  clients: part('clients'),
  clientsNote: part('clients-note'),
  connections: part('connections'),
  connectionsNote: part('connections-note'),
  rate: part('rate'),
  rateNote: part('rate-note'),
  messages: part('messages'),
  messagesNote: part('messages-note'),
  uptime: part('uptime'),
  uptimeNote: part('uptime-note'),
  version: part('version'),
  versionNote: part('version-note'),
  mailbox: part('mailbox'),
  mailboxNote: part('mailbox-note'),
  disk: part('disk'),
  diskNote: part('disk-note'),
  refused: part('refused'),
  refusedNote: part('refused-note'),
  errors: part('errors'),
  warnings: part('warnings'),
};

/** `peakRate`: the most messages a second that the charts still show. */
export function showNumbers(stats: Stats, peakRate: number): void {
  number(at.clients, stats.liveClients);
  say(at.clientsNote, whoTheyAre(stats));
  number(at.connections, stats.activeConnections);
  say(at.connectionsNote, stats.totalConnections > 0 ? `${count(stats.totalConnections)} since the start` : 'none yet');
  say(at.rate, rate(stats.messagesPerSecond));
  say(at.rateNote, peakRate > 0 ? `peak ${rate(peakRate)} in the chart` : 'quiet');
  number(at.messages, stats.totalMessages);
  say(at.messagesNote, lastMessage(stats));
  showFacts(stats);
  showWarnings(stats.warnings ?? []);
}

/** A number too long for its place is shortened; the exact one is in the tooltip. */
function number(element: HTMLElement, n: number): void {
  say(element, count(n));
  if (n >= 1e6) element.title = exact(n);
}

function whoTheyAre({ liveClients, connectedUsers }: Stats): string {
  if (liveClients === 0) return 'nobody yet';
  // At most 200 users are listed: beyond that their sum would be a guess.
  if (connectedUsers.length >= 200) return 'in a connection or waiting for one';
  const connected = connectedUsers.filter((user) => user.status === 'connected').length;
  return `${plural(connectedUsers.length, 'user', 'users')}, ${connected} in a connection`;
}

function lastMessage(stats: Stats): string {
  if (stats.lastMessage === null) return 'no message yet';
  const { type, length, time } = stats.lastMessage;
  const age = exchangeNow(stats) - time;
  return `${type}, ${plural(length, 'character', 'characters')}, ${age < 1_000 ? 'just now' : `${span(age)} ago`}`;
}

function showFacts(stats: Stats): void {
  say(at.uptime, stats.uptime);
  say(at.uptimeNote, `since ${moment(stats.startTime)}`);
  say(at.version, stats.version);
  say(at.versionNote, location.host);
  showStore(stats);
  say(at.refused, stats.refusedCodes === undefined ? '–' : count(stats.refusedCodes));
  at.refused.classList.toggle('bad', stats.wrongCodesLocked === true);
  say(at.refusedNote, stats.wrongCodesLocked === true ? 'too many: every address gets fewer tries' : 'since the start');
  showErrors(stats.errors ?? {});
}

/** Below this the operator should look at the disk: a full one keeps nothing for those who are away. */
const DISK_FREE_MIN = 1024 ** 3;

function showStore(stats: Stats): void {
  const { mailboxMessages, mailboxOldestSeconds = 0, diskFreeBytes, commitP99Ms = 0 } = stats;
  say(at.mailbox, mailboxMessages === undefined ? '–' : count(mailboxMessages));
  const waiting = (mailboxMessages ?? 0) > 0;
  say(at.mailboxNote, waiting ? `oldest ${span(mailboxOldestSeconds * 1_000)}` : 'nobody has missed anything');
  say(at.disk, typeof diskFreeBytes === 'number' ? bytes(diskFreeBytes) : '–');
  at.disk.classList.toggle('bad', typeof diskFreeBytes === 'number' && diskFreeBytes < DISK_FREE_MIN);
  const commits = commitP99Ms > 0 ? `commit p99 ${duration(commitP99Ms * 1_000)}` : 'no commit yet';
  say(at.diskNote, diskFreeBytes === null ? 'nothing is kept on disk' : commits);
}

let errorsShown: string | undefined;

function showErrors(errors: Record<string, number>): void {
  const most = Object.entries(errors)
    .filter(([, times]) => times > 0)
    .sort((a, b) => b[1] - a[1]);
  const text = JSON.stringify(most);
  if (text === errorsShown) return;
  errorsShown = text;
  if (most.length === 0) {
    at.errors.replaceChildren('None');
    return;
  }
  const tags = most.slice(0, ERRORS_SHOWN_MAX).map(([code, times]) => {
    const tag = make('span', 'tag', `${code} `);
    tag.append(make('b', '', count(times)));
    return tag;
  });
  if (most.length > ERRORS_SHOWN_MAX) {
    const rest = most.slice(ERRORS_SHOWN_MAX);
    const tag = make('span', 'tag', `${rest.length} more`);
    tag.title = rest.map(([code, times]) => `${code} ${times}`).join(', ');
    tags.push(tag);
  }
  at.errors.replaceChildren(...tags);
}

let warningsShown = '[]';

/** Only touched when they change, so that a screen reader says each warning once. */
function showWarnings(warnings: string[]): void {
  const text = JSON.stringify(warnings);
  if (text === warningsShown) return;
  warningsShown = text;
  at.warnings.hidden = warnings.length === 0;
  at.warnings.replaceChildren(...warnings.map((warning) => make('li', '', warning)));
}
