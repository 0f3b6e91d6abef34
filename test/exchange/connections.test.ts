/** Who may talk to whom: two sides that know each other, and each user's only friend. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { Connections } from '../../src/exchange/connections.ts';
import { type User, Users } from '../../src/exchange/users.ts';
import { suite } from '../harness.ts';
import { MINUTE, START } from './world.ts';

const test = suite('connections');

function people(count: number): User[] {
  const users = new Users();
  return Array.from({ length: count }, (_, n) =>
    users.make({ id: `id-${n}`, key: `user ${n}`, username: `User ${n}`, nickname: 'nick', tag: 'tag' }, START),
  );
}

test('the two sides of a connection mirror each other', () => {
  const [ann, bob] = people(2) as [User, User];
  const connections = new Connections();
  const connection = connections.join('c-1', ann, bob, false, START);
  const [one, other] = connection.sides;
  assert.ok(one.user === ann && other.user === bob && one.other === other && other.other === one);
  assert.equal([one.topic, other.topic], ['c-1/0', 'c-1/1']);
  assert.ok(one.connection === connection && other.connection === connection);
  assert.ok(ann.sides.get(bob.key) === one && bob.sides.get(ann.key) === other);
  assert.ok(connections.byId.get('c-1') === connection);
  connections.remove(connection);
  assert.equal([ann.sides.size, bob.sides.size, connections.byId.size], [0, 0, 0]);
});

test('those that carried nothing for a while are idle', () => {
  const [ann, bob, cy] = people(3) as [User, User, User];
  const connections = new Connections();
  const old = connections.join('c-1', ann, bob, false, START);
  const young = connections.join('c-2', bob, cy, false, START + MINUTE);
  const idle = (now: number) => connections.idle(MINUTE, now).map(({ id }) => id);
  assert.equal(idle(START + MINUTE - 1), []);
  assert.equal(idle(START + MINUTE), ['c-1']);
  assert.equal(idle(START + 2 * MINUTE), ['c-1', 'c-2']);
  old.usedAt = START + 2 * MINUTE;
  assert.equal(idle(START + 2 * MINUTE), ['c-2']);
  connections.remove(young);
  assert.equal(idle(START - MINUTE), []);
});

test('a user has an only friend exactly while there is one, whatever is joined and ended', () => {
  const step = fc.record({ one: fc.nat({ max: 4 }), other: fc.nat({ max: 4 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const users = people(5);
      const connections = new Connections();
      let ids = 0;
      // Each step joins two users, or parts them if they are joined.
      for (const { one, other } of steps) {
        const [first, second] = [users[one], users[other]];
        if (first === undefined || second === undefined || first === second) continue;
        const side = first.sides.get(second.key);
        if (side === undefined) connections.join(`c-${++ids}`, first, second, false, START);
        else connections.remove(side.connection);
        for (const user of users) {
          const sides = [...user.sides.values()];
          assert.ok(user.onlySide === (sides.length === 1 ? sides[0] : undefined));
          for (const own of sides) assert.ok(own.other.user.sides.get(user.key) === own.other);
        }
      }
      const ends = users.reduce((sum, user) => sum + user.sides.size, 0);
      assert.is(ends, 2 * connections.byId.size);
    }),
  );
});

test.run();
