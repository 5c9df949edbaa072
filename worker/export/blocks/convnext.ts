/** The ConvNeXt blocks that smooth a decoded picture (`out_conv`, tokenizer of instance masks). */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { conv } from './conv.ts';
import { linear } from './linear.ts';
import { activate } from './mlp.ts';
import { layerNorm } from './norm.ts';

/** x + gamma * mlp(norm(depthwise 7x7 (x))); x (B, C, H, W) */
export function convNextBlock(module: Module, x: Value, channels: number): Value {
  const depthwise = {
    inputs: channels,
    outputs: channels,
    groups: channels,
    kernel: 7,
    padding: 3,
  };
  const spatial = conv(module.at('dwconv'), x, depthwise);
  const last = module.node('channels_last', 'Transpose', [spatial], { perm: [0, 2, 3, 1] });
  const normed = layerNorm(module.at('norm'), last, channels);
  const wide = linear(module.at('pwconv1'), normed, [channels, 4 * channels], true);
  const inner = activate(module, wide, 'GELU');
  const narrow = linear(module.at('pwconv2'), inner, [4 * channels, channels], true);
  const scaled = module.node('scaled', 'Mul', [narrow, module.weight('gamma', [channels])]);
  const first = module.node('channels_first', 'Transpose', [scaled], { perm: [0, 3, 1, 2] });
  return module.node('residual', 'Add', [x, first]);
}
