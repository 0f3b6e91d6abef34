/**
 * Four processes of each of two people ask and answer each other while they are killed at random, and the exchange, too. In the end every
 * question is answered once, and nothing is lost: judged by what is in the two files, and by what each process has said.
 */
import * as assert from 'uvu/assert';
import { type Chance, eventually, seededChance, suite } from '../harness.ts';
import { type Assistant, type Line, NODES, World } from './assistants.ts';

const test = suite('many processes of two people');

/** In each part: so many that one test stays within its time on a busy machine. */
const QUESTIONS = 100;
const PROCESSES = 4;
const PEOPLE = ['ada', 'grace'] as const;
/** Milliseconds between two questions, at most. */
const PAUSE_MS_MAX = 20;
/** One of so many questions is followed by a kill. */
const KILL_ODDS = 12;
const KILL_EVERY = 40;
const EXCHANGE_KILL_ODDS = 8;

const friendOf = (name: string) => (name === 'ada' ? 'grace' : 'ada');

class Crowd {
  readonly world: World;
  readonly chance: Chance;
  readonly nodes: readonly string[];
  /** Those who are alive, and all who ever were. */
  readonly alive: Record<string, Assistant[]> = { ada: [], grace: [] };
  readonly all: Record<string, Assistant[]> = { ada: [], grace: [] };
  kills = 0;

  constructor(world: World, chance: Chance, nodes: readonly string[]) {
    this.world = world;
    this.chance = chance;
    this.nodes = nodes;
  }

  async add(name: string): Promise<void> {
    const one = await this.world.assistant(name, { node: this.chance.pick(this.nodes) });
    one.do('identify');
    one.do('serve', { answering: true });
    this.alive[name]?.push(one);
    this.all[name]?.push(one);
  }

  ask(name: string, text: string): void {
    this.chance.pick(this.alive[name] ?? []).do('ask', { to: friendOf(name), text });
  }

  /** Somebody is killed, and somebody else comes. */
  async kill(): Promise<void> {
    this.kills++;
    const name = this.chance.pick(PEOPLE);
    const some = this.alive[name] ?? [];
    const [victim] = some.splice(this.chance.below(some.length), 1);
    await victim?.kill();
    await this.add(name);
  }

  /** What all processes of a user have said of this kind. */
  said(name: string, what: string): Line[] {
    return (this.all[name] ?? []).flatMap((one) => one.heard(what));
  }

  /** Questions of a user that nobody has answered yet. */
  open(name: string): number {
    return this.world.rows(name, `SELECT id FROM sent WHERE kind = 'question' AND outcome IS NULL`).length;
  }
}

const count = (values: readonly unknown[]) => {
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
};

/** What `name` asked, as the two files tell it. */
function judge(crowd: Crowd, name: string): void {
  const { world } = crowd;
  const friend = friendOf(name);
  const sent = world.rows(name, `SELECT id, content, state, outcome FROM sent WHERE kind = 'question'`);
  const answers = count(
    world.rows(name, `SELECT reply_to FROM inbox WHERE kind = 'answer'`).map((row) => row.reply_to),
  );
  const asked = world.rows(friend, `SELECT id, content, state FROM inbox WHERE kind = 'question'`);
  const answered = count(
    world.rows(friend, `SELECT reply_to FROM sent WHERE kind = 'answer'`).map((row) => row.reply_to),
  );
  const byId = new Map(asked.map((row) => [row.id, row]));
  for (const { id, content, state, outcome } of sent) {
    const where = `${name}'s "${content}" (${id})`;
    assert.is(outcome, 'answered', `${where} has no answer`);
    assert.ok(['delivered', 'queued'].includes(String(state)), `${where} is ${state}`);
    assert.is(answers.get(id), 1, `${where} was answered ${answers.get(id)} times`);
    assert.is(answered.get(id), 1, `${friend} has answered ${where} ${answered.get(id)} times`);
    assert.equal([byId.get(id)?.content, byId.get(id)?.state], [content, 'answered'], where);
  }
  assert.is(asked.length, sent.length, 'nobody was asked what nobody asked');
  // Whatever a process has said that it asked, and was not killed before it was on disk, is there; and whoever waited was told once.
  const ids = new Set(sent.map(({ id }) => id));
  for (const { id, status } of crowd.said(name, 'sent'))
    assert.ok(ids.has(id), `${id} was ${status}, and is not in the file`);
  for (const [id, times] of count(crowd.said(name, 'answer').map((line) => line.id)))
    assert.is(times, 1, `${name} was told the answer to ${id} ${times} times`);
  for (const one of crowd.alive[name] ?? [])
    for (const { id } of one.heard('asked'))
      assert.is(one.heard('answer', { id }).length, 1, `who asked ${id} lives and knows`);
}

/** What a process was shown while another one that was alive had it. */
function assertShownOnce(crowd: Crowd, name: string): void {
  const shown = new Map<unknown, Assistant[]>();
  for (const one of crowd.all[name] ?? [])
    for (const { id } of one.heard('claimed')) shown.set(id, [...(shown.get(id) ?? []), one]);
  // Who was killed with it in hand cannot answer; all others who were shown it must have been killed.
  for (const [id, by] of shown)
    assert.ok(by.filter((one) => !one.isGone).length <= 1, `${name} was shown ${id} by several that live`);
  for (const [number, times] of count(crowd.said(name, 'arrived').map((line) => line.number)))
    assert.is(times, 1, `the entry ${number} was news ${times} times`);
}

for (const part of [1, 2, 3])
  test(`nothing is lost, answered twice or shown by two at once, part ${part} of 3`, async () => {
    const world = new World(process.execPath);
    const chance = seededChance(`many processes in ${world.folder}`);
    const crowd = new Crowd(world, chance, NODES);
    try {
      const first = await world.begin();
      await Promise.all(first.map((one) => one.kill()));
      for (let n = 0; n < PROCESSES; n++) await Promise.all(PEOPLE.map((name) => crowd.add(name)));
      for (let n = 0; n < QUESTIONS; n++) {
        crowd.ask(chance.pick(PEOPLE), `question ${n}`);
        await new Promise((resolve) => setTimeout(resolve, chance.below(PAUSE_MS_MAX)));
        // Some in each part, whatever chance says.
        if (n % KILL_EVERY !== KILL_EVERY - 1 && chance.below(KILL_ODDS) > 0) continue;
        await crowd.kill();
        if (chance.below(EXCHANGE_KILL_ODDS) > 0) continue;
        await world.killServer();
        await world.startServer();
      }
      const end = performance.now() + 120_000;
      for (const name of PEOPLE)
        while (crowd.open(name) > 0 && performance.now() < end)
          await new Promise((resolve) => setTimeout(resolve, 100));
      for (const name of PEOPLE) {
        await eventually(() => world.unsent(name) === 0, `everything of ${name} to be taken`);
        for (const one of crowd.alive[name] ?? [])
          await eventually(() => one.heard('answer').length >= one.heard('asked').length, 'those who ask to know');
      }
      for (const name of PEOPLE) judge(crowd, name);
      for (const name of PEOPLE) assertShownOnce(crowd, name);
      const asked = PEOPLE.map((name) => world.rows(name, `SELECT * FROM sent WHERE kind = 'question'`).length);
      console.log(`${asked.join(' and ')} questions, ${crowd.kills} kills`);
      assert.ok(crowd.kills > 1 && asked.every((number) => number > QUESTIONS / 4));
      assert.equal(world.faults, []);
    } finally {
      await world.end();
    }
  });

test.run();
