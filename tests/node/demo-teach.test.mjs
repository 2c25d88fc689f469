// What the tab Teach does apart from a page: folders as classes, strangers among features, a zip, what is kept.
import assert from 'node:assert/strict';
import test from 'node:test';
import { sortFound } from '../../demo/teach/folders.js';
import { Keep } from '../../demo/teach/keep.js';
import { Lessons } from '../../demo/teach/lessons.js';
import { strangersIn } from '../../demo/teach/strangers.js';
import { Thumbnails } from '../../demo/teach/thumbnails.js';
import { ZipFolder } from '../../demo/teach/zip.js';
import { safetensorsHeader } from '../../dist/base/safetensors-writer.js';
import { readZip } from '../browser/support/zip.mjs';

const files = (...paths) =>
  paths.map((path) => ({ path, file: new File([], path.split('/').pop(), { type: 'application/octet-stream' }) }));
const namesIn = ({ classes }) => Object.fromEntries([...classes].map(([name, list]) => [name, list.map((file) => file.name)]));

test('a folder of folders has a class in each, however deep its pictures lie', () => {
  const found = files(
    'pets/dog/2.JPG',
    'pets/cat/old/1.png',
    'pets/cat/3.webp',
    'pets/cat/notes.txt',
    'pets/cat/.thumbs/x.png',
    'pets/README.md',
  );
  assert.deepEqual(namesIn(sortFound(found)), { cat: ['3.webp', '1.png'], dog: ['2.JPG'] });
});

test('folders that have no folders are classes themselves, and what lies in none is told apart', () => {
  const sorted = sortFound(files('cat/1.png', 'dog/1.png', 'loose.png', 'other/a/1.png', 'other/b/1.png'));
  assert.deepEqual(namesIn(sorted), { cat: ['1.png'], dog: ['1.png'], a: ['1.png'], b: ['1.png'] });
  assert.deepEqual(
    sorted.loose.map(({ name }) => name),
    ['loose.png'],
  );
});

test('of an ImageFolder with parts the training part is taken', () => {
  const sorted = sortFound(
    files('set/train/cat/1.png', 'set/train/dog/1.png', 'set/val/cat/9.png', 'set/test/dog/9.png', 'set/other/x.png'),
  );
  assert.deepEqual([namesIn(sorted), sorted.leftOut], [{ cat: ['1.png'], dog: ['1.png'] }, 2]);
});

/** Returns a project of one layer: these features, a row each. */
function projectOf(rows) {
  const values = Float32Array.from(rows.flat());
  const header = safetensorsHeader(
    [{ name: 'features', dtype: 'F32', shape: [rows.length, 1, rows[0].length], bytes: values.byteLength }],
    {},
  );
  const bytes = new Uint8Array(header.length + values.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(values.buffer), header.length);
  return bytes;
}

test('a picture that is far from every class is a stranger, also to its own', () => {
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;
  const around = (centre) => centre.map((value) => value + random());
  const centres = [0, 1, 2].map((k) => Array.from({ length: 32 }, (_, c) => (c % 3 === k ? 2 : 0)));
  const labels = Array.from({ length: 60 }, (_, i) => i % 3);
  const rows = labels.map((label) => around(centres[label]));
  assert.deepEqual(strangersIn(projectOf(rows), 1, labels), []);
  rows[7] = around(centres[0].map(() => -3));
  rows[20] = around(centres[1]); // in the wrong class, but it resembles another
  rows[41] = around(centres[0].map(() => -4));
  assert.deepEqual(strangersIn(projectOf(rows), 1, labels), [41, 7]);
  assert.deepEqual(strangersIn(projectOf(rows.slice(0, 9)), 1, labels.slice(0, 9)), [], 'nine are too few to tell');
});

test('a zip has its files as they were written, in pieces of any order', async () => {
  const zip = new ZipFolder();
  const bytes = Uint8Array.from({ length: 70000 }, (_, i) => (i * i) % 251);
  const file = await zip.create('Gewichte ä.bin', bytes.length);
  await file.write(50000, bytes.subarray(50000));
  await file.write(0, bytes.subarray(0, 50000));
  await file.close();
  const given = await zip.create('given up', 4);
  await given.abort();
  const empty = await zip.create('empty', 0);
  await empty.close();
  const read = readZip(Buffer.from(await zip.toBlob().arrayBuffer()));
  assert.deepEqual([...read.keys()], ['Gewichte ä.bin', 'empty']);
  assert.deepEqual(new Uint8Array(read.get('Gewichte ä.bin')), bytes);
});

/** A page's own folder in memory. `full`: nothing more can be written; `unreadable`: names of files that cannot be read now. */
function folder() {
  const files = new Map();
  const missing = () => Object.assign(new Error('There is none.'), { name: 'NotFoundError' });
  const self = {
    full: false,
    unreadable: new Set(),
    files,
    async getFileHandle(name, { create = false } = {}) {
      if (!files.has(name) && !create) throw missing();
      if (!files.has(name)) files.set(name, new Blob([]));
      return {
        async getFile() {
          if (self.unreadable.has(name)) throw Object.assign(new Error('Not now.'), { name: 'NotReadableError' });
          return files.get(name);
        },
        async createWritable() {
          let written = new Blob([]);
          return {
            write: async (data) => {
              if (self.full) throw Object.assign(new Error('The disk is full.'), { name: 'QuotaExceededError' });
              written = new Blob([data]);
            },
            close: async () => void files.set(name, written),
          };
        },
      };
    },
    async *keys() {
      yield* [...files.keys()];
    },
    removeEntry: async (name) => void files.delete(name),
  };
  return self;
}

