// What newcomers get wrong: each has a sentence that says what was found, what is expected, and so what to do.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import {
  BeitError,
  BeitForImageClassification,
  BeitImageProcessor,
  BeitModel,
  createEngine,
  OutOfMemoryError,
  pipeline,
  similarity,
  Teacher,
  writeSafetensors,
} from '../../dist/node.js';
import { root } from './support.mjs';
import { config, files, maskedFiles, pixelValues } from './tiny-checkpoint.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());
const nothingKept = mkdtempSync(join(tmpdir(), 'beit-cache-'));
test.after(() => rmSync(nothingKept, { recursive: true, force: true }));
const classify = await pipeline('image-classification', files(), { engine });
const model = await BeitModel.fromPretrained(files(), { engine });
const { processor } = classify;
const tensors = { a: { dims: [1], data: new Float32Array(1) } };
const bytes = (text) => new TextEncoder().encode(text);
const picture = join(root, 'tests/fixtures/images/rgb.png');
const page = bytes('<!DOCTYPE html><html><body>Sign in to go on</body></html>');
const heic = Uint8Array.from([0, 0, 0, 24, ...bytes('ftypheic'), 0, 0, 0, 0, ...bytes('mif1heic')]);
const withFiles = (more, options) => pipeline('image-classification', { ...files(), ...more }, { engine, ...options });

// No request is made.
const online = (options) => pipeline('image-classification', 'owner/name', { engine, ...options });

