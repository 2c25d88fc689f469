/** Files that stand under their names only when they are whole and on the disk. */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The ending of what is not whole. */
export const PART = '.part';

/** Writes a file, or a folder of files by their names. Throws what the system says. */
export function writeWhole(path, content) {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}${PART}`;
  try {
    if (content instanceof Uint8Array) {
      writeDurably(temporary, content);
    } else {
      mkdirSync(temporary);
      for (const [name, bytes] of Object.entries(content)) writeDurably(join(temporary, name), bytes);
      syncFolder(temporary);
    }
    // A folder takes no other's place; whoever wrote the same shard before has written the same.
    if (content instanceof Uint8Array || !existsSync(path)) renameSync(temporary, path);
    syncFolder(dirname(path));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function writeDurably(path, bytes) {
  const file = openSync(path, 'w');
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncFolder(path) {
  // Windows opens no folders, and needs no such thing.
  if (process.platform === 'win32') return;
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
