// SegmentationTeacher: a head on a segmentation model's map, by strokes over pictures that are drawn here.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createEngine, inspect, pipeline, SegmentationTeacher } from '../../dist/node.js';
import { drawGround, strokesOn } from '../browser/pages/ground.js';
import { root, rejects, temporaryFolder } from './support.mjs';

const segmentation = join(root, 'weights/embedded/segmentation');
const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

const same = (a, b) => a.filter((value, i) => value === b[i]).length / a.length;

/** Returns a teacher of the three grounds of one picture, that picture, its map and the strokes' ids. */
async function taught(source = segmentation) {
  const teacher = await SegmentationTeacher.from(source, { engine });
  const picture = drawGround(1);
  const map = await teacher.look(picture);
  const ids = strokesOn(picture).map((stroke) => teacher.paint(map, { ...stroke, picture: 'first' }));
  return { teacher, picture, map, ids };
}

/** Returns the share of pixels that no stroke touches and that have their true label. */
function heldOut({ labels }, names, picture, strokes) {
  let [right, all] = [0, 0];
  for (let i = 0; i < labels.length; ++i) {
    const [x, y] = [(i % picture.width) + 0.5, Math.floor(i / picture.width) + 0.5];
    if (strokes.some(({ points, width }) => points.some(([a, b]) => Math.hypot(x - a, y - b) <= width))) continue;
    ++all;
    right += names[labels[i]] === picture.grounds[picture.truth[i]];
  }
  return right / all;
}

test('a few strokes are enough for the rest of the picture, and for the next', async () => {
  const { teacher, picture, map, ids } = await taught();
  const fit = await teacher.fit();
  assert.deepEqual(fit.labels, picture.grounds);
  assert.deepEqual(fit.counts, [2, 2, 2]);
  assert.ok(fit.accuracy > 0.8, `${fit.accuracy}`);
  assert.deepEqual(fit.wrong, []);
  const own = await teacher.segment(map);
  assert.deepEqual([own.width, own.height], [picture.width, picture.height]);
  const shares = [heldOut(own, fit.labels, picture, teacher.strokes)];
  for (const seed of [2, 3]) {
    const next = drawGround(seed);
    shares.push(heldOut(await teacher.segment(next), fit.labels, next, []));
  }
  assert.ok(
    shares.every((share) => share > 0.85),
    shares.join(', '),
  );
  assert.deepEqual((await teacher.segment(picture)).labels, own.labels, 'a map is as good as its picture');

  // A stroke that says what is not so is told by the others.
  teacher.relabel(ids[0], picture.grounds[1]);
  const misled = await teacher.fit();
  assert.ok(misled.accuracy < fit.accuracy);
  assert.ok(misled.wrong.length === 0 || misled.wrong.some(({ id }) => id === ids[0] || id === ids[1]), JSON.stringify(misled.wrong));
  await teacher.dispose();
});

test('its model answers as it does, in f32 and f16', async (t) => {
  const { teacher, picture, map } = await taught();
  await teacher.fit();
  const want = await teacher.segment(map, { scores: true, overlay: true });
  assert.equal(want.overlay.data.length, 4 * want.labels.length);
  const folder = temporaryFolder(t);
  const own = await teacher.pipeline({ engine });
  const saved = [];
  for (const dtype of ['f32', 'f16']) {
    await teacher.save(join(folder, dtype), { dtype });
    saved.push(await pipeline('image-segmentation', join(folder, dtype), { engine }));
  }
  for (const [run, labels, tolerance] of [
    [own, 0.9999, 1e-4],
    [saved[0], 0.9999, 1e-4],
    [saved[1], 0.995, 2e-2],
  ]) {
    const got = await run(picture, { scores: true });
    assert.deepEqual(run.model.config.id2label, teacher.labels);
    assert.ok(same(got.labels, want.labels) >= labels, `${same(got.labels, want.labels)}`);
    const most = got.scores.reduce((worst, score, i) => Math.max(worst, Math.abs(score - want.scores[i])), 0);
    assert.ok(most <= tolerance, `${most}`);
    await run.dispose();
  }
  const { report, className } = await inspect(join(folder, 'f16'), { engine });
  assert.equal(className, 'BeitForSemanticSegmentation');
  assert.deepEqual([report.missing, report.unexpected, report.wrong], [[], [], []]);
  assert.match(readFileSync(join(folder, 'f16/README.md'), 'utf8'), /pipeline_tag: image-segmentation\n[\s\S]*\| rows \| 2 \|/);
  await teacher.dispose();
});

