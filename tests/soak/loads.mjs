// Models of four classes, loaded and disposed of: memory returns.
import { join } from 'node:path';
import * as beit from '../../dist/node.js';
import { root } from '../../tools/places.mjs';
import { held, slope } from './measure.mjs';

const golden = join(root, 'tests/fixtures/golden/models');
const CLASSES = [
  ['BeitForImageClassification', 'classify-patch16'],
  ['BeitModel', 'model-meanpool'],
  ['BeitForMaskedImageModeling', 'mim-shared-bias'],
  ['BeitForSemanticSegmentation', 'segment-aux'],
];
const FIRST = 40;
const EVERY = 20;

export async function soakLoads(enough, { first = FIRST, every = EVERY } = {}) {
  const problems = [];
  const samples = [];
  let count = 0;
  for (; !enough(count); ++count) {
    const [name, folder] = CLASSES[count % CLASSES.length];
    // Of eight, four in this thread and four in a worker; an engine each time, and a model that another one outlives.
    const options = { worker: count % 8 >= 4, threads: 1 };
    const model = await beit[name].fromPretrained(join(golden, folder), options);
    if (!model.usable) problems.push(`load ${count}: the model is not usable`);
    await model.dispose();
    if (count >= first && count % every === 0) samples.push({ count, ...(await held()) });
  }
  const grown = samples.at(-1)?.handles - samples[0]?.handles;
  if (grown > 0) problems.push(`${grown} handles are left`);
  return {
    what: 'loads and disposals of four classes, here and in a worker',
    count,
    faults: 'none',
    figures: `resident ${(slope(samples, ({ rss }) => rss) / 1000).toFixed(2)}, heap ${(slope(samples, ({ heap }) => heap) / 1000).toFixed(2)} kB a load; ${Math.max(grown, 0) || 0} handles left`,
    problems,
  };
}
