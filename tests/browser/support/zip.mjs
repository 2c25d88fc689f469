// Reading a zip of stored files, as others read it: by the directory at its end.
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';

/** Returns the files' bytes by their names. */
export function readZip(bytes) {
  const end = bytes.length - 22;
  assert.equal(bytes.readUInt32LE(end), 0x06054b50, 'the end is where it belongs');
  const files = new Map();
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < bytes.readUInt16LE(end + 10); ++i) {
    assert.equal(bytes.readUInt32LE(at), 0x02014b50);
    const [sum, packed, size] = [16, 20, 24].map((offset) => bytes.readUInt32LE(at + offset));
    const length = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, at + 46 + length);
    const local = bytes.readUInt32LE(at + 42);
    assert.equal(bytes.readUInt32LE(local), 0x04034b50);
    assert.equal(packed, size);
    const from = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
    const content = bytes.subarray(from, from + size);
    assert.equal(crc32(content), sum, name);
    files.set(name, content);
    at += 46 + length;
  }
  assert.equal(at, end, 'nothing is left between the directory and the end');
  return files;
}
