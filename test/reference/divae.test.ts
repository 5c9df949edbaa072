/**
 * A diffusion tokenizer against the PyTorch reference: the same ids, codes and denoising steps within 1e-4
 * of the output's largest, whole decodes within 1e-3.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { DivaeConfig } from '../../shared/model/config.ts';
import type { DivaeManifest } from '../../shared/model/manifest.ts';
import { sample } from '../../worker/diffusion/sampler.ts';
import { noiseSchedule } from '../../worker/diffusion/schedules.ts';
import type { TimestepMode } from '../../worker/diffusion/timesteps.ts';
import type { FloatTensor, Tensor } from '../../worker/session/types.ts';
import { type ExportedModel, exportedDivae } from '../support/exported.ts';
import {
  floats,
  ints,
  REPOSITORY,
  readTensors,
  relativeError,
  sharedPath,
  skipWithout,
} from '../support/shared.ts';

const TOLERANCE = 1e-4;
const DECODE_TOLERANCE = 1e-3;
/**
 * Predicting noise, the first step divides by a signal of 0.006 and so makes 160 times as much of every
 * rounding error: changing the initial noise by half of a float's last bit moves single pixels by 2e-3.
 */
const EPSILON_TOLERANCE = 5e-3;
const SCHEDULE_TOLERANCE = 1e-6;

const CASE = 'reference/divae_rgb';

function assertClose(
  t: TestContext,
  name: string,
  actual: Tensor | undefined,
  expected: FloatTensor,
  tolerance: number,
): void {
  assert.deepEqual(actual?.dims, expected.dims);
  const error = relativeError(floats({ [name]: actual! }, name).data, expected.data);
  t.diagnostic(`${name}: error ${error.toExponential(2)} of the scale`);
  assert.ok(error <= tolerance, `${name}: error ${error.toExponential(2)} of the scale`);
}

/** The case beside the repository, and the repository's own: UViTs, another UNet. */
function caseFolders(): string[] {
  const own = join(REPOSITORY, 'test', 'cases');
  const names = existsSync(own) ? readdirSync(own) : [];
  const divae = names.filter((name) => name.startsWith('divae_'));
  return [sharedPath(CASE), ...divae.map((name) => join(own, name))];
}

