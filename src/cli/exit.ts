/** How a command ends: the exit codes, which are documented and do not change, and what a wrong command line is. */

export const EXIT = {
  ok: 0,
  /** Refused by the exchange, the friend or the owner, or failed. */
  failed: 1,
  /** A command line that it does not understand. EX_USAGE would be 64; 2 is what shells and most programs say. */
  usage: 2,
  /** `wait`: something waits. Claude Code's hooks wake their session by this code. */
  waiting: 2,
  /** EX_IOERR of sysexits.h: the disk did not take it. */
  disk: 74,
  /** EX_TEMPFAIL: the exchange cannot be reached. What was to be sent is kept. */
  unreachable: 75,
  /** EX_CONFIG: a setting is missing or cannot be used. */
  settings: 78,
  /** As timeout(1): `ask` had no answer in the time that it was given; it comes to the inbox. */
  noAnswer: 124,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const EXIT_CODES: Readonly<Record<string, ExitCode>> = {
  bad_settings: EXIT.settings,
  insecure: EXIT.settings,
  unreachable: EXIT.unreachable,
  closed: EXIT.unreachable,
  storage_failed: EXIT.disk,
  no_answer_yet: EXIT.noAnswer,
  aborted: EXIT.interrupted,
};

/** The exit code of a command that failed with this error of the client's. */
export function exitCodeOf({ code }: { readonly code: string }): ExitCode {
  return EXIT_CODES[code] ?? EXIT.failed;
}

export class UsageError extends Error {
  readonly exitCode = EXIT.usage;
}

/** How the person calls this program: `magi` is installed as its short name. */
export const PROGRAM = /(^|[\\/])magi(\.\w+)?$/.test(process.argv[1] ?? '') ? 'magi' : 'magi-exchange';
