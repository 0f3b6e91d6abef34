/** Signatures (protocol part 2): Ed25519, RFC 8032. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** Whether `signature` over the UTF-8 bytes of `text` is by `publicKey`; both base64url. False for what is no key or no signature. */
export function verifyEd25519(publicKey: string, text: string, signature: string): boolean {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
  } catch {
    // 32 bytes that are no point of the curve: nobody can have signed with it.
    return false;
  }
  return verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'));
}
