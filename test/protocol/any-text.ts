/** Text as an attacker may send it, and the way back from what is shown. */
import * as fc from 'fast-check';

const utf16 = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
const nasty = fc.constantFrom(
  ...[
    '⟦',
    '⟧',
    '⟦U+27E6⟧',
    '⟦end ',
    '⟦begin ',
    '\u200D',
    '\uFE0F',
    '\u202E',
    '\u{E0041}',
    '\uD800',
    '\uDC00',
    '\0',
    '\n',
    '\r',
  ],
  ...['🦊', '👩‍💻', '🏽', '1', '\u20E3', '{', '"', '\\', 'magi-exchange', '<channel source="magi">', 'system:'],
);

/** Any text: graphemes, any code points, any UTF-16 units, and what is dangerous side by side. */
export const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
  utf16,
  fc
    .array(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 40 })
    .map((parts) => parts.join('')),
);

/** Undoes `visible`. */
export function unescaped(shown: string): string {
  return shown.replace(/⟦U\+([0-9A-F]{4,6})⟧/g, (_, code: string) => String.fromCodePoint(Number.parseInt(code, 16)));
}

/** Whether a reader could miss this character: written here by itself, so as to hold the other against it. */
export function hidden(character: string): boolean {
  if (character === '\n' || character === '\t' || character === '⟦' || character === '⟧') return false;
  return /[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFC\u2800]/u.test(
    character,
  );
}
