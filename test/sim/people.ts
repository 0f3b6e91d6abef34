/** Those whom the devices belong to: a name, and for a keyed user a key that all devices of the user hold. */
import type { Device } from './device.ts';
import type { Dice } from './dice.ts';

const KEY_LENGTH = 43;

export class Person {
  readonly name: string;
  publicKey: string | undefined;
  readonly devices: Device[] = [];

  constructor(name: string, publicKey: string | undefined) {
    this.name = name;
    this.publicKey = publicKey;
  }

  /** The exchange has forgotten this user: everything begins anew, perhaps with another key. */
  forgotten(dice: Dice): void {
    if (dice.chance(0.5)) this.publicKey = newKey(dice);
    for (const device of this.devices) {
      device.startOver();
      device.connectIn(dice.between(500, 20_000));
    }
  }
}

export function newKey(dice: Dice): string {
  // The last of 43 symbols holds four bits: not every symbol may stand there.
  return `${dice.text(KEY_LENGTH - 1)}${dice.pick([...'AEIMQUYcgkosw048'])}`;
}
