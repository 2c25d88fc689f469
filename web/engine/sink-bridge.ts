/** A file that is converted in a worker is written where its caller is: the worker hands the pieces over a MessagePort. */
import { fromCoreError, packError, type CoreError } from '../base/errors.js';
import type { ConversionSink } from './conversion.js';

type Piece =
  | { op: 'begin'; sources: readonly string[]; bytes: number; first: Uint8Array }
  | { op: 'write'; offset: number; data: Uint8Array };

/** What became of a piece: null where it was taken. */
type Answer = CoreError | null;

/** Answers a RemoteSink on the other end of `port` until stop() is called. */
export function serveSink(sink: ConversionSink, port: MessagePort): { stop(): void } {
  const take = async (piece: Piece): Promise<Answer> => {
    try {
      if (piece.op === 'begin') await sink.begin(piece.sources, piece.bytes, piece.first);
      else await sink.write(piece.offset, piece.data);
      return null;
    } catch (error) {
      return packError(error);
    }
  };
  port.onmessage = ({ data }: MessageEvent<Piece>) => void take(data).then((answer) => port.postMessage(answer));
  return { stop: () => port.close() };
}

/** The worker's end. One piece is on its way at a time, so that no more than that is held twice. */
export class RemoteSink implements ConversionSink {
  constructor(private readonly port: MessagePort) {}

  begin(sources: readonly string[], bytes: number, first: Uint8Array): Promise<void> {
    return this.hand({ op: 'begin', sources, bytes, first }, first);
  }

  write(offset: number, data: Uint8Array): Promise<void> {
    return this.hand({ op: 'write', offset, data }, data);
  }

  close(): void {
    this.port.close();
  }

  private hand(piece: Piece, { buffer }: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.port.onmessage = ({ data }: MessageEvent<Answer>) => {
        if (data) reject(fromCoreError(data));
        else resolve();
      };
      this.port.postMessage(piece, buffer instanceof ArrayBuffer ? [buffer] : []);
    });
  }
}
