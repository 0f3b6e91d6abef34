/** Questions to the owner, who must be at a terminal: what only a person may decide is not decided by a program that calls this one. */
import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { MagiError } from '../client/errors.ts';
import { visible } from './visible.ts';

/** Standard input is a terminal: somebody may be there to ask. */
export function isAtTerminal(): boolean {
  return process.stdin.isTTY === true;
}

/** Throws MagiError `owner_needed` where nobody can be asked. `what`: as in "Approving". */
export function needOwner(what: string): void {
  if (!isAtTerminal())
    throw new MagiError('owner_needed', `${what} is for the owner alone: type this command in a terminal.`);
}

/** `question` gets " [y/N] " after it; whatever is not a yes is a no. */
export async function agrees(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await askLine(`${question} [y/N] `)).trim());
}

/** One line, without its end. */
export async function askLine(question: string): Promise<string> {
  const reader = createInterface({ input: process.stdin, output: process.stderr, terminal: true, historySize: 0 });
  return await lineOf(reader, (done) => reader.question(visible(question), done));
}

/** As askLine; what is typed is not shown. */
export async function askHidden(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  process.stderr.write(visible(question));
  try {
    return await lineOf(reader, (done) => reader.once('line', done));
  } finally {
    process.stderr.write('\n');
  }
}

/** Ctrl-C ends the command, Ctrl-D is an empty line. */
function lineOf(reader: Interface, ask: (done: (line: string) => void) => void): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    reader.once('SIGINT', () => reject(new MagiError('aborted', 'Nothing was done.')));
    reader.once('close', () => resolve(''));
    ask(resolve);
  }).finally(() => reader.close());
}
