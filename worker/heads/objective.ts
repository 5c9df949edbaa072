/**
 * Multinomial logistic regression: the mean negative log-likelihood of the classes, and a penalty on the weights.
 *
 *   loss(W, b) = 1/n sum_i -log softmax(W x_i + b)[y_i] + l2/2 |W|^2
 *
 * The biases are not penalised. scikit-learn's `C` is 1 / (l2 n).
 */
import { itemAt } from '../../shared/lookup.ts';
import type { Objective } from './lbfgs.ts';

/** Rows (n, D) of numbers that belong together. */
export interface Rows {
  readonly data: Float64Array;
  readonly count: number;
  readonly width: number;
}

/** Examples with the index of the class of each. */
export interface Examples {
  readonly rows: Rows;
  readonly classes: readonly number[];
}

/** Parameters of C classes over D features: W (C, D) row-major, then b (C). */
export const parameterCount = (classes: number, width: number): number => classes * (width + 1);

/** W x + b of one row, written into `logits` (C). */
export function logitsOfRow(
  parameters: Float64Array,
  { data, width }: Rows,
  row: number,
  logits: Float64Array,
): void {
  const classes = logits.length;
  const from = row * width;
  for (let k = 0; k < classes; k++) {
    let sum = parameters[classes * width + k] ?? 0;
    const at = k * width;
    for (let d = 0; d < width; d++) sum += (parameters[at + d] ?? 0) * (data[from + d] ?? 0);
    logits[k] = sum;
  }
}

/** Logits (n, C) of all rows. */
export function logitsOf(parameters: Float64Array, rows: Rows, classes: number): Float64Array {
  const all = new Float64Array(rows.count * classes);
  for (let row = 0; row < rows.count; row++)
    logitsOfRow(parameters, rows, row, all.subarray(row * classes, (row + 1) * classes));
  return all;
}

/** Turns logits into probabilities, in place. @returns the logarithm of the sum of their exponentials */
export function softmax(logits: Float64Array): number {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let k = 0; k < logits.length; k++) {
    const share = Math.exp((logits[k] ?? 0) - largest);
    logits[k] = share;
    sum += share;
  }
  // Beside a large logit the logarithm of the sum is lost to rounding, and the sum is not.
  for (let k = 0; k < logits.length; k++) logits[k] = (logits[k] ?? 0) / sum;
  return largest + Math.log(sum);
}

/** The loss above and its gradient, as a function of the parameters. */
export function logisticLoss(
  { rows, classes: truth }: Examples,
  classes: number,
  l2: number,
): Objective {
  const { data, count, width } = rows;
  const weights = classes * width;
  const logits = new Float64Array(classes);
  return (parameters) => {
    const gradient = new Float64Array(parameters.length);
    let value = 0;
    for (let row = 0; row < count; row++) {
      const own = itemAt(truth, row, 'classes of examples');
      logitsOfRow(parameters, rows, row, logits);
      const logit = logits[own] ?? 0;
      value += softmax(logits) - logit;
      logits[own] = (logits[own] ?? 0) - 1;
      const from = row * width;
      for (let k = 0; k < classes; k++) {
        const residual = (logits[k] ?? 0) / count;
        gradient[weights + k] = (gradient[weights + k] ?? 0) + residual;
        const at = k * width;
        for (let d = 0; d < width; d++)
          gradient[at + d] = (gradient[at + d] ?? 0) + residual * (data[from + d] ?? 0);
      }
    }
    value /= count;
    for (let i = 0; i < weights; i++) {
      const weight = parameters[i] ?? 0;
      value += (l2 / 2) * weight * weight;
      gradient[i] = (gradient[i] ?? 0) + l2 * weight;
    }
    return { value, gradient };
  };
}

/** Whether every row has its own class ahead of all others: then a hyperplane parts the classes. */
export function separates(
  parameters: Float64Array,
  { rows, classes: truth }: Examples,
  classes: number,
): boolean {
  const logits = new Float64Array(classes);
  for (let row = 0; row < rows.count; row++) {
    logitsOfRow(parameters, rows, row, logits);
    const own = itemAt(truth, row, 'classes of examples');
    const logit = logits[own] ?? 0;
    for (let k = 0; k < classes; k++) if (k !== own && (logits[k] ?? 0) >= logit) return false;
  }
  return true;
}
