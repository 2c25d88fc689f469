// The commands that write pictures and tensors of images: segment, features, reconstruct, tokenize.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { inflateSync } from 'node:zlib';
import { colorOf, createEngine, DalleTokenizer, pipeline, writeSafetensors } from '../../dist/node.js';
import { beit, filesOf, golden, root, temporaryFolder } from './support.mjs';
import { maskedFiles } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const image = join(root, 'tests/fixtures/images/rgb.png');
const dvae = join(golden, 'dvae/dvae-tiny');
const read = (path) => new Uint8Array(readFileSync(path));
const readTensors = (path) => engine.readTensors(read(path));
const readPicture = (path) => engine.decodeImage(read(path), path);

/** Runs a command with the build of this file's engine, and returns what it prints; it must succeed. */
async function runs(...words) {
  const { status, stdout, stderr } = await beit(...words, '--build', 'simd');
  assert.equal(status, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

async function fails(sentence, ...words) {
  const { status, stdout, stderr } = await beit(...words);
  assert.equal(status, 2, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^beit: [^\n]+\.\n$/, 'one sentence on one line');
  assert.match(stderr, sentence);
}

/** Writes the tiny checkpoint for masked images to a folder of `t`, and returns that. */
function maskedCheckpoint(t, vocab = 96) {
  const folder = join(temporaryFolder(t), 'masked');
  mkdirSync(folder);
  for (const [name, bytes] of Object.entries(maskedFiles(vocab))) writeFileSync(join(folder, name), bytes);
  return folder;
}

/** The segmentation case with a processor of its image size. */
function segmentationCheckpoint(t) {
  const folder = join(temporaryFolder(t), 'segment');
  mkdirSync(folder);
  const all = filesOf(join(golden, 'models/segment-aux'), 'config.json', 'model.safetensors');
  for (const [name, bytes] of Object.entries(all)) writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, 'preprocessor_config.json'), '{"size": {"height": 64, "width": 64}, "do_center_crop": false}');
  return folder;
}

