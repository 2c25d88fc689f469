// beit similar: the nearest pictures of a batch of features, whatever the format of its shards, and duplicates.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as beit from '../../dist/node.js';
import { runBatch, runSimilar } from '../../packages/beit-wasm-batch/index.js';
import { PICTURES, samples, workplace } from './batch-workplace.mjs';
import { beit as command, noSignals, rejects, temporaryFolder } from './support.mjs';
import { files } from './tiny-checkpoint.mjs';

/** Returns { model, pictures, set(format), vectors }: pictures with a damaged one, and one that is there twice under a name of its own. */
async function prepared(t) {
  const { folder, model, pictures } = workplace(t);
  copyFileSync(join(samples, PICTURES[0]), join(pictures, `twin's <b>.jpg`));
  writeFileSync(join(pictures, 'damaged.png'), 'no picture');
  const set = async (format) => {
    const output = join(folder, format);
    const given = { task: 'features', model, input: [pictures], output, format, shardSize: 3, engines: 1, options: { layer: 'pooled' } };
    await runBatch(beit, given, { print: () => undefined, terminal: {}, process: noSignals });
    return output;
  };
  const extract = await beit.pipeline('image-feature-extraction', model, { worker: true, threads: 1 });
  const names = [...PICTURES, `twin's <b>.jpg`].map((name) => join(pictures, name));
  const vectors = await extract(names, { normalize: true });
  await extract.dispose();
  return { folder, model, pictures, names, set, vectors };
}

const quiet = { print: () => undefined };

/** Returns a folder with the shards of a batch of features, as they are given: { number: text }. */
function setOf(t, shards, facts = '{ "task": "features", "options": {} }') {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'batch.json'), facts);
  for (const [number, text] of Object.entries(shards)) writeFileSync(join(folder, `0000${number}-0123456789abcdef.jsonl`), text);
  return folder;
}

const rowOf = (path, embedding) => `${JSON.stringify({ path, sha256: '', status: 'ok', embedding })}\n`;

test('the nearest pictures are those that comparing all gives, in each format', async (t) => {
  const { names, model, set, vectors, pictures } = await prepared(t);
  const expected = names
    .map((path, i) => ({ path, similarity: beit.similarity(vectors[0], vectors[i]) }))
    .filter(({ path }) => path !== names[0])
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, 3);
  assert.equal(expected[0].path, names.at(-1), 'its twin is the nearest');
  for (const format of ['jsonl', 'parquet', 'arrow', 'safetensors']) {
    const [{ picture, found }] = await runSimilar(beit, { set: await set(format), pictures: [names[0]], count: 3 }, quiet);
    assert.equal(picture, names[0]);
    assert.deepEqual(
      found.map(({ path }) => path),
      expected.map(({ path }) => path),
      format,
    );
    for (const [i, { similarity }] of found.entries()) assert.ok(Math.abs(similarity - expected[i].similarity) < 1e-6);
  }
  // One that the set has not: by its model, which has to be the same.
  const stranger = join(samples, PICTURES[1]);
  const folder = join(pictures, '..', 'parquet');
  const openModel = async () => ({ source: model });
  const [{ found }] = await runSimilar(beit, { set: folder, pictures: [stranger], count: 1, openModel }, quiet);
  assert.equal(found[0].path, names[1]);
  assert.ok(found[0].similarity > 0.999999);
  const bytes = files()['model.safetensors'];
  const another = async () => ({ source: files({ 'model.safetensors': bytes.with(bytes.length - 1, bytes.at(-1) ^ 1) }) });
  await rejects(runSimilar(beit, { set: folder, pictures: [stranger], openModel: another }, quiet), 'invalid-argument', /another model/);
  const asked = (name) => runSimilar(beit, { set: folder, pictures: [join(pictures, name)], openModel }, quiet);
  await rejects(asked('damaged.png'), 'bad-image', /damaged\.png: /);
  await rejects(asked('none.png'), 'not-found', /^(?!.*none\.png.*none\.png).*none\.png: there is no such file\.$/);
  await rejects(runSimilar(beit, { set: pictures, pictures: [stranger] }, quiet), 'invalid-argument', /no output of beit batch/);
});

