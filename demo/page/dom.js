// @ts-check
/** Finding and making elements. */

/**
 * Returns the element with this id, which is of this class. Throws where the page has none: a bug.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`The page has no ${kind.name} with the id ${id}.`);
  return element;
}

/**
 * Returns the part of that name inside `root`, which is of this class. Throws where there is none.
 * @template {HTMLElement} T
 * @param {HTMLElement} root
 * @param {string} name
 * @param {new () => T} kind
 * @returns {T}
 */
export function part(root, name, kind) {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof kind)) throw new Error(`${root.id} has no ${kind.name} as its part ${name}.`);
  return element;
}

/**
 * Returns a new element with these properties and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Partial<HTMLElementTagNameMap[K]>} [properties]
 * @param {Array<Node | string>} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/**
 * Returns the 2D context of a canvas. Throws where the browser has none to give.
 * @param {HTMLCanvasElement} canvas
 */
export function contextOf(canvas) {
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser gives no 2D canvas: close other tabs and try again.');
  return context;
}

/**
 * Tells a sentence to those who do not see the page.
 * @param {string} sentence
 */
export function announce(sentence) {
  byId('announcer', HTMLElement).textContent = sentence;
}
