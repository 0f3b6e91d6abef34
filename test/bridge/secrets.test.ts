/** Likely secrets are found, also when they are lightly disguised; what people write every day is not taken for one. */
import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { KINDS, type SecretKind, SHAPES } from '../../src/bridge/secret-shapes.ts';
import { PATTERNS } from '../../src/bridge/secret-values.ts';
import { findSecrets, secretSentence } from '../../src/bridge/secrets.ts';
import { suite } from '../harness.ts';
import { anyText } from '../protocol/any-text.ts';
import { EVERYDAY } from './everyday.ts';

const test = suite('secrets');

/** Looks like a key and is none: the same on every run, so that a failure can be read. */
function madeUp(length: number, alphabet = 'aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW0xYzC'): string {
  let result = '';
  for (let index = 0; result.length < length; index++) result += alphabet[(index * 7 + 3) % alphabet.length] ?? '';
  return result;
}
const hex = (length: number) => madeUp(length, '0a1b2c3d4e5f6789');
// In pieces, so that no scanner takes this file for a leak.
const pem = (kind: string) =>
  `-----BEGIN ${kind}PRIVATE ${'KEY'}-----\n${madeUp(64)}\n${madeUp(64)}\n${madeUp(20)}==\n-----END ${kind}PRIVATE ${'KEY'}-----`;

const SECRETS: readonly [kind: SecretKind, secret: string][] = [
  ['anthropic_key', `sk-ant-api03-${madeUp(40)}`],
  ['openai_key', `sk-proj-${madeUp(48)}`],
  ['openai_key', `sk-svcacct-${madeUp(48)}`],
  ['openai_key', `sk-${madeUp(48)}`],
  ['openai_key', `sk-or-v1-${hex(64)}`],
  ['aws_key', `AKIA${'Q3EGX7ZTN5WK2RLM'}`],
  ['aws_key', `ASIA${'Q3EGX7ZTN5WK2RLM'}`],
  ['github_token', `ghp_${madeUp(36)}`],
  ['github_token', `gho_${madeUp(36)}`],
  ['github_token', `ghs_${madeUp(36)}`],
  ['github_token', `github_pat_${madeUp(22)}_${madeUp(59)}`],
  ['gitlab_token', `glpat-${madeUp(20)}`],
  ['slack_token', `xoxb-123406789012-${madeUp(24)}`],
  ['slack_token', `xoxp-98${madeUp(30)}`],
  ['slack_token', `https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/${madeUp(24)}`],
  ['stripe_key', `sk_live_${madeUp(24)}`],
  ['stripe_key', `rk_live_${madeUp(24)}`],
  ['stripe_key', `whsec_${madeUp(32)}`],
  ['google_key', `AIza${madeUp(35)}`],
  ['google_key', `GOCSPX-${madeUp(28)}`],
  ['npm_token', `npm_${madeUp(36)}`],
  ['service_token', `pypi-AgEIcHlwaS5vcmc${madeUp(60)}`],
  ['service_token', `hf_${madeUp(34)}`],
  ['service_token', `SG.${madeUp(22)}.${madeUp(43)}`],
  ['service_token', `123406789:AA${madeUp(33)}`],
  ['service_token', `dop_v1_${hex(64)}`],
  ['service_token', `gsk_${madeUp(52)}`],
  ['service_token', `AccountKey=${madeUp(86)}==`],
  ['private_key', pem('')],
  ['private_key', pem('RSA ')],
  ['private_key', pem('OPENSSH ')],
  ['private_key', pem('ENCRYPTED ')],
  ['private_key', pem('PGP ').replaceAll('KEY-', 'KEY BLOCK-')],
  ['private_key', `b3BlbnNzaC1rZXktdjEAAAAABG5vbmU${madeUp(100)}`],
  ['private_key', `AGE-SECRET-KEY-1${madeUp(58, 'QPZRY9X8GF2TVDW0S3JN')}`],
  ['signed_token', `eyJ${madeUp(30)}.eyJ${madeUp(60)}.${madeUp(43)}`],
  ['url_password', 'postgres://app:s3cr3t-pw@db.example.org:5432/app'],
  ['url_password', 'https://ann:Winter2024@example.org/'],
  ['url_password', 'redis://:p4ssphrase@cache:6379'],
  ['authorization', `Authorization: Bearer ${madeUp(40)}`],
  ['authorization', `authorization: Basic ${Buffer.from('ann:Winter2024!').toString('base64')}`],
  ['password', 'DB_PASSWORD=hunter22'],
  ['password', 'PGPASSWORD=correcthorse'],
  ['password', 'export MYSQL_PASSWORD="Tr0ub4dor&3"'],
  ['password', "password: 'Tr0ub4dor&3'"],
  ['password', '"dbPassword": "Winter2024"'],
  ['password', 'mysql --user ann --password Winter2024'],
  ['password', 'curl --password=Winter2024'],
  ['password', 'machine api.example.org login ann password Winter2024'],
  ['password', 'Server=db;User Id=ann;Password=Winter2024;'],
  ['password', 'The password for the wifi is Winter2024!'],
  ['password', 'my passphrase: c0rrect-horse'],
  ['assigned_secret', `FOO_TOKEN=${madeUp(20)}`],
  ['assigned_secret', 'export SESSION_SECRET=9fK2mmWq01'],
  ['assigned_secret', `STRIPE_SECRET_KEY_LIVE: ${madeUp(24)}`],
  ['assigned_secret', `aws_secret_access_key = ${madeUp(40)}`],
  ['assigned_secret', `const apiKey = "${madeUp(24)}";`],
  ['assigned_secret', `{ "client_secret": "${madeUp(32)}" }`],
  ['assigned_secret', `token := \`${hex(40)}\``],
  ['assigned_secret', `api-key: ${hex(32)}`],
  ['assigned_secret', `?access_token=${madeUp(24)}&x=1`],
  ['encoded_secret', Buffer.from(pem('')).toString('base64')],
  ['encoded_secret', Buffer.from(`FOO_TOKEN=${madeUp(20)}\n`).toString('base64')],
];

