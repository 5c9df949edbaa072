/**
 * Cases of diffusion tokenizers: tokens and codes as in `vq.ts`, single steps of the denoiser (`denoise`),
 * whole decodes (`ddim`, `ddpm`) from the noise that the reference started from, and noise schedules.
 */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import type { DivaeManifest } from '../../shared/model/manifest.ts';
import { planSteps, type SamplerOptions, sample } from '../diffusion/sampler.ts';
import { noiseSchedule } from '../diffusion/schedules.ts';
import type { FloatTensor, GraphSession, IntTensor } from '../session/types.ts';
import { CompareError } from './errors.ts';
import { DECODE_TOLERANCE, NOISE_DECODE_TOLERANCE, type Report } from './report.ts';
import { batchRow, floats, floatTensor, ints, type Tensors } from './tensors.ts';
import { asInput, compareTokens, groupsWith, remarkUnused } from './vq.ts';

export interface DivaeModel {
  readonly manifest: DivaeManifest;
  readonly encoder: GraphSession;
  readonly codebook: GraphSession;
  readonly denoiser: GraphSession;
}

type Config = DivaeManifest['config'];

export async function compareDivae(model: DivaeModel, io: Tensors, report: Report): Promise<void> {
  const used = new Set<string>();
  await compareTokens(model.encoder, io, report, used);
  for (const group of groupsWith(io, 'tokens')) {
    const output = `${group}quant`;
    if (!io[output]) continue;
    used.add(output);
    const tokens = fieldOf(io, `${group}tokens`, 'the case');
    const outputs = await model.codebook.run({ ids: asInput(model.codebook, 'ids', tokens) });
    report.values(output, floats(outputs, 'codes'), floats(io, output));
  }
  await compareSteps(model, io, report, used);
  await compareDecodes(model, io, report, used);
  remarkUnused(io, used, report);
}

/** Codes that a prefix's outputs are conditioned on: its own, or those of the case's only input. */
function codesOf(io: Tensors, prefix: string, used: Set<string>): FloatTensor {
  const own = `${prefix}quant`;
  const name = io[own]
    ? own
    : groupsWith(io, 'quant').find((group) => group === '' || io[`${group}input`]);
  const found = name === own ? own : name === undefined ? undefined : `${name}quant`;
  if (found === undefined) throw new CompareError(`${prefix}*: no codes (quant) are given`);
  used.add(found);
  return floats(io, found);
}

/** `denoise.t500` and `denoise48x32.t300` from `x_t` beside them. */
async function compareSteps(
  { denoiser }: DivaeModel,
  io: Tensors,
  report: Report,
  used: Set<string>,
): Promise<void> {
  for (const output of Object.keys(io)) {
    const match = /^(.*denoise[^.]*\.)t(\d+)$/.exec(output);
    if (!match) continue;
    const [, prefix = '', timestep = '0'] = match;
    const given = floats(io, `${prefix}x_t`);
    used.add(output).add(`${prefix}x_t`);
    const rows = itemAt(given.dims, 0, 'dims');
    const outputs = await denoiser.run({
      sample: given,
      timestep: {
        type: 'int64',
        dims: [rows],
        data: new BigInt64Array(rows).fill(BigInt(timestep)),
      },
      codes: codesOf(io, prefix, used),
    });
    report.values(output, floats(outputs, 'prediction'), floats(io, output));
  }
}

interface Decode {
  /** Ends with a dot. */
  readonly prefix: string;
  readonly config: Config;
  readonly options: Omit<SamplerOptions, 'noise' | 'size' | 'onStep'>;
}

