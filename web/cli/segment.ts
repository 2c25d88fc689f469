import { pipeline } from '../api/pipelines/pipeline.js';
import { mismatch } from '../base/errors.js';
import type { DType } from '../core/core.js';
import type { RawImage } from '../engine/engine.js';
import { colorOf } from '../engine/tasks/segmentation.js';
import type { Overlay, Segmentation } from '../engine/tasks/types.js';
import { oneOf, usageError, type CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { writeTensorFile } from './files.js';
import { readPicture, writePicture } from './pictures.js';
import type { PngImage } from './png.js';

const FORMATS = ['palette', 'grey8', 'grey16'] as const;
type Format = (typeof FORMATS)[number];
// A byte's values: more labels need 16 bits.
const BYTE = 256;

export const segment: CommandSpec = {
  name: 'segment',
  summary: 'tells the class of each pixel of an image',
  operands: { name: 'IMAGE', least: 1, most: 1 },
  options: [
    {
      name: 'model',
      value: 'SOURCE',
      help: 'a segmentation checkpoint: a hub id, a URL, a folder or a weights file (default: that of beit-wasm-samples)',
    },
    { name: 'labels', value: 'LABELS.png', writes: 'file', help: 'write the class ids as an image' },
    { name: 'format', value: FORMATS.join('|'), help: 'how (default: palette; beyond 256 classes grey16)', parse: oneOf(FORMATS) },
    { name: 'overlay', value: 'OVERLAY.png', writes: 'file', help: 'write the image with the colours over it' },
    { name: 'scores', value: 'SCORES.safetensors', writes: 'file', help: "write labels and scores (H, W), each pixel's probability" },
    {
      name: 'taps',
      value: 'reference|original',
      help: 'how out_indices count layers (default: reference)',
      parse: oneOf(['reference', 'original']),
    },
    { name: 'json', help: 'print JSON: {image, width, height, legend: [{id, label, color, share}]}' },
    ...ENGINE_OPTIONS,
  ],
  details: [
    'Printed is the legend, the largest class first. All that is written has the size of the image.',
    "LABELS.png has each pixel's id: in the legend's colours (palette), or as grey levels of 8 or 16 bits.",
  ],
  async run(parsed) {
    const name = parsed.operands[0]!;
    if (parsed.value('format') !== undefined && parsed.value('labels') === undefined)
      throw usageError('The option --format is for --labels LABELS.png, which is not given.');
    return withEngine(parsed, async (engine) => {
      const image = await readPicture(engine, name);
      const taps = parsed.value<'reference' | 'original'>('taps');
      const { source, watch } = await openSource(parsed.value<string>('model'));
      const run = await pipeline('image-segmentation', source, {
        engine,
        taps,
        ...watch,
        dtype: parsed.value<DType>('dtype'),
      });
      try {
        const [labels, overlay, scores] = ['labels', 'overlay', 'scores'].map((option) => parsed.value<string>(option));
        const found = await run(image, { scores: scores !== undefined, overlay: overlay !== undefined });
        const format = parsed.value<Format>('format') ?? (run.model.config.numLabels > BYTE ? 'grey16' : 'palette');
        if (labels !== undefined) writePicture(labels, labelPicture(found, format));
        if (overlay !== undefined) writePicture(overlay, blend(image, found.overlay!));
        if (scores !== undefined) {
          const dims = [found.height, found.width];
          writeTensorFile(scores, { labels: { dims, data: found.labels }, scores: { dims, data: found.scores! } });
        }
        print(name, found, parsed.flag('json'));
        return 0;
      } finally {
        await run.dispose();
      }
    });
  },
};

function labelPicture({ width, height, labels, legend }: Segmentation, format: Format): PngImage {
  if (format === 'grey16') return { width, height, channels: 1, data: labels };
  const largest = legend.reduce((most, { id }) => Math.max(most, id), 0);
  if (largest >= BYTE)
    throw mismatch('invalid-argument', '--format', `${format} with class ${largest}`, 'grey16, which holds more than 256 classes');
  const data = Uint8Array.from(labels);
  if (format === 'grey8') return { width, height, channels: 1, data };
  return { width, height, channels: 1, data, palette: Array.from({ length: largest + 1 }, (_, id) => colorOf(id)) };
}

/** Returns the image, each pixel half its own colour and half its label's. */
function blend({ width, height, channels, data }: RawImage, { data: colors }: Overlay): PngImage {
  const mixed = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; ++i) {
    for (let c = 0; c < 3; ++c) mixed[i * 3 + c] = (data[i * channels + c]! + colors[i * 4 + c]!) >> 1;
  }
  return { width, height, channels: 3, data: mixed };
}

function print(image: string, { width, height, legend }: Segmentation, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ image, width, height, legend }, null, 2));
    return;
  }
  console.log(`${image}: ${width} x ${height} pixels`);
  for (const { id, label, color, share } of legend) {
    const hex = color.map((part) => part.toString(16).padStart(2, '0')).join('');
    console.log(`  ${(share * 100).toFixed(2).padStart(6)} %  #${hex}  ${String(id).padStart(3)}  ${label}`);
  }
}