test('secrets are found, wherever they stand', () => {
  for (const [kind, secret] of SECRETS)
    for (const [before, after] of [
      ['', ''],
      ['Here you are: ', ' (do not share)'],
      ['first line\n', '\nlast line'],
      ['好🦊 "', '", she said.'],
    ] as const) {
      const findings = findSecrets(before + secret + after);
      const found = findings.find((one) => one.kind === kind);
      if (found === undefined) throw new Error(`${kind} in ${before}${secret}${after}: ${JSON.stringify(findings)}`);
      const [start, end] = [found.start - before.length, found.start - before.length + found.length];
      assert.ok(start >= 0 && end <= secret.length && found.length >= 6, `${kind} ${start}–${end}: ${secret}`);
    }
});

test('every kind and every shape is met by an example', () => {
  assert.equal([...new Set(SECRETS.map(([kind]) => kind))].sort(), Object.keys(KINDS).sort());
});

/** Ways to take a secret past a reader of single words; each gives back the kind that it should be found as, if another. */
const DISGUISES: Record<string, (secret: string) => string> = {
  'zero-width characters inside': (secret) => [...secret].join('\u200B'),
  'a soft hyphen and a joiner': (secret) => `${secret.slice(0, 5)}\u00AD${secret.slice(5, 9)}\u2060${secret.slice(9)}`,
  'tag characters inside': (secret) => `${secret.slice(0, 9)}\u{E0041}${secret.slice(9)}`,
  'full-width letters': (secret) =>
    secret.replace(/[!-~]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0)),
  'other hyphens': (secret) => secret.replaceAll('-', '\u2011'),
  'two lines': (secret) => `${secret.slice(0, 12)}\n${secret.slice(12)}`,
  'lines of eight': (secret) => secret.replace(/.{8}/g, '$&\r\n  '),
  'quoted mail': (secret) => secret.replace(/.{10}/g, '$&\n> '),
  'two strings joined': (secret) => `"${secret.slice(0, 14)}" + "${secret.slice(14)}"`,
  'strings joined over lines': (secret) => `'${secret.slice(0, 14)}' +\n      '${secret.slice(14)}'`,
  'base64 of it': (secret) => Buffer.from(secret).toString('base64'),
  'base64 of it, inside of something': (secret) => Buffer.from(`x=${secret}`).toString('base64'),
  'base64 of it, behind one letter': (secret) => `a${Buffer.from(secret).toString('base64')}`,
  'base64 of it, behind two letters': (secret) => `ab${Buffer.from(secret).toString('base64')}`,
  'base64 of it, behind three letters': (secret) => `abc${Buffer.from(secret).toString('base64')}`,
  'base64 of it, in lines': (secret) => Buffer.from(secret).toString('base64').replace(/.{20}/g, '$&\n'),
};

