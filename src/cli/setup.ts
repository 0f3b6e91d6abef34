/** `setup`: writes what an assistant needs to start the bridge and to be woken, once its owner has seen it; `--remove` takes it out. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { MagiError } from '../client/errors.ts';
import { fingerprintOf } from '../client/friends.ts';
import { KEY_FILE, makeFolder, openIdentity } from '../client/home.ts';
import { readSettings, type Settings } from '../client/settings.ts';
import { ASSISTANTS, type Assistant, type AssistantName, OF, type Surroundings } from '../setup/assistants.ts';
import { launchOf, startedAs } from '../setup/launch.ts';
import { carryOut, planRemoving, planSetting, type Step } from '../setup/plan.ts';
import type { Call } from './call.ts';
import { examine, type Finding } from './doctor.ts';
import { EXIT, type ExitCode, PROGRAM, UsageError } from './exit.ts';
import { HOOK_SECONDS } from './hook.ts';
import { bold, dim, green, red } from './output.ts';
import { agrees, isAtTerminal } from './prompt.ts';
import { CONFIG_FILE, homeFolder, settingsOf, writeConfig } from './settings.ts';
import { placeOf } from './wording.ts';

export async function setUp(call: Call): Promise<ExitCode> {
  const name = call.words[0] as AssistantName;
  if (!ASSISTANTS.includes(name))
    throw new UsageError(`setup knows ${ASSISTANTS.join(', ')}; how others are set up is in the README.`);
  const home = resolve(homeFolder(call));
  const around = surroundings(call, home);
  const assistant = OF[name];
  return call.flag('remove')
    ? await takeOut(call, assistant, around, home)
    : await write(call, assistant, around, home);
}

function surroundings(call: Call, home: string): Surroundings {
  const isUsual = home === join(homedir(), '.magi');
  return {
    platform: process.platform,
    env: process.env,
    user: homedir(),
    project: call.flag('project') ? process.cwd() : undefined,
    launch: launchOf(startedAs()),
    options: isUsual ? [] : ['--home', home],
    hookSeconds: HOOK_SECONDS,
  };
}

async function write(call: Call, assistant: Assistant, around: Surroundings, home: string): Promise<ExitCode> {
  const { out } = call;
  const settings = settingsOf(call);
  const config = newConfig(settings, call.given.insecure, home);
  const steps = planSetting(assistant.parts(around), home);
  const isKeyNew = !existsSync(join(home, KEY_FILE));
  const isSame = steps.length === 0 && config === undefined && !isKeyNew;
  if (isSame) out.say(`${assistant.title} is set up already, as ${settings.username} at ${placeOf(settings)}.`);
  else {
    out.say(bold(assistant.title), ` will start: ${around.launch.join(' ')} bridge`);
    for (const step of steps) show(call, step);
    if (config !== undefined) showLines(call, join(home, CONFIG_FILE), JSON.stringify(config));
    if (isKeyNew) showLines(call, join(home, KEY_FILE), 'your key, made now, which never leaves this machine');
    await agreed(call, 'Write this?');
    if (config !== undefined) writeConfig(home, config);
    openIdentity(home);
    carryOut(steps, home);
  }
  const { publicKey } = openIdentity(home);
  if (!isSame) out.say('Written. Your key: ', fingerprintOf(publicKey));
  out.say();
  const checks = await examine(call);
  out.say();
  for (const line of assistant.next) out.say(line);
  out.say(dim(`Whether it can be woken: ${PROGRAM} doctor --wake`));
  const isSound = checks.every(({ state }: Finding) => state !== 'wrong');
  out.json({
    assistant: assistant.title,
    ...documentOf(steps),
    fingerprint: fingerprintOf(publicKey),
    ok: isSound,
    checks,
  });
  return isSound ? EXIT.ok : EXIT.failed;
}

async function takeOut(call: Call, assistant: Assistant, around: Surroundings, home: string): Promise<ExitCode> {
  const { out } = call;
  const steps = planRemoving(assistant.parts(around), home);
  if (steps.length === 0) out.say(`Nothing of setup is in the configuration of ${assistant.title}.`);
  else {
    for (const step of steps) show(call, step);
    await agreed(call, 'Take this out?');
    makeFolder(home);
    carryOut(steps, home);
    out.say('Done. ', dim(`Your name, key and messages stay in ${home}; ${PROGRAM} leave removes them.`));
  }
  out.json({ assistant: assistant.title, ...documentOf(steps) });
  return EXIT.ok;
}

/** Undefined: what is there says the same. The folder belongs to one person: another one is not written over. */
function newConfig({ server, username, nickname }: Settings, insecure: boolean | undefined, home: string) {
  const more = { ...(nickname === undefined ? {} : { nickname }), ...(insecure === true ? { insecure } : {}) };
  const file = join(home, CONFIG_FILE);
  if (!existsSync(file)) return { server: placeOf({ server }), username, ...more };
  const kept = readSettings({ home, insecure }, {});
  if (kept.server !== server || kept.username !== username)
    throw new MagiError(
      'bad_settings',
      `${home} is ${kept.username}'s at ${placeOf(kept)}: say --home FOLDER for another account, or change ${CONFIG_FILE} there.`,
    );
  const old = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const isSame = Object.entries(more).every(([field, value]) => old[field] === value);
  return isSame ? undefined : { ...old, ...more };
}

function show({ out }: Call, { path, found, changes, text }: Step): void {
  const fate = found.text === undefined ? ' (new)' : text === undefined ? ' (goes: nothing else is in it)' : '';
  const link = found.path === path ? '' : ` → ${found.path}`;
  out.say();
  for (const { line, removed, added } of changes) {
    out.say(bold(path), dim(`${link}${found.text === undefined ? '' : `, line ${line}`}${fate}`));
    for (const one of linesOf(removed)) out.say(red(`- ${one}`));
    for (const one of linesOf(added)) out.say(green(`+ ${one}`));
  }
}

function showLines({ out }: Call, path: string, text: string): void {
  out.say();
  out.say(bold(path));
  out.say(green(`+ ${text}`));
}

/** Without what is only blank around it. */
function linesOf(text: string): string[] {
  return text.trim() === ''
    ? []
    : text
        .replace(/^\s*\n|^ (?=[^\n]*$)/, '')
        .trimEnd()
        .split(/\r?\n/)
        .map((line) => line.replaceAll('\t', '  '));
}

async function agreed(call: Call, question: string): Promise<void> {
  if (call.flag('yes')) return;
  if (!isAtTerminal())
    throw new MagiError('owner_needed', 'setup asks before it writes: type it in a terminal, or say --yes.');
  call.out.say();
  if (!(await agrees(question))) throw new MagiError('aborted', 'Nothing was changed.');
}

function documentOf(steps: readonly Step[]) {
  return {
    files: steps.map(({ path, found, changes, text }) => ({
      path,
      action: found.text === undefined ? 'made' : text === undefined ? 'removed' : 'changed',
      changes,
    })),
  };
}
