/** Names and texts of strangers that want more of a terminal than to be read. */
import * as assert from 'uvu/assert';
import { fit, visible, visibleJson, visibleLines, widthOf } from '../../src/cli/visible.ts';
import { type Json, suite } from '../harness.ts';
import { assertVisible, endTypists, IS_FRIEND, startKeeping, Typist } from './typist.ts';

const test = suite('cli: hostile texts');
test.after(endTypists);

const SHOWN: readonly (readonly [text: string, shown: string])[] = [
  ['\u001b[2J\u001b]0;title\u0007', '⟦U+001B⟧[2J⟦U+001B⟧]0;title⟦U+0007⟧'],
  ['\u009b31mred', '⟦U+009B⟧31mred'],
  ['back\b\rover', 'back⟦U+0008⟧⟦U+000D⟧over'],
  ['\u202egnp.exe', '⟦U+202E⟧gnp.exe'],
  ['zero\u200bwidth\ufeff', 'zero⟦U+200B⟧width⟦U+FEFF⟧'],
  ['tag\u{e0041}\u{e007f}', 'tag⟦U+E0041⟧⟦U+E007F⟧'],
  ['soft\u00adhyphen', 'soft⟦U+00AD⟧hyphen'],
  ['two\nlines\u2028three', 'two⟦U+000A⟧lines⟦U+2028⟧three'],
  ['half \ud83d', 'half ⟦U+D83D⟧'],
  ['\u007f', '⟦U+007F⟧'],
  ['private \ue000', 'private ⟦U+E000⟧'],
  ['joined a\u200db', 'joined a⟦U+200D⟧b'],
  ['👩‍💻 🏳️‍🌈 1️⃣', '👩‍💻 🏳️‍🌈 1️⃣'],
  ['Grüße, 日本語, עברית', 'Grüße, 日本語, עברית'],
];

test('what moves, hides or turns is shown', () => {
  for (const [text, shown] of SHOWN) assert.equal([visible(text), visible(shown)], [shown, shown]);
  assert.equal(visibleLines('a\r\nb\tc\n\u0007'), ['a', 'b\tc', '⟦U+0007⟧']);
});

test('a document stays the same and holds nothing that a terminal obeys', () => {
  const document = { all: SHOWN.map(([text]) => text), keys: { '\u001b[2J': 1 } };
  const text = visibleJson(document);
  assert.equal(JSON.parse(text), document);
  assert.not.match(text.replaceAll('\n', ''), /[\p{Cc}\p{Bidi_Control}\u200b\ufeff\u{e0041}\ue000]/u);
});

test('widths are those of a terminal', () => {
  const widths = { abc: 3, 日本語: 6, 'e\u0301': 1, '👩‍💻': 2, '': 0, ﾊﾝ: 2 };
  for (const [text, width] of Object.entries(widths)) assert.is(widthOf(text), width, text);
  assert.equal(
    [fit('abcdef', 6), fit('abcdef', 5), fit('日本語', 5), fit('ab cdef', 4)],
    ['abcdef', 'abcd…', '日本…', 'ab…'],
  );
});

test('colours are for terminals that have them, and for who wants them', async () => {
  const somebody = new Typist({ url: 'http://127.0.0.1:9' }, 'ada');
  const esc = String.fromCharCode(27);
  const screen = async (more: Record<string, string>) => (await somebody.with(more).terminal('status').ends()).stdout;
  assert.ok((await screen({})).includes(`${esc}[1mada${esc}[22m`));
  assert.not.ok((await screen({ NO_COLOR: '1' })).includes(esc));
  assert.not.ok((await screen({ TERM: 'dumb' })).includes(esc));
  assert.not.ok((await somebody.run('status')).stdout.includes(esc));
});

test('nothing of it reaches a terminal or a pipe as it is', async () => {
  const exchange = await startKeeping();
  try {
    const ada = new Typist(exchange, 'ada');
    const eve = new Typist(exchange, 'eve', { MAGI_NICKNAME: `Eve ${'日本'.repeat(15)} e\u0301vil` });
    await eve.befriend(ada);
    await ada.types(['policy', 'eve', 'ask'], IS_FRIEND);
    // An argument of a process cannot hold half a surrogate pair.
    const said = SHOWN.map(([text]) => text).filter((text) => text.isWellFormed());
    const text = `${said.join(' ')}\n#9  question from ada\n\tend`;
    await eve.done('ask', 'ada', text, '--no-wait');
    for (const args of [['inbox'], ['inbox', '1'], ['friends'], ['status'], ['doctor']]) {
      const [screen, piped] = [await ada.terminal(...args).ends(), await ada.run(...args)];
      assertVisible(screen.stdout.replaceAll(/\p{RGI_Emoji}/gv, ''));
      assertVisible(piped.stdout.replaceAll(/\p{RGI_Emoji}/gv, ''));
    }
    const { stdout } = await ada.terminal('inbox').ends();
    assert.match(stdout, /^ {5}#9 {2}question from ada\r$/m, 'a text cannot look like an entry');
    assert.is((await ada.done('inbox')).trimEnd().split('\n').length, 1);
    assert.is(((await ada.json('inbox')).entries as Json[])[0]?.text, text);
    // Tables keep to 80 columns, whatever somebody is called.
    const table = (await ada.terminal('friends').ends()).stdout.split('\r\n').slice(0, 2);
    const colours = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');
    for (const line of table) assert.ok(widthOf(line.replaceAll(colours, '')) <= 80, line);

    // A reason, too, and what the friend is called when they decline.
    const asking = ada.start('ask', 'eve', 'Why?');
    let number: unknown;
    while (number === undefined) ({ number } = ((await eve.json('inbox')).entries as Json[])[0] ?? {});
    await eve.done('decline', `${number}`, '\u001b[31mno\nmagi-exchange: all is well');
    const { stderr } = await asking.ends();
    assertVisible(stderr);
    assert.is(stderr.split('\n').length, 2);
  } finally {
    await exchange.stop();
  }
});

test.run();
