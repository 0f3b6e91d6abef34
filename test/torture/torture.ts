/** Kills the exchange, or those who talk, again and again at random times, and then looks whether the promise was kept. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Chance, seededChance } from '../harness.ts';
import { isKept, judge, type Verdict } from './checker.ts';
import { readEvidence } from './evidence.ts';
import { freePort, startLoad, startServer, type Victim } from './victims.ts';

export type Prey = 'server' | 'clients' | 'both';

const LIFE_MS_MIN = 50;
const LIFE_MS_MAX = 1_000;
const PAIRS = 8;
const DRAIN_MS_MAX = 150_000;

export interface Outcome {
  readonly cycles: number;
  readonly verdict: Verdict;
  /** Milliseconds from spawn to ready, of each start of the exchange. */
  readonly startsMs: readonly number[];
  /** Entries of the exchange's log that tell of a fault of its own. */
  readonly faults: readonly string[];
  readonly isDrained: boolean;
}

export function isPassed({ verdict, faults, isDrained }: Outcome): boolean {
  return isKept(verdict) && faults.length === 0 && isDrained;
}

/** `cycles`: how often something is killed. `folder`: where everything is kept; a temporary one, removed when all is well, if left out. */
export async function torture(cycles: number, prey: Prey, folder?: string): Promise<Outcome> {
  const home = folder ?? mkdtempSync(join(tmpdir(), 'magi-torture-'));
  const torture = new Torture(home, seededChance(`torture of ${prey} in ${home}`));
  const outcome = await torture.run(cycles, prey);
  if (folder === undefined && isPassed(outcome)) rmSync(home, { recursive: true });
  return outcome;
}

class Torture {
  readonly #data: string;
  readonly #clients: string;
  readonly #chance: Chance;
  readonly #startsMs: number[] = [];
  readonly #faults: string[] = [];
  #port = 0;
  #loads = 0;

  constructor(home: string, chance: Chance) {
    this.#chance = chance;
    this.#data = join(home, 'data');
    this.#clients = join(home, 'clients');
    for (const folder of [this.#data, this.#clients]) mkdirSync(folder, { recursive: true });
  }

  async run(cycles: number, prey: Prey): Promise<Outcome> {
    this.#port = await freePort(this.#chance);
    let server = await this.#startServer();
    let load = await this.#startLoad();
    for (let cycle = 0; cycle < cycles; cycle++) {
      const life = LIFE_MS_MIN + this.#chance.below(LIFE_MS_MAX - LIFE_MS_MIN);
      await new Promise((resolve) => setTimeout(resolve, life));
      const isServer = prey === 'both' ? this.#chance.below(2) === 0 : prey === 'server';
      if (isServer) {
        await server.kill();
        server = await this.#startServer();
      } else {
        await load.kill();
        load = await this.#startLoad();
      }
      if (server.hasDied || load.hasDied) throw new Error('a process died that nobody had killed');
    }
    load.say('calm');
    const isDrained = (await load.line('end: ', DRAIN_MS_MAX)) === 'end: drained';
    await load.kill();
    await server.kill();
    const verdict = judge(readEvidence(join(this.#clients, 'evidence')));
    return { cycles, verdict, startsMs: this.#startsMs, faults: this.#faults, isDrained };
  }

  async #startServer(): Promise<Victim> {
    const server = await startServer(this.#data, this.#port, (line) => this.#faults.push(line));
    this.#startsMs.push(server.startMs);
    return server;
  }

  #startLoad(): Promise<Victim> {
    return startLoad(this.#clients, this.#port, PAIRS, this.#chance.below(2 ** 31) + this.#loads++);
  }
}

export function report({ cycles, verdict, startsMs, faults, isDrained }: Outcome): string {
  const { acknowledged, lost, twice, outOfOrder, strange, refused } = verdict;
  const sorted = [...startsMs].sort((one, other) => one - other);
  const rows: [string, unknown, (readonly string[])?][] = [
    ['cycles', cycles],
    ['messages acknowledged', acknowledged],
    ['lost', lost.length, lost],
    ['shown twice', twice.length, twice],
    ['out of order', outOfOrder.length, outOfOrder],
    ['not what was sent', strange.length, strange],
    [
      'refused',
      Object.entries(refused)
        .map(([code, count]) => `${count} ${code}`)
        .join(', ') || 0,
    ],
    ['faults in the log', faults.length, faults],
    ['all arrived in the end', isDrained ? 'yes' : 'no'],
    ['start, median', `${sorted[sorted.length >> 1]?.toFixed(0)} ms`],
    ['start, longest', `${sorted.at(-1)?.toFixed(0)} ms`],
  ];
  const lines = rows.map(([name, value, examples = []]) =>
    [`${name.padEnd(24)} ${value}`, ...examples.slice(0, 5).map((example) => `    ${example.slice(0, 300)}`)].join(
      '\n',
    ),
  );
  return lines.join('\n');
}
