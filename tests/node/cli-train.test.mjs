// beit train on folders of pictures that are drawn here: what it writes, what it tells, and what becomes of a run that is stopped.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { maskedCrc, record } from '../../dist/cli/event-file.js';
import { writePng } from '../../dist/cli/png.js';
import { noise, smallFiles } from './small-checkpoint.mjs';
import { beit, golden, root, temporaryFolder } from './support.mjs';
import { maskedFiles } from './tiny-checkpoint.mjs';

/** Writes a small checkpoint and a folder of pictures; returns where both are. */
function prepared(t, labels = ['cat', 'dog'], checkpoint = smallFiles()) {
  const folder = temporaryFolder(t);
  const model = join(folder, 'checkpoint');
  mkdirSync(model);
  for (const [name, bytes] of Object.entries(checkpoint)) writeFileSync(join(model, name), bytes);
  for (const [k, label] of labels.entries()) {
    for (const [part, count] of [
      ['train', 8],
      ['validation', 3],
    ]) {
      mkdirSync(join(folder, 'data', part, label), { recursive: true });
      for (let i = 0; i < count; ++i)
        writeFileSync(join(folder, 'data', part, label, `${i}.png`), writePng(noise(100 * k + 10 * i + count, 20)));
    }
  }
  return { folder, model, data: join(folder, 'data'), out: join(folder, 'out') };
}

const OPTIONS = ['--epochs', '3', '--batch', '6', '--micro-batch', '3', '--build', 'simd', '--average', '0.9', '--augment', 'strong'];
const json = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));

/** Returns the data of the records of a TFRecord file, whose sums are checked. */
function recordsOf(bytes) {
  const records = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(bytes.readUInt32LE(at + 8), maskedCrc(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 12 + length), maskedCrc(data));
    records.push(data);
    at += 16 + length;
  }
  return records;
}

/** Returns the fields of a protobuf message: [number, value], of lengths as bytes. */
function fieldsOf(bytes) {
  const fields = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key & 7;
    if (kind === 0) fields.push([key >> 3, varint()]);
    else {
      const length = kind === 1 ? 8 : kind === 5 ? 4 : varint();
      const value = bytes.subarray(at, (at += length));
      fields.push([key >> 3, kind === 1 ? value.readDoubleLE() : kind === 5 ? value.readFloatLE() : value]);
    }
  }
  return fields;
}

