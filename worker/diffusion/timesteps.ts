/** At which training timesteps a decode with few steps looks at its picture. */

/** See Lin et al., "Common diffusion noise schedules and sample steps are flawed", table 2. */
export type TimestepMode = 'trailing' | 'linspace' | 'leading';

/**
 * Timesteps of a decode, falling.
 * @param trained training timesteps; those given back are below it
 * @param steps how many are wanted. `trailing` gives more where `steps` does not divide `trained`, as the
 *   models were evaluated (7 of 1000 become 8)
 * @throws RangeError where `steps` is not a whole number from 1 to `trained`
 */
export function timestepsOf(trained: number, steps: number, mode: TimestepMode): number[] {
  const stride = strideOf(trained, steps);
  switch (mode) {
    case 'trailing':
      return Array.from(
        { length: Math.ceil(trained / stride) },
        (_, i) => trained - i * stride - 1,
      );
    case 'leading':
      return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * stride);
    case 'linspace': {
      const gap = steps > 1 ? (trained - 1) / (steps - 1) : 0;
      return Array.from({ length: steps }, (_, i) => roundHalfToEven(trained - i * gap) - 1);
    }
  }
}

/**
 * How far apart a step and the one before it are taken to be, whatever the mode.
 * @throws RangeError as `timestepsOf`
 */
export function strideOf(trained: number, steps: number): number {
  if (!Number.isInteger(steps) || steps < 1 || steps > trained)
    throw new RangeError(`steps are ${steps}; a whole number from 1 to ${trained} is expected`);
  return Math.floor(trained / steps);
}

/** numpy's rounding. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