const blob = (text) => new Blob([text]);
const textOf = (given) => given?.text() ?? null;

test('small copies are in a pack once that is kept, and it is tried again until then', async () => {
  const thumbnails = new Thumbnails();
  let full = true;
  const written = [];
  thumbnails.keepBy(async (number, pack) => {
    if (full) throw new Error('The disk is full.');
    written.push([number, await pack.text()]);
    return pack;
  });
  const first = thumbnails.add(blob('one'));
  await assert.rejects(thumbnails.pack(), /full/);
  const second = thumbnails.add(blob('two'));
  assert.deepEqual(thumbnails.packs, []);
  assert.deepEqual([await textOf(thumbnails.get(first)), await textOf(thumbnails.get(second))], ['one', 'two']);
  full = false;
  await thumbnails.pack();
  assert.deepEqual(written.map(([, text]) => text).sort(), ['one', 'two']);
  assert.deepEqual(
    thumbnails.packs,
    written.map(([number]) => number),
  );
  assert.deepEqual([await textOf(thumbnails.get(first)), await textOf(thumbnails.get(second))], ['one', 'two']);

  full = true;
  const third = thumbnails.add(blob('three'));
  const before = thumbnails.packs;
  await assert.rejects(thumbnails.repack([second, third]), /full/);
  assert.deepEqual(thumbnails.packs, before);
  assert.deepEqual([await textOf(thumbnails.get(second)), await textOf(thumbnails.get(third))], ['two', 'three']);
  full = false;
  const places = await thumbnails.repack([third, null, second]);
  assert.equal(thumbnails.packs.length, 1);
  assert.deepEqual(await Promise.all(places.map((place) => textOf(thumbnails.get(place)))), ['three', null, 'two']);
});

test('a pack that cannot be read stays where it is, and one that was cut off shows nothing', async () => {
  const thumbnails = new Thumbnails();
  thumbnails.restore(3, null);
  thumbnails.restore(1, blob('ab'));
  const [unread, read, cut] = [
    { pack: 3, from: 0, to: 1 },
    { pack: 1, from: 1, to: 2 },
    { pack: 1, from: 2, to: 4 },
  ];
  const fresh = thumbnails.add(blob('c'));
  assert.ok(fresh.pack > 3);
  assert.deepEqual(await Promise.all([unread, read, cut].map((place) => textOf(thumbnails.get(place)))), [null, 'b', null]);
  const places = await thumbnails.repack([unread, read, cut, fresh]);
  assert.deepEqual(places[0], unread);
  assert.ok(thumbnails.packs.includes(3));
  assert.deepEqual(await Promise.all(places.map((place) => textOf(thumbnails.get(place)))), [null, 'b', null, 'c']);
});

test('what was kept is taken without a pack that cannot be read, and not at all, not even to write over it, where it cannot be read itself', async () => {
  const place = folder();
  const keep = new Keep(place);
  assert.equal(await keep.read(), null);
  await keep.writePack(0, blob('zero'));
  await keep.writePack(1, blob('one'));
  await keep.write({ version: 1, packs: [0, 1, 2], classes: ['a'] }, Uint8Array.of(1, 2, 3));
  place.unreadable.add('thumbnails-0');
  const { state, project, packs } = await keep.read();
  assert.deepEqual([state.classes, [...project]], [['a'], [1, 2, 3]]);
  assert.deepEqual(await Promise.all([...packs].map(async ([number, pack]) => [number, await textOf(pack)])), [
    [0, null],
    [1, 'one'],
    [2, null],
  ]);
  place.unreadable.add('project');
  assert.equal(await keep.read(), 'unread');
  place.unreadable.clear();
  place.files.set('project', blob('nonsense that can be read'));
  assert.equal(await keep.read(), null);
});

test('what could not be kept for want of room is not said to be kept, before it is', async (t) => {
  t.after(() => {
    for (const name of ['ImageBitmap', 'createImageBitmap']) delete globalThis[name];
  });
  globalThis.ImageBitmap = class {};
  globalThis.createImageBitmap = async () => ({ width: 8, height: 8, close() {} });
  const place = folder();
  const lessons = new Lessons();
  lessons.keepIn(new Keep(place));
  const one = lessons.add();
  const taught = [];
  lessons.begin({
    get pictures() {
      return taught;
    },
    project: () => Uint8Array.of(taught.length),
    async add(label) {
      taught.push({ id: taught.length + 1, label });
      return [taught.length];
    },
  });
  const take = async (name) => {
    lessons.take(one, [{ image: new File([name], name, { type: 'image/png' }) }]);
    while (lessons.waiting > 0) await new Promise(setImmediate);
    await lessons.settled();
  };
  place.full = true;
  await take('first');
  assert.deepEqual([lessons.kept, lessons.keepProblem], [false, 'The disk is full.']);
  place.full = false;
  await take('second');
  assert.deepEqual([lessons.kept, lessons.keepProblem], [true, '']);
  const { state, packs } = await new Keep(place).read();
  const thumbnails = new Thumbnails();
  for (const [number, pack] of packs) thumbnails.restore(number, pack);
  assert.deepEqual(await Promise.all(state.places.map((at) => textOf(thumbnails.get(at)))), ['first', 'second']);
});
