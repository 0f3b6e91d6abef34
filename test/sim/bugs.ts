/** Faults to be planted in a copy of the exchange: a simulator that does not find them finds nothing else either. */
import type { Change } from './sources.ts';

export interface Bug {
  readonly name: string;
  readonly change: Change;
}

function bug(name: string, file: string, find: string, replace: string): Bug {
  return { name, change: { file: `exchange/${file}.ts`, find, replace } };
}

export const BUGS: readonly Bug[] = [
  bug(
    'says queued before the commit',
    'mailbox',
    '} else put(state, recipient, [entry]);',
    `} else {
      put(state, recipient, [entry]);
      tellAskers(state, asker, recipient, message.id, 'queued');
      entry.asker = undefined;
    }`,
  ),
  bug(
    'says delivered when it is handed over',
    'mailbox',
    'state.ports.wire.publish(side.other.topic, text);',
    `state.ports.wire.publish(side.other.topic, text);
    tellAskers(state, asker, recipient, id, 'delivered');
    entry.asker = undefined;`,
  ),
  bug(
    'forgets what is held when the last client goes',
    'presence',
    '  putAway(state, user);\n  state.holding.delete(user);',
    '  state.holding.delete(user);',
  ),
  bug(
    'passes a mailbox that is not empty',
    'mailbox',
    'recipient.clients.size > 0 && inbox.use.messages === 0 &&',
    'recipient.clients.size > 0 &&',
  ),
  bug(
    'stores a message before an earlier one that is held',
    'mailbox',
    '    putAway(state, recipient);\n    if (isFull(',
    '    if (isFull(',
  ),
  bug(
    'takes a repeat as new',
    'delivery',
    '  if (known !== undefined)\n    return repeat(',
    '  if (known !== undefined && !client.open)\n    return repeat(',
  ),
  bug(
    'counts a repeat against the allowance',
    'delivery',
    '  if (known !== undefined)\n    return repeat(',
    '  if (known !== undefined)\n    return overQuestions(state, user, now) ?? repeat(',
  ),
  bug('does not remember what was acknowledged', 'known', 'this.#acknowledged.add(entry.name);', ''),
  bug(
    'ignores late acknowledgements',
    'received',
    'if (entry !== undefined) {',
    "if (entry !== undefined && entry.state === 'live') {",
  ),
  bug(
    'stores no receipt for who is away',
    'mailbox',
    'store.acknowledge(recipient.key, seqs, receipts)',
    'store.acknowledge(recipient.key, seqs, [])',
  ),
  bug(
    'leaves the old client open when its name is taken over',
    'takeover',
    "    closeClient(state, held, state.ports.clock());\n    state.ports.wire.close(held.id, CLOSED_REPLACED, 'replaced');\n",
    '',
  ),
  bug(
    'loses an acknowledgement that comes while the message is stored',
    'mailbox',
    "return was === 'live' ? undefined : 'delete';",
    'return undefined;',
  ),
  bug(
    'does not delete again what the store refused to delete',
    'mailbox',
    'state.retries.push(() => forget(state, recipient, seqs, receipts));',
    'return;',
  ),
  bug('hands out what was read for an earlier visit', 'mailbox', 'if (inbox.visit !== visit) return;', ''),
  bug('expires messages in the store alone', 'exchange', 'if (entry !== undefined) inbox?.remove(entry);', ''),
  bug('hands out without a window', 'inbox', 'return messages === 0 ||', 'return messages >= 0 ||'),
  bug(
    'hands everything again to every client',
    'presence',
    'handHeld(state, user, client.id);',
    'for (const { id } of user.clients) handHeld(state, user, id);',
  ),
  bug(
    'redeems a code twice',
    'connect',
    'const won = await state.ports.store.redeemInvite(invite.code, state.ports.clock());',
    'const won = (await state.ports.store.findInvite(invite.code, state.ports.clock())) !== undefined;',
  ),
  bug(
    'ends a connection in memory alone',
    'disconnect',
    'await store.endConnection(connection.id, leaver.key, other.key, state.nextSeq, clock())',
    'await Promise.resolve([])',
  ),
  bug('numbers messages again after a restart', 'sequence', 'return epoch * SEQS_PER_EPOCH', 'return SEQS_PER_EPOCH'),
  bug('lets a user have any number of clients', 'keyed', '  makeRoom(state, user, client, now);\n', ''),
  bug(
    'keeps users of whom nobody needs to know',
    'presence',
    'if (state.users.away.get(user.key) === user) state.users.away.delete(user.key);',
    '',
  ),
];
