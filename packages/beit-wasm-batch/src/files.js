/** Files that stand under their names only when they are whole and on the disk. */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What is not whole: its file's name, the process that writes it, and some digits of chance. */
const PART = /^(.+)\.(\d{1,10})-[0-9a-f]{8}\.part$/;

const temporaryNameOf = (path) => `${path}.${process.pid}-${randomBytes(4).toString('hex')}.part`;

/** Returns of what a file of that name is a part, { whole, writer }: a name and a process of the machine that wrote it. Null for another file. */
export function partOf(name) {
  const [, whole, writer] = PART.exec(name) ?? [];
  return whole === undefined ? null : { whole, writer: Number(writer) };
}

/** Whether a process of this machine other than this one lives. This one writes in one go: what bears its number is of one before it. */
export function isAlive(writer) {
  if (writer === process.pid) return false;
  try {
    process.kill(writer, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

// Node takes no 2 GiB at once.
const MOST_AT_ONCE = 2 ** 30;

/** Returns whether content is a file's, as bytes or in pieces, and no folder's. */
export const isFile = (content) => typeof content[Symbol.iterator] === 'function';

/** Returns a file's content in pieces. */
export const piecesOf = (content) => (content instanceof Uint8Array ? [content] : content);

/** Writes a file, of bytes or of pieces, or a folder of files by their names. Throws what the system says. */
export function writeWhole(path, content) {
  const temporary = temporaryNameOf(path);
  try {
    if (isFile(content)) {
      writeDurably(temporary, content);
    } else {
      mkdirSync(temporary);
      for (const [name, bytes] of Object.entries(content)) writeDurably(join(temporary, name), bytes);
      syncFolder(temporary);
    }
    // A folder takes no other's place; whoever wrote the same shard before has written the same.
    if (isFile(content) || !existsSync(path)) renameSync(temporary, path);
    syncFolder(dirname(path));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function writeDurably(path, content) {
  const file = openSync(path, 'w');
  try {
    for (const bytes of piecesOf(content))
      for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, Math.min(bytes.length - done, MOST_AT_ONCE));
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
