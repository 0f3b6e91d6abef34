/** Users of the client in the tests: what they are told, in order, and a folder for what they keep. */
import { join } from 'node:path';
import { Client } from '../../src/client/client.ts';
import { Database } from '../../src/client/database.ts';
import { MagiError } from '../../src/client/errors.ts';
import { openHome } from '../../src/client/home.ts';
import { Identity } from '../../src/client/identity.ts';
import type { ClientEvents } from '../../src/client/options.ts';
import { eventually, temporaryFolder } from '../harness.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

type Told = readonly [what: string, ...details: unknown[]];

export interface Person {
  readonly client: Client;
  readonly database: Database;
  /** What the owner was told: its kind, then what matters of it. */
  readonly told: Told[];
  /** Waits until the owner was told of such a thing; returns all of that kind. */
  until(what: string, count?: number): Promise<Told[]>;
}

const people = new Set<Client>();

/** Closes every client of a test, also of one that has failed: an open one keeps the tests running. */
export async function everybodyLeaves(): Promise<void> {
  await Promise.all([...people].map((client) => client.close()));
  people.clear();
}

/** Runs with a scripted exchange of its own; it and everybody on it end afterwards, also when the test fails. */
export async function onExchange(run: (exchange: ScriptedExchange) => Promise<void>): Promise<void> {
  const exchange = await ScriptedExchange.start();
  try {
    await run(exchange);
  } finally {
    await everybodyLeaves().finally(() => exchange.stop());
  }
}

export interface Pair {
  readonly exchange: ScriptedExchange;
  readonly ada: Person;
  readonly grace: Person;
  readonly folder: string;
}

/** Tests with two connected users. */
export function pairs(test: (title: string, run: () => Promise<void>) => void) {
  return (title: string, run: (pair: Pair) => Promise<void>): void =>
    test(title, () =>
      onExchange(async (exchange) => {
        const folder = temporaryFolder();
        const [ada, grace] = [person(exchange, 'ada', folder), person(exchange, 'Grace', folder)];
        await Promise.all([ada.client.identify(), grace.client.identify()]);
        await befriend(ada, grace);
        await run({ exchange, ada, grace, folder });
      }),
    );
}

/** A keyed user; with a `folder`, everything of theirs is kept there. */
export function person(exchange: { readonly url: string }, username: string, folder?: string, isGuest = false): Person {
  const told: Told[] = [];
  const on: ClientEvents = {
    arrived: ({ kind, content, from, replyTo, id, news, number }) => {
      if (kind === 'question') told.push(['question', content, from, number]);
      else if (kind === 'answer') told.push(['answer', content, replyTo]);
      else told.push(['receipt', id, news]);
    },
    settled: ({ content }, outcome) => {
      if (outcome instanceof MagiError) told.push(['failed', content, outcome.code]);
      else told.push(['sent', content, outcome]);
    },
    presence: ({ type, friend }) => void told.push([type, friend.username]),
    keyChanged: (change) => void told.push(['keyChanged', change]),
    closed: (code, willReturn) => void told.push(['closed', code, willReturn]),
    trouble: (error) => void told.push(['trouble', error]),
  };
  const home =
    folder === undefined
      ? { identity: Identity.make(), database: new Database(undefined) }
      : openHome(join(folder, username));
  const identity = isGuest ? undefined : home.identity;
  const { database } = home;
  const client = new Client({ url: exchange.url, username, identity, database, backoff: { minMs: 10, maxMs: 50 }, on });
  people.add(client);
  const until = (what: string, count = 1) =>
    eventually(
      () => {
        const found = told.filter(([kind]) => kind === what);
        return found.length >= count ? found : undefined;
      },
      `${username} to be told ${count} ${what}: ${JSON.stringify(told)}`,
    );
  return { client, database, told, until };
}

/** Connects the two for good. */
export async function befriend(one: Person, other: Person): Promise<void> {
  const { code } = await one.client.createInvite();
  await other.client.connect(code);
  await eventually(() => one.client.friends().some(({ username }) => username === other.client.username), 'a friend');
}

/** The first question that comes to this person. */
export async function nextQuestion({ client }: Person) {
  const { value } = await client.questions()[Symbol.asyncIterator]().next();
  if (value === undefined) throw new Error('the client was closed');
  return value;
}

/** The code of the refusal. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing was refused',
    (error: MagiError) => error.code ?? `${error}`,
  );
}
