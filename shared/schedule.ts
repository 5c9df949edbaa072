/**
 * How many tokens each decoding step settles, and at which temperature. Pure, so that the edge can price
 * with it what the worker runs. Source: the 4M sampler's schedules.
 */
import { roundHalfEven } from './rounding.ts';

export type Scheme = 'maskgit' | 'roar' | 'autoregressive';
export type TokenSchedule = 'cosine' | 'linear';

/** Temperatures never fall below this; it is not zero, so it makes a one-hot softmax, not an argmax. */
const LOWEST_TEMPERATURE = 1e-9;

function cosineCounts(steps: number, tokens: number): number[] {
  const share = (i: number): number => 0.5 * (1 + Math.cos((Math.PI * i) / steps));
  const counts: number[] = [];
  let left = tokens;
  for (let i = 0; i < steps - 1; i++) {
    // Rounding up may ask for more than there is when steps are many; the reference then ends with a
    // negative count and fails. Here the schedule takes what is left.
    const count = Math.min(roundHalfEven(tokens * (share(i) - share(i + 1))), left);
    counts.push(count);
    left -= count;
  }
  return [...counts, left];
}

function linearCounts(steps: number, tokens: number): number[] {
  const edges = Array.from({ length: steps + 1 }, (_, i) =>
    i === steps ? tokens : Math.floor(i * (tokens / steps)),
  );
  return edges
    .map((edge, i) => edge - (edges[i - 1] ?? 0))
    .slice(1)
    .sort((a, b) => b - a)
    .filter((count) => count > 0);
}

/**
 * Tokens settled at each step; the counts sum to `tokens`. A zero count is a step that does nothing
 * (it still has its place in the temperature schedule). ROAR is always linear.
 */
export function tokenCounts(kind: TokenSchedule, steps: number, tokens: number): number[] {
  return kind === 'cosine' ? cosineCounts(steps, tokens) : linearCounts(steps, tokens);
}

/**
 * Temperature of each step: `constant`, `linear` (falls with the tokens left), or `onex:MIN:POWER`.
 * @param counts tokens settled at each step
 */
export function temperatures(
  schedule: string,
  temperature: number,
  counts: readonly number[],
): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  // Where nothing is left to settle, nothing falls with it.
  if (schedule === 'constant' || total === 0) return counts.map(() => temperature);
  let settled = 0;
  const progress = counts.map((count) => {
    const before = settled;
    settled += count;
    return { before, after: settled };
  });
  const clip = (value: number): number => Math.max(value, LOWEST_TEMPERATURE);
  if (schedule === 'linear') {
    return progress.map(({ before }) => clip((temperature * (total - before)) / total));
  }
  const [, minimumText, powerText] = schedule.split(':');
  const [minimum, power] = [Number(minimumText), Number(powerText)];
  // 1/x^power over [1, 100] in as many points as there are tokens, brought to [0, 1]. The reference
  // reads it by step, not by token, so only its steep beginning is used.
  const curve = (i: number): number => (total > 1 ? 1 + (99 * i) / (total - 1) : 1) ** -power;
  const [low, high] = [curve(total - 1), curve(0)];
  return progress.map(({ after }, i) => {
    const height = high > low ? (curve(i) - low) / (high - low) : 0;
    return clip(minimum + (temperature - minimum) * (1 - after / total) * height);
  });
}
