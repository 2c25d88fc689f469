// Teacher: a head on the features of a checkpoint, by pictures that are drawn here.
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { readProject, writeProject } from '../../dist/api/teaching/project-file.js';
import { createEngine, inspect, pipeline, Teacher } from '../../dist/node.js';
import { smallFiles } from './small-checkpoint.mjs';
import { root, rejects, temporaryFolder } from './support.mjs';

const classifier = join(root, 'weights/embedded/classifier');
const masked = join(root, 'weights/embedded/masked-image-modeling');
const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

/** Numbers from 0 to 1 that are the same every time. */
function numbers(seed) {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

const PATTERNS = {
  rows: (x, y, step) => Math.floor(y / step) % 2,
  columns: (x, y, step) => Math.floor(x / step) % 2,
  dots: (x, y, step) => (x % (2 * step) < step && y % (2 * step) < step ? 1 : 0),
};

/** A picture of 48 pixels a side with a pattern in colours, widths and noise of its own. */
function draw(pattern, seed) {
  const random = numbers(seed * 7919 + 1);
  for (let i = 0; i < 5; ++i) random();
  const [step, colours] = [3 + Math.floor(random() * 4), Array.from({ length: 6 }, (_, i) => random() * 70 + (i < 3 ? 10 : 110))];
  const data = new Uint8Array(48 * 48 * 3);
  for (let i = 0; i < data.length; ++i) {
    const [pixel, channel] = [Math.floor(i / 3), i % 3];
    data[i] = colours[3 * PATTERNS[pattern](pixel % 48, Math.floor(pixel / 48), step) + channel] + random() * 50;
  }
  return { width: 48, height: 48, channels: 3, data };
}

const drawn = (pattern, from, count) => Array.from({ length: count }, (_, i) => draw(pattern, from + i));

/** Returns a teacher of the three patterns, `count` pictures each. */
async function taught(source, count, options = {}) {
  const teacher = await Teacher.from(source, { engine, ...options });
  for (const [k, pattern] of Object.keys(PATTERNS).entries()) await teacher.add(pattern, drawn(pattern, 100 * k + 1, count));
  return teacher;
}

/** Returns scores of each class for each row by solving the normal equations, rows of which `without` holds left out. */
function naiveScores({ features, labels, weights, channels, classes }, penalty, without, row) {
  const size = channels + 1;
  const matrix = Array.from({ length: size }, (_, i) =>
    Float64Array.from({ length: size + classes }, (_, j) => (i === j && i < channels ? penalty : 0)),
  );
  const extended = (i) => [...features.subarray(i * channels, (i + 1) * channels), 1];
  for (let i = 0; i < labels.length; ++i) {
    if (without(i)) continue;
    const x = extended(i);
    const weight = weights?.[i] ?? 1;
    for (let a = 0; a < size; ++a) {
      for (let b = 0; b < size; ++b) matrix[a][b] += weight * x[a] * x[b];
      for (let k = 0; k < classes; ++k) matrix[a][size + k] += weight * x[a] * (labels[i] === k ? 1 : -1);
    }
  }
  for (let p = 0; p < size; ++p) {
    const pivot = matrix.slice(p).reduce((best, line, i) => (Math.abs(line[p]) > Math.abs(matrix[best][p]) ? p + i : best), p);
    [matrix[p], matrix[pivot]] = [matrix[pivot], matrix[p]];
    for (let i = 0; i < size; ++i) {
      if (i === p) continue;
      const factor = matrix[i][p] / matrix[p][p];
      for (let j = p; j < size + classes; ++j) matrix[i][j] -= factor * matrix[p][j];
    }
  }
  const x = extended(row);
  return Array.from({ length: classes }, (_, k) => x.reduce((sum, value, c) => sum + (value * matrix[c][size + k]) / matrix[c][c], 0));
}

test('the module fits the head of the normal equations, and judges each example by a fit without its burst', async () => {
  const random = numbers(5);
  for (const [count, channels, weighted] of [
    [9, 12, false],
    [30, 6, false],
    [9, 12, true],
    [30, 6, true],
  ]) {
    const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
    const bursts = Int32Array.from({ length: count }, (_, i) => Math.floor(i / 6) * 3 + (i % 3));
    const features = Float32Array.from(
      { length: count * channels },
      (_, i) => (i % channels === labels[Math.floor(i / channels)] ? 1 : 0) + random(),
    );
    const weights = weighted ? Float32Array.from(labels, () => 0.1 + 3 * random()) : undefined;
    const examples = { features, labels, bursts, channels, classes: 3, weights };
    const fit = await engine.fitHead(examples);
    let variance = 0;
    for (let c = 0; c < channels; ++c) {
      const column = Array.from({ length: count }, (_, i) => features[i * channels + c]);
      const shares = weights ?? new Float32Array(count).fill(1);
      const total = shares.reduce((a, b) => a + b);
      const mean = column.reduce((sum, value, i) => sum + (shares[i] * value) / total, 0);
      variance += column.reduce((sum, value, i) => sum + (shares[i] * (value - mean) ** 2) / total, 0);
    }
    for (let i = 0; i < count; ++i) {
      const head = Array.from({ length: 3 }, (_, k) =>
        fit.weight.subarray(k * channels, (k + 1) * channels).reduce((sum, w, c) => sum + w * features[i * channels + c], fit.bias[k]),
      );
      const whole = naiveScores(examples, fit.lambda * variance, () => false, i);
      const without = naiveScores(examples, fit.lambda * variance, (j) => bursts[j] === bursts[i], i);
      for (let k = 0; k < 3; ++k) {
        assert.ok(Math.abs(head[k] - whole[k]) < 1e-9, `${count}: ${head[k]}, ${whole[k]}`);
        assert.ok(Math.abs(fit.scores[i * 3 + k] - without[k]) < 1e-8, `${count}: ${fit.scores[i * 3 + k]}, ${without[k]}`);
      }
    }
  }
  const wrong = {
    features: new Float32Array(8).fill(NaN),
    labels: Int32Array.of(0, 1),
    bursts: Int32Array.of(0, 1),
    channels: 4,
    classes: 2,
  };
  await rejects(engine.fitHead(wrong), 'invalid-argument', /example 0 that is infinite or NaN/);
  // A matrix of examples x classes: more numbers than 32 bits count, and more than an array takes.
  for (const classes of [65536, 30000]) {
    const labels = Int32Array.from({ length: classes }, (_, i) => i);
    const many = { features: Float32Array.from(labels, Math.sin), labels, bursts: labels, channels: 1, classes };
    await rejects(engine.fitHead(many), 'out-of-memory', /no memory for their matrices/);
  }
});

test('of fits that end in another order than they were called in, the last one counts', async () => {
  const teacher = await taught(classifier, 5);
  const slow = teacher.fit();
  teacher.relabel(teacher.pictures[0].id, 'waves');
  const [, last] = await Promise.all([slow, teacher.fit({ layer: 2 })]);
  assert.deepEqual(last.labels, ['waves', 'rows', 'columns', 'dots']);
  assert.deepEqual(teacher.lastFit, last);
  await teacher.dispose();
});

test('it learns patterns that its checkpoint does not name, and tells those it has not seen', async () => {
  const teacher = await taught(classifier, 12);
  const fit = await teacher.fit();
  assert.deepEqual(fit.labels, ['rows', 'columns', 'dots']);
  assert.deepEqual(fit.counts, [12, 12, 12]);
  assert.ok(fit.accuracy >= 0.85, `${fit.accuracy}`);
  assert.ok(fit.interval[0] < fit.accuracy && fit.accuracy <= fit.interval[1] + 1e-12);
  assert.equal(
    fit.confusion.flat().reduce((a, b) => a + b),
    36,
  );
  assert.equal(
    fit.confusion.reduce((sum, row, k) => sum + row[k], 0),
    36 - fit.wrong.length,
  );
  let right = 0;
  for (const pattern of Object.keys(PATTERNS))
    for (const image of drawn(pattern, 1000, 6)) {
      const [best, ...rest] = await teacher.classify(image);
      assert.equal(rest.length, 2);
      right += best.label === pattern;
    }
  assert.ok(right >= 15, `${right} of 18`);
  // Labels that are mixed up are nothing to learn: the judgement has to say so.
  for (const [i, { id }] of teacher.pictures.entries()) teacher.relabel(id, Object.keys(PATTERNS)[(i * 7) % 3]);
  assert.ok((await teacher.fit()).accuracy < 0.6);
  await teacher.dispose();
});

test('its model answers as it does, in f32 and f16, after fewer layers', async (t) => {
  for (const source of [classifier, masked]) {
    const teacher = await taught(source, 6);
    const { layer } = await teacher.fit({ layer: 2 });
    assert.equal(layer, 2);
    const image = draw('dots', 77);
    const want = await teacher.classify(image, { topK: null });
    const own = await teacher.pipeline({ engine });
    const folder = temporaryFolder(t);
    for (const dtype of ['f32', 'f16']) {
      const files = await teacher.save(join(folder, dtype), { dtype });
      assert.deepEqual(readdirSync(join(folder, dtype)).sort(), [...files].sort());
    }
    const saved = await Promise.all(['f32', 'f16'].map((dtype) => pipeline('image-classification', join(folder, dtype), { engine })));
    for (const [run, tolerance] of [
      [own, 1e-5],
      [saved[0], 1e-5],
      [saved[1], 5e-3],
    ]) {
      const got = await run(image, { topK: null });
      assert.deepEqual(run.model.config.id2label, ['rows', 'columns', 'dots']);
      assert.equal(run.model.config.numHiddenLayers, 2);
      for (const { label, score } of want) {
        const found = got.find((one) => one.label === label).score;
        assert.ok(Math.abs(found - score) <= tolerance, `${label}: ${found}, ${score}`);
      }
      await run.dispose();
    }
    const { report, tensors } = await inspect(join(folder, 'f16'), { engine });
    assert.deepEqual([report.missing, report.unexpected, report.wrong], [[], [], []]);
    assert.ok(!tensors.some(({ name }) => /layer\.2\.|mask_token|lm_head/.test(name)));
    const card = readFileSync(join(folder, 'f16/README.md'), 'utf8');
    assert.match(card, /^---\nlibrary_name: transformers\npipeline_tag: image-classification\n/);
    assert.match(card, /\| columns \| 6 \|/);
    await teacher.dispose();
  }
});

test('what was taught can be kept, opened again and joined: the head is that of all pictures', async () => {
  const [mine, theirs, both] = [await taught(classifier, 5), await Teacher.from(classifier, { engine }), await taught(classifier, 5)];
  for (const pattern of ['dots', 'rows', 'waves']) {
    const images = drawn(pattern === 'waves' ? 'columns' : pattern, 500, 5);
    await theirs.add(pattern, images, { burst: 'walk' });
    await both.add(pattern, images, { burst: 'walk' });
  }
  const opened = await Teacher.open(mine.project(), { engine });
  assert.deepEqual(opened.pictures, mine.pictures);
  const ids = opened.join(theirs.project());
  assert.equal(ids.length, 15);
  assert.deepEqual(await opened.fit({ layer: 3 }), await both.fit({ layer: 3 }));
  const image = draw('rows', 900);
  assert.deepEqual(await opened.classify(image), await both.classify(image));
  const other = await Teacher.from(join(root, 'weights/embedded/segmentation'), { engine });
  if (other.layers !== mine.layers) assert.throws(() => other.join(mine.project()), /expected those of/);
  await rejects(Teacher.open(new Uint8Array(40), { engine }), 'malformed');
  await rejects(Teacher.open(mine.project().subarray(0, -4), { engine }), 'truncated');
  await rejects(mine.add('dots', draw('dots', 1), { burst: 7 }), 'invalid-argument', /^burst: got 7/);
  await rejects(mine.add('half \ud83d', draw('dots', 1)), 'invalid-argument', /^label: .*half a letter/);
  for (const none of [null, 7, {}]) await rejects(both.save(none), 'invalid-argument', /^target: .*a path/);
  for (const teacher of [mine, theirs, both, opened, other]) await teacher.dispose();
});

test('saves to one folder at a time are whole, and belong together', async (t) => {
  const folder = temporaryFolder(t);
  const [teacher, other] = [await taught(classifier, 2), await taught(classifier, 2)];
  await teacher.fit({ layer: 2 });
  const first = teacher.save(folder);
  await teacher.fit({ layer: 3 });
  const [names] = await Promise.all([first, teacher.save(folder, { dtype: 'f32' })]);
  assert.deepEqual(readdirSync(folder).sort(), [...names].sort());
  const [image, run] = [draw('dots', 77), await pipeline('image-classification', folder, { engine })];
  const [got, want] = [await run(image), await teacher.classify(image)];
  for (const [i, { label, score }] of want.entries()) assert.ok(got[i].label === label && Math.abs(got[i].score - score) < 1e-5);
  await run.dispose();
  // Of two who know nothing of each other each file is still one's or the other's.
  await other.fit({ layer: 5 });
  await Promise.all([teacher.save(folder), other.save(folder, { dtype: 'f32' })]);
  const bytes = readFileSync(join(folder, 'model.safetensors'));
  const length = Number(bytes.readBigUInt64LE());
  const { __metadata__: _, ...tensors } = JSON.parse(bytes.subarray(8, 8 + length).toString());
  assert.equal(bytes.length, 8 + length + Math.max(...Object.values(tensors).map(({ data_offsets: [, to] }) => to)));
  assert.deepEqual(readdirSync(folder).sort(), [...names].sort());
  for (const each of [teacher, other]) await each.dispose();
});

test('a link is a classifier', async () => {
  const teacher = await taught(null, 6);
  await teacher.fit();
  const link = teacher.link();
  assert.ok(link.length < 1000, `${link.length} letters`);
  const run = await Teacher.fromLink(`https://example.org/demo/#${link}`, { engine });
  for (const pattern of Object.keys(PATTERNS)) {
    const image = draw(pattern, 321);
    const [want] = await teacher.classify(image);
    const [got] = await run(image);
    assert.equal(got.label, want.label);
    assert.ok(Math.abs(got.score - want.score) < 0.05, `${got.score}, ${want.score}`);
  }
  await run.dispose();
  for (const [wrong, sentence] of [
    ['', /link: beit/],
    [link.replace('base=beit-wasm-samples', 'base=%2Fetc'), /hub id/],
    [link.replace('base=beit-wasm-samples', 'base=..'), /hub id/],
    [link.replace('base=beit-wasm-samples', 'base=.'), /hub id/],
    [link.replace(/layer=\d+/, 'layer=99'), /after layer 99/],
    [link.slice(0, -2), /as many weights|base64/],
  ])
    await rejects(Teacher.fromLink(wrong, { engine }), 'malformed', sentence);
  await teacher.dispose();
  const here = await taught(classifier, 1);
  await here.fit();
  assert.throws(() => here.link(), { code: 'unsupported' });
  await here.dispose();
});

test('a link and a project open nothing of this machine that has the name of what is elsewhere', async (t) => {
  const folder = temporaryFolder(t);
  cpSync(classifier, join(folder, 'owner/name'), { recursive: true, dereference: true });
  const teacher = await taught(null, 1);
  await teacher.fit();
  const link = teacher.link().replace(/base=[^&]*/, 'base=owner%2Fname');
  const told = readProject(teacher.project());
  const project = writeProject({ ...told, base: { ...told.base, id: 'owner/name' } });
  await teacher.dispose();
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => process.chdir(before));
  const asked = [];
  const fetch = async (address) => {
    asked.push(String(address));
    return new Response(null, { status: 404 });
  };
  await rejects(Teacher.fromLink(link, { engine, fetch }), 'not-found');
  await rejects(Teacher.open(project, { engine, fetch }), 'not-found');
  assert.ok(asked.length >= 2 && asked.every((address) => address.includes('/owner/name/')), asked.join(' '));
  const here = await Teacher.open(project, { engine, source: 'owner/name' });
  assert.equal(here.pictures.length, 3);
  await here.dispose();
});

