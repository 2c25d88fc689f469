// The command line end to end, on each artefact; it is the contract for tests and users.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { createEngine, writeSafetensors } from '../../dist/node.js';
import { BUILDS, beit, golden, root, temporaryFolder } from './support.mjs';
import { pixelValues, tensors, writeCheckpoint } from './tiny-checkpoint.mjs';

const folders = (kind) =>
  readdirSync(join(golden, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(golden, kind, name));
const models = ['models', 'formats', 'dvae'].flatMap((kind) => folders(kind));
const images = folders('images');
const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const readTensors = async (path) => engine.readTensors(new Uint8Array(readFileSync(path)));
const image = join(root, 'tests/fixtures/images/rgb.png');

function checkpoint(t) {
  return writeCheckpoint(temporaryFolder(t));
}

test('there are reference cases', () => {
  assert.ok(models.length >= 35, `${models.length} models`);
  assert.ok(images.length >= 15, `${images.length} images`);
});

for (const build of BUILDS) {
  test(`every reference case passes on ${build}`, async () => {
    const { status, stdout, stderr } = await beit('verify', ...models, ...images, '--build', build);
    assert.equal(status, 0, stdout + stderr);
    const count = models.length + images.length;
    assert.match(stdout, new RegExp(`^${count} of ${count} cases pass \\(${build},`, 'm'));
    assert.equal(stdout.match(/^pass  /gm).length, count);
  });
}

test('a case with another answer fails, with exit status 1', async (t) => {
  const folder = join(temporaryFolder(t), 'changed');
  cpSync(join(golden, 'models/classify-relu'), folder, { recursive: true });
  const file = join(folder, 'expected.safetensors');
  const tensors = await readTensors(file);
  tensors['out.logits'].data[3] += 0.01;
  writeFileSync(file, writeSafetensors(tensors));
  const { status, stdout } = await beit('verify', folder, join(golden, 'models/classify-silu'), '--build', 'simd');
  assert.equal(status, 1);
  assert.match(stdout, /^FAIL  changed\n {6}logits .*FAIL: 1 of 10 values are outside/m);
  assert.match(stdout, /^pass  classify-silu/m);
  assert.match(stdout, /^1 of 2 cases pass/m);
});

test('a case that cannot run fails with the sentence', async (t) => {
  const folder = join(temporaryFolder(t), 'cut');
  cpSync(join(golden, 'models/classify-relu'), folder, { recursive: true });
  writeFileSync(join(folder, 'model.safetensors'), readFileSync(join(folder, 'model.safetensors')).subarray(0, 9999));
  const { status, stdout } = await beit('verify', folder, '--build', 'simd');
  assert.equal(status, 1);
  assert.match(stdout, /^FAIL  cut\n {6}.*model\.safetensors/m);
});

test('an image case with another answer fails', async (t) => {
  const folder = join(temporaryFolder(t), 'changed');
  cpSync(join(golden, 'images/nearest'), folder, { recursive: true });
  const config = join(folder, 'preprocessor_config.json');
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), resample: 3 }));
  assert.equal((await beit('verify', folder, '--build', 'simd')).status, 1);
});

test('classify prints labels, and JSON', async (t) => {
  const folder = checkpoint(t);
  const text = await beit('classify', image, image, '--model', folder, '--top-k', '2', '--build', 'simd');
  assert.equal(text.status, 0, text.stderr);
  assert.equal(text.stdout.match(/^ +\d+\.\d\d %  (cat|dog|owl)$/gm).length, 4);
  const json = await beit('classify', image, '--model', join(folder, 'model.safetensors'), '--json', '--threads', '1');
  const [{ image: name, labels }] = JSON.parse(json.stdout);
  assert.equal(name, image);
  assert.equal(labels.length, 3);
  assert.ok(Math.abs(labels.reduce((sum, { score }) => sum + score, 0) - 1) < 1e-9);
});

test('classify without a model runs the embedded classifier', async () => {
  const { status, stdout, stderr } = await beit('classify', image, '--json');
  assert.equal(status, 0, stderr);
  assert.ok(JSON.parse(stdout)[0].labels.length >= 2);
});