test('sums of records are CRC-32C, masked as TensorFlow has it', () => {
  // RFC 3720: 32 bytes of zero have the sum 0x8a9136aa.
  const sum = 0x8a9136aa;
  assert.equal(maskedCrc(new Uint8Array(32)), (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0);
  assert.deepEqual(recordsOf(Buffer.from(record(Uint8Array.of(1, 2, 3)))), [Buffer.from([1, 2, 3])]);
});

test('a run writes a model, a checkpoint and logs that others read', async (t) => {
  const { folder, model, data, out } = prepared(t);
  const [log, board] = [join(folder, 'log.jsonl'), join(folder, 'board')];
  const { status, stdout, stderr } = await beit(
    ...['train', data, '--model', model, '--out', out, '--method', 'full', '--log', log, '--tensorboard', board, '--dtype', 'f16'],
    ...OPTIONS,
  );
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^16 pictures of 2 labels to learn from, 6 to judge by\.\n9 steps, beginning with the checkpoint's head; (\d+) of \1 parameters learn; \d+ MB of memory\.\nEpoch 1: loss [\d.]+, right on \d of 6 \([\d.]+ %\), the best so far\nEpoch 2: .*\nEpoch 3: .*\n.*: the best model, and checkpoint-9 to go on from \(--resume\)\n$/,
  );
  assert.deepEqual(readdirSync(out).sort(), ['README.md', 'checkpoint-9', 'config.json', 'model.safetensors', 'preprocessor_config.json']);
  assert.deepEqual(json(out, 'config.json').architectures, ['BeitForImageClassification']);
  assert.equal(json(out, 'config.json').torch_dtype, 'float16');
  const size = (...path) => readFileSync(join(...path, 'model.safetensors')).length;
  assert.ok(size(out) < 0.6 * size(out, 'checkpoint-9'));
  const state = json(out, 'checkpoint-9', 'trainer_state.json');
  assert.deepEqual([state.global_step, state.max_steps, state.epoch, state.num_train_epochs, state.train_batch_size], [9, 9, 3, 3, 6]);
  assert.equal(state.log_history.length, 12);
  const rows = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(rows, state.log_history);
  assert.equal(state.best_metric, Math.max(...rows.map(({ eval_accuracy: accuracy = 0 }) => accuracy)));

  const [version, ...events] = recordsOf(readFileSync(join(board, readdirSync(board)[0]))).map(fieldsOf);
  assert.equal(String(version.find(([field]) => field === 3)[1]), 'brain.Event:2');
  assert.equal(events.length, 9);
  for (const [i, event] of events.entries()) {
    assert.equal(event.find(([field]) => field === 2)[1], i + 1);
    const summary = fieldsOf(event.find(([field]) => field === 5)[1]).map(([, value]) => fieldsOf(value));
    const scalars = Object.fromEntries(summary.map(([tag, value]) => [String(tag[1]), value[1]]));
    const row = rows.find(({ step, loss }) => step === i + 1 && loss !== undefined);
    assert.ok(Math.abs(scalars['train/loss'] - row.loss) < 1e-6);
    assert.equal('eval/accuracy' in scalars, i % 3 === 2);
  }
  const card = readFileSync(join(out, 'README.md'), 'utf8');
  assert.match(card, /^---\nlibrary_name: transformers\n/);
  assert.match(card, /\n`checkpoint`, of which all weights were trained on these pictures with beit-wasm: \d steps of 6 pictures/);
  assert.match(card, /\n\| cat \| 8 \|\n\| dog \| 8 \|\n/);
  assert.ok(card.includes(`Of 6 pictures that it did not learn from, ${(state.best_metric * 100).toFixed(1)} % were right (95 %`), card);
  const judged = await beit('evaluate', data, '--model', out, '--json', '--build', 'simd');
  assert.equal(JSON.parse(judged.stdout).accuracy, state.best_metric);
});

test('a run that is stopped keeps the best, and goes on as if it had not been', async (t) => {
  const { folder, model, data, out } = prepared(t);
  const words = (to) => ['train', data, '--model', model, '--out', to, '--keep', 'last', ...OPTIONS];
  const whole = await beit(...words(join(folder, 'whole')));
  assert.equal(whole.status, 0, whole.stderr);

  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...words(out)]);
  let [text, signalled] = ['', false];
  child.stdout.on('data', (piece) => {
    text += piece;
    if (text.includes('Epoch 1:') && !signalled) signalled = child.kill('SIGINT'); // a second one would end it at once
  });
  const [status] = await new Promise((resolve) => child.on('close', (...ended) => resolve(ended)));
  // It may have been done before the signal came.
  assert.ok(status === 130 || text.includes('Epoch 3'), text);
  const stopped = readdirSync(out).find((name) => name.startsWith('checkpoint-'));
  const resumed = await beit(...words(out), '--resume');
  assert.equal(resumed.status, 0, resumed.stderr);
  if (status === 130) assert.match(resumed.stdout, new RegExp(`9 steps, of which ${stopped.split('-')[1]} are done;`));
  for (const name of [
    'model.safetensors',
    'checkpoint-9/model.safetensors',
    'checkpoint-9/optimizer.safetensors',
    'checkpoint-9/trainer_state.json',
  ])
    assert.ok(readFileSync(join(out, name)).equals(readFileSync(join(folder, 'whole', name))), name);
});

