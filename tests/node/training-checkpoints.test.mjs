// Checkpoints as training tools leave them: each gives the logits of its weights, or says in a sentence what it is.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitForImageClassification, createEngine, inspect, writeSafetensors } from '../../dist/node.js';
import { rejects, temporaryFolder } from './support.mjs';
import { config, files, pixelValues, tensors } from './tiny-checkpoint.mjs';
import { Raw, torchFile } from './torch-file.mjs';

const engine = await createEngine({ build: 'simd' });
test.after(() => engine.dispose());

async function answer(source, options = {}) {
  const model = await BeitForImageClassification.fromPretrained(source, { engine, ...options });
  const { logits } = await model.forward({ pixelValues });
  const { loading } = model;
  await model.dispose();
  return { logits: [...logits.data], loading };
}

const expected = (await answer(files())).logits;
const withPrefix = (prefix, list = tensors()) => Object.fromEntries(Object.entries(list).map(([name, tensor]) => [prefix + name, tensor]));
const torch = (value) => files({ 'model.safetensors': null, 'pytorch_model.bin': torchFile(value) });
const other = () =>
  Object.fromEntries(Object.entries(tensors()).map(([name, { dims, data }]) => [name, { dims, data: data.map((x) => x + 1) }]));
const number = { dims: [], data: Float32Array.of(0.5) };

const cases = {
  'DistributedDataParallel': [withPrefix('module.'), '', 'transformers, each behind "module."'],
  'torch.compile in Lightning': [
    { state_dict: withPrefix('net._orig_mod.'), hyper_parameters: { lr: 1 } },
    '',
    'transformers, each behind "net._orig_mod."',
  ],
  'a best accuracy that is a tensor, and an optimizer': [
    { epoch: 3, state_dict: tensors(), best_acc1: number, optimizer: { state: { momentum_buffer: number } } },
    '',
    'transformers',
  ],
  'a schedule with a Counter': [
    { model: tensors(), lr_scheduler: { milestones: new Raw('ccollections\nCounter\n((I10\nI1\nI20\nI1\ndtR') } },
    '',
    'transformers',
  ],
  'averaged weights beside plain ones': [
    { state_dict: other(), state_dict_ema: withPrefix('module.') },
    'state_dict_ema',
    'transformers, each behind "module."',
  ],
  'averaged weights alone': [{ model_ema: tensors() }, '', 'transformers'],
};

for (const [name, [value, averaged, dialect]] of Object.entries(cases)) {
  test(`${name}: the logits of the weights`, async () => {
    const warnings = [];
    const { logits, loading } = await answer(torch(value), { onWarning: (warning) => warnings.push(warning) });
    assert.deepEqual(logits, expected);
    assert.deepEqual([loading.averaged, loading.dialect, loading.unexpected], [averaged, dialect, []]);
    assert.equal(warnings.length, averaged ? 1 : 0);
    if (averaged) assert.match(warnings[0].message, /pytorch_model\.bin.*"state_dict_ema".*averaged/);
  });
}

test('elements of a type that nothing needs are listed by its name', async () => {
  const file = writeSafetensors({ ...tensors(), extra: { dims: [1], data: Float32Array.of(1) } });
  const text = Buffer.from(file)
    .toString('latin1')
    .replace(/("extra":\{"dtype":)"F32"/, '$1"F4" ');
  const bytes = Uint8Array.from(Buffer.from(text, 'latin1'));
  assert.equal(bytes.length, file.length);
  const source = files({ 'model.safetensors': bytes });
  assert.deepEqual((await answer(source)).logits, expected);
  const { tensors: rows } = await inspect(source, { engine });
  assert.equal(rows.find(({ name }) => name === 'extra').dtype, 'F4');
});

test('a LoRA adapter is told for what it is', async () => {
  const adapter = writeSafetensors({
    'base_model.model.beit.encoder.layer.0.attention.attention.query.lora_A.weight': { dims: [1, 4], data: new Float32Array(4) },
  });
  await rejects(answer(files({ 'model.safetensors': adapter })), 'unsupported', /LoRA adapter.*merge/);
});

test('a file of any of the usual endings, or of none, is a checkpoint', async (t) => {
  const folder = temporaryFolder(t);
  for (const [i, name] of ['model_best.pth.tar', 'last.ckpt', 'beit.pth', 'checkpoint-9'].entries()) {
    mkdirSync(join(folder, String(i)));
    writeFileSync(join(folder, String(i), 'config.json'), JSON.stringify(config));
    writeFileSync(join(folder, String(i), name), torchFile({ state_dict: tensors() }));
    assert.deepEqual((await answer(join(folder, String(i), name))).logits, expected, name);
    if (name.includes('.')) assert.deepEqual((await answer(join(folder, String(i)))).logits, expected, `the folder of ${name}`);
  }
});
