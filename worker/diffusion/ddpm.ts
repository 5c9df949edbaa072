/** Denoising with fresh noise at every step (Ho et al., "Denoising diffusion probabilistic models", (7)). */
import { itemAt } from '../../shared/lookup.ts';
import type { DenoisingStep } from './steps.ts';
import { strideOf, timestepsOf } from './timesteps.ts';

const LEAST_VARIANCE = 1e-20;

/**
 * Always at the `leading` timesteps, as in the reference.
 * @param alphasCumprod of every training timestep
 * @throws RangeError where there are not from 1 to that many steps
 */
export function ddpmSteps(alphasCumprod: Float32Array, steps: number): DenoisingStep[] {
  const trained = alphasCumprod.length;
  const stride = strideOf(trained, steps);
  return timestepsOf(trained, steps, 'leading').map((timestep) => {
    const now = itemAt(alphasCumprod, timestep, 'alphasCumprod');
    const before = alphasCumprod[timestep - stride] ?? 1;
    const kept = now / before;
    const variance = ((1 - before) / (1 - now)) * (1 - kept);
    return {
      timestep,
      alpha: now,
      next: {
        clean: (Math.sqrt(before) * (1 - kept)) / (1 - now),
        noise: 0,
        sample: (Math.sqrt(kept) * (1 - before)) / (1 - now),
        fresh: timestep > 0 ? Math.sqrt(Math.max(variance, LEAST_VARIANCE)) : 0,
      },
    };
  });
}
