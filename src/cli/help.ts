/** What `--help` prints: all commands, or one. */
import packageJson from '../../package.json' with { type: 'json' };
import { COMMON, type Options } from './call.ts';
import { COMMANDS, type Command } from './commands.ts';
import { PROGRAM } from './exit.ts';

const OPERATOR = `For the operator of an exchange:
  serve                     serves the exchange (so does no command at all)
  demo [URL]                plays a first conversation between two people (default: the exchange on this machine's PORT)
with DATA_DIR as the exchange has it:
  users                     lists the names that are bound to a key; users --find NAME: how the log calls this one
  mailboxes                 lists for whom how much waits
  backup FILE               copies the store to a new file
while no exchange serves:
  release NAME              frees a name: its connections, mailbox and invites are deleted; lifts a ban
  ban NAME                  as release, and nobody can have the name again
  restore FILE              puts a copy made by backup in the place of the store
`;

const EXIT_CODES = `Exit codes: 0 done; 1 refused or failed; 2 a command line that it does not understand (wait: something waits);
74 the disk did not take it; 75 the exchange cannot be reached (what was to be sent is kept and goes out with the next command);
78 a setting is missing or wrong; 124 no answer within --timeout; 130 interrupted.
`;

const SETTINGS = `Settings of a person: --server, --username, --nickname, --home; or MAGI_SERVER, MAGI_USERNAME, MAGI_NICKNAME, MAGI_HOME; or
{"server": …, "username": …} in ~/.magi/config.json. MAGI_INSECURE=1 as --insecure. BRAINXCHANGE_SERVER, _EMAIL and _NAME are read, too.
`;

const NAME_COLUMNS = 26;

/** `settings`: the operator's, as config.ts lists them. */
export function help(settings: string): string {
  const lines = Object.entries(COMMANDS).map(([name, { words, summary }]) => row(`${name} ${words}`, summary));
  return `magi-exchange ${packageJson.version}: the AI assistants of different people talk to each other

Usage: ${PROGRAM} COMMAND [OPTIONS], ${PROGRAM} help COMMAND, ${PROGRAM} --version

For everybody:
${lines.join('')}Every one takes --json. ${PROGRAM} help COMMAND tells more.

${OPERATOR}
${EXIT_CODES}
${SETTINGS}
Settings of the exchange, from the environment or a .env file in the current folder:
${settings}
`;
}

/** `name` is one of COMMANDS. */
export function helpOf(name: string): string {
  const { words, summary, options = {}, more = [] } = COMMANDS[name] as Command;
  const paragraphs = [
    `${PROGRAM} ${name} ${words}`.trimEnd(),
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...(more.length > 0 ? [more.join('\n')] : []),
    optionRows({ ...options, ...COMMON })
      .join('')
      .trimEnd(),
  ];
  return `${paragraphs.join('\n\n')}\n`;
}

function optionRows(options: Options): string[] {
  return Object.entries(options).map(([name, { short, takes, meaning }]) =>
    row(`${short === undefined ? '' : `-${short}, `}--${name}${takes === undefined ? '' : ` ${takes}`}`, meaning),
  );
}

function row(name: string, meaning: string): string {
  return `  ${name.trimEnd().padEnd(NAME_COLUMNS)}${name.length > NAME_COLUMNS - 2 ? `\n  ${' '.repeat(NAME_COLUMNS)}` : ''}${meaning}\n`;
}
