// @ts-check
/** Which pictures are set apart, to tell by them whether a model gets better. */

// Enough to tell by, where that is a tenth of the pictures or more, and a fifth of them at most.
const WANTED = 32;
const LEAST_SHARE = 0.1;
const MOST_SHARE = 0.2;

/**
 * Returns for each picture whether it is set apart: a share of each class, and all of a recording or none, since its pictures resemble each other. Of a class whose pictures are all of one recording none is.
 * @param {readonly { label: string, burst: string | null }[]} pictures
 * @returns {boolean[]}
 */
export function setApart(pictures) {
  const apart = pictures.map(() => false);
  const share = Math.min(Math.max(WANTED / pictures.length, LEAST_SHARE), MOST_SHARE);
  /** @type {Map<string, Map<string, number[]>>} */
  const classes = new Map();
  for (const [i, { label, burst }] of pictures.entries()) {
    let groups = classes.get(label);
    if (!groups) classes.set(label, (groups = new Map()));
    const key = burst === null ? `picture ${i}` : `recording ${burst}`;
    groups.set(key, [...(groups.get(key) ?? []), i]);
  }
  for (const groups of classes.values()) {
    const total = [...groups.values()].reduce((sum, { length }) => sum + length, 0);
    const most = Math.max(Math.round(total * share), 1);
    let count = 0;
    const shuffled = scattered([...groups.values()]);
    for (const group of shuffled) {
      if (count + group.length > most) continue;
      count += group.length;
      for (const i of group) apart[i] = true;
    }
    if (count > 0) continue;
    // Recordings are longer than that: the shortest, if enough is left.
    const shortest = shuffled.reduce((a, b) => (b.length < a.length ? b : a), shuffled[0] ?? []);
    if (shortest.length * 2 <= total) for (const i of shortest) apart[i] = true;
  }
  return apart;
}

/**
 * Returns a list in an order that has nothing to do with how it was, and is the same each time.
 * @template T
 * @param {T[]} list
 */
function scattered(list) {
  let state = 1;
  for (let i = list.length - 1; i > 0; --i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [list[i], list[j]] = [/** @type {T} */ (list[j]), /** @type {T} */ (list[i])];
  }
  return list;
}