for (const folder of caseFolders()) {
  const skip = existsSync(folder)
    ? false
    : `published vectors beside the repository (${basename(folder)})`;
  describe(basename(folder), { skip }, async () => {
    const io = await readTensors(join(folder, 'io.safetensors'));
    let model: ExportedModel<DivaeManifest>;
    before(async () => {
      const presets = await readFile(join(folder, 'presets.json'), 'utf8');
      model = await exportedDivae(join(folder, 'weights.safetensors'), {
        vitPresets: JSON.parse(presets) as Record<string, unknown>,
      });
    });
    after(() => model.close());

    test('encoder and codebook', async (t) => {
      const { ids } = await model.encoder.run({ pixels: io.input! });
      assert.deepEqual(ids!.data, ints(io, 'tokens').data);
      assert.deepEqual(ids!.dims, io.tokens!.dims);
      const { codes } = await model.codebook.run({ ids: ids! });
      assertClose(t, 'quant', codes, floats(io, 'quant'), 0);
    });

    const predict = async (sample: string, codes: string, timesteps: readonly number[]) => {
      const rows = timesteps.length;
      const { prediction } = await model.denoiser.run({
        sample: repeated(floats(io, sample), rows),
        timestep: { type: 'int64', dims: [rows], data: BigInt64Array.from(timesteps, BigInt) },
        codes: repeated(floats(io, codes), rows),
      });
      return floats({ prediction: prediction! }, 'prediction');
    };

    for (const name of Object.keys(io)) {
      const [, prefix, timestep] = /^(denoise[^.]*)\.t(\d+)$/.exec(name) ?? [];
      if (prefix === undefined) continue;
      test(name, async (t) => {
        const codes = io[`${prefix}.quant`] ? `${prefix}.quant` : 'quant';
        const prediction = await predict(`${prefix}.x_t`, codes, [Number(timestep)]);
        assertClose(t, name, prediction, floats(io, name), TOLERANCE);
      });
    }

    test('rows of a batch at timesteps of their own', async (t) => {
      const { data } = await predict('denoise.x_t', 'quant', [20, 999]);
      for (const [row, timestep] of [20, 999].entries()) {
        const { dims, data: expected } = floats(io, `denoise.t${timestep}`);
        const own = data.slice(row * expected.length, (row + 1) * expected.length);
        const actual: FloatTensor = { type: 'float32', dims, data: own };
        assertClose(t, `row ${row}`, actual, floats(io, `denoise.t${timestep}`), TOLERANCE);
      }
    });

    for (const name of Object.keys(io)) {
      const decode =
        /^(ddim|ddpm)\.(sample|epsilon|v_prediction)\.(trailing|linspace|leading)?(\d+)(?=\.final$)/.exec(
          name,
        );
      if (!decode) continue;
      const [prefix, scheduler, prediction, mode = 'trailing', steps] = decode;
      const epsilon = prediction === 'epsilon';
      test(prefix, async (t) => {
        const timesteps: number[] = [];
        const samples: FloatTensor[] = [];
        const config = {
          ...model.manifest.config,
          prediction_type: prediction as DivaeConfig['prediction_type'],
          // Where the first timestep is noise alone, noise predicted from it says nothing.
          ...(epsilon && { zero_terminal_snr: false }),
        };
        const [, , height = 0, width = 0] = floats(io, 'ddim.noise').dims;
        const values = await sample(model.denoiser, floats(io, 'quant'), config, {
          scheduler: scheduler as 'ddim' | 'ddpm',
          mode: mode as TimestepMode,
          steps: Number(steps),
          size: [height, width],
          noise: (_, step) => noiseOf(io, prefix, step),
          onStep: ({ timestep }, now) => {
            timesteps.push(timestep);
            samples.push({ ...now, data: now.data.slice() });
          },
        });
        assert.deepEqual(timesteps, Array.from(ints(io, `${prefix}.timesteps`).data, Number));
        for (const [step, actual] of samples.entries()) {
          const expected = io[`${prefix}.x_after${step}`];
          if (expected?.type !== 'float32') continue;
          assertClose(t, `x_after${step}`, actual, expected, DECODE_TOLERANCE);
        }
        const final = floats(io, `${prefix}.final`);
        assertClose(t, 'final', values, final, epsilon ? EPSILON_TOLERANCE : DECODE_TOLERANCE);
        const distance = final.data.reduce((sum, x, i) => sum + Math.abs(x - values.data[i]!), 0);
        const mean = distance / final.data.length;
        assert.ok(mean <= DECODE_TOLERANCE, `mean error ${mean.toExponential(2)}`);
      });
    }
  });
}

/** The first row of a batch, as often as asked. */
function repeated({ dims, data }: FloatTensor, rows: number): FloatTensor {
  const all = new Float32Array(rows * data.length);
  for (let row = 0; row < rows; row++) all.set(data, row * data.length);
  return { type: 'float32', dims: [rows, ...dims.slice(1)], data: all };
}

/** What the reference started from, and what it added after each step. */
function noiseOf(io: Record<string, Tensor>, prefix: string, step: number): Float32Array {
  if (step === 0) return floats(io, 'ddim.noise').data;
  const { dims, data } = floats(io, `${prefix}.noises`);
  const size = data.length / dims[0]!;
  return data.slice((step - 1) * size, step * size);
}

test('noise schedules', { skip: skipWithout(CASE) }, async (t) => {
  const expected = await readTensors(sharedPath(CASE, 'schedules.safetensors'));
  for (const [name, tensor] of Object.entries(expected)) {
    const [, schedule, snr, array] = /^(.+)\.zsnr(\d)\.(betas|alphas_cumprod)$/.exec(name)!;
    const actual = noiseSchedule({
      num_train_timesteps: 1000,
      beta_schedule: schedule!,
      zero_terminal_snr: snr === '1',
    })[array === 'betas' ? 'betas' : 'alphasCumprod'];
    const error = relativeError(actual!, tensor.data as Float32Array);
    t.diagnostic(`${name}: error ${error.toExponential(2)}`);
    assert.ok(error <= SCHEDULE_TOLERANCE, `${name}: error ${error.toExponential(2)}`);
  }
});
