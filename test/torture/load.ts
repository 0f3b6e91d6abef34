/**
 * The process that talks: pairs of keyed users, until it is killed or told to be calm.
 *
 *   load.ts URL FOLDER PAIRS SEED
 *
 * Says `ready` when all of them are connected. On a line of standard input it says nothing new, waits until everything has arrived,
 * and says `end: drained` or `end: stuck`.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { seededChance } from '../harness.ts';
import { judge } from './checker.ts';
import { Evidence, readEvidence } from './evidence.ts';
import { Talker } from './talker.ts';

const BEAT_MS = 10;
const DRAIN_MS_MAX = 120_000;
/** In one of so many beats a user goes away for a while. */
const LEAVE_ODDS = 300;
const LEAVE_MS_MAX = 500;

const [url = '', folder = '', pairs = '', seed = ''] = process.argv.slice(2);
process.env.SEED = seed;
const chance = seededChance('load');
const path = join(folder, 'evidence');
const past = readEvidence(path);
const evidence = new Evidence(path);
const failed = (error: unknown) => console.error('load:', error);

/** The two of a pair follow each other. */
const talkers = Array.from({ length: 2 * Number(pairs) }, (_, index) => {
  const name = (of: number) => `${of % 2 === 0 ? 'ada' : 'grace'}-${of >> 1}`;
  const [username, friend] = [name(index), name(index ^ 1)];
  return new Talker({ url, folder, username, friend, evidence, past, chance, failed });
});

const away = new Set<Talker>();
let isCalm = false;

function beat(): void {
  for (const talker of talkers) {
    if (isCalm || away.has(talker)) continue;
    if (chance.below(LEAVE_ODDS) === 0) {
      away.add(talker);
      talker.leave(chance.below(LEAVE_MS_MAX)).then(() => away.delete(talker), failed);
    } else if (chance.below(2) === 0) talker.speak();
  }
}

async function connectAll(): Promise<void> {
  await Promise.all(talkers.map(({ client }) => client.identify()));
  for (const [index, talker] of talkers.entries()) {
    const friend = talkers[index + 1];
    if (index % 2 === 1 || friend === undefined || talker.client.friends().length > 0) continue;
    const { code } = await talker.client.createInvite();
    await friend.client.connect(code);
  }
}

async function drain(): Promise<void> {
  isCalm = true;
  const end = Date.now() + DRAIN_MS_MAX;
  let isDrained = false;
  while (!isDrained && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const isSent = away.size === 0 && talkers.every(({ unsent }) => unsent === 0);
    isDrained = isSent && judge(readEvidence(path)).lost.length === 0;
  }
  // What would be shown a second time has a moment to appear.
  await new Promise((resolve) => setTimeout(resolve, 300));
  console.log(`end: ${isDrained ? 'drained' : 'stuck'}`);
}

createInterface({ input: process.stdin }).on('line', () => void drain());
await connectAll();
setInterval(beat, BEAT_MS);
console.log('ready');
