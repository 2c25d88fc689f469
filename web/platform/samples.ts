/**
 * The small checkpoints that are used where none is named. They are a package of their own, beit-wasm-samples, which tells where
 * they lie when it is imported: by the global symbol, so that neither package has to find the other.
 */
import { BeitError } from '../base/errors.js';

export type SampleName = 'classifier' | 'segmentation';

/** What that package tells of a checkpoint. */
export interface Sample {
  weights(): URL;
  /** Its small files. */
  files: Readonly<Record<string, object>>;
}

const REGISTRY = Symbol.for('beit-wasm-samples');

/** Returns what is known of a checkpoint, or undefined where the package has not been imported. */
export function findSample(name: SampleName): Sample | undefined {
  return (globalThis as { [REGISTRY]?: Partial<Record<SampleName, Sample>> })[REGISTRY]?.[name];
}

/** Returns the path of a checkpoint's weights below the folder that the option `assets` names. */
export const pathInAssets = (name: SampleName): string => `weights/${name}/model.safetensors`;

/** Returns a checkpoint's small files as texts. */
export function textsOf(sample: Sample | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(sample?.files ?? {}).map(([file, value]) => [file, JSON.stringify(value)]));
}

/** What is told who names no checkpoint and has none; `how` is what makes the installed package known. */
export function noSample(how: string, cause?: unknown): BeitError {
  return new BeitError(
    'not-found',
    `source: got none, and beit-wasm itself has no weights: name a checkpoint (a hub id, a URL, files), or run "npm install beit-wasm-samples"${how} for the small ones that know drawn scenes.`,
    { where: 'source', got: 'none', expected: 'a checkpoint', cause },
  );
}
