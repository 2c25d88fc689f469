/** `beit similar`: the nearest pictures of a batch of features, and pictures that are there more than once. */
import { writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { failure, isAddress } from './inputs.js';
import { factsOf } from './job.js';
import { modelSum } from './model-sum.js';
import { checkOptions, SIMILAR } from './options.js';
import { errorOf, rowOf } from './pictures.js';
import { openStore } from './stores.js';
import { openTask } from './tasks.js';
import { cosine, squaresOf, unit, vectorsOf } from './vectors.js';

// All pairs of so many take minutes; more are for a database of vectors.
const MOST_PAIRED = 30_000;

/**
 * Finds, exactly, the `count` nearest pictures of `set` (the output of a batch of features) to each of `pictures`, or with `duplicates`, a similarity, groups of
 * pictures that are at least so similar. A picture of the set needs no model; for others `openModel(name)` returns the set's: { source, load }. `html`: a
 * file that shows them. Prints what it returns: [{ picture, found: [{ path, similarity }] }].
 */
export async function runSimilar(beit, given, { print = console.log } = {}) {
  const { set, pictures = [], count = 10, duplicates, html, json = false } = checkOptions(beit, given, SIMILAR);
  const store = await openStore(beit, set);
  const facts = await factsOf(beit, store);
  if (facts?.task !== 'features')
    throw failure(beit, 'invalid-argument', set, 'it is no output of beit batch --task features; expected a folder with its batch.json');
  const found =
    duplicates === undefined ? await nearest(beit, store, facts, { ...given, pictures, count }) : await groups(beit, store, duplicates);
  if (json) print(JSON.stringify(found));
  else
    for (const { picture, found: list } of found) {
      print(picture);
      for (const { path, similarity } of list) print(`  ${similarity.toFixed(4)}  ${path}`);
    }
  // Last, for the answer not to be lost where it cannot be written.
  if (html) writePage(beit, html, found);
  return found;
}

function writePage(beit, path, found) {
  try {
    writeFileSync(path, pageOf(found, dirname(resolve(path))));
  } catch (error) {
    throw failure(beit, 'io', path, `the page cannot be written (${error.message})`, error);
  }
}

async function nearest(beit, store, facts, { pictures, count, openModel }) {
  const known = new Map();
  const wanted = new Set(pictures);
  for await (const { paths, vectors, length } of vectorsOf(beit, store))
    for (const [i, path] of paths.entries()) if (wanted.has(path)) known.set(path, vectors.slice(i * length, (i + 1) * length));
  const others = pictures.filter((name) => !known.has(name));
  if (others.length > 0) await embed(beit, facts, others, openModel, known);
  const queries = pictures.map((picture) => {
    const vectors = known.get(picture);
    return { picture, own: { vectors, squares: squaresOf(vectors, vectors.length) }, found: [] };
  });
  for await (const { paths, vectors, length } of vectorsOf(beit, store)) {
    const rows = { vectors, squares: squaresOf(vectors, length) };
    for (const { picture, own, found } of queries) {
      if (own.vectors.length !== length)
        throw failure(beit, 'wrong-shape', picture, `its vector has ${own.vectors.length} numbers, those of the set have ${length}`);
      for (const [i, path] of paths.entries()) {
        const similarity = cosine(rows, i, own, 0, length);
        if (path !== picture && (found.length < count || similarity > found.at(-1).similarity)) insert(found, { path, similarity }, count);
      }
    }
  }
  return queries.map(({ picture, found }) => ({ picture, found }));
}

/** Puts an entry where it belongs into a list that has the most similar first, and at most `count`. */
function insert(list, entry, count) {
  const place = list.findIndex(({ similarity }) => similarity < entry.similarity);
  list.splice(place < 0 ? list.length : place, 0, entry);
  if (list.length > count) list.pop();
}

/** Adds the vectors of pictures that the set does not have, by its model. */
async function embed(beit, facts, pictures, openModel, known) {
  const { source, load } = await openModel(facts.model);
  const resolved = await beit.resolveSource(source, {});
  const sum = await modelSum(resolved);
  if (sum !== facts.sum)
    throw failure(beit, 'invalid-argument', resolved.label, `it is another model than that of the set (sum ${sum}, expected ${facts.sum})`);
  const { dtype, ...options } = facts.options;
  const pool = await beit.createPool({ engines: 1 });
  try {
    const task = await openTask(beit, pool, 'features', resolved, { options, load: { ...load, dtype } });
    const { signal } = new AbortController();
    for (const name of pictures) {
      const row = await rowOf(beit, name, (bytes) => task.work(bytes, signal), signal);
      if (row.status === 'error') throw errorOf(beit, row);
      known.set(name, unit(row.embedding));
    }
  } finally {
    await pool.dispose();
  }
}

/** Returns groups of pictures, each at least so similar to another of its group, the first with the similarities of the others to it. */
async function groups(beit, store, least) {
  const parts = [];
  let count = 0;
  for await (const part of vectorsOf(beit, store)) {
    count += part.paths.length;
    if (count > MOST_PAIRED) {
      const what = `it has more than ${MOST_PAIRED} pictures, of which all pairs are compared; a database such as LanceDB reads its shards`;
      throw failure(beit, 'unsupported', store.output, what);
    }
    parts.push(part);
  }
  const paths = parts.flatMap((part) => part.paths);
  const length = parts[0]?.length ?? 0;
  const vectors = new Float32Array(paths.length * length);
  let offset = 0;
  for (const part of parts) {
    vectors.set(part.vectors, offset);
    offset += part.vectors.length;
  }
  const rows = { vectors, squares: squaresOf(vectors, length) };
  const group = Int32Array.from(paths, (_, i) => i);
  const first = (i) => {
    while (group[i] !== i) i = group[i] = group[group[i]];
    return i;
  };
  for (let i = 0; i < paths.length; ++i) {
    for (let j = 0; j < i; ++j) {
      if (cosine(rows, i, rows, j, length) < least) continue;
      const [a, b] = [first(i), first(j)];
      group[Math.max(a, b)] = Math.min(a, b);
    }
  }
  const found = new Map();
  for (let i = 0; i < paths.length; ++i) {
    const head = first(i);
    if (head === i) continue;
    if (!found.has(head)) found.set(head, { picture: paths[head], found: [] });
    found.get(head).found.push({ path: paths[i], similarity: cosine(rows, i, rows, head, length) });
  }
  return [...found.values()];
}

const escaped = (text) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Returns a page that shows results; it lies in `folder`, and names pictures as seen from there. */
function pageOf(results, folder) {
  const addressOf = (name) => {
    if (isAddress(name)) return name;
    const path = relative(folder, resolve(name));
    return path.startsWith('..') ? pathToFileURL(resolve(name)).href : path.split(/[\\/]/).map(encodeURIComponent).join('/');
  };
  const figure = (path, words) =>
    `<figure><img src="${escaped(addressOf(path))}" alt="" loading="lazy"><figcaption>${words}${escaped(path)}</figcaption></figure>`;
  const section = ({ picture, found }) =>
    `<section>${figure(picture, '')}<div>${found.map(({ path, similarity }) => figure(path, `<b>${similarity.toFixed(3)}</b> `)).join('')}</div></section>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Similar pictures</title>
<style>
body { font: 0.875rem/1.4 system-ui, sans-serif; margin: 2rem; color-scheme: light dark }
section { display: flex; gap: 1.5rem; padding: 1rem 0; border-bottom: 1px solid #8888 }
div { display: flex; flex-wrap: wrap; gap: 1rem }
figure { margin: 0; width: 10rem; overflow-wrap: anywhere }
img { width: 10rem; height: 10rem; object-fit: cover; border-radius: 4px; background: #8883 }
</style>
<h1>Similar pictures</h1>
${results.map(section).join('\n')}
</html>
`;
}