test('a map under a stroke is that of the logits: between cells and at the edges', async () => {
  const teacher = await SegmentationTeacher.from(segmentation, { engine });
  const { dims } = (await teacher.look(drawGround(1))).features;
  // A map whose first channels are the row and the column of the cell.
  const [, channels, rows, columns] = dims;
  const data = new Float32Array(channels * rows * columns);
  for (let i = 0; i < rows * columns; ++i) {
    data[i] = Math.floor(i / columns);
    data[rows * columns + i] = i % columns;
  }
  const [width, height] = [columns * 10, rows * 20];
  const map = { width, height, features: { dims, data } };
  const placesOf = (points, brush) => {
    const id = teacher.paint(map, { label: 'a', points, width: brush });
    const bytes = teacher.project();
    const head = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
    const features = new Float32Array(bytes.slice(8 + head).buffer);
    teacher.remove(id);
    return Array.from({ length: features.length / channels }, (_, i) => [...features.subarray(i * channels, i * channels + 2)]);
  };
  const near = (got, want) => got.flat().forEach((value, i) => assert.ok(Math.abs(value - want.flat()[i]) < 1e-5, `${got}; ${want}`));
  near(placesOf([[37, 50]], 1), [[2, 3.2]]);
  near(placesOf([[0, 0]], 1), [[0, 0]]);
  near(placesOf([[width - 0.1, height - 0.1]], 1), [[rows - 1, columns - 1]]);
  // A wide brush takes the centres of cells, a narrow one the middle of its way through each.
  near(placesOf([[45, 50]], 22), [[2, 3], [2, 4], [2, 5]]); // biome-ignore format: a row for each place
  near(placesOf([[40, 50], [59.99, 50]], 1), [[2, 4], [2, 5]]); // biome-ignore format: a row for each place
  assert.equal(placesOf([[0, 0], [width, height]], 200).length, 16); // biome-ignore format: two points
  assert.throws(() => placesOf([[-50, -50]], 4), { code: 'invalid-argument', message: /beside the picture/ });
  // What lies far beside the picture costs nothing, and leaves what lies in it as it is.
  near(placesOf([[-1e9, 50], [1e9, 50]], 1), placesOf([[-50, 50], [width + 50, 50]], 1)); // biome-ignore format: two points
  near(placesOf([[5, 50], [5, 1e300]], 1), placesOf([[5, 50], [5, height + 50]], 1)); // biome-ignore format: two points
  assert.throws(() => placesOf([[-1e300, 1e300], [1e300, 1e300]], 4), { code: 'invalid-argument', message: /beside the picture/ }); // biome-ignore format: two points
  const wide = Array.from({ length: 100_000 }, (_, i) => [i % width, 0]);
  assert.throws(() => placesOf(wide, 4 * height), { code: 'invalid-argument', message: /too long a way for so wide a brush/ });
  await teacher.dispose();
});

test('what was taught can be kept, opened again and joined', async () => {
  const { teacher, map } = await taught();
  const fit = await teacher.fit();
  const opened = await SegmentationTeacher.open(teacher.project(), { engine });
  assert.deepEqual(opened.strokes, teacher.strokes);
  assert.equal(opened.strokes[0].picture, 'first');
  assert.deepEqual(await opened.fit(), fit);
  assert.deepEqual((await opened.segment(map)).labels, (await teacher.segment(map)).labels);
  assert.equal(opened.join(teacher.project()).length, 6);
  assert.deepEqual((await opened.fit()).counts, [4, 4, 4]);
  await rejects(SegmentationTeacher.open(new Uint8Array(40), { engine }), 'malformed');
  await rejects(SegmentationTeacher.open(teacher.project().subarray(0, -4), { engine }), 'truncated');
  const text = new TextDecoder('latin1').decode(teacher.project());
  const spoilt = (from, to) => Uint8Array.from(text.replace(from, to), (letter) => letter.charCodeAt(0));
  await rejects(SegmentationTeacher.open(spoilt('\\"width\\":', '\\"wideh\\":'), { engine }), 'invalid-argument', /width/);
  const nothing = JSON.stringify({ __metadata__: { beit_segmentation_teacher: 'null' } });
  const ofNothing = new Uint8Array([nothing.length, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(nothing)]);
  await rejects(SegmentationTeacher.open(ofNothing, { engine }), 'malformed', /nothing that can be followed/);
  await rejects(SegmentationTeacher.open(spoilt('beit_segmentation', 'beit_segmentatiom'), { engine }), 'malformed', /no project of a/);
  await teacher.dispose();
  await opened.dispose();
});

test('strokes are taken away, named otherwise and refused', async () => {
  const { teacher, map, ids } = await taught(null);
  await rejects(teacher.segment(map), 'invalid-argument', /fit\(\) first/);
  teacher.remove(ids.slice(2));
  await rejects(teacher.fit(), 'invalid-argument', /strokes of 1 labels/);
  teacher.relabel(ids[1], 'other');
  const fit = await teacher.fit();
  assert.deepEqual([fit.counts, fit.accuracy, fit.wrong], [[1, 1], null, []]);
  assert.throws(() => teacher.remove([ids[0], ids[5]]), { code: 'not-found' });
  assert.equal(teacher.strokes.length, 2);
  for (const none of ['x', null, undefined, {}]) assert.throws(() => teacher.remove(none), { code: 'not-found' });
  assert.throws(() => teacher.paint(map), { code: 'invalid-argument', where: 'label' });
  assert.throws(() => teacher.paint({}, { label: 'x', points: [[5, 5]], width: 3 }), { code: 'wrong-shape', where: 'map.features' });
  const stroke = { label: 'x', points: [[5, 5]], width: 3 };
  for (const [wrong, where] of [
    [{ label: ' ' }, 'label'],
    [{ points: [] }, 'points'],
    [{ points: [[1, NaN]] }, 'points'],
    [{ width: 0 }, 'width'],
    [{ picture: 7 }, 'picture'],
  ])
    assert.throws(() => teacher.paint(map, { ...stroke, ...wrong }), { code: 'invalid-argument', where });
  const { dims, data } = map.features;
  assert.throws(() => teacher.paint({ ...map, features: { dims, data: data.map(() => NaN) } }, stroke), { code: 'invalid-argument' });
  assert.throws(() => teacher.paint({ ...map, features: { dims: [1, 3, 2, 2], data: new Float32Array(12) } }, stroke), {
    code: 'wrong-shape',
  });
  await rejects(teacher.segment(map, { resultSize: 3 }), 'invalid-argument', /resultSize/);
  assert.equal((await teacher.segment(map, { resultSize: 'logits' })).width, map.features.dims[3]);
  await assert.rejects(teacher.segment(map, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  await rejects(SegmentationTeacher.from(join(root, 'weights/embedded/classifier'), { engine }), 'bad-config', /out_indices/);
  await teacher.dispose();
  await rejects(teacher.fit(), 'disposed');
});
