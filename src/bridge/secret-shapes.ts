/**
 * The shapes by which well-known services' keys are recognized. Every pattern has a bounded length (no `*`, `+` or open `{n,}`: the test of
 * this file holds that), so a scan takes time proportional to the text, whatever the text; `more` then takes in the rest, character by
 * character.
 */
import { looksMadeUp, looksRandom } from './secret-values.ts';

export const KINDS = {
  anthropic_key: 'an Anthropic API key',
  openai_key: 'an OpenAI API key',
  aws_key: 'an AWS access key',
  github_token: 'a GitHub token',
  gitlab_token: 'a GitLab token',
  slack_token: 'a Slack token',
  stripe_key: 'a Stripe key',
  google_key: 'a Google key',
  npm_token: 'an npm token',
  service_token: 'a token of a web service',
  private_key: 'a private key',
  signed_token: 'a signed token (JWT)',
  url_password: 'a password in an address',
  authorization: 'an Authorization header',
  password: 'a password',
  assigned_secret: 'a value with the name of a secret',
  encoded_secret: 'a secret in base64',
} as const;

export type SecretKind = keyof typeof KINDS;

export interface Shape {
  readonly kind: SecretKind;
  /** Global; at most some hundred characters. */
  readonly pattern: RegExp;
  /** One character of what may follow and belongs to it. */
  readonly more?: RegExp;
  /** The last word, given what the pattern found and some of what follows. Without `more`: whatever is appended changes nothing. */
  readonly check?: (found: string, following: string) => boolean;
}

const WORD = /[A-Za-z0-9_-]/;
const LETTER = /[A-Za-z0-9]/;

/** Random enough behind its prefix, and not one of the documentation's examples. */
function random(prefix: number): (found: string) => boolean {
  return (found) => {
    const body = found.slice(prefix);
    return /\d/.test(body) && /[A-Za-z]/.test(body) && !looksMadeUp(body);
  };
}

/** A private key's armour is often spoken about; what makes it one is the body: a long run of base64 before the next armour. */
function hasBody(_found: string, following: string): boolean {
  return /[A-Za-z0-9+/]{40}/.test(following.split('----', 1)[0] ?? '');
}

/** Slack's begin with the numbers of a workspace. */
function isNumbered(found: string): boolean {
  return /\d/.test(found) && !looksMadeUp(found.slice('xoxb-'.length));
}

function isCredential(found: string, following: string): boolean {
  const [scheme = '', value = ''] = found.split(/\s{1,4}/);
  if (looksMadeUp(value)) return false;
  if (scheme.toLowerCase() !== 'basic') return looksRandom(value);
  const [rest = ''] = /^[A-Za-z0-9+/=]{0,512}/.exec(following) ?? [];
  return /^[ -~]{0,512}:[ -~]{1,512}$/.test(Buffer.from(value + rest, 'base64').toString('latin1'));
}

function isPassword(found: string): boolean {
  const [, user = '', password = ''] = /^:\/\/([^:]*):(.*)@$/.exec(found) ?? [];
  return (
    password.length > 2 && password !== user && !/^\$|^%.*%$|^[*.]+$|[{}]/.test(password) && !looksMadeUp(password)
  );
}

const service = (pattern: RegExp, more: RegExp = WORD): Shape => ({
  kind: 'service_token',
  pattern,
  more,
  check: random(0),
});

