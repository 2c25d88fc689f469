/** TensorBoard's event files: records of TFRecord, each a small protobuf. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { attemptWrite } from '../platform/written-file-node.js';

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; ++bit) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** Returns the CRC-32C of bytes as TFRecord has it: turned and moved, so that the sum of a record with sums in it is no constant. */
export function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Returns a record: its length, that one's sum, the data, and their sum. */
export function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function fixed(bytes: number, set: (view: DataView) => void): Uint8Array {
  const array = new Uint8Array(bytes);
  set(new DataView(array.buffer));
  return array;
}

// Protobuf's fields: number and wire type, then the value.
const double = (field: number, value: number): Uint8Array =>
  joined([varint(field * 8 + 1), fixed(8, (view) => view.setFloat64(0, value, true))]);
const float = (field: number, value: number): Uint8Array =>
  joined([varint(field * 8 + 5), fixed(4, (view) => view.setFloat32(0, value, true))]);
const whole = (field: number, value: number): Uint8Array => joined([varint(field * 8), varint(value)]);
const bytesOf = (field: number, value: Uint8Array): Uint8Array => joined([varint(field * 8 + 2), varint(value.length), value]);
const text = (field: number, value: string): Uint8Array => bytesOf(field, new TextEncoder().encode(value));

/** Returns an Event of tensorflow/core/util/event.proto with a summary of numbers. */
export function scalarEvent(seconds: number, step: number, scalars: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => bytesOf(1, joined([text(1, tag), float(2, value)])));
  return joined([double(1, seconds), whole(2, step), bytesOf(5, joined(values))]);
}

/** An event file in a folder, which grows. */
export class EventFile {
  private readonly path: string;

  /** Makes the folder where it is not there, and begins the file. Throws io. */
  constructor(folder: string) {
    attemptWrite(folder, () => mkdirSync(folder, { recursive: true }));
    const seconds = Date.now() / 1000;
    this.path = join(folder, `events.out.tfevents.${Math.floor(seconds)}.${hostname()}.${process.pid}`);
    this.append(joined([double(1, seconds), text(3, 'brain.Event:2')]));
  }

  write(step: number, scalars: Readonly<Record<string, number>>): void {
    this.append(scalarEvent(Date.now() / 1000, step, scalars));
  }

  private append(event: Uint8Array): void {
    attemptWrite(this.path, () => appendFileSync(this.path, record(event)));
  }
}
