/** What was dropped on a page or chosen in a dialog: files, and folders with all that is in them. */
import { failure, mismatch, sentenceOf } from '../base/errors.js';
import { CONFIG_FILE, isWeightsFile, type Dropped } from './source.js';

/** A file with its path below what was dropped: "beit-base/config.json". */
export type PathFile = readonly [path: string, file: File];

/** Handles as engines have them; TypeScript's library leaves the iteration out. */
type FolderHandle = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

// A folder that was cloned has its history beside its files; a checkpoint lies near the top.
const HIDDEN = /^\./;
const MOST_DEPTH = 4;

/** Returns whether `value` is something that filesOf() takes. */
export function isDropped(value: object): value is Dropped {
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  if (kind === 'file' || kind === 'directory') return true;
  return isList(items) || isList(value);
}

function isList(value: unknown): value is DataTransferItemList {
  return typeof DataTransferItemList === 'function' && value instanceof DataTransferItemList;
}

/**
 * Returns the files of a drop, whose items are taken at once, since they do not outlive the event; or
 * of a handle. Rejects with io where one cannot be read.
 */
export async function filesOf(dropped: Dropped): Promise<PathFile[]> {
  const found: PathFile[] = [];
  if ('kind' in dropped) {
    await walkHandle(dropped, '', 0, found);
    return found;
  }
  const items = [...('items' in dropped ? dropped.items : (dropped as unknown as Iterable<DataTransferItem>))].filter(
    ({ kind }) => kind === 'file',
  );
  const entries = items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
  for (const { entry, file } of entries) {
    if (entry) await walkEntry(entry, '', 0, found);
    else if (file) found.push([file.name, file]);
  }
  return found;
}

async function walkHandle(handle: FileSystemHandle, folder: string, depth: number, found: PathFile[]): Promise<void> {
  const path = folder + handle.name;
  try {
    if (handle.kind === 'file') found.push([path, await (handle as FileSystemFileHandle).getFile()]);
    else if (depth <= MOST_DEPTH) {
      for await (const child of (handle as FolderHandle).values()) {
        if (!HIDDEN.test(child.name)) await walkHandle(child, `${path}/`, depth + 1, found);
      }
    }
  } catch (error) {
    throw asIo(path, error);
  }
}

async function walkEntry(entry: FileSystemEntry, folder: string, depth: number, found: PathFile[]): Promise<void> {
  const path = folder + entry.name;
  try {
    if (entry.isFile) {
      found.push([path, await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))]);
    } else if (depth <= MOST_DEPTH) {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (;;) {
        // It gives a hundred at a time, and none at the end.
        const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
        if (some.length === 0) break;
        for (const child of some) if (!HIDDEN.test(child.name)) await walkEntry(child, `${path}/`, depth + 1, found);
      }
    }
  } catch (error) {
    throw asIo(path, error);
  }
}

function asIo(path: string, error: unknown): unknown {
  return (error as Error | null)?.name === 'BeitError' ? error : failure('io', path, `it cannot be read (${sentenceOf(error)})`, error);
}

/** Returns a file's path: that below the folder which was chosen, or its name. */
export function pathOf(file: File): string {
  return file.webkitRelativePath || file.name;
}

/**
 * Returns the files of one checkpoint, by name: those of the folder nearest the top that has weights,
 * or else a config. Throws invalid-argument where two folders are as near, or two files of one name.
 */
export function oneFolder(files: readonly PathFile[]): Record<string, File> {
  const folders = new Map<string, PathFile[]>();
  for (const [path, file] of files) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const members = folders.get(folder) ?? [];
    members.push([path.slice(folder.length), file]);
    folders.set(folder, members);
  }
  const having = (wanted: (name: string) => boolean): string[] =>
    [...folders].filter(([, members]) => members.some(([name]) => wanted(name))).map(([folder]) => folder);
  const depth = (folder: string): number => folder.split('/').length;
  const candidates =
    [having(isWeightsFile), having((name) => name === CONFIG_FILE), [...folders.keys()]].find(({ length }) => length > 0) ?? [];
  const least = Math.min(...candidates.map(depth));
  const [chosen, ...others] = candidates.filter((folder) => depth(folder) === least);
  if (others.length > 0)
    throw mismatch('invalid-argument', 'source', `the checkpoints ${[chosen, ...others].join(', ')}`, 'one folder of files');
  const result: Record<string, File> = Object.create(null) as Record<string, File>;
  for (const [name, file] of folders.get(chosen ?? '') ?? []) {
    if (Object.hasOwn(result, name)) throw mismatch('invalid-argument', name, 'two files of this name', 'one folder of files');
    result[name] = file;
  }
  return result;
}
