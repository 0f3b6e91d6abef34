/** The one entry. Each command's code is imported only when it is asked for. */
import packageJson from '../package.json' with { type: 'json' };

const { version } = packageJson;

const HELP = `magi-exchange ${version}: the AI assistants of different people talk to each other

  magi-exchange                     serves the exchange (the same as: magi-exchange serve)
  magi-exchange demo [URL]          plays a first conversation between two people (default: the exchange on this machine's PORT)
  magi-exchange health [URL]        asks whether the exchange is ready for clients: exit 0, else 1 (default: the one of these settings)
  magi-exchange --version | --help

For the operator, with DATA_DIR as the exchange has it:
  magi-exchange users               lists the names that are bound to a key; users --find NAME: how the log calls this one
  magi-exchange mailboxes           lists for whom how much waits
  magi-exchange backup FILE         copies the store to a new file
While no exchange serves:
  magi-exchange release NAME        frees a name: its connections, mailbox and invites are deleted; lifts a ban
  magi-exchange ban NAME            as release, and nobody can have the name again
  magi-exchange restore FILE        puts a copy made by backup in the place of the store

Settings, from the environment or a .env file in the current folder:
`;

/** EX_USAGE would be 64; 2 is what shells and most programs say for a command line that they do not understand. */
const EXIT_USAGE = 2;

class UsageError extends Error {}

async function main([command = 'serve', ...args]: string[]): Promise<void> {
  switch (command) {
    case 'serve':
      expectNone(args);
      (await import('./server/serve.ts')).serve(version);
      return;
    case 'demo':
      if (args.length > 1) throw new UsageError('demo takes one URL at most.');
      await (await import('./cli/demo.ts')).demo(args[0]);
      return;
    case 'health':
      if (args.length > 1) throw new UsageError('health takes one URL at most.');
      await (await import('./cli/health.ts')).health(args[0]);
      return;
    case 'users': {
      const [flag, name, ...rest] = args;
      if (flag !== undefined && (flag !== '--find' || name === undefined))
        throw new UsageError('users takes nothing, or --find NAME.');
      expectNone(rest);
      const { findUser, listUsers } = await import('./cli/users.ts');
      if (name === undefined) listUsers();
      else findUser(name);
      return;
    }
    case 'mailboxes':
      expectNone(args);
      (await import('./cli/mailboxes.ts')).listMailboxes();
      return;
    case 'release':
      await (await import('./cli/release.ts')).release(onlyArgument(command, 'NAME', args));
      return;
    case 'ban':
      await (await import('./cli/ban.ts')).ban(onlyArgument(command, 'NAME', args));
      return;
    case 'backup':
      (await import('./cli/backup.ts')).backup(onlyArgument(command, 'FILE', args));
      return;
    case 'restore':
      (await import('./cli/restore.ts')).restoreFrom(onlyArgument(command, 'FILE', args));
      return;
    case 'bridge':
      await (await import('./cli/bridge.ts')).bridge(version, args);
      return;
    case '--version':
      expectNone(args);
      process.stdout.write(`${version}\n`);
      return;
    case '--help':
      expectNone(args);
      process.stdout.write(`${HELP}${(await import('./config.ts')).settingsHelp()}\n`);
      return;
    default:
      throw new UsageError(`There is no ${command.startsWith('-') ? 'option' : 'command'} ${JSON.stringify(command)}.`);
  }
}

function onlyArgument(command: string, what: string, [argument, ...rest]: readonly string[]): string {
  if (argument === undefined || argument === '') throw new UsageError(`${command} takes one ${what}.`);
  expectNone(rest);
  return argument;
}

function expectNone(args: readonly string[]): void {
  if (args.length > 0) throw new UsageError(`${JSON.stringify(args[0])} is one word too many.`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const exitCode =
    error instanceof UsageError
      ? EXIT_USAGE
      : error instanceof Error && 'exitCode' in error
        ? Number(error.exitCode)
        : undefined;
  // A fault of ours keeps its stack; what the operator can mend is one line.
  if (exitCode === undefined) throw error;
  const hint = exitCode === EXIT_USAGE ? ' Try magi-exchange --help.' : '';
  process.stderr.write(`magi-exchange: ${(error as Error).message}${hint}\n`);
  process.exit(exitCode);
});