test('duplicates come in groups, and a page shows them', async (t) => {
  const { folder, names, set } = await prepared(t);
  const output = await set('arrow');
  const page = join(folder, 'similar.html');
  const { status, stdout, stderr } = await command('similar', '--in', output, '--duplicates', '0.9999999', '--html', page, '--json');
  assert.deepEqual([status, stderr], [0, '']);
  const [group, ...others] = JSON.parse(stdout);
  assert.deepEqual([group.picture, group.found.map(({ path }) => path), others], [names[0], [names.at(-1)], []]);
  const html = readFileSync(page, 'utf8');
  assert.match(html, new RegExp(`<img src="pictures/${PICTURES[0]}"`));
  assert.match(html, /<img src="pictures\/twin&#39;s%20%3Cb%3E\.jpg"/);
  assert.ok(!html.includes('<b>.jpg'));
  const text = await command('similar', '--in', output, '--count', '1', names[0]);
  assert.equal(text.stdout, `${names[0]}\n  1.0000  ${names.at(-1)}\n`);
  const both = await command('similar', '--in', output, names[0], '--duplicates', '1');
  assert.deepEqual([both.status, /^beit: Either pictures or/.test(both.stderr)], [2, true]);
});

test('the same picture is as similar as it can be, whatever its vector', async (t) => {
  // Of lengths that no number of 32 bits gives exactly.
  const vectors = Array.from({ length: 40 }, (_, i) => Array.from({ length: 7 + i }, (_, k) => Math.sin(1 + i * 31 + k * 7)));
  for (const vector of vectors) {
    const set = setOf(t, { 0: rowOf('a.jpg', vector) + rowOf('b.jpg', vector) + rowOf('c.jpg', vector.toReversed()) });
    const [group, ...others] = await runSimilar(beit, { set, duplicates: 1 }, quiet);
    assert.deepEqual([group, others], [{ picture: 'a.jpg', found: [{ path: 'b.jpg', similarity: 1 }] }, []]);
    const [{ found }] = await runSimilar(beit, { set, pictures: ['b.jpg'], count: 1 }, quiet);
    assert.deepEqual(found, [{ path: 'a.jpg', similarity: 1 }]);
  }
});

test('a damaged file of a set is named, and more pictures than can be paired are not read', async (t) => {
  const duplicates = (set, more) => runSimilar(beit, { set, duplicates: 0.9, ...more }, quiet);
  await rejects(duplicates(setOf(t, {}, '{ "task": "feat')), 'malformed', /batch\.json: it is no file of beit batch/);
  await rejects(duplicates(setOf(t, {}, '[]')), 'malformed', /batch\.json: .*no task and options/);
  const row = rowOf('a.png', [1, 0]);
  const damaged = ['{"path"', 'null\n', rowOf('b.png', null), rowOf('b.png', [1, 0, 0])];
  for (const text of damaged) await rejects(duplicates(setOf(t, { 0: row, 1: text })), 'malformed', /00001-0123456789abcdef\.jsonl: /);
  // The damaged shard is behind those that are too many.
  const many = rowOf('a.png', [1]).repeat(15_001);
  await rejects(duplicates(setOf(t, { 0: many, 1: many, 2: '{' })), 'unsupported', /more than 30000 pictures/);
  // What was found is printed, also where the page cannot be written.
  const lines = [];
  const given = { set: setOf(t, { 0: row + rowOf('b.png', [1, 0]) }), duplicates: 0.9, html: join(temporaryFolder(t), 'none', 'x.html') };
  await rejects(runSimilar(beit, given, { print: (line) => lines.push(line) }), 'io', /x\.html: the page cannot be written/);
  assert.deepEqual(lines, ['a.png', '  1.0000  b.png']);
});
