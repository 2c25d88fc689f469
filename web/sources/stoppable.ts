/** Sources that may not listen to a signal, such as a stream that stalls or an object of the user's. */
import { abortable, throwIfAborted } from '../base/scheduling.js';
import type { Source, SourceFile } from './source.js';

/** Closes a file that nobody reads any more: its failure, or that of an object of the user's to give a promise, is no news. */
export async function closeQuietly(file: SourceFile): Promise<void> {
  try {
    await file.close();
  } catch {
    // What it held is its own affair.
  }
}

/** Returns the source with promises that reject with the signal's reason at once, whatever becomes of what they wait for. */
export function stoppable(source: Source, signal: AbortSignal | null | undefined): Source {
  if (!signal) return source;
  return {
    label: source.label,
    weightsName: source.weightsName,
    offline: source.offline,
    describe: () => source.describe(),
    open: async (name, own, watch) => {
      throwIfAborted(signal);
      const opening = Promise.resolve(source.open(name, own, watch));
      return new StoppableFile(await abortable(opening, signal, (late) => void closeQuietly(late)), signal);
    },
  };
}

// What does not even close when it is stopped is left behind after so long.
const CLOSE_LIMIT_MS = 1000;

class StoppableFile implements SourceFile {
  readonly name: string;
  readonly size: number;
  readonly readSync?: NonNullable<SourceFile['readSync']>;

  constructor(
    private readonly file: SourceFile,
    private readonly signal: AbortSignal,
  ) {
    this.name = file.name;
    this.size = file.size;
    if (file.readSync) this.readSync = (target, offset) => file.readSync!(target, offset);
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    const chunks = this.file.read(offset, length)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await abortable(chunks.next(), this.signal, () => undefined);
        if (done) return;
        yield value;
      }
    } finally {
      // Of a generator that waits for its next chunk this would wait for that, too.
      const returned = chunks.return?.().catch(() => undefined);
      if (!this.signal.aborted) await returned;
    }
  }

  async finish(): Promise<void> {
    if (this.file.finish) await abortable(Promise.resolve(this.file.finish()), this.signal, () => undefined);
  }

  get keeping(): boolean {
    return this.file.keeping ?? false;
  }

  async fetchAll(): Promise<void> {
    if (this.file.fetchAll) await abortable(Promise.resolve(this.file.fetchAll()), this.signal, () => undefined);
  }

  async discardSpoilt(): Promise<boolean> {
    return this.file.discardSpoilt ? abortable(this.file.discardSpoilt(), this.signal, () => undefined) : false;
  }

  async close(): Promise<void> {
    if (!this.signal.aborted) return void (await this.file.close());
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_LIMIT_MS);
    });
    await Promise.race([closeQuietly(this.file), limit]);
    clearTimeout(timer);
  }
}