/** `ddim.{prediction}.{mode}{steps}.` or `ddpm.{prediction}.{steps}.` */
function parseDecode(output: string, config: Config): Decode | undefined {
  const match =
    /^((ddim|ddpm)\.(sample|epsilon|v_prediction)\.(trailing|linspace|leading)?(\d+)\.)final$/.exec(
      output,
    );
  if (!match) return undefined;
  const [, prefix = '', scheduler, prediction, mode, steps] = match;
  const prediction_type = prediction as Config['prediction_type'];
  return {
    prefix,
    config: {
      ...config,
      prediction_type,
      // Nothing but noise is left at the first timestep of a schedule without it.
      ...(prediction_type === 'epsilon' && { zero_terminal_snr: false }),
    },
    options: {
      scheduler: scheduler as 'ddim' | 'ddpm',
      steps: Number(steps),
      ...(mode !== undefined && { mode: mode as NonNullable<SamplerOptions['mode']> }),
    },
  };
}

async function compareDecodes(
  { manifest, denoiser }: DivaeModel,
  io: Tensors,
  report: Report,
  used: Set<string>,
): Promise<void> {
  for (const output of Object.keys(io)) {
    const decode = parseDecode(output, manifest.config);
    if (!decode) continue;
    const { prefix, config, options } = decode;
    const places = [`${prefix}noise`, `${options.scheduler}.noise`, 'ddim.noise', 'noise'];
    const noise = places.find((name) => io[name]) ?? 'ddim.noise';
    const start = floats(io, noise);
    used.add(output).add(noise).add(`${prefix}noises`);
    if (io[`${prefix}timesteps`]) {
      used.add(`${prefix}timesteps`);
      const planned = planSteps(config, options).map(({ timestep }) => BigInt(timestep));
      const timesteps: IntTensor = {
        type: 'int64',
        dims: [planned.length],
        data: BigInt64Array.from(planned),
      };
      report.ids(`${prefix}timesteps`, timesteps, ints(io, `${prefix}timesteps`));
    }
    const isOfNoise = config.prediction_type === 'epsilon';
    const tolerance = isOfNoise ? NOISE_DECODE_TOLERANCE : DECODE_TOLERANCE;
    const after: FloatTensor[] = [];
    const final = await sample(denoiser, codesOf(io, prefix, used), config, {
      ...options,
      size: [itemAt(start.dims, 2, 'dims'), itemAt(start.dims, 3, 'dims')],
      noise: (row, step) => noiseOf(io, prefix, start, row, step),
      onStep: (_, { data, dims }) => after.push(floatTensor(data.slice(), dims)),
    });
    for (const [i, state] of after.entries()) {
      const name = `${prefix}x_after${i}`;
      if (!io[name]) continue;
      used.add(name);
      report.values(name, state, floats(io, name), { tolerance });
    }
    report.values(output, final, floats(io, output), { tolerance });
  }
}

/** The reference's noise: what it started from, then what it added after each step. */
function noiseOf(
  io: Tensors,
  prefix: string,
  start: FloatTensor,
  row: number,
  step: number,
): Float32Array {
  if (step === 0) return batchRow(start, row).data;
  const { data, dims } = batchRow(floats(io, `${prefix}noises`), step - 1);
  return batchRow(floatTensor(data, dims.slice(1)), row).data;
}

/** `{schedule}.zsnr{0|1}.betas` and `.alphas_cumprod`, which the config alone decides. */
export function compareSchedules(schedules: Tensors, report: Report): void {
  const used = new Set<string>();
  for (const name of Object.keys(schedules)) {
    const match = /^(.+)\.zsnr([01])\.(betas|alphas_cumprod)$/.exec(name);
    if (!match) continue;
    const [, beta_schedule = '', zero, part] = match;
    const expected = floats(schedules, name);
    used.add(name);
    const { betas, alphasCumprod } = noiseSchedule({
      num_train_timesteps: expected.data.length,
      beta_schedule,
      zero_terminal_snr: zero === '1',
    });
    const actual = part === 'betas' ? betas : alphasCumprod;
    if (actual) report.values(name, floatTensor(actual, expected.dims), expected);
    else report.missing(name, 'this schedule has no betas');
  }
  remarkUnused(schedules, used, report);
}
