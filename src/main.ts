/** The one entry. Each command's code is imported only when it is asked for. */
import packageJson from '../package.json' with { type: 'json' };
import { EXIT, PROGRAM, UsageError } from './cli/exit.ts';

const { version } = packageJson;

/** Returns the exit code of a command that has ended; undefined when it may go on by itself. */
async function main([command = PROGRAM === 'magi' ? '--help' : 'serve', ...args]: string[]): Promise<
  number | undefined
> {
  switch (command) {
    case 'serve':
      expectNone(args);
      (await import('./server/serve.ts')).serve(version);
      return undefined;
    case 'demo':
      if (args.length > 1) throw new UsageError('demo takes one URL at most.');
      await (await import('./cli/demo.ts')).demo(args[0]);
      return undefined;
    case 'health':
      if (args.length > 1) throw new UsageError('health takes one URL at most.');
      await (await import('./cli/health.ts')).health(args[0]);
      return undefined;
    case 'users': {
      const [flag, name, ...rest] = args;
      if (flag !== undefined && (flag !== '--find' || name === undefined))
        throw new UsageError('users takes nothing, or --find NAME.');
      expectNone(rest);
      const { findUser, listUsers } = await import('./cli/users.ts');
      if (name === undefined) listUsers();
      else findUser(name);
      return undefined;
    }
    case 'mailboxes':
      expectNone(args);
      (await import('./cli/mailboxes.ts')).listMailboxes();
      return undefined;
    case 'release':
      await (await import('./cli/release.ts')).release(onlyArgument(command, 'NAME', args));
      return undefined;
    case 'ban':
      await (await import('./cli/ban.ts')).ban(onlyArgument(command, 'NAME', args));
      return undefined;
    case 'backup':
      (await import('./cli/backup.ts')).backup(onlyArgument(command, 'FILE', args));
      return undefined;
    case 'restore':
      (await import('./cli/restore.ts')).restoreFrom(onlyArgument(command, 'FILE', args));
      return undefined;
    case 'bridge':
      await (await import('./cli/bridge.ts')).bridge(version, args);
      return undefined;
    case '--version':
      expectNone(args);
      process.stdout.write(`${version}\n`);
      return undefined;
    case 'help':
    case '--help':
    case '-h':
      await help(args);
      return undefined;
    default: {
      const { COMMANDS } = await import('./cli/commands.ts');
      if (Object.hasOwn(COMMANDS, command)) return await (await import('./cli/run.ts')).run(command, args);
      throw new UsageError(
        `There is no ${command.startsWith('-') ? 'option' : 'command'} ${JSON.stringify(command)}. Try ${PROGRAM} --help.`,
      );
    }
  }
}

async function help([command, ...rest]: readonly string[]): Promise<void> {
  expectNone(rest);
  const { COMMANDS } = await import('./cli/commands.ts');
  const { help, helpOf } = await import('./cli/help.ts');
  if (command !== undefined && Object.hasOwn(COMMANDS, command)) process.stdout.write(helpOf(command));
  else if (command === undefined) process.stdout.write(help((await import('./config.ts')).settingsHelp()));
  else throw new UsageError(`There is no help for ${JSON.stringify(command)}. Try ${PROGRAM} --help.`);
}

function onlyArgument(command: string, what: string, [argument, ...rest]: readonly string[]): string {
  if (argument === undefined || argument === '') throw new UsageError(`${command} takes one ${what}.`);
  expectNone(rest);
  return argument;
}

function expectNone(args: readonly string[]): void {
  if (args.length > 0) throw new UsageError(`${JSON.stringify(args[0])} is one word too many. Try ${PROGRAM} --help.`);
}

main(process.argv.slice(2)).then(
  (exitCode) => {
    // What was printed goes out first: a pipe may be slow.
    if (exitCode !== undefined) process.stdout.write('', () => process.exit(exitCode));
  },
  (error: unknown) => {
    const exitCode = error instanceof Error && 'exitCode' in error ? Number(error.exitCode) : undefined;
    // A fault of ours keeps its stack, or is logged by the exchange; what the operator can mend is one line.
    if (exitCode === undefined) throw error;
    const hint = exitCode === EXIT.usage && !(error as Error).message.includes('Try ') ? ` Try ${PROGRAM} --help.` : '';
    process.stderr.write(`${PROGRAM}: ${(error as Error).message}${hint}\n`);
    process.exit(exitCode);
  },
);
