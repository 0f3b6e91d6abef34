/** Users of the client in the tests: what they are told, in order, and a folder for what they keep. */
import { join } from 'node:path';
import { Client, type ClientOptions } from '../../src/client/client.ts';
import { Identity } from '../../src/client/identity.ts';
import { Inbox } from '../../src/client/inbox.ts';
import { Outbox } from '../../src/client/outbox.ts';
import { Pins } from '../../src/client/pins.ts';
import { eventually } from '../harness.ts';

type Told = readonly [what: string, ...details: unknown[]];

export interface Person {
  readonly client: Client;
  /** What the owner was told: its kind, then what matters of it. */
  readonly told: Told[];
  /** Waits until the owner was told of such a thing; returns all of that kind. */
  until(what: string, count?: number): Promise<Told[]>;
}

/** A keyed user; with a `folder`, everything of theirs is kept there. */
export function person(
  exchange: { readonly url: string },
  username: string,
  folder?: string,
  more: Partial<ClientOptions> = {},
): Person {
  const told: Told[] = [];
  const path = (name: string) => (folder === undefined ? undefined : join(folder, `${username}.${name}`));
  const key = path('key');
  const client = new Client({
    url: exchange.url,
    username,
    identity: key === undefined ? Identity.make() : Identity.load(key),
    inbox: new Inbox(path('inbox')),
    outbox: new Outbox(path('outbox')),
    pins: new Pins(path('pins')),
    backoff: { minMs: 10, maxMs: 50 },
    on: {
      question: ({ number, message }) => void told.push(['question', message.content, message.from, number]),
      answer: ({ message }) => void told.push(['answer', message.content, message.replyTo]),
      receipt: ({ message }) => void told.push(['receipt', message.id, message.status]),
      sent: ({ content }, status) => void told.push(['sent', content, status]),
      failed: ({ content }, { code }) => void told.push(['failed', content, code]),
      presence: ({ type, friend }) => void told.push([type, friend.username]),
      keyChanged: (change) => void told.push(['keyChanged', change]),
      closed: (code, willReturn) => void told.push(['closed', code, willReturn]),
      trouble: (error) => void told.push(['trouble', error]),
    },
    ...more,
  });
  const until = (what: string, count = 1) =>
    eventually(
      () => {
        const found = told.filter(([kind]) => kind === what);
        return found.length >= count ? found : undefined;
      },
      `${username} to be told ${count} ${what}: ${JSON.stringify(told)}`,
    );
  return { client, told, until };
}

/** Connects the two for good. */
export async function befriend(one: Person, other: Person): Promise<void> {
  const { code } = await one.client.createInvite();
  await other.client.connect(code);
}
