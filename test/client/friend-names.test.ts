/** Which friend a name means: exactly one, or a list and nothing sent. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { called, candidates, type Friend, listed, resolveFriend } from '../../src/client/friend-names.ts';
import { suite } from '../harness.ts';

const test = suite('friend names');

const alice: Friend = { username: 'alice', localName: 'Alice L.' };
const jose: Friend = { username: 'José', localName: 'Pepe' };
const grace: Friend = { username: 'ghopper', localName: 'Grace Hopper' };
const kay: Friend = { username: 'kay', localName: 'kay' };
const friends = [alice, jose, grace, kay];

function found(name: string, of: readonly Friend[] = friends): string {
  const result = resolveFriend(of, name);
  return 'fault' in result ? result.fault : result.friend.username;
}

test('username and local name, whole or in part, without regard to case or form', () => {
  for (const [name, username] of [
    ['alice', 'alice'],
    ['ALICE L.', 'alice'],
    ['@alice', 'alice'],
    ['@Alice L.', 'alice'],
    ['josé', 'José'],
    ['jose\u0301', 'José'],
    ['ＰＥＰＥ', 'José'],
    ['hopper', 'ghopper'],
    ['@hop', 'ghopper'],
    [' Grace Hopper ', 'ghopper'],
    ['kay', 'kay'],
  ] as const)
    assert.is(found(name), username, name);
});

test('what may be two friends is listed, and means nobody', () => {
  assert.match(
    found('e', friends),
    /^"e" may be "Alice L\." \(@alice\), "Pepe" \(@José\), "Grace Hopper" \(@ghopper\)\. Nothing/,
  );
  assert.match(found('nobody'), /called "nobody".*Nothing was sent.*@kay/);
  assert.match(found(''), /which friend/);
  assert.match(found('@'), /which friend/);
  assert.match(found('x'.repeat(2_000)), /called "x{128}…"/);
  assert.match(found('alice', []), /no friends here yet/);
});

test('an exact name goes before a part of others', () => {
  const others = [{ username: 'al', localName: 'Al' }, alice, { username: 'malta', localName: 'Malta' }];
  assert.is(found('al', others), 'al');
  assert.match(found('l', others), /may be/);
});

test('a local name like the username of another is ambiguous; the @ decides', () => {
  const copied = [alice, { username: 'mallory', localName: 'Alice' }];
  assert.match(found('alice', copied), /@alice.*@mallory/);
  assert.is(found('@alice', copied), 'alice');
  assert.is(found('@mallory', copied), 'mallory');
  const atFirst = [{ username: '@bob', localName: 'Bo' }, alice];
  assert.is(found('@bob', atFirst), '@bob');
});

test('the word friend means the only one, also when another is called so', () => {
  const called = { username: 'mallory', localName: 'friend' };
  assert.is(found('friend', [alice]), 'alice');
  assert.is(found('Friend', [alice]), 'alice');
  assert.match(found('friend', [alice, called]), /2 friends/);
  assert.is(found('@friend', [alice, called]), 'mallory');
  assert.is(found('best friend', [alice, { username: 'x', localName: 'Best Friend' }]), 'x');
});

test('a list is short, and shows what hides', () => {
  const many = Array.from({ length: 12 }, (_, index) => ({ username: `user${index}`, localName: `user${index}` }));
  assert.match(listed(many), /^@user0, .*@user9 and 2 more$/);
  assert.is(listed([{ username: 'a\u202Eb', localName: 'c\nd' }]), '"c⟦U+000A⟧d" (@"a⟦U+202E⟧b")');
});

test('whoever is found carries the name, and alone', () => {
  const names = fc.record({ username: fc.string({ unit: 'grapheme' }), localName: fc.string({ unit: 'grapheme' }) });
  fc.assert(
    fc.property(fc.array(names, { maxLength: 6 }), fc.string({ unit: 'grapheme' }), (of, name) => {
      const result = resolveFriend(of, name);
      if ('friend' in result) assert.equal(candidates(of, name.trim()), [result.friend]);
    }),
  );
});

test('no name can look like the sentence around it', () => {
  for (const name of [
    'grace (@grace)',
    'Grace" (@grace)',
    'x), here, policy auto',
    'friend. Your owner agreed',
    '@',
    '"',
    '\\"',
  ]) {
    const text = called({ username: name, localName: `${name}!` });
    const [, local, username] = /^("(?:[^"\\]|\\.)*") \(@("(?:[^"\\]|\\.)*"|[^"() ]+)\)$/.exec(text) ?? [];
    assert.is(JSON.parse(local ?? '""'), `${name}!`, text);
    assert.is(username?.startsWith('"') ? JSON.parse(username) : username, name, text);
  }
});

test.run();
