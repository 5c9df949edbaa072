/**
 * Noise schedules: how much of the picture is left at each training timestep. Computed in float32 step by
 * step as PyTorch does, because models were trained on those very numbers.
 */
import { itemAt } from '../../shared/lookup.ts';

export interface ScheduleConfig {
  readonly num_train_timesteps: number;
  /** `linear`, `squaredcos_cap_v2` or `shifted_cosine:SHIFT`. */
  readonly beta_schedule: string;
  readonly zero_terminal_snr: boolean;
}

export interface NoiseSchedule {
  /** Variance added at each timestep; a shifted cosine schedule is not made from these. */
  readonly betas: Float32Array | undefined;
  /** What is left of the picture's variance at each timestep, falling. */
  readonly alphasCumprod: Float32Array;
}

const LINEAR_START = 1e-4;
const LINEAR_END = 0.02;
/** Sums in float32 depend on their order: numbers that PyTorch computes at a time with AVX2. */
const LANES = 8;
const LARGEST_BETA = 0.999;
/** Bound of the log signal-to-noise ratio of a shifted cosine. */
const LARGEST_LOG_SNR = 15;

const { fround } = Math;

/** @throws RangeError for a schedule of another name */
export function noiseSchedule(config: ScheduleConfig): NoiseSchedule {
  const { num_train_timesteps: count, beta_schedule: name, zero_terminal_snr } = config;
  const shift = /^shifted_cosine:([\d.]+)$/.exec(name)?.[1];
  if (shift !== undefined)
    return { betas: undefined, alphasCumprod: shiftedCosine(count, Number(shift)) };
  const plain = plainBetas(name, count);
  const betas = zero_terminal_snr ? withoutSignalAtTheEnd(plain) : plain;
  return { betas, alphasCumprod: cumulativeProduct(betas.map((beta) => 1 - beta)) };
}

function plainBetas(name: string, count: number): Float32Array {
  if (name === 'linear') return linearSpace(LINEAR_START, LINEAR_END, count);
  if (name !== 'squaredcos_cap_v2') throw new RangeError(`unknown noise schedule ${name}`);
  // Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", equation 17.
  const left = (time: number) => Math.cos((((time + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - left((i + 1) / count) / left(i / count), LARGEST_BETA),
  );
}

/** torch.linspace to the last bit: from the nearer end to the first of the lanes, and on from there. */
function linearSpace(start: number, end: number, count: number): Float32Array {
  const [first, last] = [fround(start), fround(end)];
  const step = fround(fround(last - first) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) => {
    const lane = i % LANES;
    const base = i - lane;
    const near = base < count / 2 ? first + step * base : last - step * (count - base - 1);
    return fround(near) + fround(lane * step);
  });
}

/** As torch.cumprod: the product is kept in double precision. */
function cumulativeProduct(factors: Float32Array): Float32Array {
  let product = 1;
  return factors.map((factor) => {
    product *= factor;
    return product;
  });
}

/** Lin et al., "Common diffusion noise schedules and sample steps are flawed", algorithm 1. */
function withoutSignalAtTheEnd(betas: Float32Array): Float32Array {
  const roots = cumulativeProduct(betas.map((beta) => 1 - beta)).map(Math.sqrt);
  const [first, last] = [itemAt(roots, 0, 'roots'), itemAt(roots, roots.length - 1, 'roots')];
  const scale = fround(first / fround(first - last));
  const left = roots.map((root) => fround(root - last) * scale).map((root) => root * root);
  return left.map(
    (value, i) => 1 - (i === 0 ? value : fround(value / itemAt(left, i - 1, 'left'))),
  );
}

/** Hoogeboom et al., "simple diffusion", section 3.1: a cosine shifted in log signal-to-noise ratio. */
function shiftedCosine(count: number, shift: number): Float32Array {
  const alphas = linearSpace(0, 1, count).map((time) => {
    const logSnr = -2 * (Math.log(Math.tan((Math.PI * time) / 2)) + Math.log(shift));
    const bounded = fround(Math.min(Math.max(logSnr, -LARGEST_LOG_SNR), LARGEST_LOG_SNR));
    return 1 / (1 + Math.exp(-bounded));
  });
  alphas[count - 1] = 0;
  return alphas;
}
