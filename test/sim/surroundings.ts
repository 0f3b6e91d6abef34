/** What all devices share: the run that they are part of. */
import type { Checker } from './checker.ts';
import type { Dice } from './dice.ts';
import type { Network } from './network.ts';
import type { Plan } from './plan.ts';
import type { Schedule } from './schedule.ts';

export interface Surroundings {
  readonly plan: Plan;
  readonly schedule: Schedule;
  readonly dice: Dice;
  readonly network: Network;
  readonly checker: Checker;
  readonly wall: () => number;
  readonly note: (...words: unknown[]) => void;
  /** Codes that people told each other, latest last. */
  readonly codes: { readonly code: string; readonly maker: string }[];
  /** No faults and no acts of one's own any more. */
  isCalm: boolean;
}
