/**
 * What whoever runs the exchange should know, in a line that is always there: so that nothing moves when there is something to say. The
 * exchange tells codes (src/server/notices.ts); the words are here.
 */
import { make, part, say } from './dom.ts';
import type { Stats } from './live.ts';
import { bytes } from './words.ts';

interface Notice {
  readonly title: string;
  readonly whatToDo: string;
}

const WORDS: Readonly<Record<string, Notice>> = {
  trial_password: {
    title: 'The trial password is in use',
    whatToDo:
      'Everybody knows it. Set ADMIN_PASSWORD, or leave it out and one is made, before others can reach this machine.',
  },
  hosts_unset: {
    title: 'PUBLIC_HOSTS is not set',
    whatToDo:
      'Others can reach this address under any name, and nobody can identify with a key. Set it to the name they use, such as exchange.example.org.',
  },
  proxy_untrusted: {
    title: 'A proxy is in front, and it is not trusted',
    whatToDo:
      'All its clients count as one address and share its limits. Set TRUST_PROXY to the number of proxies in front.',
  },
  one_address: {
    title: 'Most clients come from one address',
    whatToDo: 'If that is a proxy, set TRUST_PROXY to the number of proxies in front: else they all share one limit.',
  },
  setting_unknown: {
    title: 'A setting changes nothing',
    whatToDo: 'Its name is not known here; the log says which one, and what it may have meant.',
  },
  codes_attacked: {
    title: 'Many wrong invite codes',
    whatToDo: 'Somebody may be guessing. For now every address has fewer tries; nothing needs to be done.',
  },
};

/** Below this the operator should look at the disk: a full one keeps nothing for those who are away. */
const DISK_FREE_MIN = 1024 ** 3;

const strip = part('strip');
const verdict = part('verdict');
const verdictTitles = part('verdict-titles');
const toggle = part('notices-toggle', HTMLButtonElement);
const list = part('notices');

let shown = '';

export function startNotices(): void {
  toggle.addEventListener('click', () => open(list.hidden !== false));
}

function open(isOpen: boolean): void {
  list.hidden = !isOpen;
  toggle.ariaExpanded = String(isOpen);
  say(toggle, isOpen ? 'Close' : 'What to do');
}

/** Only touched when they change, so that a screen reader says them once. */
export function showNotices(stats: Stats): void {
  const notices = noticesIn(stats);
  const text = JSON.stringify(notices);
  if (text === shown) return;
  shown = text;
  strip.dataset.mood = notices.length > 0 ? 'warning' : 'good';
  const [first = { title: 'Nothing needs your attention' }, ...more] = notices;
  const titles = notices.map(({ title }) => title).join(' · ');
  say(verdict, more.length === 0 ? first.title : `${notices.length} things to know`);
  say(verdictTitles, more.length === 0 ? '' : `: ${titles}`);
  strip.title = more.length === 0 ? '' : titles;
  toggle.hidden = notices.length === 0;
  if (notices.length === 0) open(false);
  list.replaceChildren(
    ...notices.map(({ title, whatToDo }) => {
      const one = make('div', 'notice');
      one.append(make('dt', '', title), make('dd', '', whatToDo));
      return one;
    }),
  );
}

function noticesIn({ notices = [], wrongCodesLocked, diskFreeBytes }: Stats): Notice[] {
  const codes = wrongCodesLocked === true ? [...notices, 'codes_attacked'] : notices;
  // A code that a newer exchange made up is still better than silence.
  const told = codes.map((code) => WORDS[code] ?? { title: code, whatToDo: 'The log says more.' });
  if (typeof diskFreeBytes !== 'number' || diskFreeBytes >= DISK_FREE_MIN) return told;
  const whatToDo = 'When the disk is full, messages for those who are away are refused. Make room in DATA_DIR.';
  return [{ title: `The disk has less than ${bytes(DISK_FREE_MIN)} left`, whatToDo }, ...told];
}
