/** The outputs of models, named like the reference's, in camelCase. */
import type { Tensor } from '../base/tensors.js';

/** What every model gives on request. B batch, T tokens, C hidden size, H heads. */
export interface ModelOutput {
  /** With outputHiddenStates: the embeddings, then each layer's output; (B, T, C) each. */
  hiddenStates?: Tensor[];
  /** With outputAttentions: one for each layer, after the softmax; (B, H, T, T) each. */
  attentions?: Tensor[];
  /**
   * With outputPooledStates: the mean of the patches' states, normalised without weights, of the embeddings and after each layer;
   * (B, layers + 1, C). What Teacher learns from.
   */
  pooledStates?: Tensor;
}

export interface BeitModelOutputWithPooling extends ModelOutput {
  /** (B, T, C) */
  lastHiddenState: Tensor;
  /** (B, C); absent without a pooling layer. */
  poolerOutput?: Tensor;
}

export interface ImageClassifierOutput extends ModelOutput {
  /** (B, labels) */
  logits: Tensor;
  /** With labels: one element. */
  loss?: Tensor;
}

/** B batch, P patches. */
export interface MaskedLMOutput extends ModelOutput {
  /** (B, P, vocabSize): of all patches, masked or not. */
  logits: Tensor;
  /** With labels: one element. */
  loss?: Tensor;
}

export interface SemanticSegmenterOutput extends ModelOutput {
  /** (B, labels, 4 h, 4 w) for a grid of h x w patches. */
  logits: Tensor;
  /** With labels: one element. */
  loss?: Tensor;
}

export interface BackboneOutput extends ModelOutput {
  /** (B, C, h, w) each; (B, T, C) where the config does not reshape them. */
  featureMaps: Tensor[];
}

/** An output by the reference's names, as engines return it. */
export type NamedOutputs = Record<string, Tensor>;

/** Returns the loss, where there is one. */
export function lossOf({ loss }: NamedOutputs): { loss?: Tensor } {
  return loss ? { loss } : {};
}

/** Returns the optional parts that `outputs` has, as lists. */
export function listsOf(outputs: NamedOutputs): ModelOutput {
  const hiddenStates = series(outputs, 'hidden_states');
  const attentions = series(outputs, 'attentions');
  const pooledStates = outputs['pooled_states'];
  return {
    ...(hiddenStates.length > 0 && { hiddenStates }),
    ...(attentions.length > 0 && { attentions }),
    ...(pooledStates && { pooledStates }),
  };
}

/** Returns the tensors NAME.0, NAME.1, … in order. */
export function series(outputs: NamedOutputs, name: string): Tensor[] {
  const list: Tensor[] = [];
  for (;;) {
    const tensor = outputs[`${name}.${list.length}`];
    if (!tensor) return list;
    list.push(tensor);
  }
}
