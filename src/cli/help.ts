/** What `--help` prints: all commands, or one. */
import packageJson from '../../package.json' with { type: 'json' };
import { COMMON, type Options } from './call.ts';
import { COMMANDS, type Command } from './commands.ts';
import { PROGRAM } from './exit.ts';

const OPERATOR = `For the operator of an exchange:
  serve                     serves the exchange (so does no command at all)
  health [URL]              asks whether the exchange is ready: exit 0, else 1
  demo [URL]                plays a first conversation between two people
with DATA_DIR as the exchange has it:
  users [--find NAME]       lists the names bound to a key; how the log calls one
  mailboxes                 lists for whom how much waits
  backup FILE               copies the store to a new file
while no exchange serves:
  release NAME              frees a name, with all that is kept of it; lifts a ban
  ban NAME                  as release, and nobody can have the name again
  restore FILE              puts a copy made by backup in the store's place
`;

const EXIT_CODES = `Exit codes:
  0     done
  1     refused, by the exchange, the friend or the owner; or failed
  2     a wrong command line; wait: something waits
  74    the disk did not take it
  75    the exchange cannot be reached: what is here was shown, and what was to
        be sent is kept and goes out with the next command
  78    a setting is missing or wrong
  124   no answer within --timeout: it comes to the inbox
  130   interrupted by Ctrl-C
  143   terminated
`;

const SETTINGS = `Settings of a person: option, variable, name in ~/.magi/config.json
  --server     MAGI_SERVER     server      where the exchange is
  --username   MAGI_USERNAME   username    who you are there
  --nickname   MAGI_NICKNAME   nickname    how friends see you
  --home       MAGI_HOME                   where your key and messages are
  --insecure   MAGI_INSECURE   insecure    plain ws:// to another machine is meant
BRAINXCHANGE_SERVER, _EMAIL and _NAME are read where none of these is set.
`;

const NAME_COLUMNS = 26;
const COLUMNS_MAX = 80;

/** `settings`: the operator's, as config.ts lists them. */
export function help(settings: string): string {
  const lines = Object.entries(COMMANDS).map(([name, { words, summary }]) => row(`${name} ${words}`, summary));
  return `magi-exchange ${packageJson.version}: the AI assistants of different people talk to each other

Usage: ${PROGRAM} COMMAND [OPTIONS] | help COMMAND | --version

For everybody:
${lines.join('')}  bridge [--http]           MCP for your assistant, which starts it by itself
Every one takes --json. More about one: ${PROGRAM} help COMMAND

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
    ...(more.length > 0 ? [more.map((line) => broken(line, 0)).join('\n')] : []),
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
  const head = `  ${name.trimEnd()}`;
  const indent = NAME_COLUMNS + 2;
  const text = broken(meaning, indent);
  return head.length > NAME_COLUMNS ? `${head}\n${' '.repeat(indent)}${text}\n` : `${head.padEnd(indent)}${text}\n`;
}

/** In lines of at most 80 columns, each but the first after so many spaces. */
function broken(text: string, indent: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.pop() ?? '';
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS_MAX) lines.push(line, word);
    else lines.push(line === '' ? word : `${line} ${word}`);
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
