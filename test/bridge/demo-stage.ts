/**
 * Where the demo is played: one exchange, the bridges of two people and the terminals of their owners, all of them processes of the
 * built file, on a free port and in temporary folders. However the demo ends, nothing of this is left.
 */
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Client } from '../../src/client/client.ts';
import { endTypists, PROGRAM, Typist } from '../cli/typist.ts';
import { type Exchange, startExchange, temporaryFolder, within } from '../harness.ts';
import { freePort } from '../torture/victims.ts';
import { type Assistant, assistant, type Options } from './assistants.ts';

/** Only this script(1) is known to run a command in a terminal whose keys come through a pipe. */
const HAS_TERMINALS = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

/** Whoever is killed is gone sooner. */
const ABANDON_MS_MAX = 3_000;

/** What an owner does: as they type it, what they are asked and reply, and the same for a machine without a terminal to give. */
export interface Act {
  readonly command: readonly string[];
  readonly dialogue?: readonly (readonly [asked: RegExp, typed: string])[];
  readonly otherwise: (client: Client) => unknown;
}

export class Stage {
  readonly #home = temporaryFolder();
  readonly #data = temporaryFolder();
  readonly #columns: number;
  readonly #assistants = new Set<Promise<Assistant>>();
  #port = 0;
  #isOver = false;
  #exchange: Promise<Exchange> | undefined;

  /** `columns`: how wide the owners' terminals are. */
  constructor(columns: number) {
    this.#columns = columns;
  }

  /** Starts the exchange. */
  async open(): Promise<void> {
    // Of no range from which the system gives ports to those who dial: the exchange has to get it again after it was killed.
    this.#port = await freePort({ below: (bound) => randomInt(bound) });
    await this.startExchange();
  }

  get #url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  async enter(username: string, options: Partial<Options>): Promise<Assistant> {
    this.#mustGoOn();
    const entering = assistant({ url: this.#url, home: this.#home, username, program: PROGRAM, ...options });
    this.#assistants.add(entering);
    return await entering;
  }

  /** In good order. */
  async dismiss(one: Assistant): Promise<void> {
    await one.close();
    for (const entered of this.#assistants) if ((await entered) === one) this.#assistants.delete(entered);
  }

  /** What the owner's terminal shows of it, to its end. */
  async asOwner(username: string, { command, dialogue = [], otherwise }: Act): Promise<string> {
    this.#mustGoOn();
    const MAGI_HOME = join(this.#home, username);
    if (!HAS_TERMINALS) {
      const { openClient } = await import('../../src/client/client.ts');
      const client = openClient({ server: this.#url, username, home: MAGI_HOME });
      try {
        await otherwise(client);
      } finally {
        await client.close();
      }
      return 'No script(1) of util-linux here to make a terminal: done without one.';
    }
    const owner = new Typist({ url: this.#url }, username, { MAGI_HOME, NO_COLOR: '1' }, this.#columns);
    const { code, stdout } = await owner.types(command, ...dialogue);
    const screen = stripVTControlCharacters(stdout).replaceAll('\r', '').trim();
    if (code !== 0) throw new Error(`magi ${command.join(' ')} ended with ${code}: ${screen}`);
    return screen;
  }

  /** At the port and with the data that it has from the beginning. */
  async startExchange(): Promise<void> {
    this.#mustGoOn();
    const env = { PORT: `${this.#port}`, DATA_DIR: this.#data };
    // There it finds no .env of whoever tries this.
    this.#exchange = startExchange(env, [process.execPath, PROGRAM], this.#data);
    await this.#exchange;
  }

  /** By SIGKILL. Returns which process that was. */
  async killExchange(): Promise<number | undefined> {
    const exchange = await this.#exchange;
    await exchange?.stop('SIGKILL');
    return exchange?.process.pid;
  }

  /** Everybody leaves in good order. Returns what the exchange says was a fault of its own. */
  async close(): Promise<string[]> {
    for (const one of this.#assistants) await this.dismiss(await one);
    const exchange = await this.#exchange;
    const code = await exchange?.stop();
    const faults = exchange?.logs.filter(({ level }) => level === 'error' || level === 'fatal') ?? [];
    return [...faults.map((fault) => JSON.stringify(fault)), ...(code === 0 ? [] : [`it ended with ${code}`])];
  }

  /** At once, whatever is under way. The folders go with this process: until then nobody may be left who writes there. */
  async abandon(): Promise<void> {
    this.#isOver = true;
    endTypists();
    const ends = [
      ...[...this.#assistants].map(async (one) => (await one).kill()),
      this.#exchange?.then(({ stop }) => stop('SIGKILL')),
    ];
    await within(Promise.allSettled(ends), 'the end', ABANDON_MS_MAX).catch(() => {});
  }

  /** Nobody comes after the end. */
  #mustGoOn(): void {
    if (this.#isOver) throw new Error('the demo is over');
  }
}
