/** One command as it was typed: its words and options, read and checked, and where its output goes. */
import { type ParseArgsOptionDescriptor, parseArgs } from 'node:util';
import type { Given } from '../client/settings.ts';
import { CONTENT_BYTES_MAX } from '../protocol/messages.ts';
import { UsageError } from './exit.ts';
import { Output } from './output.ts';

interface Option extends ParseArgsOptionDescriptor {
  /** How the help calls its value; none for a switch. */
  readonly takes?: string;
  readonly meaning: string;
}

export type Options = Readonly<Record<string, Option>>;

/** What every command of a person takes. */
export const COMMON: Options = {
  json: { type: 'boolean', meaning: 'print one JSON document' },
  server: { type: 'string', takes: 'URL', meaning: 'where the exchange is' },
  username: { type: 'string', takes: 'NAME', meaning: 'who you are there' },
  nickname: { type: 'string', takes: 'NAME', meaning: 'how friends see you' },
  home: { type: 'string', takes: 'FOLDER', meaning: 'where your key and your messages are (~/.magi)' },
  insecure: { type: 'boolean', meaning: 'plain ws:// to another machine is meant' },
  help: { type: 'boolean', short: 'h', meaning: 'print what this command takes' },
};

export class Call {
  readonly words: readonly string[];
  readonly out: Output;
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #ends: (() => Promise<void>)[] = [];

  /** Throws UsageError for an option that is not there or misses its value. */
  constructor(args: readonly string[], options: Options, signal: AbortSignal) {
    try {
      const { values, positionals } = parseArgs({
        args: [...args],
        options: { ...COMMON, ...options },
        allowPositionals: true,
      });
      this.#values = values;
      this.words = positionals;
    } catch (error) {
      throw new UsageError(sentenceOf(error as NodeJS.ErrnoException));
    }
    this.out = new Output(this.flag('json'));
    this.signal = signal;
  }

  /** The settings among the options. */
  get given(): Given {
    return {
      server: this.value('server'),
      username: this.value('username') ?? this.value('name'),
      nickname: this.value('nickname'),
      home: this.value('home'),
      insecure: this.flag('insecure') ? true : undefined,
    };
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  value(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** A whole number of at least `min`. Throws UsageError. */
  number(name: string, min: number): number | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text) || Number(text) < min)
      throw new UsageError(`--${name} takes a whole number of at least ${min}.`);
    return Number(text);
  }

  /** Milliseconds, given in seconds. Throws UsageError. */
  seconds(name: string): number | undefined {
    const text = this.value(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,7}(\.\d{1,3})?$/.test(text)) throw new UsageError(`--${name} takes a number of seconds.`);
    return Math.round(Number(text) * 1000);
  }

  /** The word at `index`, or what standard input holds if that is `-`. Throws UsageError when it is no text to send. */
  async text(index: number): Promise<string> {
    const word = this.words[index] ?? '';
    const text = word === '-' ? await readInput() : word;
    if (text.trim() === '') throw new UsageError('There is no text to send.');
    return text;
  }

  /** Is done when the command has ended, however it ends. */
  atEnd(work: () => Promise<void>): void {
    this.#ends.push(work);
  }

  async end(): Promise<void> {
    for (const work of this.#ends.splice(0)) await work();
  }
}

/** What parseArgs says is several sentences, some over several lines. */
function sentenceOf({ code, message }: NodeJS.ErrnoException): string {
  const first = message.split(/\n|\. (?=To )/)[0]?.replace(/\.?$/, '.') ?? '';
  return code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? `${first} Text that begins with - goes after --.` : first;
}

/** All of standard input, without the line break at its end, which shells and editors add. */
async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > CONTENT_BYTES_MAX + 2) throw new UsageError(`A text has at most ${CONTENT_BYTES_MAX} bytes.`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      .decode(Buffer.concat(chunks))
      .replace(/\r?\n$/, '');
  } catch {
    throw new UsageError('Standard input is not UTF-8.');
  }
}
