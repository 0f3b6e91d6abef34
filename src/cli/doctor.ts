/** `doctor`: looks at every link between this person and their friends, in the order in which they depend on each other. */
import { MagiError } from '../client/errors.ts';
import type { Settings } from '../client/settings.ts';
import type { Call } from './call.ts';
import { folderFindings } from './doctor-folder.ts';
import { linkFindings } from './doctor-link.ts';
import { personFindings } from './doctor-person.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { dim, green, type Piece, red, yellow } from './output.ts';
import { homeFolder, settingsOf } from './settings.ts';
import { placeOf } from './wording.ts';

export interface Finding {
  readonly check: string;
  /** `skipped`: something before it is wrong. */
  readonly state: 'ok' | 'warning' | 'wrong' | 'skipped';
  readonly message: string;
  /** What to do about it. */
  readonly advice?: string;
}

const MARKS: Readonly<Record<Finding['state'], Piece>> = {
  ok: green('✓'),
  warning: yellow('!'),
  wrong: red('✗'),
  skipped: dim('-'),
};
const CHECK_COLUMNS = 11;

export async function doctor(call: Call): Promise<ExitCode> {
  if (call.flag('wake')) return await (await import('./doctor-wake.ts')).doctorWake(call);
  const findings = await examine(call);
  const isSound = findings.every(({ state }) => state !== 'wrong');
  call.out.json({ ok: isSound, checks: findings });
  return isSound ? EXIT.ok : EXIT.failed;
}

/** Says what it finds as it goes. */
export async function examine(call: Call): Promise<Finding[]> {
  const { out } = call;
  const findings: Finding[] = [];
  const found = (finding: Finding) => {
    findings.push(finding);
    const { check, state, message, advice } = finding;
    const head = ` ${check.padEnd(CHECK_COLUMNS)} `;
    out.hang(head.length + 1, MARKS[state], head, state === 'skipped' ? dim(message) : message);
    if (advice !== undefined) out.hang(head.length + 3, `${' '.repeat(head.length + 1)}→ ${advice}`);
  };
  const settings = settingsFound(call, found);
  for await (const finding of folderFindings(homeFolder(call))) found(finding);
  if (settings !== undefined) {
    let isThere = true;
    for await (const finding of linkFindings(settings)) {
      found(finding);
      if (finding.state === 'wrong') isThere = false;
    }
    if (isThere && !findings.some(({ check, state }) => check === 'Key' && state === 'wrong'))
      for await (const finding of personFindings(call, settings)) found(finding);
    else found({ check: 'Name', state: 'skipped', message: 'the links before have to be mended first' });
  }
  const wrong = findings.filter(({ state }) => state === 'wrong').length;
  out.say();
  out.say(
    wrong === 0 ? green('All links hold.') : red(`${wrong === 1 ? 'One thing is' : `${wrong} things are`} wrong.`),
  );
  return findings;
}

function settingsFound(call: Call, found: (finding: Finding) => void): Settings | undefined {
  try {
    const settings = settingsOf(call);
    const { username, nickname } = settings;
    const name = nickname === undefined ? username : `${username} (${nickname})`;
    found({ check: 'Settings', state: 'ok', message: `${name} at ${placeOf(settings)}` });
    return settings;
  } catch (error) {
    if (!(error instanceof MagiError)) throw error;
    const advice =
      'Set MAGI_SERVER and MAGI_USERNAME, or use --server and --username; what the operator or your friend told you.';
    found({ check: 'Settings', state: 'wrong', message: error.message, advice });
    return undefined;
  }
}
