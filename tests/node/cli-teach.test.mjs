// beit teach and beit evaluate, on folders of pictures that are drawn here.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { confusionPicture } from '../../dist/cli/confusion-picture.js';
import { evaluatePictures } from '../../dist/cli/evaluate.js';
import { writePng } from '../../dist/cli/png.js';
import { Teacher } from '../../dist/node.js';
import { beit, rejects, root, temporaryFolder } from './support.mjs';

const classifier = join(root, 'weights/embedded/classifier');

/** Writes pictures of bright stripes, across or along, to folders of these names; returns the folder. */
function imageFolder(folder, { count, from = 0, names = ['across', 'along'] }) {
  for (const [k, name] of names.entries()) {
    mkdirSync(join(folder, name), { recursive: true });
    for (let i = from; i < from + count; ++i) {
      const data = Uint8Array.from({ length: 40 * 40 * 3 }, (_, j) => {
        const pixel = Math.floor(j / 3);
        const place = k === 0 ? Math.floor(pixel / 40) : pixel % 40;
        return (Math.floor((place + i) / (3 + (i % 3))) % 2) * (140 + 10 * (i % 5)) + ((i * 37 + (j % 3) * 29) % 80);
      });
      writeFileSync(join(folder, name, `${i}.png`), writePng({ width: 40, height: 40, channels: 3, data }));
    }
  }
  return folder;
}

test('a folder of folders becomes a model, which other folders are told by', async (t) => {
  const folder = temporaryFolder(t);
  const data = imageFolder(join(folder, 'data/train'), { count: 12 }) && join(folder, 'data');
  imageFolder(join(data, 'validation'), { count: 4, from: 50 });
  writeFileSync(join(data, 'train/across/notes.txt'), 'no picture');
  const out = join(folder, 'model');
  const { status, stdout, stderr } = await beit('teach', data, '--model', classifier, '--out', out, '--build', 'simd', '--dtype', 'f32');
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^Taught 2 labels by 24 pictures, after layer [1-6] of 6\.\nRight on \d+ of 24 \(.*\), each judged without itself\.\nRight on [678] of 8 /,
  );
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'));
  assert.deepEqual(config.id2label, { 0: 'across', 1: 'along' });
  assert.ok(!('problem_type' in config), 'transformers 4 would take sigmoids for probabilities');
  assert.deepEqual([config.architectures, config.torch_dtype], [['BeitForImageClassification'], 'float32']);

  const svg = join(folder, 'confusion.svg');
  const judged = await beit('evaluate', data, '--model', out, '--json', '--confusion', svg, '--build', 'simd');
  assert.equal(judged.status, 0, judged.stderr);
  const result = JSON.parse(judged.stdout);
  assert.deepEqual([result.labels, result.pictures, result.failed], [['across', 'along'], 8, []]);
  assert.equal(result.right, result.confusion[0][0] + result.confusion[1][1]);
  assert.equal(result.accuracy, result.right / 8);
  assert.match(readFileSync(svg, 'utf8'), /^<svg [\s\S]*across as across: \d[\s\S]*<\/svg>\n$/);

  writeFileSync(join(data, 'validation/across/broken.png'), 'not a picture');
  const broken = await beit('evaluate', data, '--model', out, '--build', 'simd');
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /^beit: .*broken\.png/);
  assert.match(broken.stdout, /^Right on \d of 8 [\s\S]*\n {2}along: \d of 4\n$/);
});

test('a model that knows very many labels is judged by the few of the folders', async () => {
  const id2label = Array.from({ length: 60_000 }, (_, i) => `label ${i}`);
  const classify = Object.assign(async () => [{ label: 'label 7', score: 1 }], { model: { config: { id2label } } });
  const files = ['label 59999', 'label 7'].map((label) => ({ label, path: label }));
  const { labels, right, pictures, confusion } = await evaluatePictures(classify, files);
  assert.deepEqual([labels, right, pictures], [['label 7', 'label 59999'], 1, 2]);
  assert.deepEqual(
    confusion.map((row) => [row.length, row[7], row.reduce((a, b) => a + b)]),
    [
      [60_000, 1, 1],
      [60_000, 1, 1],
    ],
  );
});

test("a project's own README.md and config.json are no model's, and stay", async (t) => {
  const folder = temporaryFolder(t);
  const data = imageFolder(join(folder, 'data'), { count: 5, names: ['across', 'along'] });
  for (const [name, text] of [
    ['README.md', '# My project\n'],
    ['config.json', '{ "port": 8080 }\n'],
  ]) {
    const out = join(folder, name.replace('.', '-'));
    mkdirSync(out);
    writeFileSync(join(out, name), text);
    const converts = name === 'config.json' ? [['convert', classifier, join(out, 'model.safetensors')]] : [];
    for (const words of [
      ['teach', data, '--model', classifier, '--out', out],
      ['train', data, '--model', classifier, '--out', out],
      ...converts,
    ]) {
      const { status, stderr } = await beit(...words);
      assert.equal(status, 2, stderr);
      assert.match(
        stderr,
        /(README\.md|config\.json): got a file that is no model's, which would be overwritten, expected another folder\.\n$/,
      );
    }
    const teacher = await Teacher.from(classifier);
    await teacher.add('a', join(data, 'across', readdirSync(join(data, 'across'))[0]));
    await teacher.add('b', join(data, 'along', readdirSync(join(data, 'along'))[0]));
    await teacher.fit();
    await rejects(teacher.save(out), 'invalid-argument', /would be overwritten/);
    await teacher.dispose();
    assert.deepEqual([readdirSync(out), readFileSync(join(out, name), 'utf8')], [[name], text]);
    // Of a model they are replaced, as a second save does.
    writeFileSync(join(out, name), name === 'README.md' ? '---\nlicense: mit\n---\n' : '{ "model_type": "beit" }');
    const { status, stderr } = await beit('teach', data, '--model', classifier, '--out', out);
    assert.equal(status, 0, stderr);
  }
});

test('the picture of very many labels has a cell for what was answered', () => {
  const labels = Array.from({ length: 3000 }, (_, i) => `label ${i}`);
  const row = new Array(labels.length).fill(0);
  const picture = confusionPicture(
    labels,
    labels,
    labels.map((_, i) => row.map((_, k) => (k === i ? 2 : 0))),
  );
  assert.equal(picture.match(/<rect/g).length, 1 + labels.length);
  assert.ok(picture.includes('<title>label 7 as label 7: 2</title>') && !picture.includes('label 7 as label 8'));
});

test('what cannot be taught is told in a sentence, and nothing is written', async (t) => {
  const folder = temporaryFolder(t);
  const one = imageFolder(join(folder, 'one'), { count: 1, names: ['across'] });
  for (const [sentence, ...words] of [
    [/there is no such folder/, 'teach', join(folder, 'absent'), '--out', join(folder, 'out')],
    [/of at least two/, 'teach', one, '--model', classifier, '--out', join(folder, 'out')],
    [/would be overwritten/, 'teach', one, '--model', classifier, '--out', classifier],
    [/no pictures in folders/, 'evaluate', join(one, 'across')],
    [/folders of across, expected labels of the model/, 'evaluate', one, '--model', classifier],
    [/--out FOLDER is missing/, 'teach', one],
  ]) {
    const { status, stdout, stderr } = await beit(...words);
    assert.equal(status, 2, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, sentence);
  }
});
