/** What a denoiser's prediction says about the clean picture and about the noise in it. */
import type { DivaeConfig } from '../../shared/model/config.ts';

export type PredictionType = DivaeConfig['prediction_type'];

/** Factors of x_0 and of the noise in what is taken for clean and for noise, from x_t and a prediction. */
export interface PredictionWeights {
  /** clean = sample * clean[0] + prediction * clean[1] */
  readonly clean: readonly [number, number];
  /** noise = sample * noise[0] + prediction * noise[1] */
  readonly noise: readonly [number, number];
}

/**
 * Salimans and Ho, "Progressive distillation", appendix D; x_t = sqrt(alpha) x_0 + sqrt(1 - alpha) noise.
 * @param alpha what is left of the picture's variance at this timestep, 0 to 1
 * @throws RangeError where noise was predicted from noise alone, which says nothing about the picture
 */
export function predictionWeights(type: PredictionType, alpha: number): PredictionWeights {
  const signal = Math.sqrt(alpha);
  const noise = Math.sqrt(1 - alpha);
  switch (type) {
    case 'sample':
      return { clean: [0, 1], noise: [1 / noise, -signal / noise] };
    case 'v_prediction':
      return { clean: [signal, -noise], noise: [noise, signal] };
    case 'epsilon':
      if (alpha === 0)
        throw new RangeError('prediction_type epsilon: no signal is left at the first timestep');
      return { clean: [1 / signal, -noise / signal], noise: [0, 1] };
  }
}

/**
 * Whether the clean picture is kept within [-1, 1] at every step. The reference's dynamic thresholding
 * divides by the 99.5 % quantile held between 1 and `sample_max_value` = 1: it is that same clamp.
 */
export const clampsClean = (config: Pick<DivaeConfig, 'thresholding' | 'clip_sample'>): boolean =>
  config.thresholding || config.clip_sample;
