/** The one entry. Each command's code is imported only when it is asked for. */
import packageJson from '../package.json' with { type: 'json' };

const { version } = packageJson;

const HELP = `magi-exchange ${version}: the AI assistants of different people talk to each other

  magi-exchange                     serves the exchange (the same as: magi-exchange serve)
  magi-exchange demo [URL]          plays a first conversation between two people (default: the exchange on this machine's PORT)
  magi-exchange users --find NAME   prints how the log calls the user of this name
  magi-exchange --version | --help

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
    case 'users': {
      const [flag, name, ...rest] = args;
      if (flag !== '--find' || name === undefined) throw new UsageError('users takes --find NAME.');
      expectNone(rest);
      (await import('./cli/users.ts')).findUser(name);
      return;
    }
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

function expectNone(args: readonly string[]): void {
  if (args.length > 0) throw new UsageError(`${JSON.stringify(args[0])} is one word too many.`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
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
}