export const SHAPES: readonly Shape[] = [
  {
    kind: 'private_key',
    // Spaces may be gone where lines were joined.
    pattern: /-{4,5} ?BEGIN[A-Z0-9 ]{0,40}PRIVATE ?KEY(?: ?BLOCK)?-{0,5}/g,
    check: hasBody,
  },
  // The beginning of every OpenSSH private key, when its armour was left out.
  { kind: 'private_key', pattern: /b3BlbnNzaC1rZXktdjE/g, more: /[A-Za-z0-9+/=]/ },
  { kind: 'private_key', pattern: /PuTTY-User-Key-File-\d/g },
  { kind: 'private_key', pattern: /AGE-SECRET-KEY-1[A-Z0-9]{40}/g, more: LETTER },
  { kind: 'anthropic_key', pattern: /sk-ant-[A-Za-z0-9_-]{20}/g, more: WORD, check: random(7) },
  {
    kind: 'openai_key',
    pattern: /(?<![A-Za-z0-9])sk-(?:proj|svcacct|admin|or-v1)-[A-Za-z0-9_-]{20}/g,
    more: WORD,
    check: random(8),
  },
  { kind: 'openai_key', pattern: /(?<![A-Za-z0-9])sk-[A-Za-z0-9]{32}/g, more: LETTER, check: random(3) },
  // Exactly so long; those that end in EXAMPLE are in every manual.
  {
    kind: 'aws_key',
    pattern: /(?:AKIA|ASIA|ABIA|ACCA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}(?![A-Z0-9])/g,
    check: random(4),
  },
  { kind: 'github_token', pattern: /gh[pousr]_[A-Za-z0-9]{36}/g, more: LETTER, check: random(4) },
  { kind: 'github_token', pattern: /github_pat_[A-Za-z0-9_]{22}/g, more: /\w/, check: random(11) },
  {
    kind: 'gitlab_token',
    pattern: /(?<![A-Za-z0-9])gl(?:pat|dt|ft|rt|soat|cbt|ptt|imt|agent|oas)-[A-Za-z0-9_-]{20}/g,
    more: WORD,
    check: random(6),
  },
  { kind: 'slack_token', pattern: /(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{12}/g, more: /[A-Za-z0-9-]/, check: isNumbered },
  {
    kind: 'slack_token',
    pattern: /hooks\.slack\.com\/services\/T[A-Z0-9]{6,12}\/B[A-Z0-9]{6,12}\/[A-Za-z0-9]{16}/g,
    more: LETTER,
  },
  {
    kind: 'stripe_key',
    pattern: /(?<![A-Za-z0-9])[rs]k_(?:live|test)_[A-Za-z0-9]{16}/g,
    more: LETTER,
    check: random(8),
  },
  { kind: 'stripe_key', pattern: /whsec_[A-Za-z0-9+/]{24}/g, more: /[A-Za-z0-9+/=]/, check: random(6) },
  { kind: 'google_key', pattern: /AIza[A-Za-z0-9_-]{35}/g, check: random(4) },
  { kind: 'google_key', pattern: /GOCSPX-[A-Za-z0-9_-]{20}/g, more: WORD, check: random(7) },
  { kind: 'google_key', pattern: /ya29\.[A-Za-z0-9_-]{20}/g, more: WORD, check: random(5) },
  { kind: 'npm_token', pattern: /npm_[A-Za-z0-9]{36}/g, check: random(4) },
  service(/pypi-[A-Za-z0-9_-]{50}/g),
  service(/(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30}/g, LETTER),
  service(/SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32}/g),
  service(/\d{8,10}:AA[A-Za-z0-9_-]{33}/g),
  service(/[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}/g),
  service(/do[opr]_v1_[a-f0-9]{64}/g, LETTER),
  service(/shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}/g, LETTER),
  service(/dckr_(?:pat|oat)_[A-Za-z0-9_-]{20}/g),
  service(
    /(?:gsk_|xai-|pplx-|lin_api_|figd_|ntn_|secret_|PMAK-|dp\.pt\.|hvs\.|dapi|r8_|tskey-auth-)[A-Za-z0-9_-]{30}/g,
  ),
  service(/AccountKey=[A-Za-z0-9+/]{60}/g, /[A-Za-z0-9+/=]/),
  { kind: 'signed_token', pattern: /eyJ[A-Za-z0-9_-]{8,512}\.eyJ[A-Za-z0-9_-]{8}/g, more: /[A-Za-z0-9_.-]/ },
  { kind: 'url_password', pattern: /:\/\/[^\s/?#@:"'`<>]{0,128}:[^\s/?#@"'`<>]{1,256}@/g, check: isPassword },
  {
    kind: 'authorization',
    pattern: /\b(?:Bearer|Basic|Token|ApiKey)\s{1,4}[A-Za-z0-9._~+/-]{20}/gi,
    more: /[A-Za-z0-9._~+/=-]/,
    check: isCredential,
  },
];
