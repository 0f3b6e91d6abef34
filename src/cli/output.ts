/**
 * What a command prints: lines for people on a terminal, plain ones with tabs in a pipe, or one JSON document. Everything goes through
 * `visible`, so that no text of others reaches a terminal as it is.
 */
import { styleText } from 'node:util';
import { EXIT, PROGRAM } from './exit.ts';
import { fit, visible, visibleJson, visibleLines, widthOf } from './visible.ts';

type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';
/** A part of a line. Styles show on a terminal that has colours, unless NO_COLOR is set. */
export type Piece = string | { readonly style: Style; readonly text: string };

const styled = (style: Style) => (text: string) => ({ style, text });
export const bold = styled('bold');
export const dim = styled('dim');
export const green = styled('green');
export const yellow = styled('yellow');
export const red = styled('red');
export const cyan = styled('cyan');

const COLUMNS_DEFAULT = 80;
const GAP = '  ';
const CELL_MIN = 8;

export interface Column {
  readonly head: string;
  /** May be cut off when the terminal is too narrow. */
  readonly isLong?: boolean;
}

export class Output {
  readonly isJson: boolean;
  /** Whether a person reads the output as it is. */
  readonly isTerminal = process.stdout.isTTY === true;

  constructor(isJson: boolean) {
    this.isJson = isJson;
    // Who has read enough closes the pipe: there is nobody to work for any more.
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit(EXIT.ok);
    });
  }

  /** One line, which the terminal breaks anywhere: what may be copied. */
  say(...pieces: readonly Piece[]): void {
    if (!this.isJson) write(process.stdout, pieces);
  }

  /** A sentence; on a terminal broken between words. */
  tell(...pieces: readonly Piece[]): void {
    this.hang(0, ...pieces);
  }

  /** As tell; every line but the first begins with so many spaces. */
  hang(indent: number, ...pieces: readonly Piece[]): void {
    if (!this.isJson) write(process.stdout, wrapped(process.stdout, pieces, indent));
  }

  /** A text of several lines; the terminal wraps them. */
  text(text: string, indent = ''): void {
    for (const line of visibleLines(text)) if (!this.isJson) process.stdout.write(`${indent}${line}\n`);
  }

  /** Columns below one another on a terminal that fit into it; elsewhere one tab between two cells and no head. */
  table(columns: readonly Column[], rows: readonly (readonly Piece[])[]): void {
    if (this.isJson || rows.length === 0) return;
    if (!this.isTerminal) {
      for (const row of rows) process.stdout.write(`${row.map((cell) => visible(textOf(cell))).join('\t')}\n`);
      return;
    }
    const widths = fitting(columns, rows);
    const line = (cells: readonly Piece[]) =>
      cells.flatMap((cell, at): Piece[] => {
        const width = widths[at] ?? 0;
        const text = fit(visible(textOf(cell)), width);
        const gap = at === cells.length - 1 ? '' : ' '.repeat(width - widthOf(text)) + GAP;
        return [typeof cell === 'string' ? text : { ...cell, text }, gap];
      });
    write(process.stdout, line(columns.map(({ head }) => dim(head))));
    for (const row of rows) write(process.stdout, line(row));
  }

  /** The document of `--json`. */
  json(document: unknown): void {
    if (this.isJson) process.stdout.write(`${visibleJson(document)}\n`);
  }

  /** With `--json`, one of several documents that come one after the other: each on a line. */
  jsonLine(document: unknown): void {
    if (this.isJson) process.stdout.write(`${visibleJson(document, 0)}\n`);
  }

  /** For the person who watches, beside what the command is for. */
  note(...pieces: readonly Piece[]): void {
    if (!this.isJson && process.stderr.isTTY) write(process.stderr, wrapped(process.stderr, pieces));
  }

  /** Something is wrong. One line on standard error, wherever it goes. */
  warn(message: string): void {
    write(process.stderr, wrapped(process.stderr, [`${PROGRAM}: ${message}`]));
  }
}

function write(stream: NodeJS.WriteStream, pieces: readonly (Piece | typeof BREAK)[]): void {
  const texts = pieces.map((piece) => {
    if (piece === BREAK) return '\n';
    return typeof piece === 'string' ? visible(piece) : styleText(piece.style, visible(piece.text), { stream });
  });
  stream.write(`${texts.join('')}\n`);
}

const BREAK = Symbol('line break');

/** With breaks between words where a line would be longer than the terminal is wide. */
function wrapped(stream: NodeJS.WriteStream, pieces: readonly Piece[], indent = 0): readonly (Piece | typeof BREAK)[] {
  if (!stream.isTTY) return pieces;
  const columns = stream.columns || COLUMNS_DEFAULT;
  let column = 0;
  return pieces.flatMap((piece) => {
    const lines = [''];
    for (const word of textOf(piece).split(/(?<= )/)) {
      if (column > indent && column + widthOf(visible(word.trimEnd())) > columns) {
        lines.push(' '.repeat(indent));
        column = indent;
      }
      lines.push(`${lines.pop()}${word}`);
      column += widthOf(visible(word));
    }
    const styled = (text: string): Piece => (typeof piece === 'string' ? text : { ...piece, text });
    return lines.flatMap((line, at) => (at === 0 ? [styled(line)] : [BREAK, styled(line)]));
  });
}

function textOf(piece: Piece): string {
  return typeof piece === 'string' ? piece : piece.text;
}

/** The width of each column: as wide as its widest cell; the widest long ones give way. */
function fitting(columns: readonly Column[], rows: readonly (readonly Piece[])[]): number[] {
  const widths = columns.map(({ head }, at) =>
    Math.max(head.length, ...rows.map((row) => widthOf(visible(textOf(row[at] ?? ''))))),
  );
  const room = (process.stdout.columns || COLUMNS_DEFAULT) - GAP.length * (columns.length - 1);
  for (;;) {
    const over = widths.reduce((sum, width) => sum + width, 0) - room;
    const widest = Math.max(...widths.filter((_, at) => columns[at]?.isLong));
    if (over <= 0 || widest <= CELL_MIN) return widths;
    const at = widths.findIndex((width, index) => columns[index]?.isLong && width === widest);
    widths[at] = widest - 1;
  }
}
