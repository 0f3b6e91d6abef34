/**
 * Text of strangers made visible: everything that a reader cannot see, or that turns what is seen, is written as its code point
 * (`⟦U+202E⟧`), so that nothing reaches a model or an owner that the other of the two could not read as well. It can be undone:
 * the bracket itself is always written as its code point, so a `⟦` in the result was made here.
 *
 * Emoji keep what joins them: a variation selector after a pictograph, a zero-width joiner between two of them (at most 8), the
 * selector of a keycap. Everywhere else these are hidden characters like the others. So are the joiners of Persian and some
 * Indic spelling, and the tags in the flags of England, Scotland and Wales: shown as code points they can still be read, while let
 * through they would carry whole sentences that nobody sees.
 */

/**
 * Control and format characters, lone surrogates, private and nonexistent ones, separators of lines, Unicode's own list of what is
 * ignored when drawn (zero-width, tags, variation selectors, fillers), blanks that are drawn as nothing, and the brackets in which
 * we write, with their double.
 */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\u2800\uFFFC\u{1D159}\u{16FE4}\u27E6\u27E7\u301A\u301B]/u;

/** Line feed and tab, which text is made of, and the few format characters that are drawn: the number signs of Arabic and its kin. */
const DRAWN = /[\n\t\u0600-\u0605\u06DD\u070F\u0890\u0891\u08E2\u{110BD}\u{110CD}]/u;

const PICTOGRAPH = String.raw`\p{Extended_Pictographic}\p{Emoji_Modifier}?[\uFE0E\uFE0F]?`;
const PICTOGRAPHS_JOINED_MAX = 8;

/** What is never taken apart: an emoji, else one code point. */
const UNIT = new RegExp(
  String.raw`[0-9#*]\uFE0F\u20E3|${PICTOGRAPH}(?:\u200D${PICTOGRAPH}){0,${PICTOGRAPHS_JOINED_MAX - 1}}|[^]`,
  'gu',
);

const NAME_UNITS_MAX = 128;
const BEYOND_PLAIN = /[^ -~\n\t]/;

function codePoint(unit: string): string {
  return `⟦U+${(unit.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}⟧`;
}

function shown(unit: string): string {
  const one = unit.length === ((unit.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);
  return one && HIDDEN.test(unit) && !DRAWN.test(unit) ? codePoint(unit) : unit;
}

/**
 * The text from `from` on (a UTF-16 index), piece by piece: `raw` as it was sent, `shown` as it may be read. A piece is never divided:
 * one code point, one emoji, or one `⟦U+…⟧`.
 */
export function* pieces(text: string, from = 0): Generator<{ readonly raw: string; readonly shown: string }> {
  for (const [raw] of text.slice(from).matchAll(UNIT)) yield { raw, shown: shown(raw) };
}

/** The whole text with everything hidden written as code points; of any length. */
export function visible(text: string): string {
  if (!BEYOND_PLAIN.test(text)) return text;
  let result = '';
  for (const piece of pieces(text)) result += piece.shown;
  return result;
}

/**
 * A name for a sentence or a dialog: on one line, at most 128 characters (then `…`), with nothing that could join what stands before it.
 * The exchange refuses such names already; this holds when the exchange itself is not to be trusted.
 */
export function visibleName(name: string): string {
  let result = '';
  let count = 0;
  for (const piece of pieces(name)) {
    if (count === NAME_UNITS_MAX) return `${result}…`;
    result +=
      /[\n\t]/.test(piece.raw) || (count === 0 && /^\p{M}/u.test(piece.raw)) ? codePoint(piece.raw) : piece.shown;
    count++;
  }
  return result;
}
