/** What is tried of a GPU besides, by what a model needs. */
import type { Check, Kit } from './contract.js';
import { packedChecks } from './packed-check.js';
import { segmentationChecks } from './segmentation-check.js';
import { SEGMENTER, type ModelShape } from './shape.js';
import type { Buffers } from './steps.js';

export function moreChecks(kit: Kit, buffers: Buffers, { packed, className }: ModelShape): Check[] {
  return [...(packed ? packedChecks(kit, buffers) : []), ...(className === SEGMENTER ? segmentationChecks(kit, buffers) : [])];
}
