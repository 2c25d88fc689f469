/** What is done to maps, rows (height * width, padded channels), of segmentation models, backbones and tokenizers alike. */
import type { Kit, StepWriter } from './contract.js';
import type { GridSize } from './grid-resize.js';
import { padded } from './shape.js';

/** The maxima of each 2 x 2 pixels; `before`: how many rows go before those of pixels. */
export const halvingKernel = ({ eachKernel }: Kit): string =>
  eachKernel(
    'padded width columns before',
    ['X:f32', 'Y:f32'],
    `let d=p.width*p.padded;let n=i/p.padded;let o=(n/p.columns*2*p.width+n%p.columns*2+p.before)*p.padded+i%p.padded;
Y[i]=max(max(X[o],X[o+p.padded]),max(X[o+d],X[o+d+p.padded]));`,
  );

/** Maps of all images by channel. */
export const planesKernel = ({ eachKernel }: Kit): string =>
  eachKernel(
    'padded channels pixels row before',
    ['X:f32', 'Y:f32'],
    `let m=i%p.row;let n=i/p.row;
Y[i]=X[(n/p.channels*(p.before+p.pixels)+p.before+min(m,p.pixels-1))*p.padded+n%p.channels];`,
  );

/** Has maps read back by channel; `before`: how many rows of each image go before those of its pixels. Returns what is read back. */
export function outputPlanes(
  kit: Kit,
  { buffers, inputs: { batch }, each, output }: StepWriter,
  name: string,
  from: GPUBuffer,
  { height, width }: GridSize,
  count: number,
  before: number,
): GPUBuffer {
  const pixels = height * width,
    row = padded(pixels);
  const planes = buffers.floats(batch * count * row);
  each(planesKernel(kit), batch * count * row, [padded(count), count, pixels, row, before], from, planes);
  output(name, planes, [batch, count, height, width], pixels);
  return planes;
}
