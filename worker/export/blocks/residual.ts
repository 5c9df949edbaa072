/** The residual block of the convolutional diffusion decoders. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { conv } from './conv.ts';
import { groupNorm } from './groupNorm.ts';
import { linear } from './linear.ts';
import { activate } from './mlp.ts';

/** What the parts of the block are called in a checkpoint. */
export interface ResidualNames {
  readonly norms: readonly [string, string];
  readonly convs: readonly [string, string];
  readonly time: string;
  readonly skip: string;
}

/** A timestep as a vector, after its SiLU: (B, size). */
export interface TimeVector {
  readonly value: Value;
  readonly size: number;
}

export interface ResidualShape {
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
  readonly names: ResidualNames;
}

/**
 * `skip(x) + conv(silu(norm(conv(silu(norm(x))) + linear(time))))`; the skip is a 1x1 convolution where the
 * number of channels changes.
 * @param x (B, inputs, H, W)
 * @returns (B, outputs, H, W)
 */
export function residualBlock(
  module: Module,
  x: Value,
  time: TimeVector,
  { inputs, outputs, groups, names }: ResidualShape,
): Value {
  const half = (index: 0 | 1, value: Value, channels: number) => {
    const normed = groupNorm(module.at(names.norms[index]), value, channels, groups);
    const active = activate(module.at(`act${index}`), normed, 'SiLU');
    const shape = { inputs: channels, outputs, kernel: 3, padding: 1 };
    return conv(module.at(names.convs[index]), active, shape);
  };
  const projected = linear(module.at(names.time), time.value, [time.size, outputs], true);
  const perChannel = module.node('time', 'Unsqueeze', [projected, module.graph.int64([2, 3])]);
  const timed = module.node('timed', 'Add', [half(0, x, inputs), perChannel]);
  const skipped =
    inputs === outputs ? x : conv(module.at(names.skip), x, { inputs, outputs, kernel: 1 });
  return module.node('residual', 'Add', [skipped, half(1, timed, outputs)]);
}
