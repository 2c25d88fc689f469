/** What the scores of left-out pictures and strokes say of a head. */
import { softmax } from '../../engine/tasks/classification.js';
import type { HeadFit } from '../../core/teaching.js';

/** A picture that the head takes for something else when it has not seen it. */
export interface WrongPicture {
  id: number;
  label: string;
  answer: string;
  /** The probability of the answer. */
  score: number;
}

/** A head, and what it makes of each picture when it has not seen it. */
export interface TaughtFit {
  layer: number;
  labels: string[];
  /** How many pictures there are of each label. */
  counts: number[];
  /** The share of pictures that are told right, 0 to 1; null with fewer than five of a label. */
  accuracy: number | null;
  /** Where the true share lies in 19 cases of 20; null as accuracy is. */
  interval: [low: number, high: number] | null;
  /** How often each label (row) was told as each (column). */
  confusion: number[][];
  /** What was told wrong, the surest first. */
  wrong: WrongPicture[];
}

/** A stroke that a head takes for something else when it has not seen it. */
export interface WrongStroke {
  id: number;
  label: string;
  answer: string;
}

/** A head, and what it makes of each stroke when it has not seen it. */
export interface StrokeFit {
  labels: string[];
  /** Strokes of each label. */
  counts: number[];
  /** The share told right of what is under strokes, the mean over labels; null unless each label has two. */
  accuracy: number | null;
  /** Of which most is told as another label. */
  wrong: WrongStroke[];
}

/** How many of how many were right. */
export interface Accuracy {
  /** From 0 to 1. */
  accuracy: number;
  /** Where the true share lies in 19 cases of 20 (Wilson's interval). */
  interval: [low: number, high: number];
}

const Z = 1.959963984540054; // of a normal distribution, 2.5 % lie above

/** Returns the share of what was right; `total` is not 0. */
export function accuracyOf(right: number, total: number): Accuracy {
  const share = right / total;
  const middle = share + (Z * Z) / (2 * total);
  const reach = Z * Math.sqrt((share * (1 - share)) / total + (Z * Z) / (4 * total * total));
  const scale = 1 + (Z * Z) / total;
  return { accuracy: share, interval: [Math.max(0, (middle - reach) / scale), Math.min(1, (middle + reach) / scale)] };
}

/** Returns the matrix of answers: how often each of so many `labels` (row) was told as each of so many `answers` (column). */
export function confusionOf(labels: readonly number[], answers: readonly number[], rows: number, columns = rows): number[][] {
  const matrix = Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0));
  for (const [i, label] of labels.entries()) ++matrix[label]![answers[i]!]!;
  return matrix;
}

/** Returns each picture's answer by a head that was fitted without it, and how probable that head held it. */
export function answersOf({ scores, temperature }: HeadFit, classes: number): { answer: number; score: number }[] {
  return Array.from({ length: scores.length / classes }, (_, i) => {
    const probabilities = softmax(scores.subarray(i * classes, (i + 1) * classes).map((score) => score / temperature));
    const answer = probabilities.reduce((best, value, k) => (value > probabilities[best]! ? k : best), 0);
    return { answer, score: probabilities[answer]! };
  });
}
