/** Denoising without fresh noise (Song et al., "Denoising diffusion implicit models", equation 12, eta 0). */
import { itemAt } from '../../shared/lookup.ts';
import type { DenoisingStep } from './steps.ts';
import { strideOf, type TimestepMode, timestepsOf } from './timesteps.ts';

/**
 * @param alphasCumprod of every training timestep
 * @throws RangeError where there are not from 1 to that many steps
 */
export function ddimSteps(
  alphasCumprod: Float32Array,
  steps: number,
  mode: TimestepMode,
): DenoisingStep[] {
  const trained = alphasCumprod.length;
  const stride = strideOf(trained, steps);
  return timestepsOf(trained, steps, mode).map((timestep) => {
    // Nothing is noisy before the first timestep.
    const before = alphasCumprod[timestep - stride] ?? 1;
    return {
      timestep,
      alpha: itemAt(alphasCumprod, timestep, 'alphasCumprod'),
      next: { clean: Math.sqrt(before), noise: Math.sqrt(1 - before), sample: 0, fresh: 0 },
    };
  });
}
