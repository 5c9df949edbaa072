/** A line of the quality table, and the means that its numbers are made of. */

export interface Row {
  /** Key in the JSON output. */
  readonly name: string;
  readonly task: string;
  readonly measure: string;
  readonly goal: string;
  readonly value: number;
  readonly show: (value: number) => string;
  /** Held-out scenes that it was measured on. */
  readonly scenes: number;
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
export const share = (hits: readonly boolean[]): number => mean(hits.map(Number));
export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;

/** Pixels that both, only the prediction, and only the truth have. */
export interface Counts {
  readonly both: number;
  readonly predicted: number;
  readonly true: number;
}

/** Of all pictures together: 2 both / (predicted + true). */
export function f1(counts: readonly Counts[]): number {
  const sum = (of: (one: Counts) => number): number =>
    counts.reduce((total, one) => total + of(one), 0);
  return (2 * sum(({ both }) => both)) / (sum((one) => one.predicted) + sum((one) => one.true));
}
