/** The checkpoint that a head is taught on: which it is, in words that another machine finds it by. */
import { platform } from '#platform';
import { failure } from '../../base/errors.js';
import type { SampleName } from '../../platform/samples.js';
import type { Source, SourceLike, SourceOptions } from '../../sources/source.js';
import { configured, folderOf, sourceOf } from '../configure.js';
import type { RuntimeOptions } from '../configure.js';

export interface BaseCheckpoint {
  /** A hub id, a URL, a path; what was dropped or is in memory has its source's label. */
  id: string;
  /** The hub's branch, tag or commit. */
  revision: string | null;
  /** Whether `id` leads there from another machine, only from this one, or from nowhere. */
  reach: 'anywhere' | 'here' | 'nowhere';
}

/** Whether what a file says is one. */
export function isBase(said: unknown): said is BaseCheckpoint {
  const { id, reach } = (said ?? {}) as Partial<BaseCheckpoint>;
  return typeof id === 'string' && ['anywhere', 'here', 'nowhere'].includes(reach ?? '');
}

/** Whether two are known to be different. */
export function isOther(one: BaseCheckpoint, other: BaseCheckpoint): boolean {
  return one.reach === 'anywhere' && other.reach === 'anywhere' && (one.id !== other.id || one.revision !== other.revision);
}

/** Returns the id of a checkpoint of beit-wasm-samples, which is used where none is named. */
export const sampleId = (name: SampleName): string => `beit-wasm-samples/${name}`;

export async function openBase(
  given: SourceLike | null | undefined,
  options: SourceOptions & RuntimeOptions,
  sample: SampleName = 'classifier',
): Promise<{ source: Source; base: BaseCheckpoint }> {
  if (given === undefined || given === null || given === sampleId(sample)) {
    const source = await platform.sample(sample, folderOf('assets', configured(options).assets));
    return { source, base: { id: sampleId(sample), revision: null, reach: 'anywhere' } };
  }
  const source = await sourceOf(given, options);
  return { source, base: baseOf(source) };
}

function baseOf(source: Source): BaseCheckpoint {
  const description = source.describe();
  if (description?.kind === 'http') {
    const { hub, base, weightsName = '', label } = description;
    if (hub && hub.folder === '' && !weightsName) return { id: hub.id, revision: hub.revision, reach: 'anywhere' };
    const url = new URL(weightsName, base);
    // What follows the path may be a signature: another one each time, and nothing to be published with a model.
    url.search = url.hash = url.username = url.password = '';
    return /^https?:$/.test(url.protocol)
      ? { id: url.href, revision: null, reach: 'anywhere' }
      : { id: label, revision: null, reach: 'nowhere' };
  }
  if (description?.kind === 'folder') return { id: description.folder, revision: null, reach: 'here' };
  return { id: source.label, revision: null, reach: 'nowhere' };
}

/** Opens the checkpoint that a file or a link names, or, in its place, the one that the caller gives. */
export async function reopenBase(
  { id, revision, reach }: BaseCheckpoint,
  options: SourceOptions & RuntimeOptions & { source?: SourceLike | undefined },
  sample: SampleName = 'classifier',
): Promise<Source> {
  const { source, ...rest } = options;
  if (source !== undefined) return sourceOf(source, rest);
  if (reach === 'nowhere')
    throw failure('not-found', id, 'the checkpoint that this was taught on has no address; give it as the option source');
  const own = revision === null ? rest : { ...rest, revision };
  // The folder of this machine that has the same name is not what is meant, and none of what a stranger's link may open.
  if (reach === 'anywhere' && id !== sampleId(sample)) return sourceOf(id, own, { elsewhere: true });
  return (await openBase(id, own, sample)).source;
}
