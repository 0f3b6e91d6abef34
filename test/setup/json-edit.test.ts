/** Changes in JSON texts as people keep them: what is changed is right, and everything else stays byte for byte. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { addItem, type Edited, find, removeItem, removeMember, setMember } from '../../src/setup/json-edit.ts';
import { BadText, meaningOf, parseJson } from '../../src/setup/json-text.ts';
import { suite } from '../harness.ts';

const test = suite('json texts');

const ENTRY = { command: 'node', args: ['a', 'b'] };
const AT = ['mcpServers', 'magi-exchange'];

function meaning(text: string): unknown {
  const node = parseJson(text);
  return node === undefined ? undefined : meaningOf(node);
}

/** The changes as they are told, applied to the text as it was. */
function retold(before: string, { changes }: Edited): string {
  let text = before;
  for (const { removed, added } of changes) {
    if (removed !== '') text = text.replace(removed, () => added);
  }
  return text;
}

test('what JSON means is what it means here', () => {
  const whole = fc.jsonValue({ depthSize: 'medium' });
  fc.assert(
    fc.property(whole, fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      assert.equal(meaning(text), JSON.parse(text));
    }),
  );
});

test('what is no JSON is refused with its line', () => {
  const cases: [string, number, RegExp][] = [
    ['{"a": 1', 1, /no \} for what is opened here/],
    ['{\n  "a": [1,\n 2', 2, /no \]/],
    ['{\n"a": 1\n"b": 2}', 3, /a comma or \} is missing/],
    ['{"a" 1}', 1, /a colon is missing/],
    ['{a: 1}', 1, /a text in double quotes is missing/],
    ["{'a': 1}", 1, /double quotes/],
    ['{"a": }', 1, /a value is missing/],
    ['{"a": 01}', 1, /comma/],
    ['{"a": "b\nc"}', 1, /double quotes/],
    ['{"a": "\\x"}', 1, /double quotes/],
    ['{,}', 1, /double quotes/],
    ['[1,,2]', 1, /a value/],
    ['{} {}', 1, /something after the end/],
    ['{}\n\n}', 3, /something after the end/],
    ['{ /* never closed }', 1, /comment without an end/],
    ['nul', 1, /a value is missing/],
    ['[NaN]', 1, /a value/],
    ['['.repeat(5_000), 1, /nested too deep/],
  ];
  for (const [text, line, message] of cases) {
    let error: unknown;
    try {
      parseJson(text);
    } catch (caught) {
      error = caught;
    }
    assert.instance(error, BadText, text.slice(0, 40));
    assert.is((error as BadText).line, line, text.slice(0, 40));
    assert.match((error as BadText).message, message, text.slice(0, 40));
  }
});

/** Texts as they are found, and what becomes of them; removing it again gives the first. */
const TEXTS: readonly [what: string, before: string, after: string][] = [
  [
    'two spaces',
    '{\n  "a": 1,\n  "mcpServers": {\n    "x": {\n      "command": "y"\n    }\n  }\n}\n',
    '{\n  "a": 1,\n  "mcpServers": {\n    "x": {\n      "command": "y"\n    },\n    "magi-exchange": {\n      "command": "node",\n      "args": [\n        "a",\n        "b"\n      ]\n    }\n  }\n}\n',
  ],
  [
    'tabs, Windows line ends, no line end at the end',
    '{\r\n\t"mcpServers": {\r\n\t\t"x": {}\r\n\t}\r\n}',
    '{\r\n\t"mcpServers": {\r\n\t\t"x": {},\r\n\t\t"magi-exchange": {\r\n\t\t\t"command": "node",\r\n\t\t\t"args": [\r\n\t\t\t\t"a",\r\n\t\t\t\t"b"\r\n\t\t\t]\r\n\t\t}\r\n\t}\r\n}',
  ],
  [
    'one line',
    '{"mcpServers":{"x":{"env":{"KEY":"secret"}}},"z":1}',
    '{"mcpServers":{"x":{"env":{"KEY":"secret"}}, "magi-exchange": {"command":"node","args":["a","b"]}},"z":1}',
  ],
  [
    'comments and trailing commas',
    '// mine\n{\n  // servers\n  "mcpServers": {\n    "x": {}, // the first\n  }, /* end */\n}\n// after\n',
    '// mine\n{\n  // servers\n  "mcpServers": {\n    "x": {}, // the first\n    "magi-exchange": {\n      "command": "node",\n      "args": [\n        "a",\n        "b"\n      ]\n    },\n  }, /* end */\n}\n// after\n',
  ],
  [
    'a comment behind the last one',
    '{\n  "mcpServers": {\n    "x": {} // the only one\n    // and a thought\n  }\n}\n',
    '{\n  "mcpServers": {\n    "x": {}, // the only one\n    "magi-exchange": {\n      "command": "node",\n      "args": [\n        "a",\n        "b"\n      ]\n    }\n    // and a thought\n  }\n}\n',
  ],
  [
    'nothing in it but a comment, and a byte order mark',
    '\ufeff{\n  "mcpServers": {\n    // none yet\n  }\n}\n',
    '\ufeff{\n  "mcpServers": {\n    // none yet\n    "magi-exchange": {\n      "command": "node",\n      "args": [\n        "a",\n        "b"\n      ]\n    }\n  }\n}\n',
  ],
  [
    'empty in one line',
    '{\n  "mcpServers": {}\n}\n',
    '{\n  "mcpServers": {\n    "magi-exchange": {\n      "command": "node",\n      "args": [\n        "a",\n        "b"\n      ]\n    }\n  }\n}\n',
  ],
];

