/** Pictures in folders: one for each label, or these in folders train and validation (torchvision's ImageFolder); or without labels. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { failure, mismatch, sentenceOf } from '../base/errors.js';

export interface LabelledFile {
  label: string;
  path: string;
}

/** Of all that is read: docs/guides/pictures.md. */
const PICTURE = /\.(a?png|jpe|jpe?g|jfif|mpo|bmp|dib|gif|p[abgpnf]m|webp|tiff?|avif)$/i;
const TRAINING = ['train', 'training'];
const VALIDATION = ['validation', 'valid', 'val', 'test'];

/** How the files of a folder are told: labelled(), or unlabelled(). */
type Telling = (folder: string) => LabelledFile[];

/** Returns the pictures to learn from, and those to be judged by where the folder sets some apart; by label and name. Throws not-found or io. */
export function readImageFolder(folder: string, tell: Telling = labelled): { training: LabelledFile[]; validation: LabelledFile[] | null } {
  const folders = foldersIn(folder);
  const training = folders.find((name) => TRAINING.includes(name.toLowerCase()));
  const validation = folders.find((name) => VALIDATION.includes(name.toLowerCase()));
  if (training === undefined) return { training: tell(folder), validation: null };
  return { training: tell(join(folder, training)), validation: validation === undefined ? null : tell(join(folder, validation)) };
}

/** Returns the pictures of a folder of labels, or of the part of one that is for judging. */
export function readValidation(folder: string, tell: Telling = labelled): LabelledFile[] {
  const { training, validation } = readImageFolder(folder, tell);
  return validation ?? training;
}

function labelled(folder: string): LabelledFile[] {
  const labels = foldersIn(folder);
  const above = [realNameOf(folder)];
  const files = labels.flatMap((label) => picturesIn(join(folder, label), above).map((path) => ({ label, path })));
  if (files.length === 0) throw mismatch('not-found', folder, 'no pictures in folders', 'a folder for each label, with pictures in it');
  return files;
}

/** All pictures of a folder, whose folders are no labels. */
export function unlabelled(folder: string): LabelledFile[] {
  const files = picturesIn(folder).map((path) => ({ label: '', path }));
  if (files.length === 0) throw mismatch('not-found', folder, 'no pictures', 'pictures, in folders or not');
  return files;
}

function foldersIn(folder: string): string[] {
  return entriesOf(folder)
    .filter(({ isFolder }) => isFolder)
    .map(({ name }) => name)
    .sort();
}

/** `above`: the folders on the way to this one, by their own names. A link back to one of them has nothing new. */
function picturesIn(folder: string, above: readonly string[] = []): string[] {
  const own = realNameOf(folder);
  if (above.includes(own)) return [];
  return entriesOf(folder)
    .flatMap(({ name, isFolder }) => {
      const path = join(folder, name);
      return isFolder ? picturesIn(path, [...above, own]) : PICTURE.test(name) ? [path] : [];
    })
    .sort();
}

function realNameOf(folder: string): string {
  return attempt(folder, () => realpathSync(folder));
}

/** Returns what is in a folder and not hidden. Links count as what they lead to, and as files where they lead nowhere. */
function entriesOf(folder: string): { name: string; isFolder: boolean }[] {
  return attempt(folder, () => readdirSync(folder, { withFileTypes: true }))
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => {
      const path = join(folder, entry.name);
      const found = entry.isSymbolicLink() ? attempt(path, () => statSync(path, { throwIfNoEntry: false })) : entry;
      return { name: entry.name, isFolder: found?.isDirectory() ?? false };
    });
}

function attempt<T>(folder: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw failure('not-found', folder, 'there is no such folder', error);
    if (code === 'ENOTDIR') throw failure('invalid-argument', folder, 'it is not a folder', error);
    throw failure('io', folder, `the folder cannot be read (${sentenceOf(error)})`, error);
  }
}
