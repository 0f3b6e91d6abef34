/** Codes and passwords that people read to each other: the letters and digits of a code, drawn by the system's own chance. */
import { randomInt } from 'node:crypto';
import { CODE_ALPHABET } from '../protocol/names.ts';

export function randomText(length: number): string {
  return Array.from({ length }, () => CODE_ALPHABET[randomInt(CODE_ALPHABET.length)]).join('');
}
