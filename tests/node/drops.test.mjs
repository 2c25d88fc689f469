// Drops, folders and streams: which files of them are one checkpoint.
import assert from 'node:assert/strict';
import test from 'node:test';
import { BeitForImageClassification } from '../../dist/node.js';
import { platform } from '../../dist/platform/node.js';
import { filesOf, oneFolder } from '../../dist/sources/drop.js';
import { readText } from '../../dist/sources/text.js';
import { collect, rejects } from './support.mjs';
import { files, pixelValues } from './tiny-checkpoint.mjs';

const file = (name) => new File([name], name);

/** What showDirectoryPicker() and drops give, of {name: content or folder}. */
const handleOf = (name, content) =>
  typeof content === 'string'
    ? { kind: 'file', name, getFile: async () => new File([content], name) }
    : {
        kind: 'directory',
        name,
        values: async function* () {
          for (const [child, inner] of Object.entries(content)) yield handleOf(child, inner);
        },
      };

/** What webkitGetAsEntry() gives; a folder gives a hundred children at a time. */
const entryOf = (name, content) =>
  typeof content === 'string'
    ? { name, isFile: true, file: (resolve) => resolve(new File([content], name)) }
    : {
        name,
        isFile: false,
        createReader: () => {
          const rest = Object.entries(content).map(([child, inner]) => entryOf(child, inner));
          return { readEntries: (resolve) => resolve(rest.splice(0, 100)) };
        },
      };

const drop = (...entries) => ({ items: entries.map((entry) => ({ kind: 'file', webkitGetAsEntry: () => entry, getAsFile: () => null })) });

const folder = {
  'README.md': 'text',
  '.git': { 'model.safetensors': 'history' },
  beit: { 'config.json': '{}', 'model.safetensors': 'weights', checkpoints: { 'model.safetensors': 'older' } },
};

test('a folder gives the files of the checkpoint nearest its top', async () => {
  const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`note-${i}.txt`, 'x']));
  for (const dropped of [handleOf('mine', folder), drop(entryOf('mine', folder)), drop(entryOf('mine', { ...many, ...folder }))]) {
    const found = oneFolder(await filesOf(dropped));
    assert.deepEqual(Object.keys(found).sort(), ['config.json', 'model.safetensors']);
    assert.equal(await found['model.safetensors'].text(), 'weights');
  }
});

test('files that were dropped together are one folder', async () => {
  const found = oneFolder(await filesOf(drop(entryOf('config.json', '{}'), entryOf('a.safetensors', 'w'))));
  assert.deepEqual(Object.keys(found), ['config.json', 'a.safetensors']);
  const plain = {
    items: [
      { kind: 'file', getAsFile: () => file('b.pth') },
      { kind: 'string', getAsFile: () => null },
    ],
  };
  assert.deepEqual(Object.keys(oneFolder(await filesOf(plain))), ['b.pth']);
  assert.deepEqual(Object.keys(oneFolder(await filesOf(handleOf('c.safetensors', 'w')))), ['c.safetensors']);
});

test('a drop is taken in its event, though it is read later', async () => {
  const dropped = drop(entryOf('mine', folder));
  const reading = filesOf(dropped);
  dropped.items.length = 0;
  assert.ok((await reading).length > 3);
});

test('paths of a chosen folder count, and two checkpoints are refused by name', () => {
  const paths = ['m/one/model.safetensors', 'm/one/config.json', 'm/two/deep/model.safetensors', 'm/config.json'].map((path) => [
    path,
    file(path.split('/').at(-1)),
  ]);
  assert.deepEqual(Object.keys(oneFolder(paths)).sort(), ['config.json', 'model.safetensors']);
  assert.throws(() => oneFolder([...paths, ['m/two/pytorch_model.bin', file('pytorch_model.bin')]]), {
    code: 'invalid-argument',
    message: /m\/one\/, m\/two\//,
  });
  assert.deepEqual(
    Object.keys(
      oneFolder([
        ['x/config.json', file('config.json')],
        ['x/y/notes.txt', file('notes.txt')],
      ]),
    ),
    ['config.json'],
  );
  assert.deepEqual(Object.keys(oneFolder([])), []);
});

test('a folder that cannot be read', async () => {
  const broken = {
    kind: 'directory',
    name: 'mine',
    // biome-ignore lint/correctness/useYield: it fails before the first
    values: async function* () {
      throw new DOMException('gone', 'NotFoundError');
    },
  };
  await rejects(filesOf(broken), 'io', /mine: it cannot be read \(gone\)/);
});

test('a handle is a source', async () => {
  const source = await platform.resolveSource(handleOf('mine', folder), {});
  assert.equal(await readText(source, 'config.json'), '{}');
  assert.equal(source.describe().kind, 'blobs');
});

const streamOf = (bytes, step = 1000) =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += step) controller.enqueue(bytes.slice(at, at + step));
      controller.close();
    },
  });

test('a stream is read once, forwards', async () => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i);
  const source = await platform.resolveSource(streamOf(bytes, 999), {});
  assert.equal(source.describe(), null);
  const opened = await source.open('model.safetensors');
  assert.equal(opened.size, -1);
  for (const [offset, length] of [
    [0, 8],
    [8, 2000],
    [2500, 10],
    [3000, 6999],
  ]) {
    assert.ok((await collect(opened.read(offset, length))).equals(Buffer.from(bytes.subarray(offset, offset + length))));
  }
  await rejects(collect(opened.read(0, 8)), 'unsupported', /not read in order/);
  assert.equal((await collect(opened.read(9_999, 100))).length, 1);
  await opened.close();
  const failing = await platform.resolveSource({ 'a.safetensors': new ReadableStream({ pull: (c) => c.error(new Error('cut')) }) }, {});
  await rejects(collect((await failing.open('a.safetensors')).read(0, 8)), 'io', /stream failed/);
  const wrong = await platform.resolveSource(new ReadableStream({ start: (c) => c.enqueue('text') }), {});
  await rejects(collect((await wrong.open('model.safetensors')).read(0, 8)), 'wrong-type');
});

for (const worker of [false, true]) {
  test(`a model loads from a stream, ${worker ? 'in a worker' : 'here'}`, async () => {
    const { 'model.safetensors': weights, ...rest } = files();
    const options = { build: 'simd', worker };
    const model = await BeitForImageClassification.fromPretrained({ ...rest, 'model.safetensors': streamOf(weights) }, options);
    const same = await BeitForImageClassification.fromPretrained(files(), options);
    assert.deepEqual((await model.forward({ pixelValues })).logits, (await same.forward({ pixelValues })).logits);
    const locked = streamOf(weights);
    locked.getReader();
    await rejects(
      BeitForImageClassification.fromPretrained({ ...rest, 'model.safetensors': locked }, options),
      'invalid-argument',
      /used before/,
    );
    await model.dispose();
    await same.dispose();
  });
}