test('what was set apart stays so, and what is told beside --resume has to be what the run has', async (t) => {
  const { folder, model, data, out } = prepared(t);
  const [all, log] = [join(folder, 'all'), join(folder, 'log.jsonl')];
  cpSync(join(data, 'train'), all, { recursive: true });
  const begun = ['train', all, '--model', model, '--out', out, '--validation', '0.4', '--head', 'new', '--log', log, '--build', 'simd'];
  const first = await beit(...begun, '--epochs', '1', '--batch', '5');
  assert.equal(first.status, 0, first.stderr);
  const counts = /^10 pictures of 2 labels to learn from, 6 to judge by\./;
  assert.match(first.stdout, counts);

  // Steps that a killed run logged behind its checkpoint come again.
  const lines = readFileSync(log, 'utf8');
  writeFileSync(log, `${lines}${lines.split('\n')[0]}\n{"loss": 0.5, "st`);
  const resume = ['train', all, '--out', out, '--build', 'simd', '--resume'];
  for (const words of [[...begun, '--resume', '--epochs', '1'], [...resume, '--log', log], resume]) {
    const resumed = await beit(...words);
    assert.equal(resumed.status, 0, resumed.stderr);
    assert.match(resumed.stdout, counts);
    assert.match(resumed.stdout, /\n2 steps, of which 2 are done;/);
    assert.equal(readFileSync(log, 'utf8'), lines);
  }
  const refused = async (sentence, ...words) => {
    const { status, stdout, stderr } = await beit(...words);
    assert.deepEqual([status, stdout], [2, ''], stderr);
    assert.match(stderr, sentence);
  };
  for (const [words, sentence] of [
    [['--epochs', '30'], /^beit: --epochs: got 30, expected 1, as the run has it\.\n$/],
    [['--rate', '0.5'], /--rate: got 0\.5, expected /],
    [['--average', '0.9'], /--average: got 0\.9, expected 0,/],
    [['--drop-path', '0.9'], /--drop-path: got 0\.9, expected none,/],
    [['--micro-batch', '3'], /--micro-batch: got 3, expected 4,/],
    [['--method', 'full'], /--method: got "full", expected "vectors",/],
    [['--head', 'keep'], /--head: got "keep", expected "new",/],
    [['--seed', '1'], /--seed: got 1, expected 0,/],
    [['--validation', '0.15'], /--validation: got 0\.15, expected 0\.4, the share that the run has set apart/],
    [['--validation', join(data, 'validation')], /--validation: got pictures, expected 0\.4/],
  ])
    await refused(sentence, ...resume, ...words);

  renameSync(join(all, 'cat/3.png'), join(all, 'cat/9.png'));
  await refused(/^beit: DIR: got other pictures, or these in another order, expected the 16 that the run began with\.\n$/, ...resume);
  cpSync(join(all, 'cat/9.png'), join(all, 'cat/3.png'));
  await refused(/^beit: DIR: got 17 pictures, expected the 16 that the run began with\.\n$/, ...resume);
  rmSync(join(all, 'cat/9.png'));
  // Where the folder lies is nothing to the run.
  renameSync(all, join(folder, 'moved'));
  const moved = await beit('train', join(folder, 'moved'), ...resume.slice(2));
  assert.equal(moved.status, 0, moved.stderr);

  // A checkpoint of before this was kept goes on by what it is told.
  const file = join(out, 'checkpoint-2/training_recipe.json');
  const { begun: _, ...old } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify(old));
  const older = await beit('train', join(folder, 'moved'), ...resume.slice(2), '--validation', '0.4');
  assert.equal(older.status, 0, older.stderr);
  assert.match(older.stdout, counts);
});

test('pictures of their own to judge by are asked for again', async (t) => {
  const { model, data, out } = prepared(t);
  const first = await beit('train', data, '--model', model, '--out', out, '--epochs', '1', '--build', 'simd');
  assert.equal(first.status, 0, first.stderr);
  const resume = ['--out', out, '--build', 'simd', '--resume'];
  const resumed = await beit('train', data, ...resume);
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.match(resumed.stdout, /^16 pictures of 2 labels to learn from, 6 to judge by\./);
  for (const [words, sentence] of [
    [[join(data, 'train')], /--validation: got none, expected the pictures that the run is judged by/],
    [[data, '--validation', '0'], /--validation: got 0, expected the folder of the pictures that the run is judged by/],
    [[data, '--validation', join(data, 'train')], /--validation: got 16 pictures, expected the 6 that the run began with/],
  ]) {
    const { status, stderr } = await beit('train', ...words, ...resume);
    assert.equal(status, 2);
    assert.match(stderr, sentence);
  }
  const apart = await beit('train', join(data, 'train'), '--validation', join(data, 'validation'), ...resume);
  assert.equal(apart.status, 0, apart.stderr);
});

