/**
 * From logits to a token. Filters act on the raw logits, before the temperature divides them, as in the
 * 4M sampler; the draw is by inverse CDF from a uniform number that the caller supplies.
 */
import { itemAt } from '../../shared/lookup.ts';
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
  for (const [i, probability] of probabilities.entries()) {
    if (probability === 0) continue;
    sum += probability;
    last = i;
    if (sum > u * total) return i;
  }
  return last;
}

/** Index of the largest value, the first one of equals. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NEGATIVE_INFINITY;
    if (value > highest) {
      best = i;
      highest = value;
    }
  }
  return best;
}

/** exp(l / T) normalised; -Infinity gives exactly 0. */
export function softmax(logits: ArrayLike<number>, temperature = 1): Float64Array {
  const maximum = itemAt(logits, argmax(logits), 'logits');
  const result = Float64Array.from(logits, (logit) => Math.exp((logit - maximum) / temperature));
  const total = result.reduce((sum, value) => sum + value, 0);
  return result.map((value) => value / total);
}

function filterTopK(logits: Float64Array<ArrayBuffer>, topK: number): Float64Array<ArrayBuffer> {
  const wanted = topK < 1 ? Math.floor(topK * logits.length) : Math.floor(topK);
  const count = Math.min(Math.max(wanted, 1), logits.length);
  const border = itemAt(Float64Array.from(logits).sort(), logits.length - count, 'logits');
  return logits.map((value) => (value < border ? -Infinity : value));
}

function filterTopP(logits: Float64Array<ArrayBuffer>, topP: number): Float64Array<ArrayBuffer> {
  const probabilities = softmax(logits);
  // Entries this small sum to at most (1 - p) / 2, so all of them lie behind the border: sorting the
  // others is enough.
  const negligible = (1 - topP) / (2 * logits.length);
  const candidates: { readonly index: number; readonly probability: number }[] = [];
  for (const [index, probability] of probabilities.entries()) {
    if (probability > negligible) candidates.push({ index, probability });
  }
  candidates.sort((a, b) => b.probability - a.probability || a.index - b.index);
  const kept = new Float64Array(logits.length).fill(-Infinity);
  let before = 0;
  for (const { index, probability } of candidates) {
    if (before > topP) break;
    kept[index] = itemAt(logits, index, 'logits');
    before += probability;
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
  return { id, confidence: itemAt(probabilities, id, 'probabilities') };
}

/** Probability of a token at temperature 1 without filters. */
export function likelihoodOf(logits: Float32Array | Float64Array, id: number): number {
  const maximum = itemAt(logits, argmax(logits), 'logits');
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - maximum);
  return Math.exp(itemAt(logits, id, 'logits') - maximum) / total;
}
