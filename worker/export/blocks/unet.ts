/** The convolutional diffusion decoder of the published tokenizers (`PatchedUNetCondCat`). */
import { itemAt, present } from '../../../shared/lookup.ts';
import type { DivaeConfig, UnetPreset } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { conv } from './conv.ts';
import { groupNorm } from './groupNorm.ts';
import { activate } from './mlp.ts';
import { type ResidualNames, residualBlock, type TimeVector } from './residual.ts';
import { doubled, foldPatches, nearest, sizeOf, unfoldPatches } from './resize.ts';
import { sinusoids, timeEmbedding } from './timeEmbedding.ts';

const NAMES: ResidualNames = {
  norms: ['in_layers.0', 'out_layers.0'],
  convs: ['in_layers.2', 'out_layers.3'],
  time: 'emb_layers.1',
  skip: 'skip_connection',
};

export interface DenoiserInputs {
  /** (B, C, H, W) */
  readonly sample: Value;
  /** int64 (B) */
  readonly timestep: Value;
  /** (B, latent, h, w) */
  readonly codes: Value;
}

/** A picture of features inside the network. */
interface Features {
  readonly value: Value;
  readonly channels: number;
}

/** @returns the prediction, (B, C, H, W); H and W are multiples of the patch times 2 to the levels below the first */
export function unet(
  module: Module,
  { sample, timestep, codes }: DenoiserInputs,
  preset: UnetPreset,
  config: Pick<DivaeConfig, 'n_channels' | 'latent_dim'>,
): Value {
  const { patch_size: side, model_channels: width, num_res_blocks: depth } = preset;
  const { group_norm_groups: groups, channel_mult: multiples } = preset;
  const patched = config.n_channels * side * side;
  const time: TimeVector = {
    value: timeEmbedding(
      module.at('time_embed'),
      [module.at('time_embed', 0), module.at('time_embed', 2)],
      sinusoids(module.at('timestep'), timestep, width),
      width,
    ),
    size: 4 * width,
  };
  const residual = (at: Module, { value, channels }: Features, outputs: number): Features => ({
    value: residualBlock(at, value, time, { inputs: channels, outputs, groups, names: NAMES }),
    channels: outputs,
  });
  const attention = (at: Module, { value, channels }: Features): Features => ({
    value: attentionBlock(at, value, channels, preset),
    channels,
  });
  /** A residual block, followed by attention at the resolutions that have it. */
  const stage = (at: Module, x: Features, outputs: number, shrunk: number): Features => {
    const out = residual(at.at(0), x, outputs);
    return preset.attention_resolutions.includes(shrunk) ? attention(at.at(1), out) : out;
  };

  const patches = foldPatches(module.at('patches'), sample, config.n_channels, side);
  const grid = sizeOf(module, 'grid', patches);
  const input = module.node(
    'input',
    'Concat',
    [patches, nearest(module.at('codes'), codes, grid)],
    {
      axis: 1,
    },
  );
  const multipleOf = (level: number) => itemAt(multiples, level, 'channel_mult');
  const first = width * multipleOf(0);
  const start = { inputs: patched + config.latent_dim, outputs: first, kernel: 3, padding: 1 };
  let x: Features = {
    value: conv(module.at('input_blocks', 0, 0), input, start),
    channels: first,
  };
  const skips = [x];
  const levels = multiples.length;
  for (const [level, multiple] of multiples.entries()) {
    for (let i = 0; i < depth; i++) {
      x = stage(module.at('input_blocks', skips.length), x, width * multiple, 2 ** level);
      skips.push(x);
    }
    if (level === levels - 1) continue;
    const { channels } = x;
    const halving = { inputs: channels, outputs: channels, kernel: 3, stride: 2, padding: 1 };
    const at = module.at('input_blocks', skips.length, 0, 'op');
    x = { value: conv(at, x.value, halving), channels };
    skips.push(x);
  }

  const middle = module.at('middle_block');
  x = residual(middle.at(0), x, x.channels);
  x = residual(middle.at(2), attention(middle.at(1), x), x.channels);

  let block = 0;
  for (let level = levels - 1; level >= 0; level--) {
    for (let i = 0; i <= depth; i++) {
      const at = module.at('output_blocks', block);
      const skip = present(skips.pop(), 'the skip of an output block');
      const joined = {
        value: at.node('joined', 'Concat', [x.value, skip.value], { axis: 1 }),
        channels: x.channels + skip.channels,
      };
      x = stage(at, joined, width * multipleOf(level), 2 ** level);
      if (level > 0 && i === depth) {
        const up = at.at(preset.attention_resolutions.includes(2 ** level) ? 2 : 1);
        const { channels } = x;
        const smoothing = { inputs: channels, outputs: channels, kernel: 3, padding: 1 };
        x = { value: conv(up.at('conv'), doubled(up, x.value), smoothing), channels };
      }
      block++;
    }
  }

  const out = module.at('out');
  const normed = activate(out, groupNorm(out.at(0), x.value, x.channels, groups), 'SiLU');
  const last = { inputs: x.channels, outputs: patched, kernel: 3, padding: 1 };
  return unfoldPatches(out, conv(out.at(2), normed, last), side);
}

/** Every pixel attends to every pixel. x (B, channels, H, W) */
function attentionBlock(
  module: Module,
  x: Value,
  channels: number,
  { num_heads: heads, group_norm_groups: groups }: UnetPreset,
): Value {
  const { graph } = module;
  const headSize = channels / heads;
  const normed = groupNorm(module.at('norm'), x, channels, groups);
  const flat = module.node('pixels', 'Reshape', [normed, graph.int64([0, channels, -1])]);
  const shape = { inputs: channels, outputs: 3 * channels, kernel: 1, axes: 1 } as const;
  const qkv = conv(module.at('qkv'), flat, shape); // (B, 3C, N)
  // Heads come first in the channels, then query, key and value.
  const parts = module.node('heads', 'Reshape', [qkv, graph.int64([0, heads, 3 * headSize, -1])]);
  const [query, key, value] = module.nodes('split', 'Split', [parts], 3, {
    axis: 2,
    num_outputs: 3,
  }); // (B, H, C/H, N)
  const scores = module.node('scores', 'FusedMatMul', [query, key], {
    transA: 1,
    alpha: { float: headSize ** -0.5 },
  }); // (B, H, N, N)
  const weights = module.node('Softmax', 'Softmax', [scores], { axis: -1 });
  const mixed = module.node('mix', 'FusedMatMul', [value, weights], { transB: 1 });
  const merged = module.node('merge', 'Reshape', [mixed, graph.int64([0, channels, -1])]);
  const projected = conv(module.at('proj_out'), merged, {
    inputs: channels,
    outputs: channels,
    kernel: 1,
    axes: 1,
  });
  const picture = module.node('picture', 'Reshape', [
    projected,
    module.node('shape', 'Shape', [x]),
  ]);
  return module.node('residual', 'Add', [x, picture]);
}
