/** Sources of the command line: what the hub's environment variables say, and where downloads are kept. */
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { platform } from '#platform';
import { sentenceOf } from '../base/errors.js';
import type { LoadCallOptions } from '../engine/engine.js';
import type { HttpDescription } from '../sources/http/source.js';
import type { Source, SourceOptions } from '../sources/source.js';
import { complain, sentenceFor } from './complaints.js';
import { HubCacheSource, snapshotOf } from './hub-cache.js';
import { bar } from './progress-bar.js';

type HubDescription = NonNullable<HttpDescription['hub']>;
type Variables = Readonly<Record<string, string | undefined>>;

export interface Opened<S> {
  source: S;
  /** For the load from it. */
  watch: Pick<LoadCallOptions, 'onProgress' | 'onWarning'>;
}

/** Returns the source that a word of the command line names; no word is the sample checkpoint. */
export async function openSource<T extends string | undefined>(text: T): Promise<Opened<T extends string ? Source : Source | undefined>> {
  const onWarning = (error: Error): void => complain(`warning: ${sentenceFor(error)}`);
  const watch = { onProgress: bar.show, onWarning };
  if (text === undefined) return { source: undefined as never, watch: { onWarning } };
  const options = optionsOf(process.env);
  let source = await platform.resolveSource(text, options);
  const description = source.describe();
  if (description?.kind !== 'http') return { source, watch: { onWarning } };
  if (description.hub) source = await fromHubCache(source, description.hub, options, process.env);
  if (typeof options.cache === 'string') makeCacheFolder(options.cache);
  return { source, watch };
}

/** What the environment says of downloads, by the names that the hub's own tools have; BEIT_CACHE is ours. */
export function optionsOf(variables: Variables): SourceOptions {
  const { HF_TOKEN: token, HF_ENDPOINT: host, HF_HUB_OFFLINE: offline = '' } = variables;
  return {
    ...(token?.trim() && { token: token.trim() }),
    ...(host && { host }),
    cache: cacheFolder(variables) ?? false,
    offline: /^(1|on|yes|true)$/i.test(offline),
    // There may be no next time soon, and a process ends with its last question.
    revalidate: 'first',
  };
}

/** Returns the folder in which downloads are kept; null where BEIT_CACHE is empty: nothing is. */
export function cacheFolder({ BEIT_CACHE, XDG_CACHE_HOME, LOCALAPPDATA }: Variables, system: string = process.platform): string | null {
  if (BEIT_CACHE !== undefined) return BEIT_CACHE || null;
  const local = system === 'win32' ? LOCALAPPDATA : system === 'darwin' ? join(homedir(), 'Library', 'Caches') : undefined;
  return join(XDG_CACHE_HOME || local || join(homedir(), '.cache'), 'beit-wasm');
}

/** Returns the folder in which the hub's own tools keep repositories. */
export function hubCacheFolder({ HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME }: Variables): string {
  return HF_HUB_CACHE || join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub');
}

/** Tells once, when it makes the folder, where downloads are. */
function makeCacheFolder(folder: string): void {
  if (existsSync(folder)) return;
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    complain(`warning: Downloads cannot be kept in ${folder} (${sentenceOf(error)}).`);
    return;
  }
  complain(`Downloads are kept in ${folder} (another folder: BEIT_CACHE=FOLDER, none: BEIT_CACHE=).`);
}

/** Returns a source that takes what the hub's own tools have downloaded from there; `source` where that is nothing. */
async function fromHubCache(source: Source, place: HubDescription, options: SourceOptions, variables: Variables): Promise<Source> {
  const snapshot = snapshotOf(hubCacheFolder(variables), place);
  if (!snapshot) return source;
  // What is not there is of the same commit.
  const rest = new URL(`${place.host}/${place.id}/resolve/${snapshot.commit}/${place.folder}${source.weightsName ?? ''}`);
  return new HubCacheSource(source.label, snapshot, await platform.resolveSource(rest, options));
}