for (const [what, before, after] of TEXTS)
  test(`a member is set and removed again: ${what}`, () => {
    const set = setMember(before, AT, ENTRY);
    assert.is(set.text, after);
    assert.equal(set.made, []);
    assert.equal(setMember(after, AT, ENTRY).changes, [], 'it stands there already');
    const removed = removeMember(after, AT);
    assert.is(removed.text, before);
    assert.is(retold(after, removed).replaceAll(',', ''), before.replaceAll(',', ''));
  });

test('what is missing around it is made and named', () => {
  const set = setMember('{\n    "z": 1\n}', AT, 1);
  assert.is(set.text, '{\n    "z": 1,\n    "mcpServers": {\n        "magi-exchange": 1\n    }\n}');
  assert.equal(set.made, [['mcpServers']]);
  assert.equal(set.changes, [
    { line: 2, removed: '', added: '\n    "mcpServers": {\n        "magi-exchange": 1\n    }' },
  ]);
  const added = addItem('{}', ['hooks', 'Stop'], { x: 1 });
  assert.is(meaningText(added), '{"hooks":{"Stop":[{"x":1}]}}');
  assert.equal(added.made, [['hooks'], ['hooks', 'Stop']]);
  assert.equal(addItem('{"hooks": {}}', ['hooks', 'Stop'], 1).made, [['hooks', 'Stop']]);
  assert.equal(addItem('{"hooks": {"Stop": []}}', ['hooks', 'Stop'], 1).made, []);
  const empty = setMember('', AT, 1);
  assert.is(empty.text, '{\n  "mcpServers": {\n    "magi-exchange": 1\n  }\n}\n');
  assert.is(meaningText(setMember('// only a thought\n', AT, 1)), '{"mcpServers":{"magi-exchange":1}}');
});

function meaningText({ text }: Edited): string {
  return JSON.stringify(meaning(text));
}

test('an older entry is replaced where it stands', () => {
  const before = '{\n  "mcpServers": {\n    "magi-exchange": { "command": "old" }, // ours\n    "x": {}\n  }\n}';
  const set = setMember(before, AT, { command: 'new' });
  assert.is(set.text, before.replace('{ "command": "old" }', '{\n      "command": "new"\n    }'));
  assert.is(set.changes[0]?.removed, '{ "command": "old" }');
  assert.is(set.changes[0]?.line, 3);
});

