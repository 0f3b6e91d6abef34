/**
 * Usernames, nicknames, ids and invite codes: what they may look like and how they are compared (protocol part 1). Used by the
 * exchange, which enforces it, and by clients, which can say so before they ask.
 */

const USERNAME_CHARACTERS_MAX = 128;
const NICKNAME_CHARACTERS_MAX = 64;
/** NFKC joins at most four characters, of two units each, into one: text longer than this for each cannot come out allowed. */
const UNITS_PER_CHARACTER_MAX = 8;

/** No 0 O 1 I L: a code is read aloud and typed by people. 31 symbols, so six of them are 887,503,681 codes. */
export const CODE_ALPHABET = '23456789ABCDEFGHJKMNPQRSTUVWXYZ';
export const CODE_LENGTH = 6;

const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`);
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const PLAIN = /^[a-z0-9._@-]{1,64}$/;

/**
 * What no name may hold: control characters, line separators, lone surrogates, private and nonexistent characters, and everything
 * that has no width or turns the direction of the text. "Default ignorable" is Unicode's own list of the invisible ones (zero-width
 * space and joiners, variation selectors, tags, fillers), which all let two names look alike; U+FFF9 to U+FFFB are as invisible and
 * not on it. Nor may a name begin with a mark that combines with whatever stands before it.
 */
const FORBIDDEN =
  /^\p{M}|[\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/u;

/** NFKC form of a name, or undefined when it is not allowed. */
function readName(text: string, charactersMax: number): string | undefined {
  if (text.length > charactersMax * UNITS_PER_CHARACTER_MAX) return undefined;
  const name = text.normalize('NFKC');
  if (name.length === 0 || name.trim() !== name || FORBIDDEN.test(name)) return undefined;
  // A character may take two UTF-16 units: count only when the length alone does not decide.
  if (name.length > charactersMax && [...name].length > charactersMax) return undefined;
  return name;
}

/** The username as it is shown (NFKC), or undefined: 1 to 128 characters, see FORBIDDEN, no space at either end. */
export function readUsername(text: string): string | undefined {
  return PLAIN.test(text) ? text : readName(text, USERNAME_CHARACTERS_MAX);
}

/** The nickname as it is shown (NFKC), or undefined: 1 to 64 characters, the same otherwise. */
export function readNickname(text: string): string | undefined {
  return readName(text, NICKNAME_CHARACTERS_MAX);
}

/** The username as it is compared: Unicode lower case of the NFKC form. Takes any text; what no username can be equals none. */
export function usernameKey(text: string): string {
  // Normal forms sort combining marks, which takes quadratic time: 30,000 of them would stop everybody for a second.
  if (text.length > USERNAME_CHARACTERS_MAX * UNITS_PER_CHARACTER_MAX) return '';
  return PLAIN.test(text) ? text : text.normalize('NFKC').toLowerCase().normalize('NFKC');
}

/** The code as it was made: case, spaces and hyphens do not count. Undefined when no code can look like this. */
export function readCode(text: string): string | undefined {
  if (text.length > 64) return undefined;
  const code = text.replace(/[\s-]/g, '').toUpperCase();
  return CODE.test(code) ? code : undefined;
}

/** `id` and `replyTo`: 1 to 64 of `[A-Za-z0-9_-]`, else undefined. */
export function readId(value: unknown): string | undefined {
  return typeof value === 'string' && ID.test(value) ? value : undefined;
}
