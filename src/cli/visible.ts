/**
 * What others have written, fit for a terminal: nothing in it may move the cursor, set colours or the title, hide itself or turn the
 * direction of what stands beside it. Which characters could, and how they are shown, is said once, in src/protocol/visible.ts. And how
 * wide a text is there.
 */
import { pieces } from '../protocol/visible.ts';

/** A text that is shown already stays as it is: sentences hold names that were made visible before. */
const BRACKETS = /^[\u27E6\u27E7\u301A\u301B]$/;

/** As one line: tabs and line breaks are shown, too. */
export function visible(text: string): string {
  if (isPlain(text)) return text;
  let result = '';
  for (const { raw, shown } of pieces(text))
    if (raw === '\n' || raw === '\t') result += raw === '\n' ? '⟦U+000A⟧' : '⟦U+0009⟧';
    else result += BRACKETS.test(raw) ? raw : shown;
  return result;
}

/** The lines of a text; tabs stay. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.split('\t').map(visible).join('\t'));
}

/** Nothing but what every terminal shows as it is. */
function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** JSON may hold what a terminal obeys, such as U+009B: it is written as an escape, and stays the same document. */
export function visibleJson(document: unknown, indent = 2): string {
  const text = JSON.stringify(document, undefined, indent);
  if (/^[ -~\n]*$/.test(text)) return text;
  let result = '';
  for (const { raw, shown } of pieces(text)) result += raw === shown || BRACKETS.test(raw) ? raw : escaped(raw);
  return result;
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}

/** East Asian characters and emoji take two columns; marks that combine take none. */
const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]$/u;

function widthOfOne(character: string): number {
  if (isPlain(character)) return character.length;
  if (/^\p{M}/u.test(character)) return 0;
  // What is of several code points is an emoji.
  return [...character].length > 1 || WIDE.test(character) ? 2 : 1;
}

/** Columns on a terminal, of a text that is visible. */
export function widthOf(text: string): number {
  if (isPlain(text)) return text.length;
  let width = 0;
  for (const { raw } of pieces(text)) width += widthOfOne(raw);
  return width;
}

/** The text in at most so many columns, its end cut off if it is longer. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let width = 1;
  let kept = '';
  for (const { raw } of pieces(text)) {
    width += widthOfOne(raw);
    if (width > columns) break;
    kept += raw;
  }
  return `${kept.trimEnd()}…`;
}
