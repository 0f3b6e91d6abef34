/** `status`: who one is, whether the exchange is there, who is here, what waits. */
import { fingerprintOf } from '../client/friends.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM } from './exit.ts';
import { showHints } from './friends.ts';
import { bold, cyan, dim, green, type Piece, red } from './output.ts';
import { Visit } from './visit.ts';
import { count, friendDocument, placeOf } from './wording.ts';

const LABEL_COLUMNS = 11;
/** Older questions without an answer are hardly waited for. */
const ASKED_MAX = 1_000;

export async function status(call: Call): Promise<ExitCode> {
  const { out } = call;
  const visit = new Visit(call);
  const failed = await visit.fetch();
  const { client, settings, identity } = visit;
  const isConnected = failed === undefined;
  const friends = client
    .friends()
    .map((friend) => ({ ...friend, online: isConnected ? client.isOnline(friend.username) : null }));
  const waiting = client.waiting();
  const drafts = client.drafts().length;
  const open = client
    .asked(ASKED_MAX)
    .filter(({ outcome, state }) => outcome === undefined && state !== 'refused' && state !== 'draft').length;
  const fingerprint = fingerprintOf(identity.publicKey);
  out.json({
    username: settings.username,
    nickname: settings.nickname ?? null,
    server: placeOf(settings),
    home: settings.home,
    publicKey: identity.publicKey,
    fingerprint,
    connected: isConnected,
    exchangeVersion: client.exchangeVersion ?? null,
    error: failed === undefined ? null : { code: failed.code, message: failed.message },
    friends: friends.map((friend) => friendDocument(friend, friend.online)),
    waiting: { questions: waiting.questions, answers: waiting.answers, drafts, unsent: waiting.unsent },
    unanswered: open,
  });

  const line = (label: string, ...pieces: Piece[]) => out.say(dim(label.padEnd(LABEL_COLUMNS)), ...pieces);
  line('You', bold(settings.username), settings.nickname === undefined ? '' : ` (${settings.nickname})`);
  line('Key', fingerprint);
  line(
    'Exchange',
    placeOf(settings),
    '  ',
    isConnected ? green(`connected, release ${client.exchangeVersion}`) : red('not connected'),
  );
  line('Friends', ...presences(friends));
  const more = (number: number, what: string, command: string): Piece[] =>
    number === 0 ? [] : [cyan(count(number, what)), dim(` (${PROGRAM} ${command})`), '   '];
  const pieces = [
    ...more(waiting.questions, 'question', 'inbox'),
    ...more(waiting.answers, 'answer', 'inbox'),
    ...more(drafts, 'draft', 'approve'),
  ];
  line('Waiting', ...(pieces.length === 0 ? ['nothing'] : pieces.slice(0, -1)));
  if (waiting.unsent > 0) line('To send', `${count(waiting.unsent, 'message')}, when the exchange can be reached`);
  if (open > 0) line('Asked', `${count(open, 'question')} without an answer yet`);
  for (const friend of friends)
    if (friend.change !== undefined || friend.pausedAt > 0) showHints((...pieces) => out.tell(...pieces), friend);
  return failed === undefined ? EXIT.ok : exitCodeOf(failed);
}

/** Who is here first. */
function presences(friends: readonly { localName: string; online: boolean | null }[]): Piece[] {
  if (friends.length === 0) return [`none yet (${PROGRAM} invite)`];
  const names = (online: boolean | null) =>
    friends.filter((friend) => friend.online === online).map(({ localName }) => localName);
  const [here, away, unknown] = [names(true), names(false), names(null)];
  const parts: Piece[][] = [
    here.length > 0 ? [green('here: '), here.join(', ')] : [],
    away.length > 0 ? [dim('away: '), away.join(', ')] : [],
    unknown.length > 0 ? [unknown.join(', ')] : [],
  ].filter(({ length }) => length > 0);
  return parts.flatMap((part, at) => (at === 0 ? part : ['; ', ...part]));
}
