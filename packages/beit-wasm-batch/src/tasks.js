/** What can be done with each picture: how it is opened on a pool, and the columns of its answers. */
import { encode } from 'fast-png';

const BYTE = 256;

/** Returns a label map as PNG: grey, of 8 bits where all classes fit. */
function mapPng({ width, height, labels }, classes) {
  const data = classes <= BYTE ? Uint8Array.from(labels) : labels;
  return encode({ width, height, data, channels: 1, depth: classes <= BYTE ? 8 : 16 });
}

/** By name: the library's task, the columns, and from an answer to a row's fields. */
const PIPELINES = {
  classify: {
    task: 'image-classification',
    answers: [
      { name: 'label', kind: 'text' },
      { name: 'score', kind: 'float' },
      { name: 'labels', kind: 'texts' },
      { name: 'scores', kind: 'floats' },
    ],
    call: ({ topK }) => ({ topK }),
    fields: (found) => ({
      label: found[0]?.label ?? null,
      score: found[0]?.score ?? null,
      labels: found.map(({ label }) => label),
      scores: found.map(({ score }) => score),
    }),
  },
  features: {
    task: 'image-feature-extraction',
    answers: [{ name: 'embedding', kind: 'vector' }],
    call: ({ layer, normalize }) => ({ output: layer, normalize }),
    fields: ({ data }) => ({ embedding: data }),
  },
  segment: {
    task: 'image-segmentation',
    answers: [
      { name: 'labels', kind: 'texts' },
      { name: 'ids', kind: 'ints' },
      { name: 'shares', kind: 'floats' },
      { name: 'map', kind: 'bytes' },
    ],
    call: () => ({}),
    fields: (found, { config: { numLabels }, maps }) => ({
      width: found.width,
      height: found.height,
      labels: found.legend.map(({ label }) => label),
      ids: found.legend.map(({ id }) => id),
      shares: found.legend.map(({ share }) => share),
      ...(maps && { map: mapPng(found, numLabels) }),
    }),
  },
};

const TOKENS = [{ name: 'tokens', kind: 'int vector' }];

export const TASKS = [...Object.keys(PIPELINES), 'tokenize'];

/** Returns the columns of a task's answers. */
export const answersOf = (task) => PIPELINES[task]?.answers ?? TOKENS;

/** How many numbers a row of features has: a vector, or one for each token. */
function vectorLengthOf({ hiddenSize, imageSize, patchSize }, { layer = 'pooled' }) {
  if (layer === 'pooled') return hiddenSize;
  const patches = (imageSize.height / patchSize.height) * (imageSize.width / patchSize.width);
  return (patches + 1) * hiddenSize;
}

/**
 * Opens a task on a pool. Returns { work(bytes, signal): a row's fields, vectorLength, dispose() }. `vectorLength` is that of a picture of the model's
 * own size. `maps`: whether segmentation's rows have theirs.
 */
export async function openTask(beit, pool, task, source, { options, load, maps = true }) {
  if (task === 'tokenize') {
    const tokenizers = await pool.open((engine) => beit.DalleTokenizer.fromPretrained(source, { ...load, engine }));
    const { size } = options;
    return {
      work: async (bytes, signal) => {
        const { data } = await tokenizers.run((tokenizer) => tokenizer.encode(bytes, { size, signal }), { signal });
        return { tokens: data };
      },
      vectorLength: (size.height / 8) * (size.width / 8),
      dispose: () => tokenizers.dispose(),
    };
  }
  const { task: name, call, fields } = PIPELINES[task];
  const run = await pool.pipeline(name, source, load);
  const { config } = run.model;
  return {
    work: async (bytes, signal) => fields(await run(bytes, { ...call(options), signal }), { config, maps }),
    vectorLength: vectorLengthOf(config, options),
    dispose: () => run.dispose(),
  };
}
