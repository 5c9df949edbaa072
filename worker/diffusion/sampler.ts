/** The loop around a diffusion tokenizer's denoiser: codes and noise -> values, step by step. */
import { itemAt } from '../../shared/lookup.ts';
import type { DivaeConfig } from '../../shared/model/config.ts';
import type { FloatTensor, GraphSession } from '../session/types.ts';
import { ddimSteps } from './ddim.ts';
import { ddpmSteps } from './ddpm.ts';
import { clampsClean, predictionWeights } from './prediction.ts';
import { noiseSchedule } from './schedules.ts';
import type { DenoisingStep } from './steps.ts';
import type { TimestepMode } from './timesteps.ts';

/** Steps of a decode where nobody says how many, as the reference's demos take. */
export const DEFAULT_STEPS = 25;

/**
 * Standard normal numbers for one row of the batch: at `step` 0 those that the picture starts from, at
 * step k those added after the k-th step.
 */
export type NoiseSource = (row: number, step: number, count: number) => Float32Array;

export interface SamplerOptions {
  readonly noise: NoiseSource;
  /** Height and width of the values; multiples of what the denoiser shrinks a picture by. */
  readonly size: readonly [number, number];
  readonly steps?: number;
  /** The config's unless given. */
  readonly scheduler?: 'ddim' | 'ddpm';
  /** Of DDIM; `trailing` unless given. */
  readonly mode?: TimestepMode;
  /** Called with the sample (B, C, H, W) after each step; the array changes afterwards. */
  readonly onStep?: (step: DenoisingStep, sample: FloatTensor) => void;
  /** Stops between two steps; its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** The steps that a config asks for. @throws RangeError as `ddimSteps` */
export function planSteps(
  config: DivaeConfig,
  { steps = DEFAULT_STEPS, scheduler, mode = 'trailing' }: Partial<SamplerOptions> = {},
): DenoisingStep[] {
  const { alphasCumprod } = noiseSchedule(config);
  const ddpm = (scheduler ?? config.scheduler) === 'ddpm';
  return ddpm ? ddpmSteps(alphasCumprod, steps) : ddimSteps(alphasCumprod, steps, mode);
}

/**
 * Decodes a batch of codes; a row's values depend on its own codes and noise alone.
 * @param denoiser see `denoiserSignature`
 * @param codes (B, latent, h, w)
 * @returns (B, C, H, W)
 * @throws RangeError for an impossible number of steps; SessionError; the signal's reason
 */
export async function sample(
  denoiser: GraphSession,
  codes: FloatTensor,
  config: DivaeConfig,
  options: SamplerOptions,
): Promise<FloatTensor> {
  const steps = planSteps(config, options);
  const [rows = 1] = codes.dims;
  const dims = [rows, config.n_channels, ...options.size];
  const count = config.n_channels * options.size[0] * options.size[1];
  const noise = (step: number) => {
    const numbers = new Float32Array(rows * count);
    for (let row = 0; row < rows; row++) numbers.set(options.noise(row, step, count), row * count);
    return numbers;
  };
  const data = noise(0);
  for (const [index, step] of steps.entries()) {
    options.signal?.throwIfAborted();
    const { prediction } = await denoiser.run({
      sample: { type: 'float32', dims, data },
      timestep: {
        type: 'int64',
        dims: [rows],
        data: new BigInt64Array(rows).fill(BigInt(step.timestep)),
      },
      codes,
    });
    if (prediction?.type !== 'float32') throw new Error('the prediction is not float32');
    const fresh = step.next.fresh === 0 ? undefined : noise(index + 1);
    advance(data, prediction.data, fresh, step, config);
    options.onStep?.(step, { type: 'float32', dims, data });
  }
  return { type: 'float32', dims, data };
}

/** Turns the samples into those of the next step, in place. */
function advance(
  samples: Float32Array,
  predictions: Float32Array,
  fresh: Float32Array | undefined,
  { alpha, next }: DenoisingStep,
  config: DivaeConfig,
): void {
  const weights = predictionWeights(config.prediction_type, alpha);
  const limit = clampsClean(config) ? 1 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < samples.length; i++) {
    const sample = itemAt(samples, i, 'samples');
    const prediction = itemAt(predictions, i, 'predictions');
    const clean = sample * weights.clean[0] + prediction * weights.clean[1];
    const noise = sample * weights.noise[0] + prediction * weights.noise[1];
    samples[i] =
      Math.min(Math.max(clean, -limit), limit) * next.clean +
      noise * next.noise +
      sample * next.sample +
      (fresh ? itemAt(fresh, i, 'fresh') * next.fresh : 0);
  }
}
