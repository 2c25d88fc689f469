/** What a load asks its source for first, asked for while there is no engine yet that could load. */
import type { KeptForm, Source, SourceFile, SourceWatch } from '../sources/source.js';
import { CONFIG_FILE } from '../sources/source.js';
import { closeQuietly } from '../sources/stoppable.js';
import type { LoadCallOptions, ModelSpec } from './engine.js';
import { isTokenizerClass, weightsNamesOf } from './model-names.js';

type Opened = Source & { close?(): void };

/** A source whose config and weights are on their way. All that a load asks for besides, or a second time, it asks the source for. */
export class BegunSource implements Source {
  readonly label: string;
  readonly weightsName: string | undefined;
  readonly offline: boolean | undefined;
  readonly kept: KeptForm | null;
  private readonly opening = new Map<string, Promise<SourceFile>>();
  private readonly watch: SourceWatch;
  private heard: SourceWatch;
  private closed = false;

  constructor(
    private readonly source: Opened,
    spec: ModelSpec,
    private readonly call: LoadCallOptions,
  ) {
    this.label = source.label;
    this.weightsName = source.weightsName;
    this.offline = source.offline;
    this.heard = { onWarning: call.onWarning };
    this.watch = {
      onDownload: (...news) => this.heard.onDownload?.(...news),
      onWarning: (error) => this.heard.onWarning?.(error),
    };
    const named = source.weightsName !== undefined || spec.weights !== undefined || spec.className !== 'auto';
    // Of a class that the config names the weights may have another name.
    const names = weightsNamesOf(spec, spec.className);
    const first = named ? (source.weightsName ?? names[0]) : undefined;
    const begin = (): void => {
      if (first !== undefined) this.begin(first);
    };
    const tokenizer = isTokenizerClass(spec.className);
    if (spec.configJson === undefined && !tokenizer) this.begin(CONFIG_FILE);
    if (!source.kept || tokenizer) {
      this.kept = source.kept ?? null;
      begin();
      return;
    }
    // Which weights there are is told by what is kept.
    const { form, keep, leave, find } = source.kept;
    let found: Promise<boolean> | null = find(names, call.signal, this.watch);
    found.then(
      (is) => is && begin(),
      () => undefined,
    );
    this.kept = {
      form,
      keep,
      leave,
      find: (wanted, signal, watch) => {
        const finding = found ?? find(wanted, signal, watch);
        found = null;
        return finding;
      },
    };
  }

  describe(): null {
    return null;
  }

  open(name: string, signal?: AbortSignal | null, watch: SourceWatch = {}): Promise<SourceFile> {
    const opening = this.opening.get(name);
    if (!opening) return this.source.open(name, signal, watch);
    this.opening.delete(name);
    this.heard = watch;
    return opening;
  }

  /** Gives back what nobody has asked for. */
  close(): void {
    this.closed = true;
    for (const file of this.opening.values()) file.then(closeQuietly, () => undefined);
    this.opening.clear();
    this.source.close?.();
  }

  private begin(name: string): void {
    if (this.closed) return;
    const opening = this.source.open(name, this.call.signal, this.watch);
    opening.catch(() => undefined);
    this.opening.set(name, opening);
  }
}
