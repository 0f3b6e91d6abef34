/** How an assistant starts this program: as its owner has just started it. */

export interface Started {
  readonly platform: NodeJS.Platform;
  /** As in `process`. */
  readonly execPath: string;
  readonly execArgv: readonly string[];
  /** The script, as it was named. Undefined: the program is one file that holds its Node. */
  readonly script: string | undefined;
}

/** The program and its first arguments. */
export type Launch = readonly [program: string, ...args: string[]];

/** Where npx keeps what it has downloaded: it may be gone tomorrow. */
const OF_NPX = /[\\/]_npx[\\/].*[\\/]node_modules[\\/]/;
const PACKAGE = 'magi-exchange';

export function launchOf({ platform, execPath, execArgv, script }: Started): Launch {
  if (script === undefined) return [execPath];
  // Windows starts npx only through its shell.
  if (OF_NPX.test(script)) return platform === 'win32' ? ['cmd', '/c', 'npx', '-y', PACKAGE] : ['npx', '-y', PACKAGE];
  return [execPath, ...execArgv, script];
}

/** The words as one line for the shell in which assistants run their hooks: sh, also on Windows. */
export function shellLine(words: readonly string[], platform: NodeJS.Platform): string {
  return words
    .map((word) => (platform === 'win32' ? word.replaceAll('\\', '/') : word))
    .map((word) => (/^[A-Za-z0-9_./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
}

/** This process. */
export function startedAs(): Started {
  const { platform, execPath, execArgv, argv } = process;
  const isOneFile = process.getBuiltinModule('node:sea').isSea();
  return { platform, execPath, execArgv, script: isOneFile ? undefined : argv[1] };
}
