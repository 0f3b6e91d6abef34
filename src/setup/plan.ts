/**
 * What setup will do to the files of an assistant, before it does it: each change to be shown, then all of them made. What is written is
 * remembered, so that it can be undone exactly: a file that nobody has touched since becomes what it was, byte for byte; from one that
 * has changed, only what was added is taken out.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MagiError } from '../client/errors.ts';
import type { Part } from './assistants.ts';
import { type Found, makeFolderOf, readText, removeFile, removeFoldersOf, replaceText } from './files.ts';
import { type Change, type Edited, find, type Path, removeMember } from './json-edit.ts';
import { BadText } from './json-text.ts';

/** In the person's folder. */
const RECORD_FILE = 'setup.json';
/** What the file was before, beside it. */
const BEFORE = '.before-magi-exchange';

/** What was done to a file. */
interface Done {
  /** Objects and lists that were made. */
  readonly made: readonly Path[];
  readonly isNew: boolean;
  /** The outermost folder that was made for it. */
  readonly folder?: string | undefined;
  /** SHA-256 of the file before and after. `before` undefined: it can only be taken out. */
  readonly before?: string | undefined;
  readonly after: string;
}

type Record_ = Readonly<Record<string, Done>>;

/** One file that will change. */
export interface Step {
  /** As its owner knows it; `found.path` is where it really is. */
  readonly path: string;
  readonly found: Found;
  readonly changes: readonly Change[];
  /** Undefined: the file goes. */
  readonly text: string | undefined;
  readonly done: Done | undefined;
  /** What it was is kept beside it, or no longer. */
  readonly before: 'keep' | 'replace' | 'remove';
}

/** What has to be written for the assistant; nothing for files in which it stands. Throws MagiError `bad_settings`. */
export function planSetting(parts: readonly Part[], home: string): Step[] {
  const record = readRecord(home);
  return parts.flatMap((part): Step[] => {
    const found = readText(part.path);
    const edited = named(part.path, () => part.set(found.text ?? ''));
    if (edited.changes.length === 0) return [];
    const old = record[found.path];
    const isUntouched = old !== undefined && found.text !== undefined && digest(found.text) === old.after;
    const done: Done = {
      made: [...(old?.made ?? []), ...edited.made],
      isNew: old?.isNew ?? found.text === undefined,
      folder: old?.folder,
      before: isUntouched ? old.before : old === undefined && found.text !== undefined ? digest(found.text) : undefined,
      after: digest(edited.text),
    };
    const { changes, text } = edited;
    return [{ path: part.path, found, changes, text, done, before: isUntouched ? 'keep' : 'replace' }];
  });
}

/** What has to be taken out again. Throws MagiError `bad_settings`. */
export function planRemoving(parts: readonly Part[], home: string): Step[] {
  const record = readRecord(home);
  return parts.flatMap((part): Step[] => {
    const found = readText(part.path);
    if (found.text === undefined) return [];
    const edited = named(part.path, () => part.unset(found.text ?? ''));
    const old = record[found.path];
    if (edited.changes.length === 0) return [];
    const step = { path: part.path, found, changes: edited.changes, done: undefined };
    const before = old === undefined ? undefined : textBefore(found, old);
    if (before !== undefined) return [{ ...step, text: before.text, before: 'remove' }];
    const text = withoutEmpty(edited, old?.made ?? []);
    const isEmpty = old?.isNew === true && isNothing(text);
    return [{ ...step, text: isEmpty ? undefined : text, before: 'remove' }];
  });
}

/** Does it. Throws MagiError `storage_failed`, or `bad_settings` for a file that has changed meanwhile. */
export function carryOut(steps: readonly Step[], home: string): void {
  for (const { path, found } of steps)
    if (readText(path).text !== found.text)
      throw new MagiError(
        'bad_settings',
        `${path} has just been changed by another program. Nothing was changed; try again.`,
      );
  for (const step of steps) carryOutOne(step, home);
}

function carryOutOne({ found, text, done, before }: Step, home: string): void {
  const { path, mode } = found;
  const record = { ...readRecord(home) };
  const folder = makeFolderOf(path);
  if (before === 'replace' && found.text !== undefined) replaceText(`${path}${BEFORE}`, found.text, mode);
  if (text === undefined) removeFile(path);
  else replaceText(path, text, mode);
  if (before === 'remove') removeFile(`${path}${BEFORE}`);
  const old = record[path];
  if (done === undefined) delete record[path];
  else record[path] = { ...done, folder: done.folder ?? folder };
  writeRecord(home, record);
  if (text === undefined && old?.folder !== undefined) removeFoldersOf(path, old.folder);
}

/** What the file was before setup, if nobody has touched it since and that is still beside it. */
function textBefore(
  { path, text = '' }: Found,
  { isNew, before, after }: Done,
): { text: string | undefined } | undefined {
  if (digest(text) !== after) return undefined;
  if (isNew) return { text: undefined };
  if (before === undefined || !existsSync(`${path}${BEFORE}`)) return undefined;
  const kept = readText(`${path}${BEFORE}`).text;
  return kept !== undefined && digest(kept) === before ? { text: kept } : undefined;
}

/** Without the objects and lists that were made, as far as nothing is in them. Innermost first. */
function withoutEmpty({ text }: Edited, made: readonly Path[]): string {
  for (const path of made.toReversed()) {
    const node = find(text, path);
    if (node !== undefined && node.kind !== 'plain' && node.elements.length === 0) text = removeMember(text, path).text;
  }
  return text;
}

function isNothing(text: string): boolean {
  return /^\s*(\{\s*\})?\s*$/.test(text);
}

function named(path: string, edit: () => Edited): Edited {
  try {
    return edit();
  } catch (error) {
    if (!(error instanceof BadText)) throw error;
    throw new MagiError('bad_settings', `${path}, line ${error.line}: ${error.message}. Nothing was changed.`);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function readRecord(home: string): Record_ {
  const path = join(home, RECORD_FILE);
  if (!existsSync(path)) return {};
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { files?: Record_ }).files ?? {};
  } catch {
    throw new MagiError(
      'bad_settings',
      `${path} cannot be read: remove it, and what was written is found by its looks.`,
    );
  }
}

function writeRecord(home: string, files: Record_): void {
  const path = join(home, RECORD_FILE);
  if (Object.keys(files).length === 0) removeFile(path);
  else replaceText(path, `${JSON.stringify({ files }, undefined, 2)}\n`);
}
