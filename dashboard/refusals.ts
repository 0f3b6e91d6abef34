/** What the exchange refused: invite codes, what went over a limit, and everything else; and the reasons that were given most often. */
import { make, part, say } from './dom.ts';
import type { Stats } from './live.ts';
import { count } from './words.ts';

/** As many as there is room for; there are two dozen codes. */
const REASONS_SHOWN_MAX = 5;

const LIMITS = new Set([
  'rate_limited',
  'too_many_attempts',
  'too_many_invites',
  'too_many_connections',
  'message_too_large',
  'mailbox_full',
]);

/** What a code means, for those who do not know the protocol by heart. */
const WORDS: Readonly<Record<string, string>> = {
  bad_message: 'not a message of the protocol',
  message_too_large: 'too long',
  unknown_type: 'no such command',
  not_identified: 'did not say who it is',
  already_identified: 'has another name already',
  invalid_username: 'not a username',
  invalid_nickname: 'not a nickname',
  username_taken: 'the name is in use',
  username_reserved: 'the name belongs to a key',
  bad_signature: 'wrong key or host',
  registration_closed: 'new names need an invite',
  invalid_code: 'wrong or used invite code',
  own_invite: 'their own invite',
  no_connection: 'not connected with them',
  recipient_required: 'did not say to whom',
  friend_offline: 'the friend is away',
  mailbox_full: 'the mailbox is full',
  rate_limited: 'too fast',
  too_many_attempts: 'too many wrong codes',
  too_many_invites: 'too many invites',
  too_many_connections: 'too many connections',
  storage_failed: 'the disk did not take it',
  internal: 'a fault of the exchange',
};

const at = {
  refused: part('refused'),
  codes: part('refused-codes'),
  limits: part('refused-limits'),
  others: part('refused-others'),
  reasons: part('reasons'),
  note: part('reasons-note'),
};

let shown: string | undefined;

export function showRefusals({ errors = {}, refusedCodes, wrongCodesLocked }: Stats): void {
  const reasons = Object.entries(errors)
    .filter(([, times]) => times > 0)
    .sort((one, other) => other[1] - one[1]);
  const sum = (which: (code: string) => boolean) =>
    reasons.reduce((total, [code, times]) => total + (which(code) ? times : 0), 0);
  const isCode = (code: string) => code === 'invalid_code' || code === 'own_invite';
  say(at.refused, count(sum(() => true)));
  say(at.codes, count(refusedCodes ?? sum(isCode)));
  at.codes.classList.toggle('bad', wrongCodesLocked === true);
  say(at.limits, count(sum((code) => LIMITS.has(code))));
  say(at.others, count(sum((code) => !LIMITS.has(code) && !isCode(code))));
  const text = JSON.stringify(reasons);
  if (text === shown) return;
  shown = text;
  showReasons(reasons);
}

function showReasons(reasons: readonly [string, number][]): void {
  const [, most] = reasons[0] ?? ['', 1];
  if (reasons.length === 0) at.reasons.replaceChildren(make('li', 'note', 'Nothing was refused yet.'));
  else
    at.reasons.replaceChildren(...reasons.slice(0, REASONS_SHOWN_MAX).map(([code, times]) => bar(code, times, most)));
  const rest = reasons.slice(REASONS_SHOWN_MAX);
  const others = rest.reduce((total, [, times]) => total + times, 0);
  say(at.note, rest.length > 0 ? `${count(others)} for other reasons` : '');
  at.note.title = rest.map(([code, times]) => `${code} ${times}`).join(', ');
}

function bar(code: string, times: number, most: number): HTMLLIElement {
  const item = make('li', 'bar');
  item.style.setProperty('--part', String(times / most));
  item.append(
    make('span', 'bar-code', code),
    make('span', 'bar-words', WORDS[code] ?? ''),
    make('span', 'bar-times', count(times)),
  );
  return item;
}
