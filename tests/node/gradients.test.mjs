// Gradients as `beit verify` holds them: cases from PyTorch's autograd in double precision (tests/fixtures/golden/make_gradients.py).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createEngine } from '../../dist/node.js';
import { nodeFlags } from '../../tools/node-flags.mjs';
import { afterwards, root } from './support.mjs';

const golden = join(root, 'tests', 'fixtures', 'golden', 'gradients');
const names = readdirSync(golden).filter((name) => existsSync(join(golden, name, 'case.json')));
const folder = mkdtempSync(join(tmpdir(), 'beit-gradients-'));
test.after(() => rmSync(folder, { recursive: true }));

function verify(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeFlags, join(root, 'dist', 'cli', 'main.js'), 'verify', ...args], {
    encoding: 'utf8',
  });
  return { status, text: stdout + stderr };
}

/** Copies a case, and changes the floats of one of its expected tensors. */
function changed(name, tensor, change) {
  const to = join(folder, `${name}-${tensor}`);
  cpSync(join(golden, name), to, { recursive: true });
  const path = join(to, 'expected.safetensors');
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE());
  const { data_offsets: offsets, dtype } = JSON.parse(bytes.toString('utf8', 8, 8 + length))[tensor];
  const [begin, end] = offsets.map((offset) => 8 + length + offset);
  const size = dtype === 'F64' ? 8 : 4;
  for (let at = begin; at < end; at += size) {
    if (size === 8) bytes.writeDoubleLE(change(bytes.readDoubleLE(at)), at);
    else bytes.writeFloatLE(change(bytes.readFloatLE(at)), at);
  }
  writeFileSync(path, bytes);
  return to;
}

for (const args of [['simd'], ['simd-threads', '--threads', '3'], ['relaxed-threads', '--threads', '2']]) {
  test(`every parameter's gradient holds, ${args.join(' ')}`, () => {
    assert.ok(names.length >= 24, names.join());
    const { status, text } = verify('--build', ...args, ...names.map((name) => join(golden, name)));
    assert.equal(status, 0, text);
    assert.match(text, new RegExp(`^${names.length} of ${names.length} cases pass`, 'm'));
    assert.match(text, /grad\.beit\.encoder\.layer\.0\.attention\.attention\.query\.bias +max/);
    assert.match(text, /grad\.lm_head\.weight +max/);
  });
}

test('a gradient that is another fails: one of zeros, and one that is a little longer', () => {
  const bias = 'grad.beit.encoder.layer.0.attention.attention.query.bias';
  const zeros = changed('gelu-new', bias, () => 0);
  const longer = changed('gelu-new', 'grad.classifier.weight', (value) => value * (1 + 5e-5));
  const { status, text } = verify('--build', 'simd', zeros, longer, join(golden, 'gelu-new'));
  assert.equal(status, 1);
  assert.match(text, new RegExp(`${bias.replaceAll('.', '\\.')} .*FAIL: \\d+ of \\d+ values are outside`));
  assert.match(text, /grad\.classifier\.weight .*FAIL: the norm of the difference is [45]\.\d+e-5 of its norm/);
  assert.match(text, /^1 of 3 cases pass/m);
});

test('a case of a class without gradients says which have some', () => {
  const other = join(folder, 'backbone');
  cpSync(join(golden, 'gelu-new'), other, { recursive: true });
  const path = join(other, 'case.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), class: 'BeitModel' }));
  const { status, text } = verify('--build', 'simd', other);
  assert.equal(status, 1);
  assert.match(text, /BeitForImageClassification or BeitForMaskedImageModeling/);
});

test('an engine that only runs models says what trains', async (t) => {
  const engine = await createEngine({ build: 'simd', worker: false });
  afterwards(t, () => engine.dispose());
  const source = { label: 'x', describe: () => null };
  await assert.rejects(engine.gradients(source, { className: 'BeitModel' }, {}, null), {
    code: 'unsupported',
    message: /beit-wasm-training/,
  });
});
