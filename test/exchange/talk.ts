/** What the tests of durable connections say again and again: questions with ids, and what a client acknowledges. */
import type { Json } from '../harness.ts';
import type { HeldStore } from './held-store.ts';
import { heldStore } from './held-store.ts';
import { type Guest, UNLIMITED, World } from './world.ts';

export const DAY = 24 * 60 * 60 * 1_000;

/** A world with mailboxes, in which nothing is counted. Its store holds its answers when the test asks for it. */
export function durableWorld(
  limits: ConstructorParameters<typeof World>[0] = {},
  parts: Omit<NonNullable<ConstructorParameters<typeof World>[1]>, 'store'> = {},
): { world: World; store: HeldStore } {
  const store = heldStore(true);
  return { world: new World({ ...UNLIMITED, ...limits }, { ...parts, store }), store };
}

export function ask(id: string, to: string, content = `question ${id}`): Json {
  return { type: 'ask', id, to, content };
}

export function answer(replyTo: string, to: string, id = `a-${replyTo}`): Json {
  return { type: 'answer', id, to, replyTo, content: `answer to ${replyTo}` };
}

/** Acknowledges these deliveries. */
export async function acknowledge(world: World, guest: Guest, deliveries: readonly Json[]): Promise<void> {
  await world.says(guest, { type: 'received', deliveryIds: deliveries.map(({ deliveryId }) => deliveryId) });
}

/** Takes all that the client was told, and acknowledges what is to be. */
export async function takeAll(world: World, guest: Guest): Promise<Json[]> {
  const told = guest.take();
  const deliveries = told.filter(({ deliveryId }) => deliveryId !== undefined);
  if (deliveries.length > 0) await acknowledge(world, guest, deliveries);
  return told;
}

/** The same, over and over, until nothing more comes: a mailbox drains as there is room. */
export async function drain(world: World, guest: Guest): Promise<Json[]> {
  const all: Json[] = [];
  for (let told = await takeAll(world, guest); told.length > 0; told = await takeAll(world, guest)) all.push(...told);
  return all;
}

/** `type id`, or `type status id` where there is a status: what was said, at a glance. */
export function brief(told: readonly Json[]): string[] {
  return told.map(({ type, status, code, id }) =>
    [type, status, code, id].filter((part) => part !== undefined).join(' '),
  );
}

/** The ids of what this user's mailbox holds for good, oldest first. */
export async function stored(store: HeldStore, userKey: string): Promise<string[]> {
  const { isHolding } = store;
  store.isHolding = false;
  const heads = store.waiting(userKey);
  store.isHolding = isHolding;
  return (await heads).map(({ id }) => id);
}

/** The exchange was killed and starts again on what its store kept. */
export function restarted(world: World, store: HeldStore): World {
  const later = new Proxy(store, {
    get: (target, name) => (name === 'epoch' ? target.epoch + 1 : target[name as keyof HeldStore]),
  });
  const next = new World(UNLIMITED, { store: later, ids: 10_000 });
  next.now = world.now;
  return next;
}
