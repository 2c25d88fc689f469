// What the tab Teach does apart from a page: folders as classes, strangers among features, a zip.
import assert from 'node:assert/strict';
import test from 'node:test';
import { sortFound } from '../../demo/teach/folders.js';
import { strangersIn } from '../../demo/teach/strangers.js';
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
