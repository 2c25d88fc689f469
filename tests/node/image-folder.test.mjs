// The pictures of folders that beit train, teach and evaluate read.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import test from 'node:test';
import { readImageFolder, readValidation, unlabelled } from '../../dist/cli/image-folder.js';
import { rejects, temporaryFolder } from './support.mjs';

/** Makes empty files in a folder, which are only looked at. */
function filled(folder, ...names) {
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), '');
  }
  return folder;
}

const told = (folder, files) => files.map(({ label, path }) => `${label}: ${relative(folder, path)}`);

test('all that is read counts as a picture, by its ending', (t) => {
  // As docs/guides/pictures.md has it.
  const endings = 'png apng jpg jpeg jpe jfif mpo bmp dib gif pbm pgm ppm pnm pam pfm webp tif tiff avif PNG'.split(' ');
  const folder = filled(temporaryFolder(t), ...endings.map((ending) => `cat/a.${ending}`), 'cat/a.txt', 'cat/.b.png', 'cat/png', 'c.png');
  const { training, validation } = readImageFolder(folder);
  assert.equal(validation, null);
  assert.deepEqual(told(folder, training), endings.map((ending) => `cat: cat/a.${ending}`).sort());
});

test('links are what they lead to', { skip: process.platform === 'win32' && 'links take rights' }, async (t) => {
  const elsewhere = filled(temporaryFolder(t), 'dogs/1.png', 'dogs/young/2.png', 'one.jpg');
  const folder = filled(temporaryFolder(t), 'train/cat/1.png', 'train/cat/2.png');
  const link = (target, name) => symlinkSync(target, join(folder, name));
  link(join(elsewhere, 'dogs'), 'train/dog');
  link(join(elsewhere, 'one.jpg'), 'train/cat/3.jpg');
  link('train', 'validation');
  assert.deepEqual(told(folder, readImageFolder(folder).training), [
    'cat: train/cat/1.png',
    'cat: train/cat/2.png',
    'cat: train/cat/3.jpg',
    'dog: train/dog/1.png',
    'dog: train/dog/young/2.png',
  ]);
  assert.equal(readValidation(folder).length, 5);

  // A way back ends, as do two that lead to each other.
  const before = told(folder, unlabelled(join(folder, 'train')));
  link('..', 'train/cat/up');
  link('..', 'train/all');
  symlinkSync(elsewhere, join(elsewhere, 'dogs/young/back'));
  symlinkSync(join(elsewhere, 'dogs/young'), join(elsewhere, 'dogs/same'));
  assert.deepEqual(
    told(folder, unlabelled(join(folder, 'train'))),
    [...before, ': train/dog/same/2.png', ': train/dog/same/back/one.jpg', ': train/dog/young/back/one.jpg'].sort(),
  );
  assert.deepEqual([...new Set(readImageFolder(folder).training.map(({ label }) => label))], ['cat', 'dog']);

  // What leads nowhere is told of when it is read, if it is to be a picture.
  link('nowhere', 'train/gone');
  link('nowhere', 'train/cat/gone.png');
  assert.ok(told(folder, readImageFolder(folder).training).includes('cat: train/cat/gone.png'));
  link('self', 'self');
  await rejects((async () => readImageFolder(folder))(), 'io', /self: the folder cannot be read \(ELOOP/);
});
