/** Fits of multinomial logistic regression: one strength after the other, and whether the classes can be parted. */
import { minimise } from './lbfgs.ts';
import { type Examples, logisticLoss, parameterCount, separates } from './objective.ts';

/** Strengths of the penalty that are tried, the strongest first: each fit starts from the one before. */
export const STRENGTHS: readonly number[] = [1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 3e-4, 1e-4];

/** Gradients below these count as none: of fits that are compared, and of the one that is kept. */
export const TOLERANCE = { compared: 1e-4, kept: 1e-8 } as const;
const ITERATIONS = { compared: 200, kept: 2_000 } as const;

export interface Fit {
  /** W (C, D), then b (C). */
  readonly parameters: Float64Array;
  readonly loss: number;
  readonly iterations: number;
  /** False where the search ended before its gradient was none. */
  readonly converged: boolean;
}

/** @param start of an earlier fit; zeros when left out */
export function fit(
  examples: Examples,
  classes: number,
  l2: number,
  how: keyof typeof TOLERANCE,
  start: Float64Array = new Float64Array(parameterCount(classes, examples.rows.width)),
): Fit {
  const { point, value, iterations, end } = minimise(logisticLoss(examples, classes, l2), start, {
    tolerance: TOLERANCE[how],
    iterations: ITERATIONS[how],
  });
  // A search that stalls has reached what rounding allows.
  return { parameters: point, loss: value, iterations, converged: end !== 'iterations' };
}

/** Iterations of the search for a separating hyperplane, and its penalty, which hardly holds it back. */
const SEARCH_ITERATIONS = 200;
const SEARCH_STRENGTH = 1e-6;

/**
 * Whether a hyperplane that parts the classes was found. Where one exists, the loss without a penalty has no
 * minimum: any such hyperplane, scaled up, leads it to 0. The search ends at the first one, which is the proof.
 */
export function findsSeparation(examples: Examples, classes: number): boolean {
  const start = new Float64Array(parameterCount(classes, examples.rows.width));
  const { end } = minimise(logisticLoss(examples, classes, SEARCH_STRENGTH), start, {
    tolerance: TOLERANCE.compared,
    iterations: SEARCH_ITERATIONS,
    isEnough: ({ point }) => separates(point, examples, classes),
  });
  return end === 'enough';
}
