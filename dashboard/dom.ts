/** The few things every part of the page does with the document. Text only: nothing here can be read as markup. */

/** The element of that id in index.html; a missing one is our mistake and stops the page. */
export function part<T extends HTMLElement>(id: string, kind: new () => T): T;
export function part(id: string): HTMLElement;
export function part(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return element;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = '',
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** Sets the text only if it changed: once a second, most of the page has nothing new to say. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
