/** What held-out predictions say of a head: overall, of each class, and which classes are taken for which. */
import type { ClassReport } from '../../shared/api/heads.ts';
import { itemAt } from '../../shared/lookup.ts';
import { likeliest, type Predictions } from './calibration.ts';

export interface Confusion {
  /** `[truth][prediction]`: how often. */
  readonly matrix: readonly (readonly number[])[];
  readonly accuracy: number;
  readonly classes: readonly ClassReport[];
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/** @param labels names of the classes, in the order of the logits */
export function confusionOf(predictions: Predictions, labels: readonly string[]): Confusion {
  const matrix = labels.map(() => labels.map(() => 0));
  for (const [row, own] of predictions.truth.entries()) {
    const counts = itemAt(matrix, own, 'classes');
    const { best } = likeliest(predictions, row);
    counts[best] = itemAt(counts, best, 'classes') + 1;
  }
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const classes = labels.map((label, k): ClassReport => {
    const hits = itemAt(itemAt(matrix, k, 'classes'), k, 'classes');
    const support = sum(itemAt(matrix, k, 'classes'));
    const predicted = sum(matrix.map((counts) => itemAt(counts, k, 'classes')));
    const precision = ratio(hits, predicted);
    const recall = ratio(hits, support);
    const f1 = ratio(2 * precision * recall, precision + recall);
    return { label, support, precision, recall, f1 };
  });
  const hits = sum(matrix.map((counts, k) => itemAt(counts, k, 'classes')));
  return { matrix, accuracy: hits / predictions.truth.length, classes };
}
