// @ts-check
/**
 * Tabs as the ARIA Authoring Practices describe them: one tab stop for the list, arrows move and
 * choose. The chosen tab is in the address (#segment), so that it can be linked to and gone back to.
 */

/** Ids are tab-NAME and panel-NAME; the first is the one to begin with. */
export class Tabs {
  /** @type {HTMLElement[]} */
  #tabs;
  #opened;
  /** @type {string | null} */
  #current = null;

  /**
   * @param {HTMLElement} list the element with role tablist
   * @param {(name: string, before: string | null) => void} opened called when another tab is chosen
   */
  constructor(list, opened) {
    this.#opened = opened;
    this.#tabs = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('[role="tab"]')]);
    for (const tab of this.#tabs) tab.addEventListener('click', () => this.#go(nameOf(tab)));
    list.addEventListener('keydown', (event) => this.#key(event));
    addEventListener('hashchange', () => this.#follow());
    this.#follow();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const at = this.#tabs.findIndex((tab) => nameOf(tab) === this.#current);
    const last = this.#tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
    const tab = to === undefined ? undefined : this.#tabs[to];
    if (!tab) return;
    event.preventDefault();
    tab.focus();
    this.#go(nameOf(tab));
  }

  /** @param {string} name */
  #go(name) {
    location.hash = name;
    this.#choose(name);
  }

  #follow() {
    const wanted = location.hash.slice(1);
    const known = this.#tabs.some((tab) => nameOf(tab) === wanted);
    if (known) this.#choose(wanted);
    else if (this.#current === null && this.#tabs[0]) this.#choose(nameOf(this.#tabs[0]));
  }

  /** @param {string} name */
  #choose(name) {
    if (name === this.#current) return;
    const before = this.#current;
    this.#current = name;
    for (const tab of this.#tabs) {
      const chosen = nameOf(tab) === name;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute('aria-controls') ?? '');
      // Focus that would vanish with its panel goes to the tab that took its place.
      if (panel && !chosen && panel.contains(document.activeElement)) this.#tabs.find((other) => nameOf(other) === name)?.focus();
      if (panel) panel.hidden = !chosen;
    }
    this.#opened(name, before);
  }
}

/** @param {HTMLElement} tab */
function nameOf(tab) {
  return tab.id.replace(/^tab-/, '');
}