test('a folder that has checkpoints of a run takes no other run', async (t) => {
  const { model, data, out } = prepared(t);
  const words = ['train', data, '--model', model, '--out', out, '--build', 'simd', '--batch', '16'];
  const first = await beit(...words, '--epochs', '2');
  assert.equal(first.status, 0, first.stderr);
  const before = readFileSync(join(out, 'model.safetensors'));
  const { status, stdout, stderr } = await beit(...words, '--epochs', '1', '--method', 'full');
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(
    stderr,
    /^beit: --out: got .*out, which has checkpoint-2 of a run, expected --resume, to go on with it, or another folder\.\n$/,
  );
  assert.deepEqual(
    readdirSync(out).filter((name) => name.startsWith('checkpoint')),
    ['checkpoint-2'],
  );
  assert.ok(readFileSync(join(out, 'model.safetensors')).equals(before));
  // What broke off while its first checkpoint was written begins anew.
  rmSync(join(out, 'checkpoint-2/trainer_state.json'));
  const again = await beit(...words, '--epochs', '1');
  assert.equal(again.status, 0, again.stderr);
});

test('signals reach a run with relaxed SIMD, which Node 20 has behind a flag', async (t) => {
  const { folder, model, data } = prepared(t);
  for (const [signal, expected] of [
    ['SIGINT', [130, null]],
    ['SIGTERM', [null, 'SIGTERM']],
  ]) {
    const words = ['train', data, '--model', model, '--out', join(folder, signal), '--build', 'relaxed-threads', '--epochs', '100000'];
    // Far from over when the signal comes, however late that is; who hears of none is ended.
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...words], { timeout: 120_000, killSignal: 'SIGKILL' });
    let text = '';
    const ended = new Promise((resolve) => child.on('close', (...how) => resolve(how)));
    await new Promise((resolve) => {
      child.on('close', resolve);
      child.stdout.on('data', (piece) => {
        text += piece;
        if (text.includes('Epoch 1:')) resolve();
      });
    });
    child.kill(signal);
    assert.deepEqual(await ended, expected, text);
  }
});

test('masked images: pictures in any folders, a loss and the share of hidden patches', async (t) => {
  const { folder, model, data, out } = prepared(t, ['2024', '2025'], maskedFiles(96));
  const log = join(folder, 'log.jsonl');
  const words = [
    'train',
    data,
    '--task',
    'mim',
    '--model',
    model,
    '--tokenizer',
    join(golden, 'dvae/dvae-tiny'),
    '--out',
    out,
    '--log',
    log,
  ];
  const { status, stdout, stderr } = await beit(...words, '--epochs', '2', '--batch', '8', '--rate', '0.01', '--build', 'simd');
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^16 pictures to learn from, 6 to judge by\.\n4 steps, beginning with the checkpoint's head; (\d+) of \1 parameters learn; \d+ MB of memory\.\nEpoch 1: loss [\d.]+, judged [\d.]+, right on [\d.]+ % of the hidden patches, the best so far\nEpoch 2: .*\n.*: the best model, and checkpoint-4 to go on from \(--resume\)\n$/,
  );
  const rows = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(rows, json(out, 'checkpoint-4', 'trainer_state.json').log_history);
  assert.ok(rows.every(({ loss, eval_loss: judged, accuracy, eval_accuracy: right }) => (loss ?? judged) > 0 && (accuracy ?? right) >= 0));
  assert.deepEqual(json(out, 'config.json').architectures, ['BeitForMaskedImageModeling']);
});

test('what cannot be done is said in a sentence', async (t) => {
  const { model, data, out } = prepared(t);
  for (const [words, sentence] of [
    [['train', data, '--out', model, '--model', model], /--out: got .*, the folder of the checkpoint/],
    [['train', data, '--out', out, '--model', model, '--resume'], /there is no such folder/],
    [['train', data, '--out', out, '--method', 'half'], /--method cannot be "half"/],
    [['train', data, '--out', out, '--model', model, '--method', 'last:9', '--build', 'simd'], /method: got "last:9"/],
    [['train', data, '--out', out, '--rate', 'fast'], /--rate cannot be "fast"/],
    [['train', data, '--out', out, '--task', 'mim'], /--task mim needs --tokenizer SOURCE/],
    [['train', data, '--out', out, '--tokenizer', model], /--tokenizer is for --task mim/],
  ]) {
    const { status, stdout, stderr } = await beit(...words);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, sentence);
  }
});
