/** Changes in a JSON text that leave everything else as it is, byte for byte: a member set or removed, an item added to a list. */
import { BadText, type Item, lineAt, type Member, meaningOf, type Node, parseJson, skipComment } from './json-text.ts';

/** Something that changes in a text, as it is shown to its owner. */
export interface Change {
  /** Of the text as it was, from 1. */
  readonly line: number;
  readonly removed: string;
  readonly added: string;
}

export interface Edited {
  readonly text: string;
  readonly changes: readonly Change[];
  /** Objects and lists that had to be made for it, outermost first. */
  readonly made: readonly Path[];
}

export type Path = readonly string[];

type Container = Extract<Node, { elements: readonly unknown[] }>;

/** Sets a member, making the objects around it. Throws BadText when something else is in their place. */
export function setMember(text: string, path: Path, value: unknown): Edited {
  return put(text, path, value, path.length - 1, (old) =>
    JSON.stringify(meaningOf(old.value)) === JSON.stringify(value)
      ? unchanged(text)
      : replaceNode(text, old.value, value),
  );
}

/** Adds an item to a list, making the list and the objects around it. Throws BadText when something else is in their place. */
export function addItem(text: string, path: Path, value: unknown): Edited {
  return put(text, path, [value], path.length, (old) => {
    if (old.value.kind !== 'array') throw new BadText(text, old.start, `${path.join('.')} is no list`);
    return insert(text, old.value, { value });
  });
}

/** Puts a value in the place of another one. */
export function replaceNode(text: string, node: Node, value: unknown): Edited {
  return replace(text, node.start, node.end, written(text, value, indentAt(text, node.start)));
}

/** Removes a member, if it is there. */
export function removeMember(text: string, path: Path): Edited {
  const parent = find(text, path.slice(0, -1));
  const index = parent?.kind === 'object' ? parent.elements.findIndex(({ key }) => key === path.at(-1)) : -1;
  return parent?.kind !== 'object' || index < 0 ? unchanged(text) : remove(text, parent, index);
}

/** Removes the item at `index` of a list that is there. */
export function removeItem(text: string, list: Extract<Node, { kind: 'array' }>, index: number): Edited {
  return remove(text, list, index);
}

/** The node at the path; undefined if there is none. */
export function find(text: string, path: Path): Node | undefined {
  let node = parseJson(text);
  for (const key of path) {
    if (node?.kind !== 'object') return undefined;
    node = memberOf(text, node, key)?.value;
  }
  return node;
}

/** `work` if the member is there; else it is made, with what is missing around it: `containers` of the names are objects or lists. */
function put(text: string, path: Path, value: unknown, containers: number, work: (old: Member) => Edited): Edited {
  const missing = (depth: number) => ({
    inner: path.slice(depth + 1).reduceRight<unknown>((within, name) => ({ [name]: within }), value),
    made: Array.from({ length: Math.max(0, containers - depth) }, (_, more) => path.slice(0, depth + 1 + more)),
  });
  let parent = parseJson(text);
  if (parent === undefined) {
    const { inner, made } = missing(0);
    const added = `${JSON.stringify({ [path[0] ?? '']: inner }, undefined, 2)}\n`;
    return { text: `${text}${added}`, changes: [{ line: lineAt(text, text.length), removed: '', added }], made };
  }
  for (const [depth, key] of path.entries()) {
    if (parent.kind !== 'object')
      throw new BadText(text, parent.start, `${path.slice(0, depth).join('.') || 'the whole'} is no object`);
    const old = memberOf(text, parent, key);
    if (old === undefined) {
      const { inner, made } = missing(depth);
      return { ...insert(text, parent, { key, value: inner }), made };
    }
    if (depth === path.length - 1) return work(old);
    parent = old.value;
  }
  return unchanged(text);
}

function memberOf(text: string, { elements }: Extract<Node, { kind: 'object' }>, key: string): Member | undefined {
  const [member, another] = elements.filter((one) => one.key === key);
  // Readers differ in which of the two counts.
  if (another !== undefined) throw new BadText(text, another.start, `${JSON.stringify(key)} stands here twice`);
  return member;
}

