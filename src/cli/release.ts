/** `magi-exchange release NAME`: the name is free again; its connections, its mailbox and its invites are gone. Also lifts a ban. */
import { OperatorError } from '../config.ts';
import { NOBODYS_KEY } from '../store/rules.ts';
import { changeStore, readName } from './kept.ts';

export async function release(name: string): Promise<void> {
  const { username, key } = readName(name);
  const [user, connections] = await changeStore((store) => Promise.all([store.findUser(key), store.forgetUser(key)]));
  if (user === undefined) throw new OperatorError(`${username} is not bound to a key: there is nothing to release.`, 1);
  const ended = connections.length === 1 ? '1 connection ended' : `${connections.length} connections ended`;
  process.stdout.write(
    user.publicKey === NOBODYS_KEY ? `${username} is not banned any more\n` : `${username} is released, ${ended}\n`,
  );
}
