/** Protocol part 1: what usernames, nicknames, codes and ids may look like, and how they are compared. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import {
  CODE_ALPHABET,
  CODE_LENGTH,
  readCode,
  readId,
  readNickname,
  readUsername,
  usernameKey,
} from '../../src/protocol/names.ts';
import { suite } from '../harness.ts';

const test = suite('names');

/** Any text, lone surrogates included. */
const utf16 = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), utf16);
const code = fc.string({ unit: fc.constantFrom(...CODE_ALPHABET), minLength: CODE_LENGTH, maxLength: CODE_LENGTH });

test('names that people have are allowed as they are', () => {
  for (const name of [
    'a',
    'Ann',
    'josé',
    'Łukasz Żółć',
    '李小龍',
    'Ωmega',
    'محمد',
    'a b',
    'x@y.z',
    "O'Neil",
    '🦊',
    '1',
  ])
    for (const read of [readUsername, readNickname]) assert.is(read(name), name);
});

test('compatibility forms are read as what they stand for', () => {
  assert.is(readUsername('ｊｏｓｅ\u0301'), 'josé');
  assert.is(readUsername('ﬁre'), 'fire');
  assert.is(readUsername('①'), '1');
});

test('nothing empty, or with a space or a combining mark where a name begins or ends, is allowed', () => {
  for (const read of [readUsername, readNickname]) {
    for (const name of ['', ' ', ' ann', 'ann ', '\u3000ann', 'ann\u00a0', '\ufeffann', '\tann', '\u0301ann', '\u0301'])
      assert.is(read(name), undefined, JSON.stringify(name));
    assert.is(read('an\u0303\u0301'), 'añ\u0301');
  }
});

test('nothing invisible, turning, private or broken is allowed anywhere', () => {
  const points = {
    control: [0x00, 0x09, 0x0a, 0x0d, 0x1b, 0x7f, 0x85, 0x9f, 0x2028, 0x2029],
    'without width': [0xad, 0x34f, 0x115f, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060, 0x3164, 0xfe0f, 0xfeff, 0xe0041],
    turning: [0x61c, 0x200e, 0x200f, 0x202a, 0x202e, 0x2066, 0x2069],
    'private or nonexistent': [0xe000, 0xf8ff, 0xf0000, 0xfff9, 0xfffb, 0xfffe, 0xffff, 0x1ffff, 0x10ffff],
    'half of a pair': [0xd800, 0xdbff, 0xdc00, 0xdfff],
  };
  for (const [what, these] of Object.entries(points))
    for (const point of these)
      for (const name of ['a*b', '*b', 'a*'].map((name) => name.replace('*', String.fromCodePoint(point))))
        for (const read of [readUsername, readNickname])
          assert.is(read(name), undefined, `${what}: U+${point.toString(16)} in ${JSON.stringify(name)}`);
});

test('length is counted in characters after NFKC: 128 for a username, 64 for a nickname', () => {
  for (const character of ['a', 'é', '李', '🦊']) {
    assert.is(readUsername(character.repeat(128)), character.repeat(128));
    assert.is(readUsername(character.repeat(129)), undefined);
    assert.is(readNickname(character.repeat(64)), character.repeat(64));
    assert.is(readNickname(character.repeat(65)), undefined);
  }
  assert.is(readUsername('e\u0301'.repeat(128)), 'é'.repeat(128));
  assert.is(readNickname('α\u0313\u0300\u0345'.repeat(64)), 'ᾂ'.repeat(64));
  assert.is(readNickname('ﷺ'.repeat(4)), undefined, 'each of these becomes 18 characters');
});

test('whatever is allowed stays as it is when it is read again', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const read of [readUsername, readNickname]) {
        const name = read(text);
        if (name === undefined) continue;
        assert.is(read(name), name);
        assert.is(name, name.normalize('NFKC'));
        assert.is(name, name.trim());
        assert.ok(name.isWellFormed());
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a plain username is read and compared like any other', () => {
  const plain = fc.string({ unit: fc.constantFrom(...'abyz019._@-'), minLength: 1, maxLength: 66 });
  fc.assert(
    fc.property(plain, (name) => {
      // The middle dot is not plain: it sends the rest of the name the long way.
      assert.is(`${readUsername(name)}·`, readUsername(`${name}·`));
      assert.is(`${usernameKey(name)}·`, usernameKey(`${name}·`));
    }),
  );
});

