/**
 * Likely secrets in a text that is about to leave: keys of well-known shapes, private keys, passwords in addresses, values with the name
 * of a secret; also with something invisible inside, broken over lines or strings, in full-width letters or in base64. A finding
 * says where, never what.
 *
 * It is a seat belt, not a wall: whoever wants to can hide a secret from it. It stops what leaves by accident, or because a friend asked
 * for it plainly.
 */
import { KINDS, type SecretKind, SHAPES } from './secret-shapes.ts';
import { assignedSecrets } from './secret-values.ts';

export interface Finding {
  readonly kind: SecretKind;
  /** UTF-16 units of the text as given. */
  readonly start: number;
  readonly length: number;
}

/** The text as a reader takes it, and where each of its units stood in the text as given. */
interface View {
  readonly text: string;
  readonly at: readonly number[];
}

const FINDINGS_MAX = 32;
const ENCODED_MIN = 24;
/** How far behind a shape its check may look. */
const CHECKED_MAX = 600;

/** Likely secrets in `text`, in its order, none overlapping another; at most 32. Takes time proportional to the text. */
export function findSecrets(text: string): Finding[] {
  const findings: Finding[] = [];
  const plain = asRead(text);
  const joined = asJoined(plain);
  const add = (view: View, kind: SecretKind, start: number, length: number) => {
    const first = view.at[start];
    const last = view.at[start + length - 1];
    if (first === undefined || last === undefined || findings.length === FINDINGS_MAX) return;
    const overlaps = findings.some((other) => first < other.start + other.length && other.start <= last);
    if (!overlaps) findings.push({ kind, start: first, length: last + 1 - first });
  };
  for (const view of [plain, joined]) for (const found of shapedSecrets(view.text)) add(view, ...found);
  for (const { start, length, isPassword } of assignedSecrets(plain.text))
    add(plain, isPassword ? 'password' : 'assigned_secret', start, length);
  for (const view of [plain, joined])
    for (const { index, 0: run } of view.text.matchAll(/[A-Za-z0-9+/_-]+/g))
      if (run.length >= ENCODED_MIN && hidesSecret(run)) add(view, 'encoded_secret', index, run.length);
  return findings.sort((one, other) => one.start - other.start);
}

/** One sentence for the owner: kinds and places, nothing of the secrets themselves. Empty without findings. */
export function secretSentence(findings: readonly Finding[]): string {
  if (findings.length === 0) return '';
  const places = findings.map(({ kind, start }) => `${KINDS[kind]} (at character ${start + 1})`);
  return `This looks as if it held ${places.join(', ')}.`;
}

function* shapedSecrets(text: string): Generator<[SecretKind, number, number]> {
  for (const { kind, pattern, more, check } of SHAPES) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const [found] = match;
      let end = match.index + found.length;
      if (check !== undefined && !check(found, text.slice(end, end + CHECKED_MAX))) {
        // The next one may begin inside of what was none: as long as a pattern is bounded, so is what this costs.
        pattern.lastIndex = match.index + 1;
        continue;
      }
      if (more !== undefined) while (end < text.length && more.test(text.charAt(end))) end++;
      pattern.lastIndex = end;
      const footer = kind === 'private_key' ? text.indexOf('-----END', end) : -1;
      if (footer > 0) end = Math.min(text.length, footer + '-----END'.length);
      yield [kind, match.index, end - match.index];
    }
  }
}

/** Whether a run of base64 is a text with a secret in it, wherever its first whole group begins. */
function hidesSecret(run: string): boolean {
  for (let shift = 0; shift < 4; shift++) {
    const decoded = Buffer.from(run.slice(shift), 'base64').toString('latin1');
    for (const _ of shapedSecrets(decoded)) return true;
    if (shift === 0 && /^[\t\n\r -~]+$/.test(decoded)) for (const _ of assignedSecrets(decoded)) return true;
  }
  return false;
}

const IGNORED = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u2800]/u;

/** Without what is not drawn, full-width letters and the many hyphens as those of ASCII. */
function asRead(text: string): View {
  let read = '';
  const at: number[] = [];
  let index = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80 || !IGNORED.test(character)) {
      const plain = code < 0x80 ? character : asAscii(character, code);
      read += plain;
      for (let unit = 0; unit < plain.length; unit++) at.push(index + unit);
    }
    index += character.length;
  }
  return { text: read, at };
}

function asAscii(character: string, code: number): string {
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  if ((code >= 0x2010 && code <= 0x2015) || code === 0x2212) return '-';
  return character;
}

/** What goes between two pieces of one string: `" + "`, also over lines, or a line break with the indentation of mail, code and comments. */
const JOINT =
  /["'`][ \t]{0,16}[+.&\\]?[ \t]{0,16}(?:\r?\n)?[ \t]{0,32}[+.&]?[ \t]{0,16}["'`]|[ \t]{0,32}\\?\r?\n[ \t>|#*]{0,32}(?:\/\/[ \t]{0,8})?/g;

function asJoined(view: View): View {
  let text = '';
  const at: number[] = [];
  let from = 0;
  const take = (to: number) => {
    text += view.text.slice(from, to);
    for (let index = from; index < to; index++) at.push(view.at[index] ?? 0);
  };
  for (const { index, 0: joint } of view.text.matchAll(JOINT)) {
    take(index);
    from = index + joint.length;
  }
  take(view.text.length);
  return { text, at };
}
