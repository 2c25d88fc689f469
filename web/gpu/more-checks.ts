/** What is tried of a GPU besides, by what a model needs. */
import type { Check, Kit } from './contract.js';
import { segmentationChecks } from './segmentation-check.js';
import { SEGMENTER, type ModelShape } from './shape.js';
import type { Buffers } from './steps.js';

export function moreChecks(kit: Kit, buffers: Buffers, { className }: ModelShape): Check[] {
  return className === SEGMENTER ? segmentationChecks(kit, buffers) : [];
}