// [what was done, how, the code, what the sentence says]
const MISTAKES = [
  [
    'a task misspelt',
    () => pipeline('image-clasification'),
    'invalid-argument',
    /got "image-clasification", expected image-classification or/,
  ],
  ['a task of another name', () => pipeline('semantic-segmentation'), 'invalid-argument', /image-segmentation/],
  ['no await before an image', () => classify(Promise.resolve(picture)), 'invalid-argument', /got Promise, expected .*await it/],
  ['a response as an image', () => classify(new Response('x')), 'invalid-argument', /got Response, expected .*await response\.blob\(\)/],
  ['no image', () => classify(), 'invalid-argument', /image: got undefined, expected a URL, a File or Blob, bytes/],
  ['an address that is empty', () => classify(''), 'invalid-argument', /image: got an empty text, expected a URL/],
  ['outputs that are none', () => processor.postProcessSemanticSegmentation(), 'wrong-shape', /logits/],
  ['a map that is none', () => processor.preprocessSegmentationMap(), 'invalid-argument', /segmentationMap: got undefined/],
  ['vectors without dims', async () => similarity({ dims: 2, data: [1, 2] }, [1, 2]), 'wrong-shape', /a: got a value without dims/],
  [
    'metadata that are no texts',
    async () => writeSafetensors(tensors, { step: 5 }),
    'wrong-type',
    /^metadata\.step: got 5, expected a text/,
  ],
  [
    'metadata that are a list',
    async () => writeSafetensors(tensors, ['x']),
    'wrong-type',
    /^metadata: got Array, expected an object of texts/,
  ],
  [
    "a tensor of the metadata's name",
    async () => writeSafetensors({ __metadata__: tensors.a }),
    'invalid-argument',
    /^__metadata__: got a tensor, expected another name/,
  ],
  ['a list of numbers as an image', () => classify([1, 2, 3]), 'invalid-argument', /got Number, expected a URL/],
  ['samples of floats', () => classify({ width: 1, height: 1, channels: 3, data: new Float32Array(3) }), 'wrong-type', /Uint8Array/],
  [
    'samples too few',
    () => classify({ width: 2, height: 2, channels: 3, data: new Uint8Array(5) }),
    'wrong-shape',
    /5 samples, expected 12/,
  ],
  ['a picture that is not there', () => classify('no/such.png'), 'not-found', /no\/such\.png: there is no such file/],
  ['a web page as a picture', () => classify(page), 'html', /got a web page, expected PNG, JPEG/],
  ['a HEIC picture', () => classify(heic), 'unsupported', /HEIC/],
  ['a PDF', () => classify(bytes('%PDF-1.7\n')), 'unsupported', /got PDF, expected PNG, JPEG/],
  ['an empty file', () => classify(new Uint8Array(0)), 'bad-image', /an empty file/],
  [
    'a folder that is not there',
    () => pipeline('image-classification', './no-such-model'),
    'not-found',
    /no such file or folder.*owner\/name/,
  ],
  [
    'offline before anything is kept',
    () => pipeline('image-classification', 'owner/name', { offline: true, cache: nothingKept }),
    'not-found',
    /^owner\/name: its weights are not in the cache, and the option offline forbids to fetch them: load it once without/,
  ],
  ['an id with a blank', () => pipeline('image-classification', 'microsoft/beit base'), 'not-found', /owner\/name/],
  [
    'the address of a Blob',
    () => pipeline('image-classification', URL.createObjectURL(new Blob(['x']))),
    'invalid-argument',
    /^source: got an address of blob:, .*the Blob/,
  ],
  [
    'the address of data',
    () => pipeline('image-classification', 'data:,x/model.safetensors'),
    'invalid-argument',
    /^source: got an address of data:/,
  ],
  [
    'a password in an address',
    () => pipeline('image-classification', 'https://me:secret@example.com/m/'),
    'invalid-argument',
    /^source: (?!.*secret).*Authorization/,
  ],
  ['no name at all', () => pipeline('image-classification', ''), 'not-found', /^source: .*owner\/name/],
  [
    'options in place of the source',
    () => pipeline('image-classification', { topK: 3 }),
    'invalid-argument',
    /options come after the source/,
  ],
  ['an option of Python', () => classify(picture, { top_k: 2 }), 'invalid-argument', /no option top_k; expected topK/],
  ['an option misspelt', () => withFiles({}, { onProgres: () => 0 }), 'invalid-argument', /no option onProgres; expected onProgress/],
  ['a signal that is none', () => classify(picture, { signal: 7 }), 'invalid-argument', /^signal: got 7, expected an AbortSignal\.$/],
  [
    'a listener that is none',
    () => withFiles({}, { onProgress: {} }),
    'invalid-argument',
    /^onProgress: got Object, expected a function\.$/,
  ],
  [
    'headers that would be lost',
    () => online({ headers: new Headers({ a: 'b' }) }),
    'invalid-argument',
    /^headers: got Headers, expected an object/,
  ],
  ['a hub without an address', () => online({ host: 'hub' }), 'invalid-argument', /^host: got "hub", expected the address of a hub/],
  ['a token that is no text', () => online({ token: Symbol('x') }), 'invalid-argument', /^token: got symbol, expected text/],
  ['patience below 0', () => online({ retry: { timeout: -1 } }), 'invalid-argument', /^retry: got Object, expected .*at least 0/],
  ['a sum that is none', () => online({ sha256: { 'config.json': 'abc' } }), 'invalid-argument', /^sha256: .*64 hexadecimal digits/],
  [
    'a worker of a page in Node',
    () => createEngine({ worker: true, workerFactory: () => ({}) }),
    'invalid-argument',
    /workerFactory.*Node/,
  ],
  [
    'a label in place of a list',
    () => classify(picture, { allow: 'cat' }),
    'invalid-argument',
    /^allow: got "cat", expected a list of labels/,
  ],
  [
    'a function of scores misspelt',
    () => classify(picture, { functionToApply: 'softmx' }),
    'invalid-argument',
    /^score function: got "softmx", expected softmax, sigmoid, none/,
  ],
  ['a number that JSON has not', () => withFiles({}, { dtype: 8n }), 'unsupported', /^dtype: got 8, expected "f32"/],
  ['no inputs', () => model.forward(null), 'wrong-shape', /^pixelValues: got a value without dims/],
  [
    'an array buffer as a project',
    () => Teacher.open(new ArrayBuffer(9)),
    'wrong-type',
    /^project: got ArrayBuffer, expected a Uint8Array/,
  ],
  ['no link', () => Teacher.fromLink(undefined), 'invalid-argument', /^link: got undefined, expected text, such as location\.hash/],
  ['a device', () => withFiles({}, { device: 'webgpu' }), 'invalid-argument', /"auto", "cpu", "gpu" or a GPUDevice/],
  ['a dtype that there is not', () => withFiles({}, { dtype: 'q4' }), 'unsupported', /got "q4", expected "f32", "f16" or "int8"/],
  ['an engine of an engine', () => createEngine({ engine: { usable: true } }), 'invalid-argument', /^engine: got an engine/],
  [
    'threads as text',
    () => createEngine({ threads: '4' }),
    'invalid-argument',
    /threads: got "4", expected auto or a whole number from 1 to 64/,
  ],
  [
    'a web page as weights',
    () => withFiles({ 'model.safetensors': page }),
    'html',
    /a web page .*expected a safetensors, PyTorch or Flax file/,
  ],
  ['weights of ONNX', () => withFiles({ 'model.safetensors': bytes('\x08\x07\x12\x07pytorch') }), 'unsupported', /ONNX/],
  ['a config that is no JSON', () => withFiles({ 'config.json': bytes('{oops') }), 'malformed', /config\.json: not valid JSON at byte 1/],
  [
    'a model of another family',
    () => withFiles({ 'config.json': bytes('{"model_type": "vit", "architectures": ["ViTForImageClassification"]}') }),
    'unsupported',
    /got "vit", expected "beit"/,
  ],
  [
    'a classifier for segmentation',
    () => pipeline('image-segmentation', files(), { engine }),
    'bad-config',
    /saved as BeitForImageClassification, and its config lacks what BeitForSemanticSegmentation needs/,
  ],
  [
    'a model for masked images as a classifier',
    () => pipeline('image-classification', maskedFiles(8), { engine }),
    'missing-tensor',
    /4 missing: .*classifier\.weight; not expected: .*lm_head/,
  ],
  ['masked images without a source', () => pipeline('masked-image-modeling'), 'invalid-argument', /source: got none/],
  [
    'new in place of fromPretrained',
    async () => new BeitModel(),
    'invalid-argument',
    /BeitModel: .*await BeitModel\.fromPretrained\(source\)/,
  ],
  ['a new processor', async () => new BeitImageProcessor(), 'invalid-argument', /BeitImageProcessor\.fromPretrained/],
  ['an image for forward()', () => model.forward(heic), 'wrong-shape', /pixelValues: got a value without dims, expected \{dims, data\}/],
  [
    'no batch',
    () => model.forward({ pixelValues: { dims: [3, 8, 8], data: new Float32Array(192) } }),
    'wrong-shape',
    /got \[3, 8, 8\], expected \(batch, 3,/,
  ],
  [
    'topK of 0',
    () => classify(picture, { topK: 0 }),
    'invalid-argument',
    /topK: got 0, expected a whole number of at least 1, or null for all/,
  ],
  [
    'an image after dispose()',
    async () => {
      const gone = await pipeline('image-classification', files(), { engine });
      await gone.dispose();
      await gone(picture);
    },
    'disposed',
    /has been disposed of/,
  ],
];

for (const [what, call, code, sentence] of MISTAKES)
  test(`${what}: ${code}`, async () => {
    const error = await call().then(
      () => assert.fail('no error'),
      (reason) => reason,
    );
    assert.ok(error instanceof BeitError, String(error?.stack));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, sentence);
    assert.match(error.message, /^[^\n]+\.$/, 'one sentence');
    // Whatever was wrong, the next call is right.
    assert.equal((await classify(picture)).length, 3);
  });

