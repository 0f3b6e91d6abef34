/** `magi-exchange mailboxes`: for whom how much waits. */
import { lookInto } from '../store/operator.ts';
import { keptStore, minute, printTable, refusing } from './kept.ts';

export function listMailboxes(): void {
  const path = keptStore();
  const mailboxes = refusing(() => lookInto(path, (file) => file.mailboxes()));
  const rows = mailboxes.map(({ username, messages, bytes, oldestAt }) => [
    username,
    `${messages}`,
    `${bytes}`,
    minute(oldestAt),
  ]);
  printTable([['USERNAME', 'MESSAGES', 'BYTES', 'OLDEST (UTC)'], ...rows]);
}
