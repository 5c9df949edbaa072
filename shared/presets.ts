/**
 * Settings of the published 4M demos (the table that holds without a preset, and the named presets), and
 * the order in which they chain their targets.
 */
import type { PresetName } from './api/generate.ts';
import type { Modality } from './api/models.ts';
import { type ModalityInfo, publicName } from './model/modalities.ts';
import type { Scheme, TokenSchedule } from './schedule.ts';

/** What planning asks of a modality: its own info, or its entry in a model's description. */
export interface Plannable {
  readonly type: ModalityInfo['type'];
  readonly presentation: ModalityInfo['presentation'];
  readonly max_tokens: number;
  readonly input_size?: number | undefined;
  readonly recommended?: ModalityInfo['recommended'] | undefined;
}

export interface Recommendation {
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

/** What the table says, for a model that says nothing itself. */
export function generalSettings(target: Plannable, inputs: readonly Plannable[]): Recommendation {
  if (target.type !== 'img') return SEQUENCES[target.presentation] ?? text(0.3);
  const pictures = inputs.filter((input) => input.type === 'img');
  if (pictures.length === 0) return FROM_TEXT[target.presentation] ?? fromText(8, 3, 2);
  const largest = Math.max(...pictures.map((picture) => picture.input_size ?? 0));
  const enlarges = largest > 0 && (target.input_size ?? 0) > largest;
  return enlarges ? SUPER_RESOLUTION : base;
}

/** The table of one demo, whatever is given. */
export function presetSettings(preset: PresetName, target: Plannable): Recommendation {
  if (target.type !== 'img') return SEQUENCES[target.presentation] ?? text(0.3);
  if (preset === 'super-resolution') return SUPER_RESOLUTION;
  if (preset === 'rgb-to-all') return base;
  return FROM_TEXT[target.presentation] ?? fromText(8, 3, 2);
}

/** Features first, since they say most about the rest; numbers and words about the picture last. */
const ORDER: readonly string[] = [
  'clip',
  'dinov2',
  'imagebind',
  'depth',
  'normal',
  'semseg',
  'canny_edge',
  'sam_edge',
  'rgb',
  'caption',
  'det',
  'human_poses',
  'sam_instance',
  'color_palette',
  'metadata',
];

/** Targets of a preset at any size, in order; what is not in the order comes last. */
const PRESET_TARGETS: Readonly<Record<PresetName, readonly string[]>> = {
  'rgb-to-all': ORDER,
  'anything-to-rgb': ['clip', 'rgb'],
  'super-resolution': ORDER,
};

const place = (entry: Modality): number => {
  const found = ORDER.indexOf(publicName(entry.name));
  return found < 0 ? ORDER.length : found;
};

/**
 * Targets that a preset stands for, of those that are there: public names in the order of the demos.
 * @param outputs what the loaded models can generate
 * @param size side of the pictures that are given; 0 when there are none
 */
export function presetTargets(
  preset: PresetName,
  outputs: readonly Modality[],
  size: number,
): Modality[] {
  const smallest = Math.min(
    ...outputs.map((entry) => entry.input_size ?? Number.POSITIVE_INFINITY),
  );
  const given = size > 0 ? size : smallest;
  return outputs
    .filter((entry) => PRESET_TARGETS[preset].some((name) => name === publicName(entry.name)))
    .filter((entry) => {
      const enlarges = (entry.input_size ?? 0) > given;
      return preset === 'super-resolution' ? enlarges : !enlarges;
    })
    .sort((a, b) => place(a) - place(b));
}
