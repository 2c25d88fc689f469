// What tests of batches begin with: pictures, a folder to work in, and what is written there.
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, temporaryFolder } from './support.mjs';
import { writeCheckpoint } from './tiny-checkpoint.mjs';

/** The folder of the pictures, and their names. */
export const samples = join(root, 'demo/samples');
export const PICTURES = readdirSync(samples)
  .filter((name) => name.endsWith('.jpg'))
  .sort();

/** Returns a folder with a model and with pictures, and without an output. */
export function workplace(t) {
  const folder = temporaryFolder(t);
  const model = writeCheckpoint(join(folder, 'model'));
  const pictures = join(folder, 'pictures');
  mkdirSync(pictures);
  for (const name of PICTURES) copyFileSync(join(samples, name), join(pictures, name));
  return { folder, model, pictures, names: PICTURES.map((name) => join(pictures, name)), output: join(folder, 'out') };
}

/** Returns the names of a folder's shards, in their order. */
export const shardsIn = (folder) =>
  readdirSync(folder)
    .filter((name) => /^\d/.test(name))
    .sort();