test('an entry in the middle goes without its neighbours, and comments stay', () => {
  const text = '{"mcpServers": {\n  // one\n  "x": 1,\n  // ours\n  "magi-exchange": 2, // behind\n  "y": 3\n}}';
  assert.is(removeMember(text, AT).text, '{"mcpServers": {\n  // one\n  "x": 1,\n  // ours // behind\n  "y": 3\n}}');
  assert.is(removeMember('{"mcpServers": {"magi-exchange": 2, "y": 3}}', AT).text, '{"mcpServers": { "y": 3}}');
  assert.equal(removeMember('{"mcpServers": {"y": 3}}', AT).changes, []);
  assert.equal(removeMember('{}', AT).changes, []);
});

test('what stands in the place of an object or a list is not written over', () => {
  for (const text of ['[]', '1', '{"mcpServers": []}', '{\n"mcpServers": null}'])
    assert.throws(() => setMember(text, AT, 1), /is no object/, text);
  assert.throws(() => addItem('{"hooks": {"Stop": {}}}', ['hooks', 'Stop'], 1), /hooks\.Stop is no list/);
  assert.throws(() => setMember('{"mcpServers": {}, "mcpServers": {}}', AT, 1), /stands here twice/);
});

/** A JSON text as somebody may have written it, with blanks and comments anywhere. */
const blank = fc.constantFrom('', ' ', '\n', '\n  ', ' /* c, { */ ', ' // "x": [\n', '\t', '\r\n');
const textOf = (value: unknown, blanks: () => string, hasTrailing: boolean): string => {
  const end = (count: number) => (hasTrailing && count > 0 ? `${blanks()},` : '');
  if (Array.isArray(value))
    return `[${value.map((one) => blanks() + textOf(one, blanks, hasTrailing) + blanks()).join(',')}${end(value.length)}${blanks()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, one]) =>
      `${blanks()}${JSON.stringify(key)}${blanks()}:${blanks()}${textOf(one, blanks, hasTrailing)}${blanks()}`,
  );
  return `{${members.join(',')}${end(members.length)}${blanks()}}`;
};

test('whatever the text looks like: the meaning changes as asked, comments and all else stay, and it can be undone', () => {
  const name = fc.string().filter((key) => key !== '__proto__');
  const whole = fc.record({
    others: fc.dictionary(
      name,
      fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value))),
      { maxKeys: 3, noNullPrototype: true },
    ),
    servers: fc.option(
      fc.dictionary(
        name,
        fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.parse(JSON.stringify(value))),
        { maxKeys: 3, noNullPrototype: true },
      ),
      { nil: undefined },
    ),
    stops: fc.option(
      fc.array(
        fc.jsonValue({ maxDepth: 1 }).map((value) => JSON.parse(JSON.stringify(value))),
        { maxLength: 3 },
      ),
      { nil: undefined },
    ),
  });
  fc.assert(
    fc.property(whole, fc.infiniteStream(blank), fc.boolean(), ({ others, servers, stops }, stream, hasTrailing) => {
      const value = {
        ...others,
        ...(servers === undefined ? {} : { mcpServers: servers }),
        ...(stops === undefined ? {} : { hooks: { Stop: stops } }),
      } as Record<string, unknown>;
      const blanks = () => stream.next().value;
      const text = blanks() + textOf(value, blanks, hasTrailing) + blanks();
      const set = setMember(text, AT, ENTRY);
      assert.equal(meaning(set.text), { ...value, mcpServers: { ...servers, 'magi-exchange': ENTRY } });
      const added = addItem(set.text, ['hooks', 'Stop'], ENTRY);
      const list = find(added.text, ['hooks', 'Stop']);
      assert.equal(list && meaningOf(list), [...(stops ?? []), ENTRY]);
      // All that was there is there, in its order.
      let at = 0;
      for (const character of text.replaceAll(/\s/g, '')) {
        at = added.text.indexOf(character, at) + 1;
        assert.ok(at > 0, added.text);
      }
      if (list?.kind !== 'array') throw new Error('a list was added to');
      const without = removeMember(removeItem(added.text, list, list.elements.length - 1).text, AT).text;
      assert.equal(meaning(without), { ...value, mcpServers: servers ?? {}, hooks: { Stop: stops ?? [] } });
      const bare = (jsonc: string) => jsonc.replaceAll(/\s/g, '');
      if (servers !== undefined && stops !== undefined) assert.is(bare(without), bare(text));
    }),
    { numRuns: 2_000 },
  );
});

test.run();
