/**
 * A block of one's own at the end of a TOML file, between two marks: written, replaced and removed without touching anything else. The file is
 * read as far as is needed to know that the block would mean what it says: nothing may be open where it begins, and nothing of the same
 * name may stand elsewhere.
 */
import type { Edited } from './json-edit.ts';
import { BadText, lineAt } from './json-text.ts';

const BEGIN = '# >>> magi-exchange: written by its setup, and removed by setup --remove >>>';
const END = '# <<< magi-exchange <<<';
const BLOCK = /(?:\r?\n)?# >>> magi-exchange:[^\n]*\n[\s\S]*?# <<< magi-exchange <<<[^\n]*(?:\n|$)/;

/** Sets the block, whose lines are `lines`; `table` is what it defines. Throws BadText. */
export function setBlock(text: string, table: readonly string[], lines: readonly string[]): Edited {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  const block = [BEGIN, ...lines, END, ''].join(eol);
  const old = findBlock(text);
  refuseOther(text, old, table);
  // A blank line before it, unless it is the first.
  const blank = text === '' ? '' : text.endsWith('\n') ? eol : eol + eol;
  const [start, end, removed] = old === undefined ? [text.length, text.length, ''] : [old.start, old.end, old.text];
  const added = (old === undefined ? blank : (/^\r?\n/.exec(removed)?.[0] ?? '')) + block;
  if (added === removed) return { text, changes: [], made: [] };
  const changes = [{ line: lineAt(text, start), removed, added }];
  return { text: text.slice(0, start) + added + text.slice(end), changes, made: [] };
}

/** Removes the block. Throws BadText if there is none, but the table. */
export function removeBlock(text: string, table: readonly string[]): Edited {
  const old = findBlock(text);
  if (old === undefined) {
    refuseOther(text, undefined, table);
    return { text, changes: [], made: [] };
  }
  const changes = [{ line: lineAt(text, old.start), removed: old.text, added: '' }];
  return { text: text.slice(0, old.start) + text.slice(old.end), changes, made: [] };
}

interface Block {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

function findBlock(text: string): Block | undefined {
  const found = BLOCK.exec(text);
  if (found === null) return undefined;
  return { start: found.index, end: found.index + found[0].length, text: found[0] };
}

/** Throws BadText if something is open where a block would begin, or if the table is there in another way. */
function refuseOther(text: string, block: Block | undefined, table: readonly string[]): void {
  let current: readonly string[] = [];
  const rest = block === undefined ? text : text.replace(block.text, block.text.replaceAll(/[^\r\n]/g, ' '));
  for (const { at, kind, keys, isClosed } of statements(rest)) {
    const full = kind === 'table' ? keys : [...current, ...keys];
    if (kind === 'table') current = keys;
    // Nothing can be added to `mcp_servers = {…}`.
    if (isClosed && full.length < table.length && startsWith(table, full))
      throw new BadText(text, at, `${full.join('.')} is written in braces, to which nothing can be added`);
    if (full.length >= table.length && startsWith(full, table))
      throw new BadText(text, at, `${table.join('.')} is there already, and was not written by this program`);
  }
}

function startsWith(one: readonly string[], other: readonly string[]): boolean {
  return other.every((key, at) => one[at] === key);
}

interface Statement {
  readonly at: number;
  readonly kind: 'table' | 'value';
  readonly keys: readonly string[];
  /** A value in braces. */
  readonly isClosed: boolean;
}

const KEY = /[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\r\n]|\\.)*)"|'([^'\r\n]*)')[ \t]*/y;

/** The tables and the keys with values, in order. Values are only skipped. Throws BadText. */
function* statements(text: string): Generator<Statement> {
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    at = behind(text, at, /[ \t\r\n]*(?:#[^\n]*)?/y);
    if (/[\r\n]/.test(text[at] ?? '\n')) {
      at++;
      continue;
    }
    const start = at;
    const brackets = /^\[\[?/.exec(text.slice(at, at + 2))?.[0] ?? '';
    at += brackets.length;
    const keys: string[] = [];
    do {
      KEY.lastIndex = at;
      const found = KEY.exec(text);
      if (found === null) throw new BadText(text, at, 'a name is missing');
      keys.push(found[1] ?? found[2] ?? found[3] ?? '');
      at = KEY.lastIndex;
    } while (text[at++] === '.');
    at--;
    const expected = brackets === '' ? '=' : ']'.repeat(brackets.length);
    if (!text.startsWith(expected, at)) throw new BadText(text, at, `${expected} is missing`);
    at = behind(text, at + expected.length, /[ \t]*/y);
    const isClosed = brackets === '' && text[at] === '{';
    if (brackets === '') at = skipValue(text, at);
    yield { at: start, kind: brackets === '' ? 'value' : 'table', keys, isClosed };
    const end = behind(text, at, /[ \t]*(?:#[^\n]*)?/y);
    if (!/[\r\n]/.test(text[end] ?? '\n')) throw new BadText(text, end, 'the line does not end where it should');
    at = end;
  }
}

const TEXT = /"""(?:[^"\\]|\\[\s\S]|"(?!""))*"{3,5}|'''[\s\S]*?'{3,5}|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'/y;

/** Behind the value that begins at `at`, over brackets and quotes. */
function skipValue(text: string, at: number): number {
  const open: { readonly at: number; readonly close: string }[] = [];
  const start = at;
  for (;;) {
    const next = text[at];
    if (next === undefined || (open.length === 0 && /[\r\n#]/.test(next))) break;
    if (next === '"' || next === "'") {
      const end = behind(text, at, TEXT);
      if (end === at) throw new BadText(text, at, 'quotes that are not closed');
      at = end;
    } else if (next === '#') at = behind(text, at, /[^\n]*/y);
    else {
      if (next === '[' || next === '{') open.push({ at, close: next === '[' ? ']' : '}' });
      else if ((next === ']' || next === '}') && open.pop()?.close !== next)
        throw new BadText(text, at, `${next} closes nothing`);
      at++;
    }
  }
  const last = open.at(-1);
  if (last !== undefined) throw new BadText(text, last.at, `no ${last.close} for what is opened here`);
  if (text.slice(start, at).trim() === '') throw new BadText(text, start, 'a value is missing');
  return at;
}

function behind(text: string, at: number, pattern: RegExp): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