test('a signature in the address of a checkpoint is neither told to others nor takes it for another', async (t) => {
  const files = smallFiles();
  const server = createServer(({ url }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const file = searchParams.has('signature') ? files[pathname.split('/').pop()] : undefined;
    response.writeHead(file ? 200 : 403, file && { 'content-length': file.length }).end(file);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const folder = `http://127.0.0.1:${server.address().port}/small/`;
  const teachers = [];
  for (const address of [`${folder}?signature=first`, `${folder}?signature=second`])
    teachers.push(await taught(address, 1, { cache: false }));
  const [first, second] = teachers;
  assert.equal(first.join(second.project()).length, 3);
  await first.fit();
  assert.equal(new URLSearchParams(first.link()).get('base'), folder);
  const saved = temporaryFolder(t);
  await first.save(saved);
  const card = readFileSync(join(saved, 'README.md'), 'utf8');
  assert.ok(card.includes(folder) && !card.includes('signature'), card);
  for (const teacher of teachers) await teacher.dispose();
});

test('with few pictures it keeps the last layer, and says nothing of how often it is right', async () => {
  const teacher = await Teacher.from(classifier, { engine });
  await rejects(teacher.fit(), 'invalid-argument', /pictures of 0 labels/);
  await rejects(teacher.classify(draw('rows', 1)), 'invalid-argument', /fit\(\) first/);
  const [first, second] = await teacher.add('rows', drawn('rows', 1, 2));
  await rejects(teacher.fit(), 'invalid-argument', /pictures of 1 labels/);
  await teacher.add('columns', draw('columns', 1));
  const fit = await teacher.fit();
  assert.equal(fit.layer, teacher.layers);
  assert.deepEqual([fit.accuracy, fit.interval], [null, null]);
  teacher.relabel(second, 'dots');
  assert.deepEqual(teacher.labels, ['rows', 'dots', 'columns']);
  teacher.remove([first]);
  assert.deepEqual(teacher.labels, ['dots', 'columns']);
  assert.throws(() => teacher.remove([second, first]), { code: 'not-found' });
  assert.equal(teacher.pictures.length, 2);
  await rejects(teacher.fit({ layer: 7 }), 'invalid-argument', /from 1 to 6/);
  await rejects(teacher.fit({ layers: 2 }), 'invalid-argument', /there is no option layers/);
  await rejects(teacher.add('', draw('rows', 1)), 'invalid-argument', /label/);
  await rejects(teacher.save(join(root, 'nowhere'), { dtype: 'int8' }), 'unsupported');
  assert.ok(!existsSync(join(root, 'nowhere')));
  await assert.rejects(teacher.add('rows', draw('rows', 1), { signal: AbortSignal.abort() }), { name: 'AbortError' });
  assert.equal(teacher.pictures.length, 2);
  await teacher.dispose();
  await rejects(teacher.classify(draw('rows', 1)), 'disposed');
});

test('near-duplicates of a burst are left out together', async () => {
  const teacher = await Teacher.from(classifier, { engine });
  // Pictures of nothing but noise, three times each: who has seen one knows the others.
  for (const label of ['a', 'b'])
    for (let i = 0; i < 6; ++i) {
      const image = draw('rows', (label === 'a' ? 40 : 60) + i);
      await teacher.add(label, [image, image, image], { burst: `burst ${i}` });
    }
  const apart = await teacher.fit({ layer: 6 });
  const plain = await Teacher.from(classifier, { engine });
  for (const label of ['a', 'b'])
    for (let i = 0; i < 6; ++i) {
      const image = draw('rows', (label === 'a' ? 40 : 60) + i);
      await plain.add(label, [image, image, image]);
    }
  const together = await plain.fit({ layer: 6 });
  assert.ok(together.accuracy > 0.9 && apart.accuracy < 0.75, `${together.accuracy}, ${apart.accuracy}`);
  await teacher.dispose();
  await plain.dispose();
});
