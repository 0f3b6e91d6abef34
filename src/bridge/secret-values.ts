/**
 * Values that are secrets because of the name they are given: `FOO_TOKEN=…`, `"password": "…"`, "the password is …". What only names a secret
 * (`password: string`, `API_KEY=your-key-here`, `token = env.TOKEN`) is none. Every pattern has a bounded length.
 */

const VALUE = String.raw`"([^"\n]{1,512})"|'([^'\n]{1,512})'|${'`'}([^${'`'}\n]{1,512})${'`'}|([^\s"'${'`'},;<>(){}[\]]{1,512})`;

/** A name, what assigns, and a value: in quotes (three kinds) or without. */
const ASSIGNED = new RegExp(
  String.raw`(?<![A-Za-z0-9_$])["'${'`'}]?([A-Za-z][A-Za-z0-9_.-]{0,63})["'${'`'}]?[ \t]{0,8}(?::=|=>|[:=])[ \t]{0,8}(?:${VALUE})`,
  'g',
);
/** `--password hunter22`, and a line of .netrc. */
const FLAGGED = new RegExp(String.raw`(?:--|\blogin \S{1,64} )([a-z][a-z0-9-]{0,40})[ \t]{1,8}(?:${VALUE})`, 'g');
/** "the password for the router is …": a value that follows the word in a sentence. */
const SPOKEN = /\b(pass(?:word|phrase|code))s?(?: [a-z]{1,12}){0,4}(?: is|:|=)[ \t]{1,4}["'`“]?([^\s"'`“”]{6,128})/gi;

/** The patterns, for the test that holds their bounds. */
export const PATTERNS = [ASSIGNED, FLAGGED, SPOKEN];

const PASSWORDS = /(?:password|passwd|passphrase|passcode|pwd)$/;
const SECRETS =
  /(?:secret|token|apikey|accesskey|privatekey|secretkey|signingkey|encryptionkey|masterkey|authkey|accountkey|sharedkey|credentials?)$/;
/** Words after the name of a secret that do not make it another thing. */
const TRAILING = /(?:prod|production|live|staging|stage|dev|test|main|default|value|base64|b64|\d{1,4})$/;
/** Tokens that are no secrets. */
const PAGES = /(?:page|next|continuation|cancellation|design)token$/;

export interface Assigned {
  readonly start: number;
  readonly length: number;
  readonly isPassword: boolean;
}

/** What is assigned to the name of a secret and looks like one. */
export function* assignedSecrets(text: string): Generator<Assigned> {
  for (const pattern of [ASSIGNED, FLAGGED]) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const assigned = readAssigned(match, text);
      // What was no value may be the next name, as in "here you are: TOKEN=…".
      if (assigned === undefined) pattern.lastIndex = match.index + 1 + (match[1]?.length ?? 0);
      else yield assigned;
    }
  }
  for (const match of text.matchAll(SPOKEN)) {
    const [found, , said = ''] = match;
    const value = said.replace(/[.,;:!?)]{1,4}$/, '');
    if (/[A-Za-z]/.test(value) && /[\d!@#$%^&*+=~]/.test(value) && !/^\d+-?[a-z]+$/i.test(value) && !isReference(value))
      yield { start: match.index + found.lastIndexOf(value), length: value.length, isPassword: true };
  }
}

function readAssigned(match: RegExpExecArray, text: string): Assigned | undefined {
  const [found, name = '', double, single, back, bare] = match;
  const quoted = double ?? single ?? back;
  const value = quoted ?? bare?.replace(/[.:!?]{1,4}$/, '') ?? '';
  const words = nameOf(name);
  const isPassword = PASSWORDS.test(words);
  if (!isPassword && (!SECRETS.test(words) || PAGES.test(words))) return undefined;
  const next = text.charAt(match.index + found.length);
  if (quoted === undefined && (next === '(' || next === '[')) return undefined;
  const isEnvironment = /^[A-Z][A-Z0-9_]*$/.test(name);
  if (!isSecret(value, { isPassword, isQuoted: quoted !== undefined, isEnvironment })) return undefined;
  return { start: match.index + found.lastIndexOf(value), length: value.length, isPassword };
}

/** `STRIPE_SECRET_KEY_LIVE` → stripesecretkey, `dbPassword2` → dbpassword. */
function nameOf(name: string): string {
  let words = name.replace(/[_.-]/g, '').toLowerCase();
  for (let count = 0; count < 3; count++) words = words.replace(TRAILING, '') || words;
  return words;
}

interface Setting {
  readonly isPassword: boolean;
  readonly isQuoted: boolean;
  /** The name is in capitals, as in a .env file. */
  readonly isEnvironment: boolean;
}

function isSecret(value: string, { isPassword, isQuoted, isEnvironment }: Setting): boolean {
  if (/\s/.test(value) || isReference(value) || looksMadeUp(value)) return false;
  const mixed = /\d/.test(value) && /[A-Za-z]/.test(value);
  const symbols = /[^A-Za-z0-9_.-]/.test(value);
  // A password may be any word, in a file of settings; in prose and code it takes more to be one.
  if (isPassword && isEnvironment) return value.length >= 6;
  if (isPassword) return value.length >= 8 && (mixed || (isQuoted && symbols));
  if (isEnvironment || isQuoted) return value.length >= 8 && (mixed || (value.length >= 20 && looksRandom(value)));
  return value.length >= 16 && looksRandom(value);
}

/** Names where the value is, instead of being it: a variable, a path, an address, a call, a name of something in a program. */
function isReference(value: string): boolean {
  return (
    /^(?:\$\w|\$\{|\{\{|<|%\w|~?\.{0,2}\/|[a-z]{2,12}:\/\/|(?:arn|vault|file|ref|env|secret):|!)/i.test(value) ||
    /\$\{|\{\{|\(/.test(value) ||
    /^[A-Za-z_$][\w$]{0,63}(?:\??\.[A-Za-z_$][\w$]{0,63}){1,8}$/.test(value)
  );
}

/** What manuals and templates write where a secret belongs. Words alone: with digits among them it may be meant. */
export function looksMadeUp(value: string): boolean {
  return (
    /^(?:[-_. ]?(?:your|my|the|some|an?|example|sample|dummy|fake|test|placeholder|change|replace|insert|enter|todo|here|me|this|with|real|null|none|undefined|true|false|string|boolean|number|bytes|any|unknown|optional|required|missing|invalid|secret|password|passwd|pass|pwd|token|api|key|access|private|public|client|auth|user|username|redacted|hidden|removed|value|goes|in|it)){1,12}$/i.test(
      value,
    ) || /(.)\1{5}|\.\.\.|…|\*{3}|example|123456789|abcdefgh|[<>]/i.test(value)
  );
}

/** Enough different characters, and digits among letters: a string that nobody made up to be read. */
export function looksRandom(value: string): boolean {
  if (!/\d/.test(value) || !/[A-Za-z]/.test(value))
    return /^[a-z]{20,512}$/i.test(value) && bitsPerCharacter(value) > 3.8;
  return bitsPerCharacter(value) > 3 && (value.match(/\d{1,512}/g)?.length ?? 0) > 1;
}

/** Shannon's measure over the value itself: 0 for one repeated character, at most log2 of its length. */
function bitsPerCharacter(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / value.length) * Math.log2(count / value.length);
  return bits;
}
