/**
 * How far probabilities can be believed, and one temperature that makes them more believable: C. Guo, G. Pleiss,
 * Y. Sun and K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017.
 */
import { itemAt } from '../../shared/lookup.ts';
import { softmax } from './objective.ts';

/** Predictions whose truth is known. */
export interface Predictions {
  /** (n, C) */
  readonly logits: Float64Array;
  readonly classes: number;
  /** Index of the true class of each. */
  readonly truth: readonly number[];
}

const rowOf = ({ logits, classes }: Predictions, row: number): Float64Array =>
  logits.slice(row * classes, (row + 1) * classes);

/** Mean negative log-likelihood of the true classes. */
export function likelihoodLoss(predictions: Predictions, temperature = 1): number {
  const { truth } = predictions;
  const losses = truth.map((own, row) => {
    const scaled = rowOf(predictions, row).map((logit) => logit / temperature);
    const logit = scaled[own] ?? 0;
    return softmax(scaled) - logit;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / truth.length;
}

/** Temperatures between which the best one is looked for. */
const [LEAST, MOST] = [0.05, 20];
const GOLDEN = (Math.sqrt(5) - 1) / 2;
const PRECISION = 1e-4;

/** The class with the largest logit, and its probability. */
export function likeliest(predictions: Predictions, row: number, temperature = 1) {
  const probabilities = rowOf(predictions, row).map((logit) => logit / temperature);
  softmax(probabilities);
  let best = 0;
  for (const [k, probability] of probabilities.entries())
    if (probability > itemAt(probabilities, best, 'probabilities')) best = k;
  return { best, probability: itemAt(probabilities, best, 'probabilities') };
}

/**
 * The temperature with the least loss (section 4.2 of the paper), by golden section over its logarithm: the loss is
 * convex in 1 / T, so it has one minimum. Where all predictions are right it has none, and nothing is known of how
 * often such probabilities would be wrong: then they stay as the fit made them.
 */
export function bestTemperature(predictions: Predictions): number {
  const isRight = (own: number, row: number): boolean => likeliest(predictions, row).best === own;
  if (predictions.truth.every(isRight)) return 1;
  const loss = (logarithm: number): number => likelihoodLoss(predictions, Math.exp(logarithm));
  let [low, high] = [Math.log(LEAST), Math.log(MOST)];
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [loss(left), loss(right)];
  while (high - low > PRECISION) {
    if (atLeft <= atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = loss(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = loss(right);
    }
  }
  return Math.exp((low + high) / 2);
}

/** Bins of the paper's experiments. */
const BINS = 15;

/** Expected calibration error: the mean gap between confidence and accuracy, over bins of confidence (equation 3). */
export function calibrationError(predictions: Predictions, temperature = 1): number {
  const gaps = new Float64Array(BINS);
  for (const [row, own] of predictions.truth.entries()) {
    const { best, probability } = likeliest(predictions, row, temperature);
    const bin = Math.min(BINS - 1, Math.floor(probability * BINS));
    gaps[bin] = (gaps[bin] ?? 0) + Number(best === own) - probability;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / predictions.truth.length;
}
