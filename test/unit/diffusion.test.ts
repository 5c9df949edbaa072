/** Diffusion without a model: schedules and timesteps by their formulas, and the sampler's sums. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DivaeConfig, divaeConfigSchema } from '../../shared/model/config.ts';
import { type NoiseSource, sample } from '../../worker/diffusion/sampler.ts';
import { noiseSchedule } from '../../worker/diffusion/schedules.ts';
import { timestepsOf } from '../../worker/diffusion/timesteps.ts';
import type { FloatTensor, GraphSession } from '../../worker/session/types.ts';

describe('timesteps', () => {
  test('trailing ends with a step from the last one of training, and may be more than asked for', () => {
    assert.deepEqual(timestepsOf(1000, 5, 'trailing'), [999, 799, 599, 399, 199]);
    assert.deepEqual(timestepsOf(1000, 7, 'trailing'), [999, 857, 715, 573, 431, 289, 147, 5]);
    assert.deepEqual(timestepsOf(1000, 1, 'trailing'), [999]);
  });

  test('leading begins at 0, linspace has both ends', () => {
    assert.deepEqual(timestepsOf(1000, 5, 'leading'), [800, 600, 400, 200, 0]);
    assert.deepEqual(timestepsOf(1000, 7, 'leading'), [852, 710, 568, 426, 284, 142, 0]);
    assert.deepEqual(timestepsOf(1000, 5, 'linspace'), [999, 749, 499, 250, 0]);
    assert.deepEqual(timestepsOf(1000, 1, 'linspace'), [999]);
  });

  test('halves round to even, as numpy rounds', () => {
    // 1000, 500.5, 1 -> 1000, 500, 1; Math.round would give 501.
    assert.deepEqual(timestepsOf(1000, 3, 'linspace'), [999, 499, 0]);
  });

  test('as many as trained are all of them', () => {
    const all = Array.from({ length: 1000 }, (_, i) => 999 - i);
    for (const mode of ['trailing', 'leading', 'linspace'] as const)
      assert.deepEqual(timestepsOf(1000, 1000, mode), all);
  });

  test('too many, none or a part of one are refused', () => {
    for (const steps of [1001, 0, -1, 2.5, Number.NaN])
      assert.throws(() => timestepsOf(1000, steps, 'trailing'), RangeError);
  });
});

/** The formulas in double precision, each timestep from its own products. */
function alphasByFormula(name: string, count: number, zeroSnr: boolean): number[] {
  const product = (betas: readonly number[], end: number) =>
    betas.slice(0, end + 1).reduce((left, beta) => left * (1 - beta), 1);
  const [kind, shift] = name.split(':');
  if (kind === 'shifted_cosine')
    return Array.from({ length: count }, (_, i) => {
      if (i === count - 1) return 0;
      // Signal to noise of a cosine is cot^2; shifted, it is divided by the square of the shift.
      const ratio = 1 / (Math.tan((Math.PI * i) / (count - 1) / 2) * Number(shift)) ** 2;
      const bounded = Math.min(Math.max(ratio, Math.exp(-15)), Math.exp(15));
      return bounded / (1 + bounded);
    });
  const betas = Array.from({ length: count }, (_, i) => {
    if (kind === 'linear') return 0.0001 + ((0.02 - 0.0001) * i) / (count - 1);
    const left = (time: number) => Math.cos(((time / count + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
    return Math.min(0.999, 1 - left(i + 1) / left(i));
  });
  const plain = betas.map((_, i) => product(betas, i));
  if (!zeroSnr) return plain;
  const roots = plain.map(Math.sqrt);
  const [first, last] = [roots[0]!, roots.at(-1)!];
  return roots.map((root) => (((root - last) * first) / (first - last)) ** 2);
}

describe('noise schedules', () => {
  const names = ['linear', 'squaredcos_cap_v2', 'shifted_cosine:0.5', 'shifted_cosine:2'];
  for (const name of names) {
    for (const zeroSnr of [true, false]) {
      test(`${name}${zeroSnr ? ', no signal at the end' : ''}`, () => {
        const { alphasCumprod } = noiseSchedule({
          num_train_timesteps: 1000,
          beta_schedule: name,
          zero_terminal_snr: zeroSnr,
        });
        const expected = alphasByFormula(name, 1000, zeroSnr);
        assert.equal(alphasCumprod.length, 1000);
        for (const [i, value] of expected.entries())
          assert.ok(
            Math.abs(alphasCumprod[i]! - value) <= 2e-6,
            `${i}: ${alphasCumprod[i]} ${value}`,
          );
        for (let i = 1; i < 1000; i++) assert.ok(alphasCumprod[i]! <= alphasCumprod[i - 1]!);
        const silent = zeroSnr || name.startsWith('shifted_cosine');
        assert.equal(alphasCumprod[999] === 0, silent);
      });
    }
  }

  test('another name is refused', () => {
    const config = { num_train_timesteps: 10, beta_schedule: 'sigmoid', zero_terminal_snr: true };
    assert.throws(() => noiseSchedule(config), /sigmoid/);
  });
});

const CONFIG: DivaeConfig = divaeConfigSchema.parse({
  n_channels: 1,
  enc_type: 'vit_b_enc',
  codebook_size: 8,
  latent_dim: 2,
  scheduler: 'ddim',
  beta_schedule: 'linear',
  zero_terminal_snr: false,
});

const SIZE = [1, 2] as const;
const codesOf = (rows: number): FloatTensor => ({
  type: 'float32',
  dims: [rows, 2, 1, 1],
  data: Float32Array.from({ length: rows * 2 }, (_, i) => i / 8),
});

/** Predicts by a function of the row's first code, the number and the timestep. */
function denoiserOf(predict: (code: number, value: number, timestep: number) => number) {
  const calls: number[][] = [];
  const denoiser: GraphSession = {
    signature: { inputs: [], outputs: [] },
    close: () => Promise.resolve(),
    run({ sample, timestep, codes }) {
      if (sample?.type !== 'float32' || codes?.type !== 'float32') throw new Error('not floats');
      const times = Array.from(timestep!.data, Number);
      calls.push(times);
      const size = sample.data.length / sample.dims[0]!;
      const data = sample.data.map((value, i) => {
        const row = Math.floor(i / size);
        return predict(codes.data[row * 2]!, value, times[row]!);
      });
      return Promise.resolve({ prediction: { ...sample, data } });
    },
  };
  return { denoiser, calls };
}

/** A number of its own for every row, step and place. */
const countedNoise: NoiseSource = (row, step, count) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1 + i + 10 * step + 100 * row));

describe('the sampler', () => {
  /** x_0 of x_t = signal x_0 + noise e, and e, by the meaning of each kind of prediction. */
  const understood = {
    sample: (x: number, out: number, signal: number, noise: number) => ({
      clean: out,
      noise: (x - signal * out) / noise,
    }),
    epsilon: (x: number, out: number, signal: number, noise: number) => ({
      clean: (x - noise * out) / signal,
      noise: out,
    }),
    v_prediction: (x: number, out: number, signal: number, noise: number) => ({
      clean: signal * x - noise * out,
      noise: noise * x + signal * out,
    }),
  };
  const predict = (code: number, value: number, timestep: number) =>
    0.3 * value + code - timestep / 4000;
  const { alphasCumprod } = noiseSchedule(CONFIG);
  const alpha = (timestep: number) => (timestep < 0 ? 1 : alphasCumprod[timestep]!);
  const clamp = (value: number) => Math.min(Math.max(value, -1), 1);

  for (const type of ['sample', 'epsilon', 'v_prediction'] as const) {
    test(`DDIM, ${type}`, async () => {
      const { denoiser, calls } = denoiserOf(predict);
      const config = { ...CONFIG, prediction_type: type };
      const options = { size: SIZE, steps: 4, noise: countedNoise };
      const values = await sample(denoiser, codesOf(1), config, options);
      assert.deepEqual(calls, [[999], [749], [499], [249]]);
      let x = [...countedNoise(0, 0, 2)];
      for (const timestep of [999, 749, 499, 249]) {
        const [now, before] = [alpha(timestep), alpha(timestep - 250)];
        x = x.map((value) => {
          const out = predict(0, value, timestep);
          const { clean, noise } = understood[type](value, out, Math.sqrt(now), Math.sqrt(1 - now));
          return Math.sqrt(before) * clamp(clean) + Math.sqrt(1 - before) * noise;
        });
      }
      for (const [i, value] of x.entries())
        assert.ok(Math.abs(values.data[i]! - value) < 1e-5, `${values.data[i]} ${value}`);
    });

    test(`DDPM, ${type}`, async () => {
      const { denoiser, calls } = denoiserOf(predict);
      const config = { ...CONFIG, prediction_type: type, scheduler: 'ddpm' };
      const options = { size: SIZE, steps: 4, noise: countedNoise };
      const values = await sample(denoiser, codesOf(1), config, options);
      assert.deepEqual(calls, [[750], [500], [250], [0]]);
      let x = [...countedNoise(0, 0, 2)];
      for (const [step, timestep] of [750, 500, 250, 0].entries()) {
        const [now, before] = [alpha(timestep), alpha(timestep - 250)];
        const beta = 1 - now / before;
        const fresh = countedNoise(0, step + 1, 2);
        x = x.map((value, i) => {
          const out = predict(0, value, timestep);
          const roots = [Math.sqrt(now), Math.sqrt(1 - now)] as const;
          const { clean } = understood[type](value, out, ...roots);
          const mean =
            (Math.sqrt(before) * beta * clamp(clean) + Math.sqrt(1 - beta) * (1 - before) * value) /
            (1 - now);
          const deviation = Math.sqrt(((1 - before) / (1 - now)) * beta);
          return mean + (timestep > 0 ? deviation * fresh[i]! : 0);
        });
      }
      for (const [i, value] of x.entries())
        assert.ok(Math.abs(values.data[i]! - value) < 1e-5, `${values.data[i]} ${value}`);
    });
  }

  test('keeps the picture within [-1, 1] if either setting says so, and only then', async () => {
    const large = () => denoiserOf(() => 3).denoiser;
    const base = { ...CONFIG, prediction_type: 'sample' } as const;
    const options = { size: SIZE, steps: 4, noise: countedNoise };
    for (const [thresholding, clip_sample] of [
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const config = { ...base, thresholding, clip_sample };
      const { data } = await sample(large(), codesOf(1), config, options);
      assert.deepEqual([...data], [1, 1]);
    }
    const config = { ...base, thresholding: false, clip_sample: false };
    const { data } = await sample(large(), codesOf(1), config, options);
    assert.deepEqual([...data], [3, 3]);
  });

  test('a row of a batch is as it would be alone', async () => {
    for (const scheduler of ['ddim', 'ddpm'] as const) {
      const options = { size: SIZE, steps: 5, scheduler };
      const together = await sample(denoiserOf(predict).denoiser, codesOf(3), CONFIG, {
        ...options,
        noise: countedNoise,
      });
      assert.deepEqual(together.dims, [3, 1, ...SIZE]);
      for (let row = 0; row < 3; row++) {
        const codes = codesOf(3).data.slice(row * 2, row * 2 + 2);
        const alone = await sample(
          denoiserOf(predict).denoiser,
          { type: 'float32', dims: [1, 2, 1, 1], data: codes },
          CONFIG,
          { ...options, noise: (_, step, count) => countedNoise(row, step, count) },
        );
        assert.deepEqual(together.data.slice(row * 2, row * 2 + 2), alone.data);
      }
    }
  });

  test('stops between two steps', async () => {
    const { denoiser, calls } = denoiserOf(predict);
    const controller = new AbortController();
    const stopped = sample(denoiser, codesOf(1), CONFIG, {
      size: SIZE,
      steps: 10,
      noise: countedNoise,
      signal: controller.signal,
      onStep: ({ timestep }) => {
        if (timestep === 799) controller.abort(new Error('enough'));
      },
    });
    await assert.rejects(stopped, /enough/);
    assert.equal(calls.length, 3);
  });

  test('noise predicted where nothing but noise is left is refused', async () => {
    const { denoiser } = denoiserOf(predict);
    const config = { ...CONFIG, prediction_type: 'epsilon', zero_terminal_snr: true } as const;
    const options = { size: SIZE, steps: 5, noise: countedNoise };
    await assert.rejects(sample(denoiser, codesOf(1), config, options), /epsilon/);
  });
});
