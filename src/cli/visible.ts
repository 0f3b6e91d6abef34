/**
 * What others have written, fit for a terminal: nothing in it may move the cursor, set colours or the title, hide itself or turn the
 * direction of what stands beside it. Whatever could is shown as what it is. And how wide a text is there.
 */

/**
 * Control characters, lone surrogates, private and nonexistent characters, separators of lines, marks of direction, and everything
 * without a width: Unicode's list of the "default ignorable" (zero-width spaces and joiners, tags, fillers) and U+FFF9 to U+FFFB. An
 * emoji may hold joiners and is left whole.
 */
const EMOJI_OR_UNSEEN =
  /(\p{RGI_Emoji})|[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/gv;

/** As one line: line breaks are shown, too. */
export function visible(text: string): string {
  if (isPlain(text)) return text;
  return text.replaceAll(EMOJI_OR_UNSEEN, (found, emoji: string | undefined) => emoji ?? shown(found));
}

/** The lines of a text; tabs stay. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.split('\t').map(visible).join('\t'));
}

/** Nothing but what every terminal shows as it is. */
function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** ESC is ␛; what Unicode has no picture of is <U+202E>. */
function shown(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** JSON may hold what a terminal obeys, such as U+009B: it is written as an escape, and stays the same document. */
export function visibleJson(document: unknown): string {
  return JSON.stringify(document, undefined, 2).replaceAll(EMOJI_OR_UNSEEN, (found, emoji: string | undefined) => {
    if (emoji !== undefined || found === '\n') return found;
    return Array.from({ length: found.length }, (_, at) => found.charCodeAt(at))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join('');
  });
}

/** East Asian characters and emoji take two columns; marks that combine take none. */
const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]$/u;

function charactersOf(text: string): string[] {
  return text.split(/(\p{RGI_Emoji})|/v).filter((part) => part !== undefined && part !== '');
}

function widthOfOne(character: string): number {
  if (isPlain(character)) return character.length;
  if (/^\p{M}/u.test(character)) return 0;
  return character.length > 2 || WIDE.test(character) ? 2 : 1;
}

/** Columns on a terminal, of a text that is visible. */
export function widthOf(text: string): number {
  if (isPlain(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + widthOfOne(character), 0);
}

/** The text in at most so many columns, its end cut off if it is longer. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let width = 1;
  let kept = '';
  for (const character of charactersOf(text)) {
    width += widthOfOne(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept.trimEnd()}…`;
}