function insert(text: string, container: Container, element: { key?: string; value: unknown }): Edited {
  const last = container.elements.at(-1);
  const first = container.elements[0];
  const own = indentAt(text, container.start);
  const isInline = first !== undefined && !/[\r\n]/.test(text.slice(container.start, first.start));
  const indent = first === undefined || isInline ? own + unitOf(text) : indentAt(text, first.start);
  const isNew = first === undefined;
  const body = isInline ? JSON.stringify(element.value) : written(text, element.value, indent);
  const whole = element.key === undefined ? body : `${JSON.stringify(element.key)}: ${body}`;
  const before = isInline ? ' ' : eolOf(text) + indent;
  if (isNew) {
    const inner = text.slice(container.start + 1, container.end - 1);
    const at = container.start + 1 + inner.trimEnd().length;
    const after = /[\r\n]/.test(text.slice(at, container.end - 1)) ? '' : eolOf(text) + own;
    const removed = after === '' ? 0 : container.end - 1 - at;
    return replace(text, at, at + removed, `${before}${whole}${after}`);
  }
  const end = last?.comma === undefined ? (last?.end ?? 0) : last.comma + 1;
  // What is said behind the last one on its line stays with it.
  const at = isInline ? end : behindComments(text, end);
  const added = replace(text, at, at, `${before}${whole}${last?.comma === undefined ? '' : ','}`);
  if (last?.comma !== undefined) return added;
  return { ...added, text: `${text.slice(0, end)},${added.text.slice(end)}` };
}

function remove(text: string, container: Container, index: number): Edited {
  const element = container.elements[index] as Member | Item;
  const previous = container.elements[index - 1];
  let start = element.start;
  while (/[ \t\r\n]/.test(text[start - 1] ?? '')) start--;
  let end = element.comma === undefined ? element.end : element.comma + 1;
  const isOnly = container.elements.length === 1;
  if (
    isOnly &&
    text.slice(container.start + 1, start).trim() === '' &&
    text.slice(end, container.end - 1).trim() === ''
  )
    [start, end] = [container.start + 1, container.end - 1];
  const cut = replace(text, start, end, '');
  if (element.comma !== undefined || previous?.comma === undefined) return cut;
  return { ...cut, text: cut.text.slice(0, previous.comma) + cut.text.slice(previous.comma + 1) };
}

function behindComments(text: string, end: number): number {
  let at = end;
  for (;;) {
    const next = at + (/^[ \t]*/.exec(text.slice(at))?.[0].length ?? 0);
    const behind = skipComment(text, next);
    if (behind === next) return at;
    at = behind;
  }
}

function replace(text: string, start: number, end: number, added: string): Edited {
  const removed = text.slice(start, end);
  const skipped = /^\s*/.exec(removed === '' ? added : removed)?.[0] ?? '';
  const line = lineAt(text, start) + (removed === '' ? 0 : skipped.split('\n').length - 1);
  return { text: text.slice(0, start) + added + text.slice(end), changes: [{ line, removed, added }], made: [] };
}

function unchanged(text: string): Edited {
  return { text, changes: [], made: [] };
}

function written(text: string, value: unknown, indent: string): string {
  return JSON.stringify(value, undefined, unitOf(text)).replaceAll('\n', eolOf(text) + indent);
}

/** The blanks at the beginning of the line. */
function indentAt(text: string, at: number): string {
  const start = Math.max(text.lastIndexOf('\n', at - 1), text.lastIndexOf('\r', at - 1)) + 1;
  return /^[ \t]*/.exec(text.slice(start, at))?.[0] ?? '';
}

/** One step of the text's own indentation. */
function unitOf(text: string): string {
  return /[\r\n]([ \t]+)["[{]/.exec(text)?.[1] ?? '  ';
}

function eolOf(text: string): string {
  return /\r\n|\n|\r/.exec(text)?.[0] ?? '\n';
}
