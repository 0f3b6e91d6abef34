/** `doctor --wake`: puts a word on each way to wake an assistant, and tells by which of them it came back. */
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { MagiError } from '../client/errors.ts';
import { openDatabase } from '../client/home.ts';
import { RUNGS, type Rung, Wakes } from '../client/wakes.ts';
import { ENTRY } from '../setup/assistants.ts';
import type { Call } from './call.ts';
import { EXIT, type ExitCode, PROGRAM } from './exit.ts';
import { bold, dim, green, type Piece, yellow } from './output.ts';
import { homeFolder } from './settings.ts';

const TIMEOUT_MS = 120_000;
const LOOK_MS = 200;
const RUNG_COLUMNS = 9;

type State = 'untold' | 'told' | 'woke';

const MEANINGS: Readonly<Record<Rung, string>> = {
  channel: 'an event of a channel (Claude Code)',
  hook: 'the Stop hook of an idle session (Claude Code)',
  result: 'a line under the result of a tool',
  inbox: 'magi_inbox, when it waits',
};

/** What to do about it. */
const ADVICE: Readonly<Record<Rung, Readonly<Record<'untold' | 'told', string>>>> = {
  channel: {
    untold: 'No assistant that has channels runs the bridge.',
    told: `The session has not loaded the channel: claude --dangerously-load-development-channels server:${ENTRY}`,
  },
  hook: {
    untold: `No hook waits: ${PROGRAM} setup claude writes it, and it begins to wait when a turn of a new session has ended.`,
    told: 'The hook has ended with exit code 2, and the session went on sleeping: it has to be asyncRewake, and Claude Code new enough.',
  },
  result: {
    untold: `No tool of ${ENTRY} was called. Say to your assistant: call magi_status.`,
    told: 'The assistant has read the line and not followed it.',
  },
  inbox: {
    untold: 'Nobody waited. Say to your assistant: wait for a minute with magi_inbox.',
    told: 'The assistant has read it and not followed it.',
  },
};

export async function doctorWake(call: Call): Promise<ExitCode> {
  const { out, signal } = call;
  const home = homeFolder(call);
  if (!existsSync(home))
    throw new MagiError('bad_settings', `${home} is not there: ${PROGRAM} setup claude, or another assistant, first.`);
  const until = Date.now() + (call.seconds('timeout') ?? TIMEOUT_MS);
  const database = openDatabase(home);
  try {
    const wakes = new Wakes(database);
    const trials = await Promise.all(
      RUNGS.map(async (rung) => ({ rung, word: await wakes.add(rung), seen: 'untold' as State })),
    );
    out.say('Say to your assistant: ', bold('call magi_status'), ', and leave it idle then.');
    out.say('If it is to wait by itself, say besides: ', bold('wait for a minute with magi_inbox'), '.');
    out.say(dim('If it asks whether it may call magi_status, allow it. Ctrl-C ends this.'));
    out.say();
    while (!signal.aborted && Date.now() < until && trials.some(({ seen }) => seen !== 'woke')) {
      for (const trial of trials) {
        const { isTold, isSeen } = wakes.stateOf(trial.word);
        const now: State = isSeen ? 'woke' : isTold ? 'told' : 'untold';
        if (now === 'woke' && trial.seen !== 'woke') out.say(...lineOf(trial.rung, now));
        trial.seen = now;
      }
      await pause(LOOK_MS);
    }
    await wakes.end(trials.map(({ word }) => word));
    for (const { rung, seen } of trials) {
      if (seen === 'woke') continue;
      out.say(...lineOf(rung, seen));
      out.say(`${' '.repeat(RUNG_COLUMNS + 3)}→ ${ADVICE[rung][seen]}`);
    }
    const isWoken = trials.some(({ seen }) => seen === 'woke');
    out.json({ ok: isWoken, ways: trials.map(({ rung, seen }) => ({ way: rung, state: seen })) });
    return isWoken ? EXIT.ok : EXIT.failed;
  } finally {
    database.close();
  }
}

function lineOf(rung: Rung, state: State): Piece[] {
  const mark = state === 'woke' ? green('✓') : state === 'told' ? yellow('!') : dim('-');
  const what = { woke: 'works', told: 'was told, and nothing came back', untold: 'was not tried' }[state];
  return [mark, ` ${rung.padEnd(RUNG_COLUMNS)} ${what}: `, dim(MEANINGS[rung])];
}