test('too little memory: how much is needed, how much there is, and the option', async () => {
  const large = { width: 8000, height: 8000, channels: 3, data: new Uint8Array(192e6) };
  const small = await pipeline('image-classification', files(), { build: 'simd', maximumMemory: 32 << 20 });
  await assert.rejects(small(large), (error) => {
    assert.ok(error instanceof OutOfMemoryError);
    assert.match(error.message, /192000000 bytes could not be allocated.*at most 33554432.*maximumMemory/);
    assert.deepEqual([error.needed, error.available > 0 && error.available < 33554432], [192e6, true]);
    return true;
  });
  assert.equal((await small(picture)).length, 3);
  await small.dispose();
});

test('arrays of another realm are arrays', async () => {
  const run = (expression, values = {}) => runInNewContext(expression, values);
  const foreign = run('({ width: 2, height: 1, channels: 3, data: new Uint8Array([1, 2, 3, 4, 5, 6]) })');
  assert.ok(!(foreign.data instanceof Uint8Array));
  assert.deepEqual(await classify(foreign), await classify({ ...foreign, data: Uint8Array.from(foreign.data) }));
  const source = Object.fromEntries(
    Object.entries(files()).map(([name, data]) => [name, run('Uint8Array.from(values)', { values: [...data] })]),
  );
  const theirs = await BeitForImageClassification.fromPretrained(source, { engine });
  const pixels = run('({ dims, data: Float32Array.from(values) })', { dims: pixelValues.dims, values: [...pixelValues.data] });
  const { logits } = await theirs.forward({ pixelValues: { ...pixels, dims: [...pixels.dims] } });
  assert.equal(logits.dims[1], Object.keys(config.id2label).length);
  await theirs.dispose();
  const buffer = run('new ArrayBuffer(4)');
  await assert.rejects(classify(buffer), { code: 'bad-image' }, 'taken as bytes');
});
