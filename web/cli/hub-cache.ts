/** The folder in which the hub's own tools (transformers, huggingface_hub) keep repositories, read and never written. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { BeitError } from '../base/errors.js';
import { openLocalFile } from '../sources/folder-node.js';
import type { HubPlace } from '../sources/http/hub-address.js';
import { fileNotFound, WEIGHTS_FILES, type Source, type SourceFile, type SourceWatch } from '../sources/source.js';

/** One commit of a repository, or a folder in it, as it is kept. */
export interface Snapshot {
  commit: string;
  folder: string;
  /** Has an empty file for each that the repository was found not to have. */
  absent: string;
}

/** Returns what is kept of a place in a repository; null where there is nothing. */
export function snapshotOf(cache: string, { id, revision, folder }: Pick<HubPlace, 'id' | 'revision' | 'folder'>): Snapshot | null {
  const repository = join(cache, `models--${id.replace('/', '--')}`);
  const wanted = revision ?? 'main';
  const commit = /^[0-9a-f]{40}$/.test(wanted) ? wanted : readText(join(repository, 'refs', ...wanted.split('/')));
  if (!/^[0-9a-f]{40}$/.test(commit) || wanted.split('/').includes('..')) return null;
  const snapshot = { commit, folder: join(repository, 'snapshots', commit, folder), absent: join(repository, '.no_exist', commit, folder) };
  return existsSync(snapshot.folder) ? snapshot : null;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Takes files from a snapshot, and those that it lacks from the hub. */
export class HubCacheSource implements Source {
  readonly weightsName: string | undefined;

  constructor(
    readonly label: string,
    private readonly snapshot: Snapshot,
    private readonly rest: Source,
  ) {
    this.weightsName = rest.weightsName;
  }

  describe(): null {
    return null;
  }

  async open(name: string, signal?: AbortSignal | null, watch?: SourceWatch): Promise<SourceFile> {
    const { folder, absent } = this.snapshot;
    try {
      return openLocalFile(name, join(folder, name), this.label);
    } catch (error) {
      if (!(error instanceof BeitError) || error.code !== 'not-found') throw error;
    }
    if (existsSync(join(absent, name)) || this.hasOtherWeights(name)) throw fileNotFound(this.label, name);
    return this.rest.open(name, signal, watch);
  }

  /** Whether weights are kept, though by another of their usual names. */
  private hasOtherWeights(name: string): boolean {
    return (
      WEIGHTS_FILES.includes(name) &&
      WEIGHTS_FILES.some((other) => statSync(join(this.snapshot.folder, other), { throwIfNoEntry: false })?.isFile())
    );
  }
}
