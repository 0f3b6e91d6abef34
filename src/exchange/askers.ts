/** Those who wait to be told what became of a message: the client that sent it, and others of its user that sent the same. */
import { encodeHandedOver } from '../protocol/codec.ts';
import type { Fault } from '../protocol/faults.ts';
import type { Asker, Entry } from './inbox.ts';
import type { State } from './state.ts';
import type { Keyed } from './users.ts';

/** `askers`: the latest of those who sent the message. `isAlone`: this is all that is said just now. */
export function tellAskers(
  state: State,
  askers: Asker,
  recipient: Keyed,
  id: string,
  status: 'delivered' | 'queued',
  isAlone = false,
): void {
  for (let asker: Asker | undefined = askers; asker !== undefined; asker = asker.next) {
    const client = state.users.clients.get(asker.clientId);
    if (client === undefined) continue;
    const text = encodeHandedOver(asker.type, recipient.nicknamePart, status, asker.remaining, id);
    if (isAlone) state.ports.wire.send(client.id, text);
    else state.ports.wire.sendSoon(client.id, text);
  }
}

export function refuseAskers(state: State, { asker: askers, head: { id } }: Entry, refusal: Fault): void {
  for (let asker = askers; asker !== undefined; asker = asker.next) {
    const client = state.users.clients.get(asker.clientId);
    if (client === undefined) continue;
    state.ports.observer.refused(client, refusal.code, state.ports.clock());
    state.say(client, { ...refusal, request: asker.type === 'question' ? 'ask' : 'answer', id });
  }
}

/** Answers a message that was sent before; what is not known yet is told to this asker then. */
export function repeat(
  state: State,
  recipient: Keyed,
  entry: Entry | 'acknowledged',
  id: string,
  asker: Asker,
): undefined {
  if (entry === 'acknowledged') tellAskers(state, asker, recipient, id, 'delivered');
  else if (entry.state === 'stored') tellAskers(state, asker, recipient, id, 'queued');
  else entry.asker = { ...asker, next: without(entry.asker, asker.clientId) };
  return undefined;
}

function without(asker: Asker | undefined, clientId: string): Asker | undefined {
  if (asker === undefined) return undefined;
  const next = without(asker.next, clientId);
  return asker.clientId === clientId ? next : { ...asker, next };
}
