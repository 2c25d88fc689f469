/** What is tried of a GPU besides, by what a model needs. */
import type { Check, Kit } from './contract.js';
import { packedChecks } from './packed-check.js';
import { packings } from './packings.js';
import { segmentationChecks } from './segmentation-check.js';
import { SEGMENTER, type ModelShape } from './shape.js';
import type { Buffers } from './steps.js';

export function moreChecks(kit: Kit, buffers: Buffers, { dtype, className }: ModelShape): Check[] {
  const packing = packings[dtype];
  return [...(packing ? packedChecks(kit, buffers, packing) : []), ...(className === SEGMENTER ? segmentationChecks(kit, buffers) : [])];
}
