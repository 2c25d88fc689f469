// The scripts that train the embedded checkpoints: a few steps of every stage, and what they save as
// transformers and this library read it. Only where PyTorch is; BEIT_PYTHON names the Python that has it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { BeitForImageClassification, BeitImageProcessor, train, writeSafetensors } from '../../dist/node.js';
import { noise } from './small-checkpoint.mjs';
import { root, temporaryFolder } from './support.mjs';

const python = process.env.BEIT_PYTHON ?? 'python3';
const probe = spawnSync(python, ['-c', 'import numpy, PIL, safetensors, torch, transformers'], { encoding: 'utf8' });
const skip = probe.status !== 0 && `${python} has no PyTorch with transformers, safetensors and Pillow`;

test('every stage of training runs, and transformers and the library read what it saves alike', { skip, timeout: 300_000 }, (context) => {
  const work = temporaryFolder(context);
  const { status, stdout, stderr } = spawnSync(join(root, 'weights/training/train.sh'), [work, '--smoke'], {
    encoding: 'utf8',
    env: { ...process.env, BEIT_PYTHON: python, BEIT_THREADS: '1' },
  });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  for (const stage of ['tokenizer', 'pretrain', 'classify', 'segment']) {
    assert.match(stdout, new RegExp(`/run/${stage}/best: as transformers and the library read it`));
  }
  assert.match(stdout, /\| 32 \| .* % \(.* to .*\) \| .* % \(/, 'the ablation ends with its table');
});

test('the embedded checkpoints are as transformers and the library read them', { skip, timeout: 300_000 }, () => {
  const folders = ['tokenizer', 'masked-image-modeling', 'classifier', 'segmentation'].map((name) => join(root, 'weights/embedded', name));
  const { status, stdout, stderr } = spawnSync(python, ['-m', 'train.check', ...folders], {
    encoding: 'utf8',
    cwd: join(root, 'weights/training'),
  });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
});

const COMPARE = `
import sys, torch
from safetensors.torch import load_file
from transformers import BeitForImageClassification, BeitImageProcessor
import numpy as np
for folder in sys.argv[1:]:
    model, info = BeitForImageClassification.from_pretrained(folder, output_loading_info=True, torch_dtype=torch.float32)
    assert not any(info.values()), info
    given = load_file(folder + "/told.safetensors")
    pictures = [given["images"][i].numpy() for i in range(len(given["images"]))]
    pixels = BeitImageProcessor.from_pretrained(folder)(pictures, return_tensors="pt").pixel_values
    assert torch.equal(pixels, given["pixel_values"]), (pixels - given["pixel_values"]).abs().max()
    with torch.no_grad(): logits = model.eval()(pixels).logits
    worst = (logits - given["logits"]).abs().max().item()
    assert worst < 1e-4, worst
    print(list(model.config.id2label.values()), logits.abs().max().item(), worst)
`;

test('what train() saves is in transformers what it is here, in pictures that it has not seen', {
  skip,
  timeout: 300_000,
}, async (context) => {
  const picture = (i) => ({ image: noise(i, 120), label: i % 3 ? 'hare' : 'owl' });
  const model = join(root, 'weights/embedded/masked-image-modeling');
  const data = Array.from({ length: 12 }, (_, i) => picture(i));
  const run = train({ model, data, method: 'full', epochs: 2, batch: 6, validation: 0, build: 'simd', worker: false });
  const folders = { f32: temporaryFolder(context), f16: temporaryFolder(context) };
  for await (const { step } of run) assert.ok(step <= 4);
  for (const [dtype, folder] of Object.entries(folders)) await run.save(folder, { dtype });
  await run.dispose();
  const images = [12, 13, 14, 15].map((i) => picture(i).image);
  for (const folder of Object.values(folders)) {
    const processor = await BeitImageProcessor.fromPretrained(folder, { build: 'simd', worker: false });
    const saved = await BeitForImageClassification.fromPretrained(folder, { build: 'simd', worker: false });
    const { pixelValues } = await processor.preprocess(images);
    const { logits } = await saved.forward({ pixelValues });
    const bytes = new Uint8Array(images.flatMap(({ data: samples }) => [...samples]));
    const told = { images: { dims: [4, 120, 120, 3], data: bytes }, pixel_values: pixelValues, logits };
    writeFileSync(join(folder, 'told.safetensors'), writeSafetensors(told));
    await processor.dispose();
    await saved.dispose();
  }
  const { status, stdout, stderr } = spawnSync(python, ['-c', COMPARE, ...Object.values(folders)], { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  assert.equal(stdout.split('\n').filter((line) => line.startsWith("['hare', 'owl']")).length, 2, stdout);
});
