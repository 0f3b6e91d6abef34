/** What the demo prints: lines of at most 80 columns, with colours on a terminal that has them. */
import { styleText } from 'node:util';
import { fit, visible, widthOf } from '../../src/cli/visible.ts';

const COLUMNS = 80;
const INDENT = '   ';
const NAME_COLUMNS = 7;
const HANGING = ' '.repeat(INDENT.length + NAME_COLUMNS + 2);
/** Room behind a mark. */
const LINE_COLUMNS = COLUMNS - HANGING.length;
const BAR = '│ ';
/** Room for what is quoted. */
export const QUOTED_COLUMNS = COLUMNS - INDENT.length - BAR.length;

/** Between who and what. Told: by the progress of a call that waits. */
const MARKS = { calls: '→', reads: '←', woken: '!', asked: '?', told: '·', done: '✓' } as const;
type Style = Parameters<typeof styleText>[0];
const MARK_STYLES: Readonly<Partial<Record<keyof typeof MARKS, Style>>> = { woken: 'yellow', asked: 'yellow' };
const NAME_STYLES: Readonly<Record<string, Style>> = { ada: 'cyan', grace: 'magenta' };

/** An envelope (protocol part 8) as it stands in the result of a tool. */
const ENVELOPE = /⟦magi-exchange:[^⟧]*⟧\n\{.*\}\n⟦begin (\w+)⟧\n([\s\S]*?)\n⟦end \1⟧/g;

/** The envelope, without what the tool says around it. */
export function envelopeIn(text: string): string {
  return text.match(ENVELOPE)?.[0] ?? '';
}

/** A result in which each envelope is two marks, for those who have seen a whole one. */
export function folded(text: string): string {
  return text.replaceAll(ENVELOPE, '⟦…⟧ $2 ⟦…⟧').replaceAll(/\s+/g, ' ').trim();
}

export class Page {
  /** Who the line is about that may still go on, and how much room it has. */
  #who = '';
  #room = 0;

  plain(text: string, style?: Style): void {
    this.end();
    for (const line of wrapped(text, COLUMNS)) process.stdout.write(`${styled(line, style)}\n`);
  }

  heading(text: string): void {
    this.plain(`── ${text} `.padEnd(COLUMNS, '─'), 'bold');
  }

  /** What happens outside of any assistant. */
  tell(text: string, style?: Style): void {
    this.plain(`${INDENT}${text}`, style);
  }

  /** In two lines at most; behind what came before of the same one, if there is room. */
  line(who: string, mark: keyof typeof MARKS, text = ''): void {
    const shown = visible(text);
    const head = styled(MARKS[mark], MARK_STYLES[mark] ?? 'dim');
    const columns = 1 + widthOf(`${MARKS[mark]} ${shown}`.trimEnd());
    if (who === this.#who && mark !== 'calls' && columns <= this.#room) {
      process.stdout.write(` ${head} ${shown}`.trimEnd());
      this.#room -= columns;
      return;
    }
    const name = (who === this.#who ? '' : who).padEnd(NAME_COLUMNS);
    this.end();
    const lines = excerpt(shown);
    process.stdout.write(`${INDENT}${styled(name, NAME_STYLES[who])}${head} ${lines.join(`\n${HANGING}`)}`);
    this.#who = who;
    this.#room = LINE_COLUMNS - widthOf(lines.at(-1) ?? '');
  }

  call(who: string, tool: string, args: Record<string, unknown>): void {
    this.line(who, 'calls', `${tool} ${JSON.stringify(args)}`);
  }

  /** By the owner, in a terminal. */
  typed(owner: string, command: readonly string[]): void {
    const name = styled(`${owner.charAt(0).toUpperCase()}${owner.slice(1)}`, NAME_STYLES[owner]);
    this.end();
    process.stdout.write(`${INDENT}${name} types: magi ${command.join(' ')}\n`);
  }

  /** Word for word. */
  quote(text: string): void {
    this.end();
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    for (const line of lines.flatMap((line) => wrapped(line, QUOTED_COLUMNS)))
      process.stdout.write(`${INDENT}${styled(BAR, 'dim')}${line}\n`);
  }

  /** The line that may still go on does not. */
  end(): void {
    if (this.#who !== '') process.stdout.write('\n');
    this.#who = '';
  }
}

function styled(text: string, style?: Style): string {
  return style === undefined ? text : styleText(style, text, { stream: process.stdout });
}

/** Broken between words, in JSON between fields. */
function wrapped(text: string, columns: number): string[] {
  const lines = [''];
  for (const word of visible(text).split(/(?<= )|(?<=,)(?=")/)) {
    const line = lines.pop() ?? '';
    if (widthOf(`${line}${word.trimEnd()}`) <= columns) lines.push(`${line}${word}`);
    else lines.push(...(line === '' ? [] : [line.trimEnd()]), fit(word, columns));
  }
  return lines.map((line) => line.trimEnd());
}

/** Its first two lines, with room for a mark behind them where they are not all. */
function excerpt(text: string): string[] {
  const [first = '', second, more] = wrapped(text, LINE_COLUMNS);
  if (second === undefined) return [first];
  return [first, more === undefined ? second : `${fit(second, LINE_COLUMNS - 4).replace(/ *\S*…$/, '')} …`];
}