test('usernames are compared without regard to case, and a key is its own key', () => {
  // Letters whose two cases are one character each; sharp s and the two small sigmas are not such.
  const letter = fc.constantFrom(...'abzéñøłžжяαω', ...'ABZÉÑØŁŽЖЯΑΩ', ...'19 .李🦊');
  fc.assert(
    fc.property(fc.array(fc.tuple(letter, fc.boolean())), (letters) => {
      const one = letters.map(([text]) => text).join('');
      const other = letters.map(([text, upper]) => (upper ? text.toUpperCase() : text.toLowerCase())).join('');
      assert.is(usernameKey(one), usernameKey(other));
    }),
  );
  assert.is(usernameKey('ＡＮＮ'), 'ann');
  fc.assert(
    fc.property(anyText, (text) => {
      const key = usernameKey(text);
      assert.is(usernameKey(key), key);
      const name = readUsername(text);
      if (name !== undefined) assert.is(usernameKey(name), key);
    }),
    { numRuns: 2_000 },
  );
});

test('every character of Unicode has a key that is its own key', () => {
  for (let point = 0; point <= 0x10ffff; point++) {
    const key = usernameKey(String.fromCodePoint(point));
    if (usernameKey(key) !== key) assert.unreachable(`U+${point.toString(16)}`);
  }
});

test('text too long for a username costs nothing: sorting its combining marks would take quadratic time', () => {
  const original = String.prototype.normalize;
  let longest = 0;
  String.prototype.normalize = function (this: string, form?: string) {
    longest = Math.max(longest, this.length);
    return original.call(this, form);
  };
  try {
    const marks = `a${'\u0301\u0316'.repeat(15_000)}`;
    for (const read of [readUsername, readNickname, usernameKey]) read(marks);
  } finally {
    String.prototype.normalize = original;
  }
  assert.ok(longest <= 128 * 8, `${longest} UTF-16 units were put into normal form`);
});

test('a code is read without regard to case, spaces and hyphens', () => {
  const filler = fc.string({ unit: fc.constantFrom('', ' ', '-', '\t', '\u00a0'), maxLength: 3 });
  const characters = fc.array(fc.tuple(filler, fc.boolean()), { minLength: CODE_LENGTH, maxLength: CODE_LENGTH });
  fc.assert(
    fc.property(code, characters, filler, (code, around, end) => {
      const typed = [...code].map((character, index) => {
        const [before, lower] = around[index] ?? ['', false];
        return before + (lower ? character.toLowerCase() : character);
      });
      assert.is(readCode(typed.join('') + end), code);
    }),
  );
});

test('what is no code is none', () => {
  assert.is(CODE_ALPHABET.length, 31);
  for (const missing of '0O1IL') assert.is(readCode(`ABCDE${missing}`), undefined);
  for (const text of ['', 'ABCDE', 'ABCDEFG', 'ABC_EF', 'ABCDE\u0000', 'ＡＢＣＤＥＦ', '__proto__', 'ABCDEF\u200b'])
    assert.is(readCode(text), undefined, text);
  assert.is(readCode(`ABCDEF${' '.repeat(65_000)}`), undefined);
  fc.assert(
    fc.property(anyText, (text) => {
      const read = readCode(text);
      if (read !== undefined) assert.match(read, new RegExp(`^[${CODE_ALPHABET}]{6}$`));
    }),
  );
});

test('an id is 1 to 64 of A-Z a-z 0-9 _ -', () => {
  for (const id of ['a', 'Z', '0', '_', '-', 'x'.repeat(64)]) assert.is(readId(id), id);
  for (const id of ['', 'x'.repeat(65), 'a b', 'é', 'a\n', '"', 'a.b', 5, null, undefined, true, ['a'], { a: 1 }])
    assert.is(readId(id), undefined);
});

test.run();
