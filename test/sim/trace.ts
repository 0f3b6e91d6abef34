/** What has happened, in order: the latest events, or all of them. Nothing is put into words before somebody wants to read it. */

const LATEST = 40;
const WORD_MAX = 240;

export class Trace {
  readonly #isFull: boolean;
  #notes: { readonly now: number; readonly words: readonly unknown[] }[] = [];

  /** `isFull`: keeps everything. */
  constructor(isFull: boolean) {
    this.#isFull = isFull;
  }

  note(now: number, words: readonly unknown[]): void {
    this.#notes.push({ now, words });
    if (!this.#isFull && this.#notes.length >= 4 * LATEST) this.#notes = this.#notes.slice(-LATEST);
  }

  lines(): string[] {
    const notes = this.#isFull ? this.#notes : this.#notes.slice(-LATEST);
    return notes.map(({ now, words }) => {
      const shown = words.map((word) => {
        const text = String(word);
        return text.length > WORD_MAX ? `${text.slice(0, WORD_MAX)}…` : text;
      });
      return `${(now / 1_000).toFixed(3).padStart(9)}  ${shown.join(' ')}`;
    });
  }
}
