/** What a command looks at before words leave for a friend, as the bridge does: an assistant with a shell may be typing. */
import { sentenceOf } from '../bridge/decision.ts';
import { findSecrets, secretSentence } from '../bridge/secrets.ts';
import { MagiError } from '../client/errors.ts';
import type { Friend } from '../client/friends.ts';
import type { Call } from './call.ts';
import { red } from './output.ts';
import { agrees, isAtTerminal } from './prompt.ts';

/** A likely secret, or a friend with whom there is a pause, needs the owner. Rejected with MagiError `owner_needed` or `not_agreed`. */
export async function heed({ out }: Call, friend: Friend | undefined, text: string): Promise<void> {
  const secret = secretSentence(findSecrets(text));
  if (isAtTerminal()) {
    // Who types this at a terminal ends the pause by it.
    if (secret === '') return;
    out.tell(red(secret));
    if (!(await agrees('Send it all the same?'))) throw new MagiError('not_agreed', 'Nothing was sent.');
    return;
  }
  const why = secret !== '' ? secret : (friend?.pausedAt ?? 0) > 0 ? sentenceOf('paused') : '';
  if (why !== '')
    throw new MagiError('owner_needed', `${why} Nothing was sent: this is for the owner to type in a terminal.`);
}
