/**
 * A key locked with a passphrase, as a file of JSON:
 *
 *     {"format": "magi-identity", "version": 1,
 *      "kdf": {"name": "scrypt", "N": 131072, "r": 8, "p": 1, "salt": <16 bytes>},
 *      "cipher": {"name": "aes-256-gcm", "iv": <12 bytes>, "tag": <16 bytes>},
 *      "data": <what is locked>}
 *
 * Bytes are base64. The passphrase is taken in its NFC form, as UTF-8. Everything above `tag` is authenticated with the data: as
 * `JSON.stringify([format, version, N, r, p, salt, iv])`. One guess costs 128 MiB and a third of a second; PKCS #8's own encryption, as
 * OpenSSL writes it, is guessed 800 times faster, and without memory.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { MagiError } from '../client/errors.ts';

const FORMAT = 'magi-identity';
const VERSION = 1;
const KDF = { N: 2 ** 17, r: 8, p: 1 };
const MEMORY_BYTES_MAX = 192 * 1024 * 1024;
export const PASSPHRASE_MIN = 8;

/** Returns the text of the file. */
export function seal(secret: string, passphrase: string): string {
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, salt), iv);
  cipher.setAAD(headerOf(salt, iv));
  const data = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  const sealed = {
    format: FORMAT,
    version: VERSION,
    kdf: { name: 'scrypt', ...KDF, salt: salt.toString('base64') },
    cipher: { name: 'aes-256-gcm', iv: iv.toString('base64'), tag: cipher.getAuthTag().toString('base64') },
    data: data.toString('base64'),
  };
  return `${JSON.stringify(sealed, undefined, 2)}\n`;
}

/** Throws MagiError `bad_file` for what is no such file, `wrong_passphrase` when the passphrase does not open it. */
export function unseal(text: string, passphrase: string): string {
  const { salt, iv, tag, data } = read(text);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(passphrase, salt), iv, { authTagLength: 16 });
  decipher.setAAD(headerOf(salt, iv));
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(data), decipher.final()]).toString('utf8');
  } catch {
    throw new MagiError('wrong_passphrase', 'This passphrase does not open the file, or the file was changed.');
  }
}

function keyOf(passphrase: string, salt: Buffer): Buffer {
  return scryptSync(passphrase.normalize('NFC'), salt, 32, { ...KDF, maxmem: MEMORY_BYTES_MAX });
}

function headerOf(salt: Buffer, iv: Buffer): Buffer {
  return Buffer.from(
    JSON.stringify([FORMAT, VERSION, KDF.N, KDF.r, KDF.p, salt.toString('base64'), iv.toString('base64')]),
  );
}

function read(text: string): { salt: Buffer; iv: Buffer; tag: Buffer; data: Buffer } {
  const bad = (why: string) => new MagiError('bad_file', `This is no exported identity: ${why}.`);
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw bad('it is not JSON');
  }
  const field = (name: string, of: unknown = file): unknown =>
    typeof of === 'object' && of !== null ? (of as Record<string, unknown>)[name] : undefined;
  const [kdf, cipher] = [field('kdf'), field('cipher')];
  if (field('format') !== FORMAT) throw bad('its format is another one');
  if (field('version') !== VERSION) throw bad('a later release has made it');
  // What a file asks for costs memory and time: only what this release writes itself is done.
  const isOurs =
    field('name', kdf) === 'scrypt' &&
    Object.entries(KDF).every(([name, value]) => field(name, kdf) === value) &&
    field('name', cipher) === 'aes-256-gcm';
  if (!isOurs) throw bad('it is locked in a way that this release does not know');
  const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : '', 'base64');
  const read = {
    salt: bytes(field('salt', kdf)),
    iv: bytes(field('iv', cipher)),
    tag: bytes(field('tag', cipher)),
    data: bytes(field('data')),
  };
  if (read.salt.length !== 16 || read.iv.length !== 12 || read.tag.length !== 16)
    throw bad('something in it is missing');
  return read;
}
