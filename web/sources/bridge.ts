/**
 * A source that cannot be posted to a worker (bytes, a custom fetch, an object of the caller's)
 * stays where it is: the worker asks for its bytes over a MessagePort.
 */
import { tell } from '../base/callbacks.js';
import { BeitError, fromCoreError, packError, type CoreError } from '../base/errors.js';
import { whenAborted } from '../base/scheduling.js';
import { CHUNK_BYTES, checkChunk, type Source, type SourceFile, type SourceWatch } from './source.js';
import { closeQuietly } from './stoppable.js';

type Ask =
  | { id: number; op: 'open'; name: string }
  | { id: number; op: 'read'; file: number; offset: number; length: number }
  | { id: number; op: 'finish'; file: number }
  | { id: number; op: 'close'; file: number };

type Event = { id: 0; event: 'download'; name: string; loaded: number; total: number } | { id: 0; event: 'warning'; error: CoreError };

type Answer = { id: number; ok: true; file?: number; size?: number; bytes?: Uint8Array } | { id: number; ok: false; error: CoreError };

/** Answers a RemoteSource on the other end of `port` until stop() is called. */
export function serveSource(source: Source, port: MessagePort): { stop(): void } {
  const abort = new AbortController();
  const files = new Map<number, SourceFile>();
  let lastFile = 0;
  const watch: SourceWatch = {
    onDownload: (name, loaded, total) => port.postMessage({ id: 0, event: 'download', name, loaded, total } satisfies Event),
    onWarning: (error) => port.postMessage({ id: 0, event: 'warning', error: packError(error) } satisfies Event),
  };

  const answer = async (ask: Ask): Promise<void> => {
    try {
      if (ask.op === 'open') {
        const file = await source.open(ask.name, abort.signal, watch);
        // One that came too late.
        if (abort.signal.aborted) return await closeQuietly(file);
        files.set(++lastFile, file);
        port.postMessage({ id: ask.id, ok: true, file: lastFile, size: file.size } satisfies Answer);
        return;
      }
      const file = files.get(ask.file);
      if (!file) throw new BeitError('internal', `The file ${ask.file} is not open.`);
      if (ask.op !== 'read') {
        if (ask.op === 'finish') await file.finish?.();
        else files.delete(ask.file);
        if (ask.op === 'close') await file.close();
        port.postMessage({ id: ask.id, ok: true } satisfies Answer);
        return;
      }
      const bytes = await collect(file, ask.offset, ask.length);
      port.postMessage({ id: ask.id, ok: true, bytes } satisfies Answer, [bytes.buffer]);
    } catch (error) {
      port.postMessage({ id: ask.id, ok: false, error: packError(error) } satisfies Answer);
    }
  };

  port.onmessage = (event: MessageEvent<Ask>) => void answer(event.data);
  return {
    stop() {
      abort.abort(new BeitError('aborted', 'The load was stopped.'));
      for (const file of files.values()) void closeQuietly(file);
      files.clear();
      port.close();
    },
  };
}

async function collect(file: SourceFile, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(length);
  let done = 0;
  for await (const chunk of file.read(offset, length)) {
    checkChunk(file.name, chunk, length - done);
    buffer.set(chunk, done);
    done += chunk.length;
  }
  return done === length ? buffer : buffer.slice(0, done);
}

/** The worker's end: a Source whose files are read through `port`. */
export class RemoteSource implements Source {
  private readonly pending = new Map<number, (answer: Answer) => void>();
  private lastId = 0;
  private watch: SourceWatch = {};

  constructor(
    readonly label: string,
    readonly weightsName: string | undefined,
    private readonly port: MessagePort,
    readonly offline?: boolean,
  ) {
    port.onmessage = ({ data }: MessageEvent<Answer | Event>) => {
      if ('event' in data) {
        if (data.event === 'download') tell(this.watch.onDownload, data.name, data.loaded, data.total);
        else tell(this.watch.onWarning, fromCoreError(data.error));
        return;
      }
      const resolve = this.pending.get(data.id);
      this.pending.delete(data.id);
      resolve?.(data);
    };
  }

  describe(): null {
    return null;
  }

  async open(name: string, signal?: AbortSignal | null, watch: SourceWatch = {}): Promise<SourceFile> {
    this.watch = watch;
    const opened = await this.ask({ id: ++this.lastId, op: 'open', name }, signal);
    return new RemoteFile(
      name,
      opened.size ?? -1,
      async (offset, length) => {
        const { bytes } = await this.ask({ id: ++this.lastId, op: 'read', file: opened.file ?? 0, offset, length }, signal);
        return bytes ?? new Uint8Array(0);
      },
      async (op) => {
        await this.ask({ id: ++this.lastId, op, file: opened.file ?? 0 }, op === 'close' ? null : signal);
      },
    );
  }

  close(): void {
    this.port.close();
  }

  private ask(ask: Ask, signal: AbortSignal | null | undefined): Promise<Answer & { ok: true }> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.pending.delete(ask.id);
        reject(signal?.reason);
      };
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const forget = whenAborted(signal, onAbort);
      this.pending.set(ask.id, (answer) => {
        forget();
        if (answer.ok) resolve(answer);
        else reject(fromCoreError(answer.error));
      });
      this.port.postMessage(ask);
    });
  }
}

class RemoteFile implements SourceFile {
  constructor(
    readonly name: string,
    readonly size: number,
    private readonly fetchBytes: (offset: number, length: number) => Promise<Uint8Array>,
    private readonly end: (op: 'finish' | 'close') => Promise<void>,
  ) {}

  finish(): Promise<void> {
    return this.end('finish');
  }

  close(): Promise<void> {
    return this.end('close');
  }

  async *read(offset: number, length: number): AsyncIterable<Uint8Array> {
    for (let done = 0; done < length; ) {
      const bytes = await this.fetchBytes(offset + done, Math.min(CHUNK_BYTES, length - done));
      if (bytes.length === 0) return;
      yield bytes;
      done += bytes.length;
    }
  }
}
