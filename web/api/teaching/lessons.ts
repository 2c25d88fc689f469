/** What teachers have in common: examples with labels, the checkpoint that is taught on, and the head that was fitted last. */
import { BeitError, mismatch, shown } from '../../base/errors.js';
import { TurnQueue } from '../../base/scheduling.js';
import type { HeadFit } from '../../core/teaching.js';
import { disposeOf, type Parts } from '../pipelines/base.js';
import type { PreTrainedModel } from '../model-base.js';
import { checkLabel } from './bursts.js';

/** What was given to a teacher, by ids, in the order in which it came. */
export class Examples<Example extends { label: string }> {
  private readonly byId = new Map<number, Example>();
  /** 0 before the first. */
  lastId = 0;

  /** `kind`: what one is called; `giver`: the method that returns ids. */
  constructor(
    private readonly kind: string,
    private readonly giver: string,
  ) {}

  get entries(): [id: number, example: Example][] {
    return [...this.byId];
  }

  /** The labels in the order in which they came. */
  get labels(): string[] {
    return [...new Set([...this.byId.values()].map(({ label }) => label))];
  }

  get values(): Example[] {
    return [...this.byId.values()];
  }

  /** Returns its id. */
  put(example: Example): number {
    this.byId.set(++this.lastId, example);
    return this.lastId;
  }

  /** Throws not-found for an id that is none's, and removes none then. */
  remove(ids: number | readonly number[]): void {
    for (const id of this.known(ids)) this.byId.delete(id);
  }

  /** Throws invalid-argument for a label that is no name, otherwise as remove(). */
  relabel(ids: number | readonly number[], label: string): void {
    checkLabel(label);
    for (const id of this.known(ids)) this.byId.set(id, { ...this.byId.get(id)!, label });
  }

  private known(ids: number | readonly number[]): readonly number[] {
    const list = Array.isArray(ids) ? (ids as readonly number[]) : [ids as number];
    const lost = list.findIndex((id) => !this.byId.has(id));
    if (lost >= 0) throw mismatch('not-found', this.kind, `the id ${shown(list[lost])}`, `one that ${this.giver} returned`);
    return list;
  }
}

/** A checkpoint that is taught on, until it is given back, and the head that was fitted last. */
export class Course<Opened extends { parts: Parts<PreTrainedModel> }, Head, Fit> {
  private last: { head: Head; fit: Fit } | null = null;
  private fitsBegun = 0;
  /** See saveTaught(). */
  readonly saves = new TurnQueue();
  /** The number of the fit that made `last`. */
  private lastNumber = 0;
  private disposed = false;

  /** `teacher`: the class that has it. */
  constructor(
    private readonly teacher: string,
    readonly opened: Opened,
  ) {}

  /** Returns what was opened. Throws disposed. */
  live(): Opened {
    if (this.disposed) throw new BeitError('disposed', `This ${this.teacher} has been disposed of.`, { where: this.teacher });
    return this.opened;
  }

  get fitted(): { head: Head; fit: Fit } | null {
    return this.last;
  }

  /** Returns what takes in a fit that begins now, unless one that began later has been taken in before: that knows what has changed since. */
  beginFit(): (head: Head, fit: Fit) => void {
    const number = ++this.fitsBegun;
    return (head, fit) => {
      if (number < this.lastNumber) return;
      this.lastNumber = number;
      this.last = { head, fit };
    };
  }

  /** Returns the head. Throws disposed, or invalid-argument where there is none. */
  ready(): { head: Head; fit: Fit } {
    this.live();
    if (!this.last) throw mismatch('invalid-argument', this.teacher, 'no head', 'one: await fit() first');
    return this.last;
  }

  async dispose(): Promise<void> {
    if (this.disposed) return;
    this.disposed = true;
    await disposeOf(this.opened.parts);
  }
}

/** Returns a teacher that has taken a project in, or gives it back. */
export async function joined<Taught extends { join(project: Uint8Array): unknown; dispose(): Promise<void> }>(
  teacher: Taught,
  project: Uint8Array,
): Promise<Taught> {
  try {
    teacher.join(project);
    return teacher;
  } catch (error) {
    await teacher.dispose();
    throw error;
  }
}

/** Throws invalid-argument for features of an image that nothing can be fitted to. */
export function checkFinite(features: Float32Array): void {
  if (!features.every(Number.isFinite)) throw mismatch('invalid-argument', 'image', 'features that are infinite or NaN', 'finite ones');
}

/** Returns a head whose softmax has the probabilities that were found to be right. */
export function calibrated({ weight, bias, temperature }: HeadFit): { weight: Float32Array; bias: Float32Array } {
  const scaled = (values: Float64Array): Float32Array => Float32Array.from(values, (value) => value / temperature);
  return { weight: scaled(weight), bias: scaled(bias) };
}
