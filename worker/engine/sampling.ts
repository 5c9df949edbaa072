/**
 * From logits to a token. Filters act on the raw logits, before the temperature divides them, as in the
 * 4M sampler; the draw is by inverse CDF from a uniform number that the caller supplies.
 */
import type { SamplingSettings } from './forward.ts';
import { type Address, uniform } from './rng.ts';

/** The random numbers of a generation; tests put known choices in their place. */
export interface Chance {
  /** Tells generations with other numbers apart, where passes are counted. */
  readonly name: string;
  /** A uniform number in [0, 1) from which the token at this address is drawn. */
  readonly draw: (address: Address) => number;
  /** The given positions in random order. */
  readonly shuffle: (positions: readonly number[], target: string, step: number) => number[];
}

/** Numbers from a counter-based generator: functions of seed, sample and address alone. */
export function seededChance(seed: number, sample: number): Chance {
  return {
    name: `${seed}.${sample}`,
    draw: (address) => uniform(seed, sample, 'token', address),
    shuffle: (positions, target, step) =>
      positions
        .map((position) => ({
          position,
          key: uniform(seed, sample, 'order', { target, step, position }),
        }))
        .sort((a, b) => a.key - b.key || a.position - b.position)
        .map(({ position }) => position),
  };
}

/** The first index at which the running sum exceeds `u`, in [0, 1). Never an index of probability 0. */
export function inverseCdf(probabilities: Float64Array, u: number): number {
  let total = 0;
  for (const p of probabilities) total += p;
  let sum = 0;
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] === 0) continue;
    sum += probabilities[i]!;
    last = i;
    if (sum > u * total) return i;
  }
  return last;
}

/** Index of the largest value, the first one of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** exp(l / T) normalised; -Infinity gives exactly 0. */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const maximum = logits[argmax(logits)]!;
  const result = new Float64Array(logits.length);
  let total = 0;
  for (let i = 0; i < logits.length; i++) {
    const value = Math.exp((logits[i]! - maximum) / temperature);
    result[i] = value;
    total += value;
  }
  for (let i = 0; i < result.length; i++) result[i]! /= total;
  return result;
}

function filterTopK(logits: Float64Array<ArrayBuffer>, topK: number): Float64Array<ArrayBuffer> {
  const wanted = topK < 1 ? Math.floor(topK * logits.length) : Math.floor(topK);
  const count = Math.min(Math.max(wanted, 1), logits.length);
  const border = Float64Array.from(logits).sort()[logits.length - count]!;
  return logits.map((value) => (value < border ? -Infinity : value));
}

function filterTopP(logits: Float64Array<ArrayBuffer>, topP: number): Float64Array<ArrayBuffer> {
  const probabilities = softmax(logits);
  // Entries this small sum to at most (1 - p) / 2, so all of them lie behind the border: sorting the
  // others is enough.
  const negligible = (1 - topP) / (2 * logits.length);
  const candidates: number[] = [];
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i]! > negligible) candidates.push(i);
  }
  candidates.sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  const kept = new Float64Array(logits.length).fill(-Infinity);
  let before = 0;
  for (const index of candidates) {
    if (before > topP) break;
    kept[index] = logits[index]!;
    before += probabilities[index]!;
  }
  return kept;
}

/** Probabilities after top-k, then top-p, then the temperature. The temperature must not be zero. */
export function distribution(
  logits: Float32Array | Float64Array,
  settings: SamplingSettings,
): Float64Array {
  let filtered = Float64Array.from(logits);
  if (settings.topK > 0) filtered = filterTopK(filtered, settings.topK);
  if (settings.topP > 0) filtered = filterTopP(filtered, settings.topP);
  return softmax(filtered, settings.temperature);
}

/** Zero as the reference sees it; its smallest scheduled temperature, 1e-9, is not zero. */
export const isGreedy = (temperature: number): boolean => Math.abs(temperature) <= 1e-10;

/**
 * Uniform numbers for tokens of a target. Where nothing is drawn they are all 0, so that equal requests
 * look equal.
 */
export function drawsFor(
  addresses: readonly Address[],
  temperature: number,
  chance: Chance,
): number[] {
  return isGreedy(temperature) ? addresses.map(() => 0) : addresses.map(chance.draw);
}

/** A drawn token and how sure the model is of it. */
export interface Sampled {
  readonly id: number;
  /** Its probability after filters and temperature; 1 at temperature zero. */
  readonly confidence: number;
}

/** Draws an index from probabilities that sum to one. */
export type Pick = (probabilities: Float64Array, draw: number) => number;

/** One token: drawn, or at temperature zero the most likely one. */
export function sampleToken(
  logits: Float32Array | Float64Array,
  settings: SamplingSettings,
  draw: number,
  pick: Pick = inverseCdf,
): Sampled {
  if (isGreedy(settings.temperature)) return { id: argmax(logits), confidence: 1 };
  const probabilities = distribution(logits, settings);
  const id = pick(probabilities, draw);
  return { id, confidence: probabilities[id]! };
}

/** Probability of a token at temperature 1 without filters. */
export function likelihoodOf(logits: Float32Array | Float64Array, id: number): number {
  const maximum = logits[argmax(logits)]!;
  let total = 0;
  for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i]! - maximum);
  return Math.exp(logits[id]! - maximum) / total;
}
