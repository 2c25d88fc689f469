// Checkpoints and processors as people have them (tests/fixtures/cases), each with the answer of transformers or timm.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { BeitForImageClassification, BeitImageProcessor, BeitModel, createEngine, pipeline } from '../../dist/node.js';
import { nodeFlags } from '../../tools/node-flags.mjs';
import { rejects, root } from './support.mjs';
import { zipFile } from './torch-file.mjs';

const cases = join(root, 'tests', 'fixtures', 'cases');
const folder = mkdtempSync(join(tmpdir(), 'beit-cases-'));
test.after(() => rmSync(folder, { recursive: true }));
cpSync(cases, folder, { recursive: true });
const storages = readFileSync(join(cases, 'storages.bin'));

/** Puts a zip file together from what its case has of it. */
function unpack(place) {
  const { file, members } = JSON.parse(readFileSync(join(place, 'members.json'), 'utf8'));
  const bytes = ([name, at, length]) =>
    at === undefined ? readFileSync(join(place, name.split('/').at(-1))) : storages.subarray(at, at + length);
  writeFileSync(join(place, file), zipFile(members.map((member) => [member[0], bytes(member)])));
}

const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'case.json')));
for (const name of names) if (existsSync(join(folder, name, 'members.json'))) unpack(join(folder, name));
cpSync(join(folder, '16-id2label-null', 'model.safetensors'), join(folder, '16-id2label-numbers', 'model.safetensors'));

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const photo = join(cases, 'photo.png');

/** Asserts that labels come in the same order with the same scores, within 2e-5. */
function assertScores(given, expected) {
  assert.deepEqual(
    given.map(({ label }) => label),
    expected.map(([label]) => label),
  );
  for (const [i, [label, score]] of expected.entries()) assert.ok(Math.abs(given[i].score - score) < 2e-5, `${label}: ${given[i].score}`);
}

test('beit verify passes every case', () => {
  assert.ok(names.length >= 11, names.join());
  const folders = names.map((name) => join(folder, name));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...nodeFlags, join(root, 'dist', 'cli', 'main.js'), 'verify', '--build', 'simd', ...folders],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, new RegExp(`^${names.length} of ${names.length} cases pass`, 'm'));
});

test("timm's folder on a hub: labels, scores and pixel values of a photo, and tokens", async () => {
  const source = join(folder, '03-timm-hub-plain');
  const { labels } = JSON.parse(readFileSync(join(source, 'expected.json'), 'utf8'));
  const classify = await pipeline('image-classification', source, { engine });
  const expected = Object.entries(labels).sort(([, a], [, b]) => b - a);
  assertScores(await classify(photo, { topK: 5 }), expected);
  await classify.dispose();
  const reference = await engine.readTensors(new Uint8Array(readFileSync(join(source, 'reference.safetensors'))));
  const processor = await BeitImageProcessor.fromPretrained(source, { engine });
  const { pixelValues } = await processor.preprocess(photo);
  assert.ok(largestDifference(pixelValues.data, reference['photo.pixel_values'].data) < 1e-6);
  const model = await BeitModel.fromPretrained(source, { engine });
  const given = await engine.readTensors(new Uint8Array(readFileSync(join(source, 'expected.safetensors'))));
  const { lastHiddenState } = await model.forward({ pixelValues: given['in.pixel_values'] });
  assert.ok(largestDifference(lastHiddenState.data, reference.features.data) < 2e-5);
  await model.dispose();
  await processor.dispose();
});

const largestDifference = (a, b) => {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
};

test('a regression gives its number', async () => {
  const source = join(folder, '29-regression');
  const [{ label, score }] = JSON.parse(readFileSync(join(source, 'expected.json'), 'utf8'));
  const classify = await pipeline('image-classification', source, { engine });
  assertScores(await classify(photo), [[label, score]]);
  await classify.dispose();
});

test('an adapter without its model is told for what it is', async () => {
  await rejects(BeitForImageClassification.fromPretrained(join(folder, '30-lora'), { engine }), 'unsupported', /LoRA/);
});

test('pictures as people have them: what Pillow makes of each, and what it refuses is refused', async () => {
  const place = join(cases, 'pictures');
  const expected = await engine.readTensors(new Uint8Array(readFileSync(join(place, 'expected.safetensors'))));
  const pictures = readdirSync(place).filter((name) => /\.(jpg|png|gif|webp)$/.test(name));
  assert.equal(pictures.length, 14);
  for (const name of pictures) {
    const image = await engine.decodeImage(new Uint8Array(readFileSync(join(place, name))), name).catch((error) => error);
    if (!expected[name]) {
      assert.equal(image.code, 'bad-image', `${name}: ${image.message}`);
      assert.match(image.message, new RegExp(name));
      continue;
    }
    assert.equal(image.message, undefined, name);
    assert.deepEqual([image.height, image.width, image.channels], expected[name].dims, name);
    const most = image.data.reduce((far, value, i) => Math.max(far, Math.abs(value - expected[name].data[i])), 0);
    assert.ok(most <= (name.endsWith('.jpg') ? 6 : 0), `${name}: ${most} levels`);
  }
});
