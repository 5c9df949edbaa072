/**
 * How many tokens each decoding step settles, at which temperature, and what is recommended for a
 * target. Pure, so that the edge can price with it what the worker runs. Source: the 4M sampler's
 * schedules.
 */
import type { PresetName, TargetSettings } from './api/generate.ts';
import type { ModalityInfo } from './model/modalities.ts';
import { generalSettings, presetSettings, type Recommendation } from './presets.ts';

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

/** Whether a guidance weight counts for anything: sums of decimals leave remainders that mean nothing. */
export const matters = (weight: number): boolean => Math.abs(weight) > 1e-9;

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
  /**
   * Weights of single conditions, by the model's own names, in place of the scale:
   * logits = u + sum of weight * (c - u), where u sees none of them and c one.
   */
  readonly guidance?: Readonly<Record<string, number>>;
  /** Tokens generated at most, sequences only. */
  readonly maxTokens: number;
}

/** What planning asks of a modality: its own info, or its entry in a model's description. */
export interface Plannable {
  readonly type: ModalityInfo['type'];
  readonly presentation: ModalityInfo['presentation'];
  readonly max_tokens: number;
  readonly input_size?: number | undefined;
  readonly recommended?: ModalityInfo['recommended'] | undefined;
}

/** What a plan is made with besides the settings that the request states and its inputs. */
export interface PlanContext {
  readonly preset?: PresetName | undefined;
  /** Tokens that are not given; all of them when absent. */
  readonly open?: number | undefined;
  /** Guidance weights by the model's own names, in place of one scale. */
  readonly guidance?: Readonly<Record<string, number>> | undefined;
}

const isFromPicture = (inputs: readonly Plannable[]): boolean =>
  inputs.some((input) => input.type === 'img');

/**
 * The recommended settings of a target, given the modalities it is made from: the model's own where its
 * checkpoint says so, then those of the preset, then those of the published demos.
 * @param inputs entries of the inputs of the request
 */
export function recommended(
  target: Plannable,
  inputs: readonly Plannable[],
  preset?: PresetName,
): Recommendation {
  const own = target.recommended?.[isFromPicture(inputs) ? 'from_picture' : 'from_text'];
  const set = Object.entries(own ?? {}).filter(
    ([key, value]) => key !== 'via' && value !== undefined,
  );
  const table = preset ? presetSettings(preset, target) : generalSettings(target, inputs);
  return { ...table, ...Object.fromEntries(set) };
}

/**
 * Fills the settings of one target with what is recommended. Steps are bounded by the tokens there are.
 * @param modality the model's own name of the target
 */
export function planTarget(
  settings: TargetSettings,
  modality: string,
  info: Plannable,
  inputs: readonly Plannable[],
  { preset, open, guidance }: PlanContext = {},
): TargetPlan {
  const advice = recommended(info, inputs, preset);
  const scheme = settings.scheme ?? advice.scheme;
  const temperature = settings.temperature ?? advice.temperature;
  const common = {
    modality,
    scheme,
    temperature,
    topK: settings.top_k ?? advice.top_k,
    topP: settings.top_p ?? advice.top_p,
    guidanceScale: guidance ? 1 : (settings.guidance_scale ?? advice.guidance_scale),
    ...(guidance && { guidance }),
    maxTokens: Math.min(settings.max_tokens ?? info.max_tokens, info.max_tokens),
  };
  if (scheme === 'autoregressive') return { ...common, counts: [], stepTemperatures: [] };
  const tokens = open ?? info.max_tokens;
  const steps = Math.max(1, Math.min(settings.steps ?? advice.steps, tokens));
  const own = info.recommended?.[isFromPicture(inputs) ? 'from_picture' : 'from_text'];
  const fallback = own?.token_schedule ?? (scheme === 'maskgit' ? 'cosine' : 'linear');
  const kind = scheme === 'roar' ? 'linear' : (settings.token_schedule ?? fallback);
  const counts = tokenCounts(kind, steps, tokens);
  // Who asks for temperature 0 asks for the most likely tokens: a recommended schedule, which may end above
  // 0, does not apply.
  const recommendedSchedule = settings.temperature === 0 ? 'constant' : advice.temperature_schedule;
  const schedule = settings.temperature_schedule ?? recommendedSchedule;
  return { ...common, counts, stepTemperatures: temperatures(schedule, temperature, counts) };
}
