/** Who is here: one avatar a user, an initial and a colour, never a name. */
import { make, part, say } from './dom.ts';
import { exchangeNow, type Stats, type User } from './live.ts';
import { count, plural, span } from './words.ts';

/** Up to this many users have a line of text each; more of them are a crowd of avatars that speak when pointed at. */
const ROWS_MAX = 10;

const list = part('users', HTMLUListElement);
const total = part('here-count');
const nobody = part('nobody');
const nameless = part('nameless');
const legend = part('legend');
// What scrolls must be reachable by keyboard; not every browser sees to that by itself.
part('here-scroll').tabIndex = 0;
part('address').textContent = location.origin.replace(/^http/, 'ws');

interface Row {
  readonly item: HTMLLIElement;
  readonly avatar: HTMLSpanElement;
  readonly line: HTMLSpanElement;
}
const rows = new Map<string, Row>();

export function showUsers(stats: Stats): void {
  const users = stats.connectedUsers;
  const now = exchangeNow(stats);
  const present = new Set(users.map((user) => user.clientId));
  for (const [clientId, row] of rows) {
    if (present.has(clientId)) continue;
    row.item.remove();
    rows.delete(clientId);
  }
  for (const user of users) show(user, now);

  list.classList.toggle('crowd', users.length > ROWS_MAX);
  say(total, users.length < 200 ? count(users.length) : `the latest ${count(users.length)}`);
  legend.hidden = users.length === 0;
  nobody.hidden = stats.liveClients > 0;
  nameless.hidden = stats.liveClients === 0 || users.length > 0;
  say(nameless, `${plural(stats.liveClients, 'client is', 'clients are')} open and did not say a name yet.`);
}

function show(user: User, now: number): void {
  const row = rows.get(user.clientId) ?? add(user);
  const doing = user.status === 'idle' ? 'idle' : plural(user.connections, 'connection', 'connections');
  const line = `${doing}, here for ${span(now - user.since)}`;
  say(row.avatar, user.initial);
  row.item.classList.toggle('idle', user.status === 'idle');
  say(row.line, line);
  row.item.title = `${user.clientId}: ${line}`;
}

function add(user: User): Row {
  const item = make('li', 'user');
  const avatar = make('span', 'avatar');
  const line = make('span', 'note');
  item.style.setProperty('--hue', String(hue(user.clientId)));
  const words = make('span', 'words');
  words.append(make('span', 'client-id', user.clientId), line);
  item.append(avatar, words);
  list.append(item);
  const row = { item, avatar, line };
  rows.set(user.clientId, row);
  return row;
}

/** The same client has the same colour on every screen. */
function hue(clientId: string): number {
  let hash = 0;
  for (const letter of clientId) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return (hash * 137.508) % 360;
}
