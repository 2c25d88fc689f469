/** What crosses between a RemoteEngine and its worker. */
import type { CoreError } from '../base/errors.js';
import type { SourceDescription } from '../sources/source.js';
import type { EngineSettings, Progress, EngineInfo } from './engine.js';
import type { Method } from './methods.js';

export const HEARTBEAT_MS = 400;

/** The name of a page's worker, by which engine.js knows what it is run for. */
export const WORKER = 'beit-wasm engine';

/** A source that the worker opens by itself, or one whose bytes come over a port. */
export type SourceReference =
  | { kind: 'description'; description: SourceDescription }
  | { kind: 'port'; label: string; weightsName: string | undefined; offline: boolean | undefined; port: MessagePort };

export type ToWorker =
  | { type: 'start'; id: number; settings: EngineSettings }
  /** `args` without the call's options, of which only the priority crosses; a source in them is a SourceReference, a sink a MessagePort. */
  | { type: 'call'; id: number; method: Method; args: unknown[]; priority: number }
  | { type: 'abort'; id: number }
  /** Whether the page is hidden: a worker does not see that. */
  | { type: 'page'; hidden: boolean };

export type FromWorker =
  /** Once, first: calls may be posted now. */
  | { type: 'listening' }
  /** Asks the page for a worker that runs `script` and talks through `port`. */
  | { type: 'thread'; script: string; port: MessagePort }
  /** The worker holds this lock (of navigator.locks) for as long as it lives. */
  | { type: 'alive'; lock: string }
  /** Where there are no locks: something comes through the port at least each HEARTBEAT_MS for as long as the worker lives. */
  | { type: 'heart'; port: MessagePort }
  /** The engine's threads or their reason have changed, or what a model computes on. */
  | { type: 'info'; info: EngineInfo }
  | { type: 'result'; id: number; value: unknown }
  | { type: 'error'; id: number; error: CoreError; usable: boolean }
  | { type: 'progress'; id: number; progress: Progress }
  | { type: 'warning'; id: number; error: CoreError }
  | { type: 'step'; id: number; done: number; total: number };

/** One end of the connection, the same for a page's Worker and Node's. */
export interface Channel<Out, In> {
  post(message: Out, transfer: Transferable[]): void;
  /** Called once, before the first post(). `onFailure`: told when the other end is gone, or something in it was not caught. */
  listen(onMessage: (message: In) => void, onFailure: (reason: string) => void): void;
  /** Told whether calls wait for answers: where none do, a Node process may end. */
  busy?(waiting: boolean): void;
  terminate(): Promise<void>;
}
