/** The list of log entries: what is kept, what is shown, and holding it still to read it (PROTOCOL.md, part 7). */
import { make, part, say } from './dom.ts';
import { count, plural, timeOfDayMs } from './words.ts';

export interface Entry {
  /** ms since the epoch */
  time: number;
  level: string;
  icon: string;
  event: string;
  message: string;
  [field: string]: unknown;
}

/** Kept to be searched and filtered; more than is shown, or a busy exchange would leave no errors to filter for. */
const ENTRIES_MAX = 2_000;
const ROWS_MAX = 500;
const LEVELS = ['debug', 'info', 'warn', 'error'];

interface Kept {
  readonly entry: Entry;
  /** As it came: tells an entry that is sent again from a new one. */
  readonly text: string;
  /** What a search looks through. */
  readonly haystack: string;
}

const list = part('entries', HTMLOListElement);
const scroll = part('entries-scroll');
// What scrolls must be reachable by keyboard; not every browser sees to that by itself.
scroll.tabIndex = 0;
const empty = part('no-entries');
const level = part('level', HTMLSelectElement);
const search = part('search', HTMLInputElement);
const pause = part('pause', HTMLButtonElement);
const copy = part('copy', HTMLButtonElement);
const found = part('found');
const foundSaid = part('found-said');

export interface Log {
  add(entry: Entry, text: string): void;
  /** A new stream first repeats the last entries; those that are here already are not shown twice. */
  streamStarts(): void;
  clear(): void;
}

export function createLog(): Log {
  let kept: Kept[] = [];
  /** Came in and passed the filter, but is not in the list yet: until the next frame, or until the pause ends. */
  let waiting: Entry[] = [];
  let waitingCount = 0;
  let known = new Set<string>();
  let paused = false;
  let flushing = false;

  function add(entry: Entry, text: string): void {
    if (known.has(text)) return;
    const one = { entry, text, haystack: text.toLowerCase() };
    // Both lists are trimmed in steps, so that a burst does not move the whole array for every entry.
    kept.push(one);
    if (kept.length > ENTRIES_MAX * 1.25) kept = kept.slice(-ENTRIES_MAX);
    if (!matches(one)) return;
    waiting.push(entry);
    waitingCount++;
    if (waiting.length > ROWS_MAX * 2) waiting = waiting.slice(-ROWS_MAX);
    if (!flushing) requestAnimationFrame(flush);
    flushing = true;
  }

  function flush(): void {
    flushing = false;
    if (paused) {
      say(pause, waitingCount === 0 ? 'Resume' : `Resume · ${count(waitingCount)} new`);
      return;
    }
    // Follows the newest entry only for a reader who is at the end; others are not carried away from what they read.
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 32;
    list.append(...waiting.slice(-ROWS_MAX).map(row));
    waiting = [];
    waitingCount = 0;
    while (list.childElementCount > ROWS_MAX) list.firstElementChild?.remove();
    empty.hidden = list.childElementCount > 0;
    say(found, plural(list.childElementCount, 'entry', 'entries'));
    if (atEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  /** A new question to the log is answered with all that is kept, also while it is paused. */
  function filterAgain(): void {
    list.replaceChildren();
    waiting = kept.filter(matches).map(({ entry }) => entry);
    say(empty, search.value === '' ? 'No entry of this level yet.' : `No entry has “${search.value}” in it.`);
    const wasPaused = paused;
    paused = false;
    flush();
    scroll.scrollTop = scroll.scrollHeight;
    setPaused(wasPaused);
    // Said only for a question that was asked: not with every entry that comes in.
    say(foundSaid, found.textContent ?? '');
  }

  function setPaused(now: boolean): void {
    paused = now;
    say(pause, now ? 'Resume' : 'Pause');
    flush();
  }

  level.addEventListener('change', filterAgain);
  search.addEventListener('input', filterAgain);
  pause.addEventListener('click', () => setPaused(!paused));
  copy.addEventListener('click', () => void copyShown());

  return {
    add,
    streamStarts() {
      known = new Set(kept.map(({ text }) => text));
    },
    clear() {
      kept = [];
      known.clear();
      search.value = '';
      paused = false;
      filterAgain();
    },
  };
}

function matches({ entry, haystack }: Kept): boolean {
  return rank(entry.level) >= rank(level.value) && haystack.includes(search.value.toLowerCase());
}

/** A level that we do not know is shown like info rather than not at all. */
function rank(name: string): number {
  return LEVELS.includes(name) ? LEVELS.indexOf(name) : 1;
}

function row(entry: Entry): HTMLLIElement {
  const item = make('li', 'entry');
  item.dataset.level = entry.level;
  const time = make('time', 'entry-time', timeOfDayMs(entry.time));
  time.dateTime = new Date(entry.time).toISOString();
  const icon = make('span', 'entry-icon', entry.icon);
  icon.ariaHidden = 'true';
  const words = make('span', 'entry-words', entry.message);
  words.title = entry.event;
  for (const [key, value] of fields(entry)) {
    const tag = make('span', 'tag', `${key}: `);
    tag.append(make('b', '', value));
    words.append(' ', tag);
  }
  item.append(time, icon, make('span', 'entry-level', entry.level), words);
  return item;
}

function fields({ time, level, icon, event, message, ...rest }: Entry): [string, string][] {
  return Object.entries(rest).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]);
}

/** The entries that are shown, one a line, for a bug report. */
async function copyShown(): Promise<void> {
  const lines = [...list.children].map((item) => {
    const said = (name: string) => item.querySelector(`.entry-${name}`)?.textContent ?? '';
    return `${item.querySelector('time')?.dateTime} ${said('level')} ${said('words')}\n`;
  });
  say(copy, (await toClipboard(lines.join(''))) ? `Copied ${lines.length}` : 'Not allowed');
  setTimeout(() => say(copy, 'Copy'), 2_000);
}

/** Browsers offer the clipboard on https and localhost only; over plain http to another machine the old way still works. */
async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make('textarea', 'unseen');
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    copy.focus();
    return copied;
  }
}
