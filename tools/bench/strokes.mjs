// How often heads that are taught by strokes are right about pixels that no stroke touches, and about the next pictures of the same kind:
// one or two strokes of 6 pixels for each label that covers 1.5 % of a drawn scene of 144, on one picture and on two. Means over all kinds
// of scenes; a label counts by its pixels, and, in brackets, as much as any other. Last comes what a fit takes of a processor.
//   python tools/bench/stroke_pictures.py FOLDER; node tools/bench/strokes.mjs FOLDER [--build BUILD]
// Needs a release build, and for the pictures numpy and pillow.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createEngine, SegmentationTeacher } from '../../dist/node.js';
import { root } from '../places.mjs';
import { main, say } from '../report.mjs';

const WIDTH = 6;
const LEAST_SHARE = 0.015;

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const percent = (values) => (100 * mean(values)).toFixed(1);

/** Numbers from 0 to 1 that are the same every time. */
function numbers(seed) {
  let state = seed * 7919 + 13;
  const next = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  for (let i = 0; i < 5; ++i) next();
  return next;
}

/** Returns strokes that wander within the pixels of each label, none nearer than 3 pixels to another's. */
function strokesOn({ labels, side }, each, random) {
  const inside = (x, y, label) => {
    for (let dy = -3; dy <= 3; ++dy)
      for (let dx = -3; dx <= 3; ++dx) {
        const [a, b] = [Math.round(x) + dx, Math.round(y) + dy];
        if (a < 0 || b < 0 || a >= side || b >= side || labels[b * side + a] !== label) return false;
      }
    return true;
  };
  const strokes = [];
  for (const label of new Set(labels)) {
    if (labels.filter((other) => other === label).length < LEAST_SHARE * labels.length) continue;
    for (let made = 0, tries = 0; made < each && tries < 3000; ++tries) {
      let [x, y, way] = [random() * side, random() * side, random() * 2 * Math.PI];
      if (!inside(x, y, label)) continue;
      const points = [[x, y]];
      for (let step = 0; step < 10; ++step) {
        way += random() - 0.5;
        const [a, b] = [x + 4 * Math.cos(way), y + 4 * Math.sin(way)];
        if (!inside(a, b, label)) {
          way += 2;
          continue;
        }
        [x, y] = [a, b];
        points.push([x, y]);
      }
      strokes.push({ label, points });
      ++made;
    }
  }
  return strokes;
}

/** Returns the shares of pixels that are right: of all, and as the mean over labels. Pixels near `strokes` do not count. */
async function judge(teacher, { map, labels, side }, names, strokes) {
  const known = teacher.labels.map((name) => names.indexOf(name));
  const found = await teacher.segment(map);
  const counts = new Map();
  for (const [i, label] of labels.entries()) {
    if (!known.includes(label)) continue;
    const [x, y] = [(i % side) + 0.5, Math.floor(i / side) + 0.5];
    if (strokes.some(({ points }) => points.some(([a, b]) => Math.hypot(x - a, y - b) < WIDTH))) continue;
    const [right, all] = counts.get(label) ?? [0, 0];
    counts.set(label, [right + (known[found.labels[i]] === label ? 1 : 0), all + 1]);
  }
  const shares = [...counts.values()];
  const [right, all] = shares.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  return [right / all, mean(shares.map(([a, b]) => a / b))];
}

await main(async () => {
  const {
    values: { build },
    positionals: [folder],
  } = parseArgs({ allowPositionals: true, options: { build: { type: 'string', default: 'relaxed-threads' } } });
  const { side, count, labels: names, scenes } = JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8'));
  const [pixels, truth] = ['pictures.bin', 'labels.bin'].map((file) => new Uint8Array(readFileSync(join(folder, file))));
  const engine = await createEngine({ build });
  const teacher = await SegmentationTeacher.from(join(root, 'weights/embedded/segmentation'), { engine });
  const area = side * side;
  const pictures = [];
  for (let i = 0; i < count; ++i) {
    const image = { width: side, height: side, channels: 3, data: pixels.subarray(3 * i * area, 3 * (i + 1) * area) };
    pictures.push({ map: await teacher.look(image), labels: truth.subarray(i * area, (i + 1) * area), side });
  }
  say(
    'strokes a label, pictures: labels; right of their other pixels, of the next two pictures; milliseconds of processor time of a fit (median)',
  );
  for (const [each, painted] of [
    [1, 1],
    [2, 1],
    [2, 2],
  ]) {
    const [same, next, times, known] = [[], [], [], []];
    for (let scene = 0; scene < scenes; ++scene) {
      const random = numbers(scene + 1);
      teacher.remove(teacher.strokes.map(({ id }) => id));
      const shown = pictures.filter((_, i) => i % scenes === scene);
      const strokes = shown.slice(0, painted).map((picture) => strokesOn(picture, each, random));
      for (const [i, list] of strokes.entries())
        for (const { label, points } of list) teacher.paint(shown[i].map, { label: names[label], points, width: WIDTH });
      const start = process.cpuUsage();
      await teacher.fit();
      const { user, system } = process.cpuUsage(start);
      times.push((user + system) / 1000);
      known.push(teacher.labels.length);
      for (const [i, picture] of shown.slice(0, painted).entries()) same.push(await judge(teacher, picture, names, strokes[i]));
      for (const picture of shown.slice(2)) next.push(await judge(teacher, picture, names, []));
    }
    const both = (list) => `${percent(list.map(([all]) => all))} (${percent(list.map(([, by]) => by))})`;
    const median = times.sort((a, b) => a - b)[times.length >> 1];
    say(`${each}, ${painted}: ${mean(known).toFixed(1)}; ${both(same)}, ${both(next)}; ${median.toFixed(0)}`);
  }
  await teacher.dispose();
  await engine.dispose();
});
