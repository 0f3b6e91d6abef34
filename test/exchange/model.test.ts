/** What any sequence of commands of four clients brings about, against the model. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Json, suite } from '../harness.ts';
import { CONNECTIONS_MAX, INVITES_LIVE, Model, type Step, steps } from './model.ts';
import { UNLIMITED, World } from './world.ts';

const test = suite('model');

/** Messages with connections numbered in the order in which they were made, and errors without their sentence. */
function comparable(messages: Json[], numbers: Map<unknown, number>): Json[] {
  const number = (id: unknown) => numbers.get(id) ?? numbers.set(id, numbers.size).size - 1;
  return messages.map(({ message: _sentence, ...message }) => {
    if (message.connectionId !== undefined) message.connectionId = number(message.connectionId);
    for (const one of (message.connections ?? []) as Json[]) one.connectionId = number(one.connectionId);
    return message;
  });
}

const seat = fc.nat({ max: 3 });
const name = fc.constantFrom('ann', 'Ann', 'bob', 'cy', 'DEE');
/** Mostly nothing. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
/** A step with anything of these kinds; it prints itself when a property fails. */
function any<A extends unknown[]>(
  name: keyof typeof steps,
  make: (...given: A) => Step,
  ...kinds: { [K in keyof A]: fc.Arbitrary<A[K]> }
): fc.Arbitrary<Step> {
  return fc
    .tuple<A>(...kinds)
    .map((given) => Object.assign(make(...given), { [fc.toStringMethod]: () => `${name}${fc.stringify(given)}` }));
}
const { open, close, wait, identify, invite, connect, speak, disconnect, list } = steps;
const kind = fc.constantFrom('ask' as const, 'answer' as const);
const content = fc.string({ unit: 'binary', maxLength: 5 });
const anyStep = fc.oneof(
  { weight: 2, arbitrary: any('open', open) },
  { weight: 1, arbitrary: any('close', close, seat) },
  { weight: 1, arbitrary: any('wait', wait, fc.constantFrom(1, 10, 29, 30)) },
  { weight: 3, arbitrary: any('identify', identify, seat, name, rarely(fc.constant('Nick')), fc.boolean()) },
  { weight: 6, arbitrary: any('invite', invite, seat) },
  { weight: 12, arbitrary: any('connect', connect, seat, fc.nat({ max: 2 }), rarely(name)) },
  { weight: 6, arbitrary: any('speak', speak, seat, kind, content, fc.constant(undefined)) },
  { weight: 6, arbitrary: any('speak', speak, seat, kind, content, name) },
  { weight: 1, arbitrary: any('disconnect', disconnect, seat, name) },
  { weight: 2, arbitrary: any('list', list, seat) },
);
/** Three who are here already make longer stories. */
const COMPANY = ['ann', 'bob', 'cy'].flatMap((name, seat) => [
  steps.open(),
  steps.identify(seat, name, undefined, true),
]);

test('every client is told exactly what the model foretells, and in the end nothing is left', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 120, size: 'max' }), async (sequence) => {
      const world = new World({ ...UNLIMITED, invitesLive: INVITES_LIVE, connectionsPerUser: CONNECTIONS_MAX });
      const model = new Model();
      const numbers = new Map<unknown, number>();
      for (const step of [...COMPANY, ...sequence]) {
        await step(world, model);
        for (const person of model.people) {
          const expected = model.expected.filter(([whom]) => whom === person).map(([, message]) => message);
          assert.equal(comparable(person.guest.take(), numbers), expected);
        }
        model.expected = [];
        assert.is(world.topics.size, 2 * model.connections.length);
      }
      await world.assertNothingLeft();
    }),
    { numRuns: 300 },
  );
});

test.run();
