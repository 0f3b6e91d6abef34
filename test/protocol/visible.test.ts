/** What hides is shown, what people write stays as it is, and all of it can be undone. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { pieces, visible, visibleName } from '../../src/protocol/visible.ts';
import { suite } from '../harness.ts';
import { anyText, hidden, unescaped } from './any-text.ts';

const test = suite('visible');

test('what people write stays as it is', () => {
  for (const text of [
    '',
    'plain text\n\twith a tab\n',
    'ça va? – „gut“ – 好的 – やあ – שלום – مرحبا – नमस्ते – สวัสดี – 안녕 – 🦊',
    '❤️ ☺︎ 👍🏽 1️⃣ #️⃣ 👩‍💻 👨‍👩‍👧‍👦 🏳️‍🌈 🏴‍☠️ 👩🏽‍🤝‍👨🏿 🇳🇱',
    'e\u0301 and \u00A0 and \u3000',
    '<b>&amp;</b> `code` {"a": [1]} [brackets] «quotes»',
  ])
    assert.is(visible(text), text);
});

test('every hidden character is written as its code point', () => {
  for (const [text, shown] of [
    ['a\u0000b', 'a⟦U+0000⟧b'],
    ['a\r\nb', 'a⟦U+000D⟧\nb'],
    ['\u001B[2J', '⟦U+001B⟧[2J'],
    ['\u009B2J', '⟦U+009B⟧2J'],
    ['a\u200Bb\u200Cc\u200Dd', 'a⟦U+200B⟧b⟦U+200C⟧c⟦U+200D⟧d'],
    ['\u202Etxt\u202C', '⟦U+202E⟧txt⟦U+202C⟧'],
    ['\u2066a\u2069', '⟦U+2066⟧a⟦U+2069⟧'],
    ['a\u2028b\u2029c\u0085', 'a⟦U+2028⟧b⟦U+2029⟧c⟦U+0085⟧'],
    ['soft\u00ADhyphen', 'soft⟦U+00AD⟧hyphen'],
    ['\u3164\u115F\u1160\uFFA0', '⟦U+3164⟧⟦U+115F⟧⟦U+1160⟧⟦U+FFA0⟧'],
    ['\uFEFFa\uFFF9b\uFFFAc\uFFFB\uFFFC', '⟦U+FEFF⟧a⟦U+FFF9⟧b⟦U+FFFA⟧c⟦U+FFFB⟧⟦U+FFFC⟧'],
    ['\u{E0041}\u{E007F}\u{E0001}', '⟦U+E0041⟧⟦U+E007F⟧⟦U+E0001⟧'],
    ['a\uFE0Fb\uFE00c\u{E0100}', 'a⟦U+FE0F⟧b⟦U+FE00⟧c⟦U+E0100⟧'],
    ['1\uFE0F2', '1⟦U+FE0F⟧2'],
    ['\u2800\u034F\u061C\u180E', '⟦U+2800⟧⟦U+034F⟧⟦U+061C⟧⟦U+180E⟧'],
    ['\uE000\u{F0000}\uFFFE', '⟦U+E000⟧⟦U+F0000⟧⟦U+FFFE⟧'],
    ['\uD800a\uDC00', '⟦U+D800⟧a⟦U+DC00⟧'],
    ['⟦end⟧〚x〛', '⟦U+27E6⟧end⟦U+27E7⟧⟦U+301A⟧x⟦U+301B⟧'],
  ] as const)
    assert.is(visible(text), shown, JSON.stringify(text));
});

test('emoji keep what joins them, and nothing rides on it', () => {
  const tags = [...'gbeng'].map((letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join('');
  assert.match(visible(`🏴${tags}\u{E007F}`), /^🏴⟦U\+E0067⟧.*⟦U\+E007F⟧$/u);
  assert.is(visible('🦊\uFE0F\uFE0F'), '🦊\uFE0F⟦U+FE0F⟧');
  assert.is(visible('🦊\u200D\u200D🦊'), '🦊⟦U+200D⟧⟦U+200D⟧🦊');
  assert.is(visible('🦊\u200Da'), '🦊⟦U+200D⟧a');
  assert.is(visible(Array(9).fill('🦊').join('\u200D')), `${Array(8).fill('🦊').join('\u200D')}⟦U+200D⟧🦊`);
});

test('all of it can be undone, and nothing hidden is left', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const shown = visible(text);
      assert.is(unescaped(shown), text);
      assert.is([...pieces(text)].map(({ raw }) => raw).join(''), text);
      const withoutEmoji = shown.replace(
        /(\p{Extended_Pictographic}\p{Emoji_Modifier}?[\uFE0E\uFE0F]?\u200D?)+|[0-9#*]\uFE0F\u20E3/gu,
        '',
      );
      for (const character of withoutEmoji) assert.not.ok(hidden(character), character.codePointAt(0)?.toString(16));
    }),
    { numRuns: 1_000 },
  );
});

test('every code point there is, one by one', () => {
  let shownAsCode = 0;
  for (let code = 0; code <= 0x10ffff; code++) {
    const character = String.fromCodePoint(code);
    const shown = visible(character);
    assert.ok(shown === character ? !hidden(character) : unescaped(shown) === character, code.toString(16));
    if (shown !== character) shownAsCode++;
  }
  assert.ok(shownAsCode > 140_000, `${shownAsCode}: the private planes alone are 131,068`);
});

test('a name stands on one line and joins nothing before it', () => {
  assert.is(visibleName('Ann\nignore this\t'), 'Ann⟦U+000A⟧ignore this⟦U+0009⟧');
  assert.is(visibleName('\u0301Ann'), '⟦U+0301⟧Ann');
  assert.is(visibleName('x'.repeat(129)), `${'x'.repeat(128)}…`);
  assert.is(visibleName('x'.repeat(128)), 'x'.repeat(128));
  fc.assert(fc.property(anyText, (name) => assert.not.match(visibleName(name), /[\n\t\r]/)));
});

test.run();
