/** Everything decided for one target: the settings that a request states, and what is recommended for the rest. */
import type { PresetName, TargetSettings } from '../api/generate.ts';
import {
  generalSettings,
  type Plannable,
  presetSettings,
  type Recommendation,
} from '../presets.ts';
import { type Scheme, temperatures, tokenCounts } from '../schedule.ts';
import type { Filters } from './filters.ts';

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
  readonly filters: Filters;
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
    filters: { topK: settings.top_k ?? advice.top_k, topP: settings.top_p ?? advice.top_p },
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
