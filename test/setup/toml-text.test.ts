/** A block at the end of a TOML file: set, replaced and removed, and refused where it would mean something else. */
import * as assert from 'uvu/assert';
import { removeBlock, setBlock } from '../../src/setup/toml-text.ts';
import { suite } from '../harness.ts';

const test = suite('toml texts');

const TABLE = ['mcp_servers', 'magi-exchange'];
const LINES = ['[mcp_servers.magi-exchange]', 'command = "node"'];
const BLOCK = `# >>> magi-exchange: written by its setup, and removed by setup --remove >>>
[mcp_servers.magi-exchange]
command = "node"
# <<< magi-exchange <<<
`;

const EVERYTHING = `# Codex
model = "o7" # the best
"quoted key" = 'literal \\'
1234 = -0x_ff
a.b."c.d" = 1979-05-27T07:32:00Z

notify = [ # a list
  "a]", # "
  'b"', [ { x = "}" } ],
]
inline = { x = 1, y = [ "}" ], z = """}""" }
long = """
[mcp_servers.magi-exchange] "" \\""" still inside
command = "x"
"""
raw = '''
[mcp_servers.magi-exchange] \\'''
quotes = """"two""""

[mcp_servers.other] # another
command = "x"
  [mcp_servers.other.env]
  KEY = "secret"

[[array.of]]
[ "array" . 'of' . tables ]
`;

test('it is put at the end, and nothing else changes', () => {
  for (const text of ['', 'a = 1\n', EVERYTHING, EVERYTHING.replaceAll('\n', '\r\n')]) {
    const set = setBlock(text, TABLE, LINES);
    assert.ok(set.text.startsWith(text));
    assert.is(set.text.replaceAll('\r\n', '\n').slice(text.replaceAll('\r\n', '\n').length).trimStart(), BLOCK);
    assert.is(set.text.includes('\r\n'), text.includes('\r\n'));
    assert.equal(setBlock(set.text, TABLE, LINES).changes, [], 'it stands there already');
    assert.is(removeBlock(set.text, TABLE).text, text);
  }
  const set = setBlock('a = 1', TABLE, LINES);
  assert.is(set.text, `a = 1\n\n${BLOCK}`);
  assert.is(removeBlock(set.text, TABLE).text, 'a = 1\n');
});

test('an older block is replaced where it stands', () => {
  const text = `${setBlock('a = 1\n', TABLE, LINES).text}[tui]\nx = 1\n`;
  const set = setBlock(text, TABLE, ['[mcp_servers.magi-exchange]', 'command = "bun"']);
  assert.is(set.text, text.replace('"node"', '"bun"'));
  assert.is(set.changes[0]?.line, 2);
  assert.is(removeBlock(set.text, TABLE).text, 'a = 1\n[tui]\nx = 1\n');
});

test('an entry that somebody else has written is left alone, and said so with its line', () => {
  const cases: [string, number][] = [
    ['[mcp_servers.magi-exchange]\ncommand = "x"\n', 1],
    ['a = 1\n[ mcp_servers . "magi-exchange" ]\n', 2],
    ["\n\n  [mcp_servers.'magi-exchange'.env]\n", 3],
    ['mcp_servers.magi-exchange.command = "x"\n', 1],
    ['mcp_servers.magi-exchange = { command = "x" }\n', 1],
    ['[mcp_servers]\nother.command = "y"\nmagi-exchange = { command = "x" }\n', 3],
    ['[mcp_servers]\nmagi-exchange.command = "x"\n', 2],
  ];
  for (const [text, line] of cases)
    for (const work of [() => setBlock(text, TABLE, LINES), () => removeBlock(text, TABLE)])
      assert.throws(
        work,
        (error: { line: number; message: string }) =>
          error.line === line &&
          error.message === 'mcp_servers.magi-exchange is there already, and was not written by this program',
        text,
      );
  const both = `${BLOCK}\n[mcp_servers.magi-exchange.env]\nA = "1"\n`;
  assert.throws(
    () => setBlock(both, TABLE, LINES),
    (error: { line: number }) => error.line === 6,
  );
});

test('where a block would belong to something else, or be an error, nothing is written', () => {
  const cases: [string, number, RegExp][] = [
    ['mcp_servers = { other = { command = "x" } }\n', 1, /mcp_servers is written in braces/],
    ['a = """\nnever closed\n', 1, /quotes that are not closed/],
    ["a = 1\nb = '''\n", 2, /quotes that are not closed/],
    ['a = [\n  1,\n', 1, /no \] for what is opened here/],
    ['a = { x = 1\n', 1, /no \}/],
    ['a = ]\n', 1, /\] closes nothing/],
    ['a = "x\ny"\n', 1, /quotes/],
    ['[mcp_servers.other\ncommand = "x"\n', 1, /\] is missing/],
    ['= 1\n', 1, /a name is missing/],
    ['a\n', 1, /= is missing/],
    ['a =\n', 1, /a value is missing/],
    ['[a] b = 1\n', 1, /the line does not end/],
    ['{\n  "mcpServers": {}\n}\n', 1, /a name is missing/],
  ];
  for (const [text, line, message] of cases)
    assert.throws(
      () => setBlock(text, TABLE, LINES),
      (error: { line: number; message: string }) => error.line === line && message.test(error.message),
      text,
    );
});

test.run();