test('a light disguise does not help', () => {
  const shaped = SECRETS.filter(([kind]) => !/password|assigned|encoded|authorization/.test(kind));
  for (const [disguise, disguised] of Object.entries(DISGUISES))
    for (const [kind, secret] of shaped) {
      if (kind === 'private_key' && !disguise.startsWith('base64')) continue;
      assert.ok(findSecrets(`so: ${disguised(secret)} .`).length > 0, `${disguise}: ${secret}`);
    }
  for (const [disguise, disguised] of Object.entries(DISGUISES))
    assert.ok(findSecrets(disguised(pem('RSA '))).length > 0, `${disguise}: a private key`);
});

test('what a manual shows as an example does not excuse what follows it', () => {
  const secret = `ghp_${madeUp(36)}`;
  for (const text of [
    `${secret}EXAMPLE`,
    `ghp_xxxxxxxxxx${secret}`,
    `${secret}xxxxxxxxxxxx`,
    `x${secret}`,
    `example: ${secret}`,
  ])
    assert.is(findSecrets(text).length, 1, text);
});

test('what people write every day is not taken for a secret', () => {
  assert.ok(EVERYDAY.length > 90);
  for (const text of EVERYDAY) assert.equal(findSecrets(text), [], text);
  assert.equal(findSecrets(EVERYDAY.join('\n\n')), []);
});

test('a finding says where, never what', () => {
  const secret = `ghp_${madeUp(36)}`;
  const text = `a\u200Bb ${secret} and ${secret}`;
  const findings = findSecrets(text);
  assert.equal(findings, [
    { kind: 'github_token', start: 4, length: 40 },
    { kind: 'github_token', start: 49, length: 40 },
  ]);
  const sentence = secretSentence(findings);
  assert.is(sentence, 'This looks as if it held a GitHub token (at character 5), a GitHub token (at character 50).');
  assert.is(secretSentence([]), '');
  for (const [, other] of SECRETS) assert.not.ok(secretSentence(findSecrets(other)).includes(other));
});

test('findings lie in the text, in order, and do not overlap', () => {
  const secret = fc.constantFrom(...SECRETS.map(([, one]) => one));
  fc.assert(
    fc.property(fc.array(fc.oneof(anyText, secret), { maxLength: 8 }), (parts) => {
      const text = parts.join(' ');
      let end = 0;
      for (const { start, length } of findSecrets(text)) {
        assert.ok(start >= end && length > 0, `${start} ${length} after ${end}`);
        end = start + length;
      }
      assert.ok(end <= text.length);
    }),
    { numRuns: 500 },
  );
});

test('every pattern has a bounded length, so that no text is slow', () => {
  for (const { source } of [...SHAPES.map(({ pattern }) => pattern), ...PATTERNS]) {
    const outside = source.replaceAll(/\\./g, 'e').replaceAll(/\[[^\]]*\]/g, 'c');
    assert.not.match(outside, /[*+]|\{\d*,\}/, source);
    // A repeated group of repeated parts could be read in too many ways, unless each begins with a space of its own.
    assert.not.match(outside, /\((?!\?: )[^()]*[{][^()]*\)\{/, source);
  }
});

test('the longest text there may be, of the worst there is', () => {
  const length = 32_768;
  for (const piece of [
    'sk-',
    'eyJ',
    '://a:',
    '-----BEGIN ',
    'ghp_x',
    'A',
    'a-',
    '" + ',
    ' \n',
    'password is ',
    '--a ',
    'x=',
    '\u200B',
    'AKIA',
    "'",
  ])
    assert.ok(Array.isArray(findSecrets(piece.repeat(Math.ceil(length / piece.length)).slice(0, length))), piece);
});

test.run();
