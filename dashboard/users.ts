/**
 * Who is here: one avatar a user, an initial and a colour, never a name. Each is put into its place by a transform: when somebody
 * leaves, the others glide there, and nothing is laid out anew.
 */
import { make, part, say } from './dom.ts';
import { exchangeNow, type Stats, type User } from './live.ts';
import { count, plural, span } from './words.ts';

/** Up to this many users have a line of text each; more of them are a crowd of avatars that speak when pointed at. */
const ROWS_MAX = 8;
/** The exchange lists no more. */
const LISTED_MAX = 200;
/** Pixels from one user to the next: of a line of text, and of an avatar in a crowd. */
const ROW = { width: 240, height: 52 };
const CROWD = { width: 54, height: 54 };

const list = part('users', HTMLUListElement);
const total = part('users-count');
const note = part('users-note');
const share = part('share');
const shareNote = part('share-note');
const nobody = part('nobody');
const nameless = part('nameless');
// What scrolls must be reachable by keyboard; not every browser sees to that by itself.
part('here-scroll').tabIndex = 0;
part('address').textContent = location.origin.replace(/^http/, 'ws');

interface Row {
  readonly item: HTMLLIElement;
  readonly avatar: HTMLSpanElement;
  readonly line: HTMLSpanElement;
}
/** By client, in the order in which they are shown. */
const rows = new Map<string, Row>();

new ResizeObserver(arrange).observe(list);

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
  arrange();
  showTotals(stats);
  nobody.hidden = stats.liveClients > 0;
  nameless.hidden = stats.liveClients === 0 || users.length > 0;
  say(nameless, `${plural(stats.liveClients, 'client is', 'clients are')} open and did not say a name yet.`);
}

function arrange(): void {
  const isCrowd = rows.size > ROWS_MAX;
  list.classList.toggle('crowd', isCrowd);
  const { width, height } = isCrowd ? CROWD : ROW;
  const columns = Math.max(1, Math.floor((list.clientWidth + 8) / width));
  // A line has all the room that there is; avatars stand side by side.
  const step = isCrowd ? width : list.clientWidth / columns;
  list.style.height = `${Math.ceil(rows.size / columns) * height}px`;
  let index = 0;
  for (const { item } of rows.values()) {
    item.style.transform = `translate(${(index % columns) * step}px, ${Math.floor(index / columns) * height}px)`;
    index++;
  }
}

function showTotals({ connectedUsers, users = connectedUsers.length, guests = users }: Stats): void {
  say(total, count(users));
  const connected = connectedUsers.filter(({ status }) => status === 'connected').length;
  // At most so many users are listed: beyond that their sum would be a guess.
  say(
    note,
    users > connectedUsers.length
      ? `the ${LISTED_MAX} who have been here longest`
      : users === 0
        ? ''
        : `${count(connected)} in a connection, ${count(users - connected)} idle`,
  );
  const part = users === 0 ? 0 : guests / users;
  share.style.setProperty('--part', String(part));
  share.classList.toggle('empty', users === 0);
  say(shareNote, users === 0 ? '' : `${percent(part)} guests, ${count(users - guests)} with a key`);
}

/** 100 % and 0 % only when it is all or none of them. */
function percent(part: number): string {
  const rounded = Math.round(part * 100);
  return `${part > 0 && part < 1 ? Math.min(99, Math.max(1, rounded)) : rounded} %`;
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
