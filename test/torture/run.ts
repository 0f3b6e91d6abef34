/**
 * The torture as a command:
 *
 *   --cycles N      how often something is killed (100)
 *   --seed S        plays the times of an earlier run again, as far as the machine lets it
 *   --kill WHAT     server (default), clients or both
 *   --folder PATH   where everything is kept; a temporary one if left out
 *   --waiting N     kills nothing: how long the exchange takes to start with N messages waiting
 */
import { parseArgs } from 'node:util';
import { isPassed, type Prey, report, torture } from './torture.ts';
import { startWithWaiting } from './waiting.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '100' },
    seed: { type: 'string' },
    kill: { type: 'string', default: 'server' },
    folder: { type: 'string' },
    waiting: { type: 'string' },
  },
});

if (values.seed !== undefined) process.env.SEED = values.seed;
if (values.waiting !== undefined) {
  const { messages, fillMs, startMs, bytes } = await startWithWaiting(Number(values.waiting));
  console.log(
    `${messages} messages waiting (${(bytes / 1e6).toFixed(0)} MB on disk, filled in ${fillMs.toFixed(0)} ms)`,
  );
  console.log(`from spawn to ready      ${startMs.toFixed(0)} ms`);
  process.exit(0);
}
if (!['server', 'clients', 'both'].includes(values.kill)) throw new Error('--kill takes server, clients or both');
const outcome = await torture(Number(values.cycles), values.kill as Prey, values.folder);
console.log(report(outcome));
process.exit(isPassed(outcome) ? 0 : 1);
