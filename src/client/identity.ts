/** Who a keyed user is: an Ed25519 key of its own, and the signature that proves it to an exchange (protocol part 2). */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { usernameKey } from '../protocol/names.ts';

export class Identity {
  /** Raw 32 bytes, base64url. */
  readonly publicKey: string;
  readonly #privateKey: KeyObject;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
    if (privateKey.asymmetricKeyType !== 'ed25519' || x === undefined) throw new Error('the key is not an Ed25519 key');
    this.publicKey = x;
  }

  /** A new one, which is kept nowhere. */
  static make(): Identity {
    return new Identity(generateKeyPairSync('ed25519').privateKey);
  }

  /** The one in the file (PKCS #8, PEM), which is made, readable by its owner alone, if it is not there. */
  static load(file: string): Identity {
    const kept = readIfThere(file);
    if (kept !== undefined) return new Identity(createPrivateKey(kept));
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    // Written beside and then linked: a crash leaves no half of a key, and when two start at once the first link wins.
    // In another container the same process number is another process.
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    const opened = openSync(draft, 'wx', 0o600);
    try {
      writeSync(opened, pem);
      fsyncSync(opened);
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      closeSync(opened);
      rmSync(draft, { force: true });
    }
    return new Identity(createPrivateKey(readFileSync(file, 'utf8')));
  }

  /** What `identify` and `connect` carry besides the name. `challenge` and `host` are those of one socket. */
  prove(challenge: string, username: string, host: string): { publicKey: string; host: string; signature: string } {
    const text = `magi-exchange:identify:v1\n${challenge}\n${usernameKey(username)}\n${host}`;
    const signature = sign(null, Buffer.from(text), this.#privateKey).toString('base64url');
    return { publicKey: this.publicKey, host, signature };
  }
}

/** The authority that is dialled: lower case, the port only if it is not the scheme's default, IPv6 in brackets. */
export function dialledHost(url: string): string {
  return new URL(url).host.toLowerCase();
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
