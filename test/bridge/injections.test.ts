/** Every injection goes through the envelope as it is or visibly escaped, and none of them forges a mark. */
import * as assert from 'uvu/assert';
import { envelopeText, NOTICE, seal } from '../../src/bridge/envelope.ts';
import { visible } from '../../src/protocol/visible.ts';
import { suite } from '../harness.ts';
import { hidden, unescaped } from '../protocol/any-text.ts';
import { INJECTIONS, KNOWN_BOUNDARY } from './injections.ts';

const test = suite('injections');

const random = Buffer.from(KNOWN_BOUNDARY, 'hex');
const ALL = Object.values(INJECTIONS).flat();

test('there are many of them, no two alike', () => {
  assert.ok(ALL.length >= 260, `${ALL.length} injections`);
  assert.is(new Set(ALL).size, ALL.length);
});

for (const [sort, texts] of Object.entries(INJECTIONS))
  test(`${sort}: byte for byte or visibly escaped, and no mark forged`, () => {
    for (const text of texts) {
      let back = '';
      for (let offset: number | undefined = 0; offset !== undefined; ) {
        const envelope = seal({ from: 'mallory', name: 'Mallory', id: 'q1', kind: 'question', text }, random, offset);
        assert.ok(envelope);
        if (envelope === undefined) break;
        const lines = envelopeText(envelope).split('\n');
        if (envelope.next !== undefined) lines.pop();
        assert.equal(lines.slice(0, 3), [
          NOTICE,
          JSON.stringify({
            from: 'mallory',
            name: 'Mallory',
            id: 'q1',
            kind: 'question',
            trust: 'untrusted',
            ...(offset > 0 && { offset }),
          }),
          `⟦begin ${KNOWN_BOUNDARY}⟧`,
        ]);
        assert.is(lines.at(-1), `⟦end ${KNOWN_BOUNDARY}⟧`);
        const inside = lines.slice(3, -1).join('\n');
        assert.is(inside, envelope.text);
        for (const mark of [NOTICE, '⟦begin', '⟦end', '⟦magi']) assert.not.ok(inside.includes(mark), text);
        back += unescaped(inside);
        offset = envelope.next;
      }
      assert.is(back, text);
    }
  });

test('what hides in them is to be seen', () => {
  for (const sort of ['tag characters and other hidden text', 'text that turns round', 'terminal escapes'])
    for (const text of INJECTIONS[sort] ?? []) assert.match(visible(text), /⟦U\+[0-9A-F]{4,6}⟧/, JSON.stringify(text));
  for (const text of ALL) {
    const joined = /\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\uFE0F|\u200D)*/gu;
    for (const character of visible(text).replace(joined, ''))
      assert.not.ok(hidden(character), `${character.codePointAt(0)?.toString(16)} in ${JSON.stringify(text)}`);
  }
});

test.run();
