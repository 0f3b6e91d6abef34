/** Protocol part 8: one line, read into a command; and that no line sends to a friend who was not named. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { type Command, HELP, type Known, parse } from '../../src/bridge/grammar.ts';
import type { Friend } from '../../src/client/friend-names.ts';
import { suite } from '../harness.ts';

const test = suite('bridge grammar');

const bob: Friend = { username: 'bob7', localName: 'Bob Smith' };
const grace: Friend = { username: 'grace', localName: 'Grace' };
const known: Known = {
  friends: [bob, grace],
  questions: [{ id: 'q-Grace_1', username: 'grace' }],
};
const none: Known = { friends: [], questions: [] };

function fault(line: string, of: Known = known): string {
  const read = parse(line, of);
  if (!('fault' in read)) throw new Error(`${line} was read as ${JSON.stringify(read)}`);
  assert.match(read.fault, /^\S[^\n]*\.$/);
  return read.fault;
}

const READ: readonly [line: string, command: Command][] = [
  ['magi create invite', { kind: 'create_invite' }],
  ['brainx create invite', { kind: 'create_invite' }],
  ['Create an Invite code', { kind: 'create_invite' }],
  ['MAGI invite', { kind: 'create_invite' }],
  ['magi connect ABC234', { kind: 'connect', code: 'ABC234' }],
  ['connect abC 2-34', { kind: 'connect', code: 'abC 2-34' }],
  ['magi connect "abc234"', { kind: 'connect', code: 'abc234' }],
  ['magi ask grace about the build', { kind: 'ask', username: 'grace', text: 'the build' }],
  ['magi ask grace the build', { kind: 'ask', username: 'grace', text: 'the build' }],
  ['"magi ask grace the build"', { kind: 'ask', username: 'grace', text: 'the build' }],
  ['magi ask grace "about the build"', { kind: 'ask', username: 'grace', text: 'about the build' }],
  ['magi ask grace aboutness', { kind: 'ask', username: 'grace', text: 'aboutness' }],
  ['magi ask Grace: how?', { kind: 'ask', username: 'grace', text: 'how?' }],
  ['magi ask @grace how?', { kind: 'ask', username: 'grace', text: 'how?' }],
  ['magi ask Bob Smith, how are you?', { kind: 'ask', username: 'bob7', text: 'how are you?' }],
  ['magi ask bob smith about it', { kind: 'ask', username: 'bob7', text: 'it' }],
  ['magi ask "Bob Smith" “how are you?”', { kind: 'ask', username: 'bob7', text: 'how are you?' }],
  ["ask 'Bob Smith' 'how'", { kind: 'ask', username: 'bob7', text: 'how' }],
  ['ask „Bob Smith“ how', { kind: 'ask', username: 'bob7', text: 'how' }],
  ['ask bob how', { kind: 'ask', username: 'bob7', text: 'how' }],
  ['ask bob7 "yes" or "no"', { kind: 'ask', username: 'bob7', text: '"yes" or "no"' }],
  ['ask grace What did "x" mean?', { kind: 'ask', username: 'grace', text: 'What did "x" mean?' }],
  ['ask grace two\n\n  lines', { kind: 'ask', username: 'grace', text: 'two\n\n  lines' }],
  ['magi answer grace it works', { kind: 'answer', username: 'grace', text: 'it works' }],
  ['magi answer q-Grace_1 it works', { kind: 'answer', username: 'grace', id: 'q-Grace_1', text: 'it works' }],
  ['magi decline', { kind: 'decline', username: 'grace', id: 'q-Grace_1', reason: '' }],
  ['magi decline q-Grace_1', { kind: 'decline', username: 'grace', id: 'q-Grace_1', reason: '' }],
  ['magi decline grace not today', { kind: 'decline', username: 'grace', reason: 'not today' }],
  ['magi inbox', { kind: 'inbox' }],
  ['magi inbox q-Grace_1 8192', { kind: 'inbox', id: 'q-Grace_1', offset: 8192 }],
  ['magi inbox q-Grace_1', { kind: 'inbox', id: 'q-Grace_1' }],
  ['magi friends', { kind: 'friends' }],
  ['magi status', { kind: 'status' }],
  ['magi disconnect Bob Smith', { kind: 'disconnect', username: 'bob7' }],
  ['disconnect "grace"', { kind: 'disconnect', username: 'grace' }],
  ['magi help', { kind: 'help' }],
  ['magi', { kind: 'help' }],
  ['  ', { kind: 'help' }],
];

test('every command is read, with either prefix or none', () => {
  for (const [line, command] of READ) assert.equal(parse(line, known), command, line);
});

test('the word friend means the only friend', () => {
  const one: Known = { friends: [grace], questions: [] };
  assert.equal(parse('magi ask friend about the build', one), { kind: 'ask', username: 'grace', text: 'the build' });
  assert.match(fault('magi ask friend about the build'), /2 friends.*"Bob Smith" \(@bob7\), "Grace" \(@grace\)/);
});

test('what cannot be read is answered with what to say', () => {
  assert.match(fault('magi sing'), /create, invite, connect, ask/);
  assert.match(fault('magi constructor'), /create, invite/);
  assert.match(fault('magi create havoc'), /create invite/);
  assert.match(fault('magi connect ABC123'), /six characters/);
  assert.match(fault('magi connect'), /six characters/);
  assert.match(fault('magi ask'), /which friend/);
  assert.match(fault('magi ask grace'), /what to ask/);
  assert.match(fault('magi ask grace about'), /what to ask/);
  assert.match(fault('magi ask grace ""'), /what to ask/);
  assert.match(fault('magi answer grace'), /what to answer/);
  assert.match(fault('magi ask heidi how?'), /called "heidi"/);
  assert.match(fault('magi ask grace how?', none), /no friends/);
  assert.match(fault('magi decline', none), /No question/);
  const two = { ...known, questions: [...known.questions, { id: 'other', username: 'bob7' }] };
  assert.match(fault('magi decline', two), /Several/);
  assert.match(fault(`magi decline grace ${'x'.repeat(201)}`), /200/);
  assert.match(fault('magi inbox a b c'), /inbox ID OFFSET/);
  assert.match(HELP, /ask FRIEND/);
});

test('nobody takes a name that draws what is meant for another', () => {
  const withName = (localName: string): Known => ({
    friends: [{ username: 'bob7', localName: 'Bob' }, { username: 'mallory', localName }, grace],
    questions: [],
  });
  for (const localName of ['Bob can you', 'Bob', 'bob', 'Bob about', 'bob7', 'Bob:'])
    assert.match(fault('magi ask Bob: can you tell me the plan?', withName('Bob:')), /may be .*@mallory/, localName);
  assert.match(fault('magi ask Bob can you tell me the plan?', withName('Bob can you')), /Quotes/);
  assert.match(fault('magi ask bob about the plan', withName('Bob about')), /@bob7/);
  assert.match(fault('magi ask bob7 the plan', withName('bob7')), /@bob7.*@mallory/);
  // The owner's way out is always there.
  for (const localName of ['Bob can you', 'Bob', 'bob7', 'friend'])
    assert.equal(parse('magi ask @bob7 can you?', withName(localName)), {
      kind: 'ask',
      username: 'bob7',
      text: 'can you?',
    });
  assert.equal(parse('magi ask "Bob" can you?', withName('Bob can you')), {
    kind: 'ask',
    username: 'bob7',
    text: 'can you?',
  });
  assert.match(fault('magi ask friend the plan', withName('friend')), /3 friends/);
  assert.equal(parse('magi ask @friend the plan', withName('friend')), {
    kind: 'ask',
    username: 'mallory',
    text: 'the plan',
  });
});

test('an id that a friend chose does not draw an answer meant for another', () => {
  const asked = (id: string): Known => ({ friends: [bob, grace], questions: [{ id, username: 'bob7' }] });
  assert.match(fault('magi answer grace the plan', asked('grace')), /also the id/);
  assert.match(fault('magi answer gra the plan', asked('gra')), /also the id/);
  assert.equal(parse('magi answer bob the plan', asked('bob')), {
    kind: 'answer',
    username: 'bob7',
    id: 'bob',
    text: 'the plan',
  });
});

const word = fc.stringMatching(/^[A-Za-z]{1,8}$/);
const name = fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join(' '));

test('a friend who is named in full, and no other, is asked exactly what was said', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.record({ username: word, localName: name }), {
        selector: ({ username }) => username.toLowerCase(),
      }),
      fc.nat(),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      (friends, at, text) => {
        const friend = friends[at % friends.length];
        if (friend === undefined) return;
        const said = text.trim();
        const read = parse(`magi ask "@${friend.username}" . ${said}`, { friends, questions: [] });
        assert.equal(read, { kind: 'ask', username: friend.username, text: said === '' ? '.' : `. ${said}` });
      },
    ),
  );
});

test('any line is read or refused, and whoever it goes to is a friend', () => {
  const friends = fc.array(fc.record({ username: fc.string(), localName: fc.string({ unit: 'grapheme' }) }), {
    maxLength: 5,
  });
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .tuple(
        fc.constantFrom('ask', 'answer', 'decline', 'disconnect', 'connect', 'inbox'),
        fc.string({ unit: 'grapheme' }),
      )
      .map(([verb, rest]) => `magi ${verb} ${rest}`),
  );
  fc.assert(
    fc.property(line, friends, (said, of) => {
      const read = parse(said, { friends: of, questions: [] });
      if ('username' in read) assert.ok(of.some(({ username }) => username === read.username));
    }),
  );
});

test.run();
