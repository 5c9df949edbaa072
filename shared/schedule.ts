/**
 * How many tokens each decoding step settles, at which temperature, and what is recommended for a
 * target. Pure, so that the edge can price with it what the worker runs. Sources: the 4M sampler's
 * schedules, and the settings of its published demos.
 */
import type { TargetSettings } from './api/generate.ts';
import type { ModalityInfo } from './model/modalities.ts';

export type Scheme = 'maskgit' | 'roar' | 'autoregressive';
export type TokenSchedule = 'cosine' | 'linear';

/** Temperatures never fall below this; it is not zero, so it makes a one-hot softmax, not an argmax. */
const LOWEST_TEMPERATURE = 1e-9;

/** Rounds halves to the even neighbour, as the reference does. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

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
    .slice(1)
    .map((edge, i) => edge - edges[i]!)
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
  if (schedule === 'constant') return counts.map(() => temperature);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const doneAfter: number[] = [];
  counts.reduce((sum, count) => {
    doneAfter.push(sum + count);
    return sum + count;
  }, 0);
  const clip = (value: number): number => Math.max(value, LOWEST_TEMPERATURE);
  if (schedule === 'linear') {
    return counts.map((count, i) =>
      clip((temperature * (total - (doneAfter[i]! - count))) / total),
    );
  }
  const [, minimumText, powerText] = schedule.split(':');
  const [minimum, power] = [Number(minimumText), Number(powerText)];
  // 1/x^power over [1, 100] in as many points as there are tokens, brought to [0, 1]. The reference
  // reads it by step, not by token, so only its steep beginning is used.
  const curve = (i: number): number => (total > 1 ? 1 + (99 * i) / (total - 1) : 1) ** -power;
  const [low, high] = [curve(total - 1), curve(0)];
  return counts.map((_, i) => {
    const height = high > low ? (curve(i) - low) / (high - low) : 0;
    return clip(minimum + (temperature - minimum) * (1 - doneAfter[i]! / total) * height);
  });
}

/** Everything decided for one target. */
export interface TargetPlan {
  readonly modality: string;
  readonly scheme: Scheme;
  /** Tokens settled at each step, and its temperature; empty for sequences. */
  readonly counts: readonly number[];
  readonly stepTemperatures: readonly number[];
  /** Constant temperature of a sequence; the first one of a picture. */
  readonly temperature: number;
  /** 0 is off; below 1 a fraction of the vocabulary; otherwise a count. */
  readonly topK: number;
  /** 0 is off. */
  readonly topP: number;
  /** 1 is no guidance. */
  readonly guidanceScale: number;
  /** Tokens generated at most, sequences only. */
  readonly maxTokens: number;
}

interface Recommendation {
  readonly scheme: Scheme;
  readonly steps: number;
  readonly token_schedule: TokenSchedule;
  readonly temperature: number;
  readonly temperature_schedule: string;
  readonly top_k: number;
  readonly top_p: number;
  readonly guidance_scale: number;
}

const base: Recommendation = {
  scheme: 'roar',
  steps: 1,
  token_schedule: 'linear',
  temperature: 0.01,
  temperature_schedule: 'constant',
  top_k: 0,
  // One run of the reference's sampler has one top_p for all its targets, 0.8 in the demos.
  top_p: 0.8,
  guidance_scale: 2,
};
const text = (temperature: number): Recommendation => ({
  ...base,
  scheme: 'autoregressive',
  temperature,
  guidance_scale: 1,
});
const fromText = (steps: number, temperature: number, guidance_scale: number): Recommendation => ({
  ...base,
  steps,
  temperature,
  temperature_schedule: 'onex:0.5:0.5',
  guidance_scale,
});

/** Sequences by presentation. */
const SEQUENCES: Readonly<Record<string, Recommendation>> = {
  text: text(0.3),
  boxes: text(0.7),
  poses: text(0.1),
  instances: text(0.01),
  palette: text(0.1),
  metadata: text(0.1),
};
/** Picture-like targets when no picture is given. */
const FROM_TEXT: Readonly<Record<string, Recommendation>> = {
  features: fromText(50, 5, 3),
  rgb: fromText(25, 3, 2),
};
const SUPER_RESOLUTION: Recommendation = {
  ...base,
  scheme: 'maskgit',
  steps: 8,
  token_schedule: 'cosine',
  temperature: 1,
};

/**
 * The recommended settings of a target, given the modalities it is made from: the model's own where its
 * checkpoint says so, otherwise those of the reference's demos.
 * @param inputs entries of the inputs of the request
 */
export function recommended(target: ModalityInfo, inputs: readonly ModalityInfo[]): Recommendation {
  const pictures = inputs.filter((input) => input.type === 'img');
  const own = target.recommended?.[pictures.length > 0 ? 'from_picture' : 'from_text'];
  const set = Object.entries(own ?? {}).filter(([, value]) => value !== undefined);
  return { ...general(target, pictures), ...Object.fromEntries(set) };
}

/** What the table says, for a model that says nothing itself. */
function general(target: ModalityInfo, pictures: readonly ModalityInfo[]): Recommendation {
  if (target.type !== 'img') return SEQUENCES[target.presentation] ?? text(0.3);
  if (pictures.length === 0) return FROM_TEXT[target.presentation] ?? fromText(8, 3, 2);
  const largest = Math.max(...pictures.map((picture) => picture.input_size ?? 0));
  const enlarges = largest > 0 && (target.input_size ?? 0) > largest;
  return enlarges ? SUPER_RESOLUTION : base;
}

/**
 * Fills the settings of one target with what is recommended. Steps are bounded by the tokens there are.
 * @param modality the model's own name of the target
 */
export function planTarget(
  settings: TargetSettings,
  modality: string,
  info: ModalityInfo,
  inputs: readonly ModalityInfo[],
): TargetPlan {
  const advice = recommended(info, inputs);
  const scheme = settings.scheme ?? advice.scheme;
  const temperature = settings.temperature ?? advice.temperature;
  const common = {
    modality,
    scheme,
    temperature,
    topK: settings.top_k ?? advice.top_k,
    topP: settings.top_p ?? advice.top_p,
    guidanceScale: settings.guidance_scale ?? advice.guidance_scale,
    maxTokens: Math.min(settings.max_tokens ?? info.max_tokens, info.max_tokens),
  };
  if (scheme === 'autoregressive') return { ...common, counts: [], stepTemperatures: [] };
  const steps = Math.min(settings.steps ?? advice.steps, info.max_tokens);
  const fallback = scheme === 'maskgit' ? 'cosine' : 'linear';
  const kind = scheme === 'roar' ? 'linear' : (settings.token_schedule ?? fallback);
  const counts = tokenCounts(kind, steps, info.max_tokens);
  const schedule = settings.temperature_schedule ?? advice.temperature_schedule;
  return { ...common, counts, stepTemperatures: temperatures(schedule, temperature, counts) };
}
