/** A head as the fragment of a link, so that the link is a classifier: which checkpoint, which layer, the labels, the weights in int8. */
import { type BeitError, failure, mismatch, kindOf } from '../../base/errors.js';
import { isHubId } from '../../sources/source.js';
import { sampleId } from './base-checkpoint.js';
import type { TaughtHead } from './taught-model.js';

export interface LinkedHead {
  id: string;
  revision: string | null;
  head: TaughtHead;
}

const VERSION = '1';
const MOST_LABELS = 1000;
const MOST_CHANNELS = 4096;

/** For each class a scale and a bias as floats, then its weights in 8 bits. */
const CLASS_BYTES = 8;

/** Returns the fragment, without "#". */
export function linkOf({ id, revision, head: { layer, labels, weight, bias } }: LinkedHead): string {
  const channels = weight.length / labels.length;
  const bytes = new Uint8Array(labels.length * (CLASS_BYTES + channels));
  const view = new DataView(bytes.buffer);
  for (let k = 0; k < labels.length; ++k) {
    const row = weight.subarray(k * channels, (k + 1) * channels);
    const scale = Math.fround(row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127) || 1;
    const at = k * (CLASS_BYTES + channels);
    view.setFloat32(at, scale, true);
    view.setFloat32(at + 4, bias[k]!, true);
    for (let c = 0; c < channels; ++c) view.setInt8(at + CLASS_BYTES + c, Math.max(-127, Math.min(127, Math.round(row[c]! / scale))));
  }
  const fields = new URLSearchParams({ beit: VERSION, base: id, ...(revision !== null && { revision }), layer: String(layer) });
  for (const label of labels) fields.append('label', label);
  fields.append('head', base64url(bytes));
  return fields.toString();
}

/** Returns what a link, or its fragment, says. Throws malformed for another one. */
export function readLink(link: string): LinkedHead {
  if (typeof link !== 'string') throw mismatch('invalid-argument', 'link', kindOf(link), 'text, such as location.hash');
  const fields = new URLSearchParams(link.slice(link.indexOf('#') + 1));
  const wrong = (field: string, expected: string): BeitError => mismatch('malformed', `link: ${field}`, text(fields.get(field)), expected);
  if (fields.get('beit') !== VERSION) throw wrong('beit', `${VERSION}: a link that Teacher made`);
  const id = fields.get('base') ?? '';
  // Of a stranger's link nothing of this machine is opened: see reopenBase().
  if (id !== sampleId('classifier') && !/^https:\/\//.test(id) && !(isHubId(id) && id.includes('/')))
    throw wrong('base', 'a hub id or an address with https:');
  const layer = Number(fields.get('layer'));
  if (!Number.isInteger(layer) || layer < 1 || layer > 1000) throw wrong('layer', 'the number of a layer');
  const labels = fields.getAll('label');
  if (labels.length < 2 || labels.length > MOST_LABELS) throw mismatch('malformed', 'link: label', `${labels.length}`, '2 to 1000 of them');
  const bytes = bytesOf(fields.get('head') ?? '');
  const channels = bytes.length / labels.length - CLASS_BYTES;
  if (!Number.isInteger(channels) || channels < 1 || channels > MOST_CHANNELS)
    throw mismatch('malformed', 'link: head', `${bytes.length} bytes`, `as many weights for each of ${labels.length} labels`);
  const view = new DataView(bytes.buffer);
  const weight = new Float32Array(labels.length * channels);
  const bias = new Float32Array(labels.length);
  for (let k = 0; k < labels.length; ++k) {
    const at = k * (CLASS_BYTES + channels);
    const scale = view.getFloat32(at, true);
    bias[k] = view.getFloat32(at + 4, true);
    if (!Number.isFinite(scale) || !Number.isFinite(bias[k]!))
      throw failure('malformed', 'link: head', 'a number of it is infinite or NaN');
    for (let c = 0; c < channels; ++c) weight[k * channels + c] = scale * view.getInt8(at + CLASS_BYTES + c);
  }
  return { id, revision: fields.get('revision'), head: { layer, labels, weight, bias } };
}

function text(value: string | null): string {
  return value === null ? 'none' : JSON.stringify(value.slice(0, 40));
}

function base64url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

function bytesOf(letters: string): Uint8Array {
  let binary: string;
  try {
    binary = atob(letters.replaceAll('-', '+').replaceAll('_', '/'));
  } catch (error) {
    throw failure('malformed', 'link: head', 'it is no base64', error);
  }
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}