test('segment writes labels, overlay and scores, and prints the legend', async (t) => {
  const model = segmentationCheckpoint(t);
  const out = (name) => join(model, name);
  const run = await pipeline('image-segmentation', model, { engine });
  const expected = await run(image, { scores: true });
  await run.dispose();
  const text = await runs(
    'segment',
    image,
    '--model',
    model,
    '--labels',
    out('labels.png'),
    '--overlay',
    out('overlay.png'),
    '--scores',
    out('scores.safetensors'),
  );
  assert.match(text, new RegExp(`^${image}: ${expected.width} x ${expected.height} pixels$`, 'm'));
  assert.equal(text.match(/^ +\d+\.\d\d % {2}#[0-9a-f]{6} +\d+ {2}LABEL_\d$/gm).length, expected.legend.length);

  const labels = await readPicture(out('labels.png'));
  assert.deepEqual([labels.width, labels.height], [expected.width, expected.height]);
  const [original, overlay] = [await readPicture(image), await readPicture(out('overlay.png'))];
  expected.labels.forEach((id, i) => {
    const color = colorOf(id);
    assert.deepEqual([...labels.data.subarray(i * 3, i * 3 + 3)], color);
    for (let c = 0; c < 3; ++c) assert.equal(overlay.data[i * 3 + c], Math.floor((original.data[i * 3 + c] + color[c]) / 2));
  });
  const tensors = await readTensors(out('scores.safetensors'));
  assert.deepEqual([...tensors.labels.data], [...expected.labels]);
  assert.deepEqual(tensors.scores.dims, [expected.height, expected.width]);
  tensors.scores.data.forEach((score, i) => assert.ok(Math.abs(score - expected.scores[i]) < 1e-6));

  const json = JSON.parse(await runs('segment', image, '--model', model, '--labels', out('grey.png'), '--format', 'grey8', '--json'));
  assert.deepEqual(json, { image, width: expected.width, height: expected.height, legend: JSON.parse(JSON.stringify(expected.legend)) });
  const grey = await readPicture(out('grey.png'));
  assert.deepEqual(
    [...expected.labels],
    [...expected.labels.keys()].map((i) => grey.data[i * 3]),
  );

  await runs('segment', image, '--model', model, '--labels', out('deep.png'), '--format', 'grey16');
  const deep = readFileSync(out('deep.png'));
  assert.equal(deep[24], 16, 'bits a sample');
  const rows = inflateSync(deep.subarray(41, 41 + deep.readUInt32BE(33)));
  assert.equal(rows.readUInt16BE(1), expected.labels[0]);
});

test('segment writes more than 256 classes in 16 bits, and says that 8 do not do', async (t) => {
  // The same model with a head of 300 classes, of which the last always wins.
  const model = segmentationCheckpoint(t);
  const weights = await readTensors(join(model, 'model.safetensors'));
  const [, channels] = weights['decode_head.classifier.weight'].dims;
  const bias = new Float32Array(300);
  bias[299] = 1e6;
  weights['decode_head.classifier.weight'] = { dims: [300, channels, 1, 1], data: new Float32Array(300 * channels) };
  weights['decode_head.classifier.bias'] = { dims: [300], data: bias };
  for (const name of Object.keys(weights)) if (name.startsWith('auxiliary_head.')) delete weights[name];
  writeFileSync(join(model, 'model.safetensors'), writeSafetensors(weights));
  const { id2label: _, label2id: __, ...config } = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
  writeFileSync(join(model, 'config.json'), JSON.stringify({ ...config, num_labels: 300 }));
  const labels = join(model, 'labels.png');
  assert.match(await runs('segment', image, '--model', model, '--labels', labels), / 100\.00 % {2}#[0-9a-f]{6} {2}299 {2}LABEL_299$/m);
  const file = readFileSync(labels);
  assert.equal(file[24], 16);
  assert.equal(inflateSync(file.subarray(41, 41 + file.readUInt32BE(33))).readUInt16BE(1), 299);
  for (const format of ['palette', 'grey8']) {
    await fails(
      /--format: got .* with class 299, expected grey16/,
      'segment',
      image,
      '--model',
      model,
      '--labels',
      labels,
      '--format',
      format,
    );
  }
});

test('segment counts layers as it is told to', async (t) => {
  // The case has four layers and names 1 to 4: as unilm counts, the last would be a fifth.
  const model = segmentationCheckpoint(t);
  await runs('segment', image, '--model', model, '--taps', 'reference');
  await fails(/out_indices/, 'segment', image, '--model', model, '--taps', 'original');
});

test('features writes a row for each image, of any layer', async (t) => {
  const model = maskedCheckpoint(t);
  const outputs = join(model, 'features.safetensors');
  const run = await pipeline('image-feature-extraction', model, { engine });
  for (const [word, output] of [
    ['tokens', 'tokens'],
    ['0', 0],
    ['-1', -1],
  ]) {
    const text = await runs('features', image, image, '--model', model, '--outputs', outputs, '--layer', word);
    assert.equal(text, `${outputs}: features 2 x 65 x 4\n`);
    const { features } = await readTensors(outputs);
    const { data } = await run(image, { output });
    assert.deepEqual(
      [features.dims, [...features.data]],
      [
        [2, 65, 4],
        [...data, ...data],
      ],
    );
  }
  await run.dispose();
  const json = JSON.parse(await runs('features', image, '--outputs', outputs, '--json'));
  assert.deepEqual(json, { images: [image], dims: [1, json.dims[1]], outputs, failed: [] });
  assert.deepEqual((await readTensors(outputs)).features.dims, json.dims);
  await fails(/no pooler.*--layer tokens/, 'features', image, image, '--model', model, '--outputs', outputs);
  await fails(
    /--layer: got 3, expected pooled, tokens or a number from -3 to 2/,
    'features',
    image,
    '--model',
    model,
    '--outputs',
    outputs,
    '--layer',
    '3',
  );
});

test('reconstruct writes what was hidden, predicted and drawn', async (t) => {
  const model = maskedCheckpoint(t);
  const out = (name) => join(model, name);
  const run = await pipeline('masked-image-modeling', model, { engine, tokenizer: dvae });
  const expected = await run(image, { ratio: 0.25, seed: 9 });
  await run.dispose();
  const common = ['reconstruct', image, '--model', model, '--ratio', '0.25', '--seed', '9'];
  const text = await runs(
    ...common,
    '--tokenizer',
    dvae,
    '--masked',
    out('masked.png'),
    '--reconstruction',
    out('drawn.png'),
    '--decoded',
    out('decoded.png'),
    '--outputs',
    out('tokens.safetensors'),
  );
  assert.match(text, /: 16 of 64 patches hidden \(8 x 8\)$/m);
  assert.match(text, /tokenizer has it: \d+ of 16 \(/);
  for (const [name, picture] of [
    ['masked', expected.maskedImage],
    ['drawn', expected.reconstruction],
    ['decoded', expected.tokenizerReconstruction],
  ]) {
    const written = await readPicture(out(`${name}.png`));
    assert.deepEqual([written.width, written.height, [...written.data]], [picture.width, picture.height, [...picture.data]], name);
  }
  const tensors = await readTensors(out('tokens.safetensors'));
  for (const [name, { data }] of [
    ['mask', expected.mask],
    ['tokens', expected.tokens],
    ['true_tokens', expected.trueTokens],
  ]) {
    assert.deepEqual([tensors[name].dims, [...tensors[name].data]], [[8, 8], [...data]], name);
  }
  assert.deepEqual(tensors.probabilities.data, expected.probabilities);

  const json = JSON.parse(await runs(...common, '--outputs', out('bare.safetensors'), '--json'));
  assert.deepEqual([json.height, json.width, json.masked, 'accuracy' in json], [8, 8, 16, false]);
  assert.deepEqual(
    json.predictions.map(({ patch, token }) => [patch, token]),
    expected.predictions.map(({ patch, token }) => [patch, token]),
  );
  assert.deepEqual(Object.keys(await readTensors(out('bare.safetensors'))).sort(), ['mask', 'probabilities', 'tokens']);
  await fails(/--decoded needs --tokenizer/, ...common, '--decoded', out('none.png'));
  await fails(
    /tokenizer: got a codebook of 96 tokens, expected 97/,
    'reconstruct',
    image,
    '--tokenizer',
    dvae,
    '--model',
    maskedCheckpoint(t, 97),
  );
  await fails(/absent: there is no such folder/, ...common, '--masked', out('absent/x.png'));
  assert.ok(!existsSync(out('none.png')));
});

test('tokenize goes from an image to tokens, to a picture, and both at once', async (t) => {
  const folder = temporaryFolder(t);
  const out = (name) => join(folder, name);
  const tokenizer = await DalleTokenizer.fromPretrained(dvae, { engine });
  const expected = await tokenizer.encode(image, { size: { height: 24, width: 40 } });
  const picture = await tokenizer.decode(expected);
  await tokenizer.dispose();
  const text = await runs('tokenize', image, '--tokenizer', dvae, '--size', '24x40', '--outputs', out('t.safetensors'));
  assert.match(text, /t\.safetensors: 3 x 5 tokens, \d+ of them different\n$/);
  const { tokens } = await readTensors(out('t.safetensors'));
  assert.deepEqual([tokens.dims, [...tokens.data]], [[3, 5], [...expected.data]]);
  const json = JSON.parse(await runs('tokenize', out('t.safetensors'), '--tokenizer', dvae, '--outputs', out('a.png'), '--json'));
  assert.deepEqual([json.height, json.width, json.tokens.flat()], [3, 5, [...expected.data]]);
  await runs('tokenize', image, '--tokenizer', dvae, '--size', '24x40', '--outputs', out('b.png'));
  for (const name of ['a.png', 'b.png']) {
    const written = await readPicture(out(name));
    assert.deepEqual([written.width, written.height, [...written.data]], [40, 24, [...picture.data]], name);
  }
  const bad = async (sentence, tensors) => {
    writeFileSync(out('bad.safetensors'), writeSafetensors(tensors));
    await fails(sentence, 'tokenize', out('bad.safetensors'), '--tokenizer', dvae, '--outputs', out('c.png'));
  };
  await bad(/it has no tensor tokens/, { pixels: { dims: [1], data: new Uint8Array(1) } });
  await bad(/tokens: got F32, expected integers/, { tokens: { dims: [1, 1], data: new Float32Array(1) } });
  await bad(/tokens: got \[2, 1, 1\]/, { tokens: { dims: [2, 1, 1], data: new Int32Array(2) } });
  await bad(/96/, { tokens: { dims: [1, 1], data: BigInt64Array.of(96n) } });
  assert.ok(!existsSync(out('c.png')));
});
