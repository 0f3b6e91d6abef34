/** The dashboard: what the exchange pushes once a second, shown; and a way to its log for whoever runs it. */
import { followAgain, startAdmin } from './admin.ts';
import { drawCharts, drawHistory, startRanges } from './charts.ts';
import { make, part, say } from './dom.ts';
import { keepLatest } from './history.ts';
import { type Stats, watchExchange } from './live.ts';
import { showNotices, startNotices } from './notices.ts';
import { showNumbers } from './numbers.ts';
import { showRefusals } from './refusals.ts';
import { showUsers } from './users.ts';
import { count, timeOfDay } from './words.ts';

type State = 'trying' | 'live' | 'cut';

const page = document.documentElement;
const state = part('state');
const cutOff = part('cut-off');
const cutOffWhat = part('cut-off-what');
const cutOffWhen = part('cut-off-when');

let version: string | undefined;
let countdown: number | undefined;
let pushedAt: number | undefined;

const feed = watchExchange({
  trying() {
    window.clearInterval(countdown);
    say(cutOffWhen, 'Trying again…');
  },

  pushed(stats) {
    // A newer exchange brings a newer page; this one may not understand what it says.
    if (version !== undefined && version !== stats.version) location.reload();
    version = stats.version;
    if (page.dataset.state !== 'live') becomeLive();
    pushedAt = Date.now();
    keepLatest(stats.latest ?? []);
    drawCharts();
    showNumbers(stats);
    showUsers(stats);
    showRefusals(stats);
    showNotices(stats);
    // The arc of the sign is lit while something is said.
    page.dataset.talk = String(stats.messagesPerSecond > 0);
    document.title = title(stats);
  },

  cutOff(retryInMs) {
    become('cut', 'Cut off');
    page.dataset.talk = 'false';
    document.title = 'Cut off · mAGI exchange';
    cutOff.hidden = false;
    say(cutOffWhat, 'Cut off from the exchange.');
    const until = Date.now() + retryInMs;
    const tell = () => say(cutOffWhen, `Trying again in ${Math.max(1, Math.ceil((until - Date.now()) / 1_000))} s…`);
    window.clearInterval(countdown);
    countdown = window.setInterval(tell, 250);
    tell();
  },
});

part('try-now').addEventListener('click', () => feed.tryNow());
startRanges();
startNotices();
startAdmin();
drawHistory();

function becomeLive(): void {
  const returned = pushedAt !== undefined;
  become('live', 'Live');
  cutOff.hidden = true;
  say(cutOffWhat, '');
  if (!returned) return;
  drawHistory();
  followAgain();
}

function become(next: State, words: string): void {
  page.dataset.state = next;
  // New elements, since the old ones would be seen to move.
  const text = next === 'cut' && pushedAt !== undefined ? `${words} at ${timeOfDay(pushedAt)}` : words;
  state.replaceChildren(make('span', 'dot'), make('span', '', text));
}

function title({ liveClients, messagesPerSecond }: Stats): string {
  return messagesPerSecond > 0
    ? `${count(messagesPerSecond)}/s · mAGI exchange`
    : `${count(liveClients)} online · mAGI exchange`;
}
