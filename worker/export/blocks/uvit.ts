/**
 * The diffusion decoder with a transformer between convolutions (`UViT`; Hoogeboom et al., "simple
 * diffusion", section 3.4).
 */
import { itemAt, present } from '../../../shared/lookup.ts';
import type { DivaeConfig, UvitPreset } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { conv, unfoldingConv } from './conv.ts';
import { groupNorm } from './groupNorm.ts';
import { activate } from './mlp.ts';
import { type ResidualNames, residualBlock, type TimeVector } from './residual.ts';
import { nearest, sizeOf } from './resize.ts';
import { sinusoids, timeEmbedding } from './timeEmbedding.ts';
import type { DenoiserInputs } from './unet.ts';
import { uvitMiddle } from './uvitMiddle.ts';

const NAMES: ResidualNames = {
  norms: ['norm1', 'norm2'],
  convs: ['conv1', 'conv2'],
  time: 'time_emb_proj',
  skip: 'conv_shortcut',
};

/** A mask for training, and the second name that the layer before the transformer has in checkpoints. */
export const UNUSED_UVIT_TENSORS: readonly string[] = [
  'mid_block.mask_token',
  'downsample_mid.Conv2d_0.weight',
  'downsample_mid.Conv2d_0.bias',
];

/** @returns the prediction, (B, C, H, W) */
export function uvit(
  module: Module,
  { sample, timestep, codes }: DenoiserInputs,
  preset: UvitPreset,
  config: Pick<DivaeConfig, 'n_channels' | 'latent_dim' | 'conditioning'>,
): Value {
  const { patch_size: side, block_out_channels: widths, norm_num_groups: groups } = preset;
  const levels = widths.length;
  const widthOf = (level: number) => itemAt(widths, level, 'block_out_channels');
  const first = widthOf(0);
  const embedding = module.at('time_embedding');
  const time: TimeVector = {
    value: timeEmbedding(
      embedding,
      [embedding.at('linear_1'), embedding.at('linear_2')],
      sinusoids(module.at('time_proj'), timestep, first),
      first,
    ),
    size: 4 * first,
  };
  const residual = (at: Module, value: Value, inputs: number, outputs: number) =>
    residualBlock(at, value, time, { inputs, outputs, groups, names: NAMES });

  const patching = { inputs: config.n_channels, outputs: first, kernel: side, stride: side };
  let x = conv(module.at('conv_in'), sample, patching);
  let channels = first;
  const skips = [{ value: x, channels }];
  const keep = () => skips.push({ value: x, channels });
  for (const [level, width] of widths.entries()) {
    const block = module.at('down_blocks', level);
    for (let i = 0; i < preset.layers_per_block; i++) {
      x = residual(block.at('resnets', i), x, channels, width);
      channels = width;
      keep();
    }
    if (level === levels - 1) continue;
    x = halved(block.at('downsamplers', 0, 'conv'), x, width);
    keep();
  }

  const before = sizeOf(module, 'size_before_middle', x);
  if (preset.downsample_before_mid) x = halved(middleHalving(module), x, channels);
  x = uvitMiddle(module.at('mid_block'), x, { time, codes, channels, preset, config });
  if (preset.downsample_before_mid) x = enlarged(module.at('upsample_mid'), x, before, channels);

  for (let index = 0; index < levels; index++) {
    const width = widthOf(levels - 1 - index);
    const block = module.at('up_blocks', index);
    for (let i = 0; i <= preset.layers_per_block; i++) {
      const at = block.at('resnets', i);
      const skip = present(skips.pop(), 'the skip of an up block');
      const joined = at.node('joined', 'Concat', [x, skip.value], { axis: 1 });
      x = residual(at, joined, channels + skip.channels, width);
      channels = width;
    }
    if (index === levels - 1) continue;
    const size = sizeOf(
      block,
      'size',
      present(skips.at(-1), 'the skip of the next up block').value,
    );
    x = enlarged(block.at('upsamplers', 0), x, size, width);
  }

  const normed = groupNorm(module.at('conv_norm_out'), x, first, groups);
  const active = activate(module.at('conv_act'), normed, 'SiLU');
  const unpatching = { inputs: first, outputs: config.n_channels, kernel: side };
  return unfoldingConv(module.at('conv_out'), active, unpatching);
}

const halved = (module: Module, x: Value, channels: number): Value =>
  conv(module, x, { inputs: channels, outputs: channels, kernel: 3, stride: 2, padding: 1 });

/** Saved under two names, of which a checkpoint may have lost one. */
const middleHalving = (module: Module): Module => {
  const at = module.at('downsample_mid');
  return at.weights.has('conv.weight') ? at.at('conv') : at.at('Conv2d_0');
};

/** To the size of what comes next; an odd picture was halved rounding up. */
const enlarged = (module: Module, x: Value, size: Value, channels: number): Value =>
  conv(module.at('conv'), nearest(module.at('nearest'), x, size), {
    inputs: channels,
    outputs: channels,
    kernel: 3,
    padding: 1,
  });
