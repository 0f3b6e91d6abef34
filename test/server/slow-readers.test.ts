/**
 * Protocol part 3, under load: a hundred keyed users stop reading while others talk on, among themselves and to them. Prints what it cost:
 * the exchange's memory and the others' delay.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { Client } from '../../src/client/client.ts';
import { Database } from '../../src/client/database.ts';
import { Identity } from '../../src/client/identity.ts';
import { eventually, seededChance, suite, temporaryFolder } from '../harness.ts';
import { isKept, judge } from '../torture/checker.ts';
import { type Line, readEvidence } from '../torture/evidence.ts';
import { endVictims, freePort, startServer, Victim } from '../torture/victims.ts';

const test = suite('slow readers');
test.after(endVictims);

const SLEEPERS = 100;
const PAIRS = 20;
const PER_SECOND = 5_000;
/** One in so many goes to a sleeper: a hundred each, which a mailbox takes from one sender. */
const TO_SLEEPERS = 10;
const SLEEP_MS = 20_000;
const BEAT_MS = 10;
const BACKPRESSURE_BYTES = 1_048_576;
const SLACK_BYTES = 100 * 1024 * 1024;
/** More than this of one user's messages unacknowledged: the exchange is behind, and sending more would only measure the queue. */
const BEHIND_MAX = 200;

class Crowd {
  readonly talkers: Client[] = [];
  readonly friends: string[][] = [];
  readonly lines: Line[] = [];
  readonly delaysMs: number[] = [];
  #n = 0;
  #behind = 0;

  constructor(url: string) {
    for (let index = 0; index < 2 * PAIRS; index++) {
      const username = `talker-${index}`;
      this.friends.push([`talker-${index ^ 1}`]);
      this.talkers.push(new Client({ url, username, identity: Identity.make(), database: new Database(undefined) }));
    }
  }

  async connect(codes: ReadonlyMap<number, string>): Promise<void> {
    await Promise.all(this.talkers.map((client) => client.identify()));
    for (let index = 0; index < this.talkers.length; index += 2) {
      const code = (await this.talkers[index]?.createInvite())?.code ?? '';
      await this.talkers[index + 1]?.connect(code);
      await eventually(() => this.talkers[index]?.friends().length === 1, 'the one who was connected to');
    }
    for (const [sleeper, code] of codes) {
      const index = sleeper % this.talkers.length;
      await this.talkers[index]?.connect(code);
      this.friends[index]?.push(`sleeper-${sleeper}`);
    }
  }

  #say(): void {
    const n = ++this.#n;
    const index = n % this.talkers.length;
    const friends = this.friends[index] ?? [];
    const isToSleeper = Math.floor(n / this.talkers.length) % TO_SLEEPERS === 0;
    const round = Math.floor(n / this.talkers.length / TO_SLEEPERS);
    const to = (isToSleeper ? friends[1 + (round % (friends.length - 1))] : friends[0]) ?? '';
    const from = `talker-${index}`;
    const startedAt = performance.now();
    const { id, sent } = (this.talkers[index] as Client).post(to, `${n} ${'x'.repeat(200)}`);
    if (!isToSleeper) this.#behind++;
    if (isToSleeper) this.lines.push({ what: 'asked', from, n });
    sent
      .then(
        (status) => {
          if (isToSleeper) this.lines.push({ what: 'sent', from, to, n, id, status });
          else this.delaysMs.push(performance.now() - startedAt);
        },
        ({ code }) => this.lines.push({ what: 'refused', from, to, n, id, code }),
      )
      .finally(() => {
        if (!isToSleeper) this.#behind--;
      });
  }

  /** Talks for so long; returns the messages a second that it managed and the delay of those between talkers. */
  async talk(milliseconds: number): Promise<{ perSecond: number; p50: number; p99: number }> {
    this.delaysMs.length = 0;
    const first = this.#n;
    const startedAt = performance.now();
    for (let now = startedAt; now - startedAt < milliseconds; now = performance.now()) {
      const due = ((now - startedAt) / 1000) * PER_SECOND;
      for (let count = this.#n - first; count < due && this.#behind <= BEHIND_MAX; count++) this.#say();
      await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
    }
    const sorted = this.delaysMs.sort((one, other) => one - other);
    const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
    return { perSecond: ((this.#n - first) / milliseconds) * 1000, p50: at(0.5), p99: at(0.99) };
  }

  async close(): Promise<void> {
    await Promise.all(this.talkers.map((client) => client.close()));
  }
}

test('a hundred who stop reading cost little memory, lose nothing and hold up nobody', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'data'));
  const path = join(folder, 'evidence');
  const port = await freePort(seededChance('slow readers'));
  const faults: string[] = [];
  const env = { BACKPRESSURE_BYTES: `${BACKPRESSURE_BYTES}` };
  const server = await startServer(join(folder, 'data'), port, (line) => faults.push(line), env);
  const url = `ws://127.0.0.1:${port}`;
  const file = fileURLToPath(new URL('./sleepers.ts', import.meta.url));
  const codes = new Map<number, string>();
  const sleepers = new Victim([file, url, `${SLEEPERS}`, path], {}, (line) => {
    const [, n, code = ''] = /^code (\d+) (\w+)$/.exec(line) ?? [];
    if (n !== undefined) codes.set(Number(n), code);
    return line === 'ready';
  });
  await sleepers.line('ready');
  const crowd = new Crowd(url);
  let watch: NodeJS.Timeout | undefined;
  try {
    await crowd.connect(codes);

    const before = await crowd.talk(5_000);
    const residentBefore = residentBytes(server.pid);
    process.kill(sleepers.pid, 'SIGSTOP');
    let residentMax = 0;
    watch = setInterval(() => {
      residentMax = Math.max(residentMax, residentBytes(server.pid));
    }, 200);
    const during = await crowd.talk(SLEEP_MS);
    clearInterval(watch);
    process.kill(sleepers.pid, 'SIGCONT');
    const verdict = await drained(crowd, path);

    const rise = residentMax - residentBefore;
    const show = ({ perSecond, p50, p99 }: typeof before) =>
      `${perSecond.toFixed(0)} messages a second, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
    console.log(`\n  all read       ${show(before)}\n  ${SLEEPERS} do not     ${show(during)}`);
    console.log(`  memory         ${mb(residentBefore)} MB, then ${mb(rise)} MB more`);
    console.log(`  to the slow    ${verdict.acknowledged} acknowledged, refused ${JSON.stringify(verdict.refused)}`);
    assert.ok(isKept(verdict), JSON.stringify({ ...verdict, lost: verdict.lost.length }));
    assert.ok(rise < SLEEPERS * BACKPRESSURE_BYTES + SLACK_BYTES, `${mb(rise)} MB`);
  } finally {
    clearInterval(watch);
    await crowd.close();
  }
  await sleepers.kill();
  await server.kill();
  assert.equal(faults, []);
});

/** Waits until all that was acknowledged has been shown, but not for ever. */
async function drained(crowd: Crowd, path: string) {
  const end = performance.now() + 90_000;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const verdict = judge([...crowd.lines, ...readEvidence(path)]);
    if (verdict.lost.length === 0 || performance.now() > end) return verdict;
  }
}

/** 0 where the system does not tell. */
function residentBytes(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return 0;
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(file, 'utf8'))?.[1]) * 1024;
}

function mb(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

test.run();
