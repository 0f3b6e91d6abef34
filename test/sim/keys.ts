/** Keys that look like keys and cost nothing: whoever knows the public key can sign, and here only its owner does. */
import { Dice } from './dice.ts';

/** The authority that every device dials. */
export const HOST = 'exchange.test';

/** 64 bytes in base64url: the last symbol holds two bits of them. */
const SIGNATURE_LENGTH = 86;
const SIGNATURE_ENDS = [...'AQgw'];

function sign(publicKey: string, text: string): string {
  let hash = 0x811c9dc5;
  for (const part of [publicKey, text])
    for (let index = 0; index < part.length; index++) hash = Math.imul(hash ^ part.charCodeAt(index), 0x01000193);
  const dice = new Dice(hash);
  return `${dice.text(SIGNATURE_LENGTH - 1)}${dice.pick(SIGNATURE_ENDS)}`;
}

export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  return sign(publicKey, text) === signature;
}

/** What a client that holds a key adds to `identify` (protocol part 2). */
export function proof(publicKey: string, challenge: string, username: string) {
  const text = `magi-exchange:identify:v1\n${challenge}\n${username}\n${HOST}`;
  return { publicKey, host: HOST, signature: sign(publicKey, text) };
}