test('one bad image among many is told, and the others are done', async (t) => {
  const folder = checkpoint(t);
  const bad = join(root, 'package.json');
  const outputs = join(folder, 'features.safetensors');
  for (const [wrong, code, sentence] of [
    [bad, 'bad-image', /package\.json: /],
    ['absent.png', 'not-found', /absent\.png: there is no such file/],
    ['src', 'not-found', /src: it is not a file/],
  ]) {
    const images = [image, wrong, image];
    const failure = /^beit: [^\n]+\n$/;

    const text = await beit('classify', ...images, '--model', folder, '--build', 'simd');
    assert.equal(text.status, 1);
    assert.equal(text.stdout.match(/^ +\d+\.\d\d %  /gm).length, 6);
    assert.match(text.stderr, failure);
    assert.match(text.stderr, sentence);

    const json = await beit('classify', ...images, '--model', folder, '--build', 'simd', '--json');
    assert.equal(json.status, 1);
    const [first, second, third] = JSON.parse(json.stdout);
    assert.deepEqual(first, third);
    assert.deepEqual(Object.keys(second), ['image', 'error']);
    assert.deepEqual([second.image, second.error.code], [wrong, code]);
    assert.match(second.error.message, sentence);

    const features = await beit('features', ...images, '--outputs', outputs, '--model', folder, '--build', 'simd', '--json');
    assert.equal(features.status, 1);
    assert.match(features.stderr, sentence);
    const { images: done, dims, failed } = JSON.parse(features.stdout);
    assert.deepEqual([done, dims[0], failed], [[image, image], 2, [second]]);
    assert.deepEqual((await readTensors(outputs)).features.dims, dims);
  }
});

test('features of images that all fail write no file', async (t) => {
  const folder = checkpoint(t);
  const outputs = join(folder, 'features.safetensors');
  const { status, stdout, stderr } = await beit('features', 'absent.png', '--outputs', outputs, '--model', folder, '--build', 'simd');
  assert.deepEqual([status, stdout, existsSync(outputs)], [1, '', false]);
  assert.match(stderr, /^beit: absent\.png: there is no such file\.\n$/);
});

test('classify prints the numbers of a regression, and what is asked for instead', async (t) => {
  const folder = checkpoint(t);
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, problem_type: 'regression' }));
  const run = async (...options) => {
    const { status, stdout, stderr } = await beit('classify', image, '--model', folder, '--build', 'simd', ...options);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const scoresOf = (json) => JSON.parse(json)[0].labels.map(({ score }) => score);
  const numbers = scoresOf(await run('--json'));
  assert.deepEqual(numbers, scoresOf(await run('--json', '--scores', 'none')));
  assert.ok(Math.abs(numbers.reduce((sum, each) => sum + each) - 1) > 1e-3);
  const logistic = scoresOf(await run('--json', '--scores', 'sigmoid'));
  for (const [i, score] of logistic.entries()) assert.ok(Math.abs(score - 1 / (1 + Math.exp(-numbers[i]))) < 1e-12);
  const text = await run();
  assert.ok(text.includes(numbers[0].toPrecision(6)) && !text.includes('%'), text);
  assert.match(await run('--scores', 'softmax'), / %  /);
});

test('a folder that is no case fails, and the others are run', async () => {
  for (const [folder, sentence] of [
    ['absent', /absent: there is no such folder/],
    ['package.json', /package\.json: it is not a folder/],
    ['src', /expected\.safetensors.*no case/],
  ]) {
    const { status, stdout } = await beit('verify', folder, join(golden, 'models/classify-relu'), '--build', 'simd');
    assert.equal(status, 1);
    assert.match(stdout, sentence);
    assert.match(stdout, /^1 of 2 cases pass/m);
  }
});

test('a reader that has enough ends the command quietly', async (t) => {
  const folder = checkpoint(t);
  const command = [
    process.execPath,
    join(root, 'dist/cli/main.js'),
    'classify',
    ...Array(50).fill(image),
    '--model',
    folder,
    '--build',
    'simd',
  ];
  const { stdout, stderr } = spawnSync('sh', ['-c', '"$@" | head -n 1', 'sh', ...command], { cwd: root, encoding: 'utf8' });
  assert.equal(stdout, `${image}\n`);
  assert.equal(stderr, '');
});

test('forward writes what the class gives', async (t) => {
  const folder = checkpoint(t);
  const [inputs, outputs] = ['in.safetensors', 'out.safetensors'].map((name) => join(folder, name));
  writeFileSync(inputs, writeSafetensors({ 'in.pixel_values': pixelValues, 'in.labels': { dims: [1], data: BigInt64Array.of(1n) } }));
  const run = (...words) => beit('forward', folder, '--inputs', inputs, '--outputs', outputs, '--build', 'simd', ...words);
  assert.equal((await run()).status, 0);
  assert.deepEqual(Object.keys(await readTensors(outputs)).sort(), ['logits', 'loss']);
  writeFileSync(inputs, writeSafetensors({ pixel_values: pixelValues }));
  const { status, stderr } = await run('--class', 'BeitModel', '--no-pooler', '--output-hidden-states', '--output-attentions');
  assert.equal(status, 0, stderr);
  const tensors = await readTensors(outputs);
  assert.deepEqual(Object.keys(tensors).sort(), [
    'attentions.0',
    'attentions.1',
    'hidden_states.0',
    'hidden_states.1',
    'hidden_states.2',
    'last_hidden_state',
  ]);
  assert.deepEqual(tensors['last_hidden_state'].dims, [1, 5, 4]);
});

