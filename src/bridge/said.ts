/** What a tool says: a text that stands by itself, since many assistants show nothing else, and the same as data. */
export interface Said {
  readonly text: string;
  readonly data: { readonly status: string; readonly [field: string]: unknown };
  /** The call did not do what was asked. */
  readonly isError?: boolean;
}

/** Nothing was done. `text` says what to do. */
export function refused(text: string, more: Record<string, unknown> = {}): Said {
  return { text, data: { status: 'refused', ...more }, isError: true };
}
