/** Who the person is and where the exchange is: asked for when a newcomer has a code and nothing else, and remembered. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MagiError } from '../client/errors.ts';
import { homeOf, readSettings, type Settings } from '../client/settings.ts';
import type { Call } from './call.ts';
import { dim } from './output.ts';
import { askLine, isAtTerminal } from './prompt.ts';
import { placeOf } from './wording.ts';

export const CONFIG_FILE = 'config.json';

/** Throws MagiError `bad_settings` or `insecure`. */
export function settingsOf(call: Call): Settings {
  return readSettings(call.given, process.env);
}

/** The folder that is meant, which need not be there. */
export function homeFolder(call: Call): string {
  return homeOf(call.given, process.env);
}

/** As settingsOf; a person at a terminal who has not said who they are is asked. */
export async function settingsOrAsk(call: Call): Promise<Settings> {
  try {
    return settingsOf(call);
  } catch (error) {
    if (!isAtTerminal() || !isNameMissing(call)) throw error;
  }
  for (;;) {
    const username = (await askLine('Your name at the exchange, by which friends address you: ')).trim();
    if (username === '') throw new MagiError('not_agreed', 'Nothing was done.');
    try {
      return readSettings({ ...call.given, username }, process.env);
    } catch (error) {
      call.out.warn((error as Error).message);
    }
  }
}

function isNameMissing(call: Call): boolean {
  if (call.given.username !== undefined) return false;
  try {
    readSettings({ ...call.given, username: 'somebody' }, process.env);
    return true;
  } catch {
    return false;
  }
}

/**
 * What was typed with this command is what later ones need: kept in `config.json` if there is none. What the environment says is not
 * written down, since it will say so again.
 */
export function remember(call: Call, settings: Settings): void {
  const { username, nickname, home } = settings;
  const file = join(home, CONFIG_FILE);
  if (existsSync(file) || isCompleteWithout(call)) return;
  const { insecure } = call.given;
  writeConfig(home, { server: placeOf(settings), username, nickname, insecure });
  call.out.note(dim(`Kept for later commands in ${file}.`));
}

function isCompleteWithout(call: Call): boolean {
  try {
    readSettings({ home: call.given.home }, process.env);
    return true;
  } catch {
    return false;
  }
}

/** Replaces `config.json`. Readable by its owner alone. */
export function writeConfig(home: string, config: Readonly<Record<string, unknown>>): void {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, CONFIG_FILE), `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
}
