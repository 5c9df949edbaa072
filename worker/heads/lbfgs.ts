/**
 * Minimises a smooth convex function of many variables by L-BFGS: Nocedal and Wright, Numerical Optimization,
 * second edition, algorithms 7.4 (two loops) and 3.5 with 3.6 (a step that meets the strong Wolfe conditions).
 */
import { itemAt } from '../../shared/lookup.ts';

export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
}

/** A function at a point; the gradient is the caller's to keep. */
export type Objective = (point: Float64Array) => Evaluation;

export interface Iterate extends Evaluation {
  readonly point: Float64Array;
}

export interface MinimiseOptions {
  /** The largest component of the gradient that counts as none. */
  readonly tolerance: number;
  readonly iterations: number;
  /** Told of every iterate; `true` ends the search there. */
  readonly isEnough?: (iterate: Iterate) => boolean;
}

export interface Minimum extends Iterate {
  readonly iterations: number;
  /** `converged`: the gradient is none; `enough`: the caller said so; `stalled`: no step leads further down. */
  readonly end: 'converged' | 'enough' | 'iterations' | 'stalled';
}

/** Pairs of steps and changes of the gradient that are remembered. */
const MEMORY = 12;
/** Constants of the Wolfe conditions, as the book recommends them for quasi-Newton methods. */
const DECREASE = 1e-4;
const CURVATURE = 0.9;
const TRIALS = 30;

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
};

/** `a + factor * b` */
const along = (a: Float64Array, factor: number, b: Float64Array): Float64Array =>
  a.map((value, i) => value + factor * (b[i] ?? 0));

export const largestOf = (values: Float64Array): number =>
  values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  /** 1 / (step . change) */
  readonly rho: number;
}

/** Algorithm 7.4: minus the approximate inverse Hessian times the gradient. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  let direction: Float64Array = gradient.map((value) => -value);
  const alphas: number[] = [];
  for (const { step, change, rho } of [...pairs].reverse()) {
    const alpha = rho * dot(step, direction);
    alphas.push(alpha);
    direction = along(direction, -alpha, change);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    direction = direction.map((value) => value * scale);
  }
  for (const { step, change, rho } of pairs) {
    const beta = rho * dot(change, direction);
    direction = along(direction, itemAt(alphas.splice(-1), 0, 'alphas') - beta, step);
  }
  return direction;
}

interface Trial extends Iterate {
  readonly length: number;
  /** Of the function along the direction. */
  readonly slope: number;
}

/** The minimum of the cubic through two trials (equation 3.59), or their middle where that leads out. */
function between(a: Trial, b: Trial): number {
  const d1 = a.slope + b.slope - (3 * (a.value - b.value)) / (a.length - b.length);
  const root = d1 * d1 - a.slope * b.slope;
  const d2 = Math.sign(b.length - a.length) * Math.sqrt(Math.max(0, root));
  const cubic =
    b.length - (b.length - a.length) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
  const [low, high] = [Math.min(a.length, b.length), Math.max(a.length, b.length)];
  const margin = 0.1 * (high - low);
  return cubic > low + margin && cubic < high - margin ? cubic : (low + high) / 2;
}

/** Algorithms 3.5 and 3.6; undefined where rounding leaves no step that leads down. */
function lineSearch(
  objective: Objective,
  start: Iterate,
  direction: Float64Array,
  first: number,
): Trial | undefined {
  const at = (length: number): Trial => {
    const point = along(start.point, length, direction);
    const evaluation = objective(point);
    return { ...evaluation, point, length, slope: dot(evaluation.gradient, direction) };
  };
  const origin: Trial = { ...start, length: 0, slope: dot(start.gradient, direction) };
  const isLow = (trial: Trial): boolean =>
    trial.value <= origin.value + DECREASE * trial.length * origin.slope;
  const isFlat = (trial: Trial): boolean => Math.abs(trial.slope) <= -CURVATURE * origin.slope;
  let low = origin;
  let high: Trial | undefined;
  let length = first;
  for (let trials = 0; trials < TRIALS; trials++) {
    const trial = at(length);
    const isTooFar = !Number.isFinite(trial.value) || !isLow(trial) || trial.value >= low.value;
    if (isTooFar) high = trial;
    else {
      if (isFlat(trial)) return trial;
      if (high ? trial.slope * (high.length - low.length) >= 0 : trial.slope >= 0) high = low;
      low = trial;
    }
    length = high
      ? Number.isFinite(high.value)
        ? between(low, high)
        : (low.length + high.length) / 2
      : 2 * length;
    if (high && Math.abs(high.length - low.length) * largestOf(direction) < 1e-16) break;
  }
  return low.length > 0 && low.value < origin.value ? low : undefined;
}

export function minimise(
  objective: Objective,
  start: Float64Array,
  { tolerance, iterations, isEnough = () => false }: MinimiseOptions,
): Minimum {
  let current: Iterate = { point: start, ...objective(start) };
  const pairs: Pair[] = [];
  for (let done = 0; ; done++) {
    if (isEnough(current)) return { ...current, iterations: done, end: 'enough' };
    const largest = largestOf(current.gradient);
    if (largest <= tolerance) return { ...current, iterations: done, end: 'converged' };
    if (done === iterations) return { ...current, iterations: done, end: 'iterations' };
    const direction = descent(current.gradient, pairs);
    const first = pairs.length > 0 ? 1 : Math.min(1, 1 / largest);
    const next = lineSearch(objective, current, direction, first);
    if (!next) {
      if (pairs.length === 0) return { ...current, iterations: done, end: 'stalled' };
      // What is remembered may mislead: the gradient alone is tried once more.
      pairs.length = 0;
      continue;
    }
    const step = along(next.point, -1, current.point);
    const change = along(next.gradient, -1, current.gradient);
    const curvature = dot(step, change);
    if (curvature > 0) pairs.push({ step, change, rho: 1 / curvature });
    if (pairs.length > MEMORY) pairs.shift();
    current = { point: next.point, value: next.value, gradient: next.gradient };
  }
}
