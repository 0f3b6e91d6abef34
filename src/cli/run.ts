/** Runs one command of a person to its end: reads its options, ends it at Ctrl-C, tells what went wrong, returns the exit code. */
import { MagiError } from '../client/errors.ts';
import { Call } from './call.ts';
import { COMMANDS, type Command } from './commands.ts';
import { EXIT, type ExitCode, exitCodeOf, PROGRAM, UsageError } from './exit.ts';
import { Output } from './output.ts';

/** A command that is interrupted has so long to say what becomes of what it was doing. */
const FAREWELL_MS_MAX = 1_500;

/** `name` is one of COMMANDS. Errors that are nobody's mistake are thrown. */
export async function run(name: string, args: readonly string[]): Promise<ExitCode> {
  const command = COMMANDS[name] as Command;
  const interrupt = new AbortController();
  let call: Call | undefined;
  try {
    call = new Call(args, command.options ?? {}, interrupt.signal);
    if (call.flag('help')) {
      process.stdout.write((await import('./help.ts')).helpOf(name));
      return EXIT.ok;
    }
    const [min, max] = command.count;
    if (call.words.length < min) throw new UsageError(`${name} takes ${command.words}.`);
    if (call.words.length > max)
      throw new UsageError(
        `${JSON.stringify(call.words[max])} is one word too many: ${name} takes ${command.words || 'none'}.${hint(command)}`,
      );
    const { out } = call;
    return await interruptible(command.run(call), interrupt, (error) => report(name, error, out));
  } catch (error) {
    return report(name, error, call?.out ?? new Output(args.includes('--json')));
  } finally {
    await call?.end();
  }
}

/** The command's own end; at a signal, that of the signal. */
async function interruptible(
  running: Promise<ExitCode>,
  interrupt: AbortController,
  say: (error: MagiError) => void,
): Promise<ExitCode> {
  const stopped = Promise.withResolvers<ExitCode>();
  let code: ExitCode | undefined;
  const stop = (signalled: ExitCode) => () => {
    // Who presses Ctrl-C twice means it.
    if (code !== undefined) process.exit(code);
    code = signalled;
    // The terminal has shown ^C at the beginning of a line.
    if (process.stderr.isTTY) process.stderr.write('\n');
    interrupt.abort();
    setTimeout(() => stopped.resolve(signalled), FAREWELL_MS_MAX).unref();
  };
  const [interrupted, terminated] = [stop(EXIT.interrupted), stop(EXIT.terminated)];
  process.on('SIGINT', interrupted).on('SIGTERM', terminated);
  try {
    const ended = await Promise.race([running, stopped.promise]);
    return code ?? ended;
  } catch (error) {
    if (code === undefined || !(error instanceof MagiError) || error.code !== 'aborted') throw error;
    say(error);
    return code;
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', terminated);
  }
}

/** One line on standard error, and with `--json` a document beside it. */
function report(name: string, error: unknown, out: Output): ExitCode {
  if (error instanceof UsageError) {
    out.warn(`${error.message} Try ${PROGRAM} help ${name}.`);
    out.json({ error: { code: 'usage', message: error.message } });
    // A hook of an older or newer setup must not wake its session at every turn.
    return name === 'wait' ? EXIT.failed : EXIT.usage;
  }
  if (!(error instanceof MagiError)) throw error;
  const { code, message, retryAfterMs, id } = error;
  out.warn(message);
  out.json({
    error: {
      code,
      message,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(id === undefined ? {} : { id }),
    },
  });
  return exitCodeOf(error);
}

function hint({ words }: Command): string {
  return /TEXT|REASON/.test(words) ? ' Put quotes around a text of several words.' : '';
}
