// The scripts that train the embedded checkpoints: a few steps of every stage, and what they save as
// transformers and this library read it. Only where PyTorch is; BEIT_PYTHON names the Python that has it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
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