test('forward says what is wrong with its files', async (t) => {
  const folder = checkpoint(t);
  const inputs = join(folder, 'in.safetensors');
  const outputs = join(folder, 'x'.repeat(300)); // longer than a name may be
  const run = async (sentence, ...words) => {
    const { status, stderr } = await beit('forward', folder, '--inputs', inputs, '--outputs', outputs, '--build', 'simd', ...words);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^beit: [^\n]+\n$/);
    assert.match(stderr, sentence);
  };
  writeFileSync(inputs, writeSafetensors({ pixels: pixelValues }));
  await run(/in\.safetensors: it has no tensor pixel_values/);
  writeFileSync(inputs, 'nonsense');
  await run(/in\.safetensors/);
  writeFileSync(inputs, writeSafetensors({ pixel_values: { dims: [1, 3, 8, 8], data: new Int32Array(192) } }));
  await run(/pixel_values: got I32/);
  writeFileSync(inputs, writeSafetensors({ pixel_values: pixelValues }));
  await run(/x+: the file cannot be written/);
  await run(/BeitForPoetry/, '--class', 'BeitForPoetry');
});

test('preprocess reads an image or tensors', async (t) => {
  const folder = temporaryFolder(t);
  const out = join(folder, 'out.safetensors');
  const example = join(golden, 'images/nearest');
  const config = join(example, 'preprocessor_config.json');
  const fromTensors = await beit('preprocess', join(example, 'expected.safetensors'), '--config', config, '--outputs', out);
  assert.equal(fromTensors.status, 0, fromTensors.stderr);
  const expected = await readTensors(join(example, 'expected.safetensors'));
  const tensors = await readTensors(out);
  assert.deepEqual(tensors['pixel_values'], expected['out.pixel_values']);
  assert.deepEqual(tensors['labels'].dims, expected['out.labels_reduced'].dims);
  assert.equal((await beit('preprocess', image, '--config', config, '--outputs', out)).status, 0);
  assert.deepEqual(Object.keys(await readTensors(out)), ['pixel_values']);
});

test('info tells what a checkpoint holds, also one that does not fit', async (t) => {
  const folder = checkpoint(t);
  const { stdout } = await beit('info', folder, '--json', '--build', 'simd');
  const found = JSON.parse(stdout);
  assert.equal(found.className, 'BeitForImageClassification');
  assert.equal(found.tensors.length, 43);
  assert.deepEqual(found.report.missing, []);
  assert.equal(
    found.report.fillBytes,
    found.tensors.reduce((sum, { bytes }) => sum + bytes, 0),
  );
  const { 'classifier.bias': _, 'beit.encoder.layer.1.lambda_2': __, ...rest } = tensors();
  rest['classifier.weight'] = { dims: [3, 5], data: new Float32Array(15) };
  rest['beit.strange'] = { dims: [1], data: new Float32Array(1) };
  writeFileSync(join(folder, 'model.safetensors'), writeSafetensors(rest));
  const text = await beit('info', folder, '--build', 'simd');
  assert.equal(text.status, 0, text.stderr);
  assert.match(text.stdout, /^missing: 2\n.*lambda_2\n|^missing: 2\n.*\n.*lambda_2\n/m);
  assert.match(text.stdout, /^not fitting: 1$/m);
  assert.match(text.stdout, /^unexpected: 1$/m);
  assert.match(text.stdout, /^ {2}beit\.strange$/m);
  assert.match(text.stdout, /classifier\.weight.*\[3, 5\]/);
});

test('the package has what package.json promises', () => {
  const { bin, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const paths = [bin.beit, exports['.'].default, exports['.'].types, exports['.'].node];
  for (const path of paths) assert.ok(existsSync(join(root, path)), path);
  assert.ok(readFileSync(join(root, bin.beit), 'utf8').startsWith('#!/usr/bin/env node'));
});

test("nothing of Node is reachable from the browser's entry", () => {
  for (const [name, wasm] of [
    ['index.js', []],
    ['worker.js', []],
    ['service-worker.js', ['./wasm/beit-simd.js']],
  ]) {
    const codeOf = (file) => readFileSync(join(root, 'dist', file), 'utf8');
    const importsOf = (code) =>
      [...code.matchAll(/(?:^|[;}])\s*(?:import|export)\b[^;"'=]*?(?:\bfrom ?)?["']([^"']+)["']/gm)].map(([, path]) => path);
    const named = importsOf(codeOf(name));
    const chunks = named.filter((path) => !wasm.includes(path));
    assert.deepEqual(new Set(named.filter((path) => !/^\.\/(chunk-\w+|engine|files)\.js$/.test(path))), new Set(wasm), name);
    for (const file of [name, ...chunks]) {
      const code = codeOf(file);
      assert.doesNotMatch(code, /["']node:|\brequire\(/, `${name}: ${file}`);
      assert.doesNotMatch(code, /\beval\(|new Function/, `${name}: ${file}`);
      // The entry names all of it, so that a browser asks for all at once.
      if (file !== name) for (const path of importsOf(code)) assert.ok(chunks.includes(path), `${name}: ${file} names ${path}`);
    }
  }
});
