/**
 * A JSON text as people and editors keep it: with comments, trailing commas, a byte order mark. Read with the place of everything in it, so
 * that a change touches nothing else (json-edit.ts).
 */

interface Place {
  /** Where it begins and ends, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

export interface Member extends Place {
  readonly key: string;
  readonly value: Node;
  /** Where the comma after it is. */
  comma: number | undefined;
}

export interface Item extends Place {
  readonly value: Node;
  comma: number | undefined;
}

export type Node =
  | (Place & { readonly kind: 'object'; readonly elements: readonly Member[] })
  | (Place & { readonly kind: 'array'; readonly elements: readonly Item[] })
  | (Place & { readonly kind: 'plain'; readonly value: string | number | boolean | null });

/** The text is none that can be changed. `message` ends without a full stop. */
export class BadText extends Error {
  /** From 1. */
  readonly line: number;

  constructor(text: string, at: number, message: string) {
    super(message);
    this.line = lineAt(text, at);
  }
}

/** Nobody's settings are nested so deep. */
const DEPTH_MAX = 100;
const BLANK = /[ \t\r\n]*/y;
const LINE = /[^\r\n]*/y;
const PLAIN = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON does not allow them in strings
const STRING = /"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y;

/** From 1. */
export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length;
}

/** Undefined: nothing but blanks and comments. Throws BadText. */
export function parseJson(text: string): Node | undefined {
  return new Parser(text).document();
}

/** What the text means. */
export function meaningOf(node: Node): unknown {
  if (node.kind === 'plain') return node.value;
  if (node.kind === 'array') return node.elements.map(({ value }) => meaningOf(value));
  return Object.fromEntries(node.elements.map(({ key, value }) => [key, meaningOf(value)]));
}

/** Behind blanks and comments that begin at `at`. Throws BadText for a comment without an end. */
function skipBlanks(text: string, at: number): number {
  for (;;) {
    BLANK.lastIndex = at;
    BLANK.test(text);
    at = BLANK.lastIndex;
    const end = skipComment(text, at);
    if (end === at) return at;
    at = end;
  }
}

/** Behind the comment that begins at `at`, before the line break if it is one of a line; `at` itself if there is none. */
export function skipComment(text: string, at: number): number {
  if (text.startsWith('//', at)) {
    LINE.lastIndex = at;
    LINE.test(text);
    return LINE.lastIndex;
  }
  if (!text.startsWith('/*', at)) return at;
  const end = text.indexOf('*/', at + 2);
  if (end < 0) throw new BadText(text, at, 'a comment without an end');
  return end + 2;
}

class Parser {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  document(): Node | undefined {
    this.#skip();
    if (this.#at === this.#text.length) return undefined;
    const node = this.#node(0);
    this.#skip();
    if (this.#at < this.#text.length) throw this.#bad('something after the end');
    return node;
  }

  #node(depth: number): Node {
    if (depth > DEPTH_MAX) throw this.#bad('nested too deep');
    const start = this.#at;
    const next = this.#text[start];
    if (next === '{') {
      const elements = this.#elements('}', (): Member => {
        const at = this.#at;
        const key = this.#string();
        this.#skip();
        this.#expect(':', 'a colon');
        this.#skip();
        const value = this.#node(depth + 1);
        return { key, value, start: at, end: value.end, comma: undefined };
      });
      return { kind: 'object', elements, start, end: this.#at };
    }
    if (next === '[') {
      const elements = this.#elements(']', (): Item => {
        const value = this.#node(depth + 1);
        return { value, start: value.start, end: value.end, comma: undefined };
      });
      return { kind: 'array', elements, start, end: this.#at };
    }
    const value = next === '"' ? this.#string() : (JSON.parse(this.#matched(PLAIN, 'a value')) as number);
    return { kind: 'plain', value, start, end: this.#at };
  }

  #elements<T extends { comma: number | undefined }>(close: string, read: () => T): T[] {
    const elements: T[] = [];
    const opened = this.#at++;
    for (;;) {
      this.#skip();
      if (this.#at === this.#text.length) throw new BadText(this.#text, opened, `no ${close} for what is opened here`);
      if (this.#text[this.#at] === close) break;
      const last = elements.at(-1);
      if (last !== undefined && last.comma === undefined) throw this.#bad(`a comma or ${close} is missing`);
      const element = read();
      elements.push(element);
      this.#skip();
      if (this.#text[this.#at] === ',') element.comma = this.#at++;
    }
    this.#at++;
    return elements;
  }

  #string(): string {
    return JSON.parse(this.#matched(STRING, 'a text in double quotes')) as string;
  }

  #matched(pattern: RegExp, what: string): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) throw this.#bad(`${what} is missing`);
    this.#at += found.length;
    return found;
  }

  #expect(character: string, what: string): void {
    if (this.#text[this.#at] !== character) throw this.#bad(`${what} is missing`);
    this.#at++;
  }

  #skip(): void {
    this.#at = skipBlanks(this.#text, this.#at);
  }

  #bad(message: string): BadText {
    return new BadText(this.#text, this.#at, message);
  }
}
