/** The transformer inside the image tokenizers; encoder and decoder differ only around it. */
import type { VitPreset } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { selfAttention } from './attention.ts';
import { linear } from './linear.ts';
import { hiddenSize, mlp } from './mlp.ts';
import { layerNorm } from './norm.ts';

/** torch's bicubic kernel, `F.interpolate(mode='bicubic')`. */
const CUBIC_COEFFICIENT = -0.75;

/**
 * The blocks, then the tanh MLP when the config asks for one. No final norm.
 * @param x (B, N, D)
 */
export function vitBlocks(module: Module, x: Value, preset: VitPreset, postMlp: boolean): Value {
  const { dim_tokens: dim, depth, num_heads: heads, mlp_ratio: ratio, qkv_bias: qkvBias } = preset;
  const hidden = hiddenSize(dim, ratio, false);
  let out = x;
  for (let i = 0; i < depth; i++) {
    const block = module.at('blocks', i);
    const attended = selfAttention(
      block.at('attn'),
      layerNorm(block.at('norm1'), out, dim),
      { dim, heads, qkvBias, projBias: true, qkNorm: false },
      undefined,
    );
    out = block.node('after_attention', 'Add', [out, attended]);
    const fed = mlp(block.at('mlp'), layerNorm(block.at('norm2'), out, dim), {
      dim,
      hidden,
      gated: false,
      bias: true,
      activation: 'GELU',
    });
    out = block.node('after_mlp', 'Add', [out, fed]);
  }
  if (!postMlp) return out;
  const post = module.at('post_mlp');
  const inner = linear(
    post.at('fc1'),
    layerNorm(module.at('norm_mlp'), out, dim),
    [dim, hidden],
    true,
  );
  const fed = linear(post.at('fc2'), post.node('tanh', 'Tanh', [inner]), [hidden, dim], true);
  return module.node('after_post_mlp', 'Add', [out, fed]);
}

/**
 * The stored position table, resized bicubically to the actual grid: a tokenizer trained at 448 and used
 * at 224 runs on a shrunk 28x28 table, not on a 14x14 one.
 * @param grid [h, w]
 * @param name of the table, (1, D, H, W)
 * @returns (1, h*w, D)
 */
export function positionTokens(module: Module, grid: Value, dim: number, name = 'pos_emb'): Value {
  const { graph } = module;
  const resize = module.at(name);
  const [, , stored = 0, storedWidth = 0] = module.weights.shape(name);
  const shape = [1, dim, stored, storedWidth];
  const table = module.weight(name, shape, [dim * stored, storedWidth]);
  const [height, width] = resize.nodes('grid', 'Split', [grid], 2, { axis: 0, num_outputs: 2 });
  const down = bicubicMatrix(resize.at('height'), stored, height); // (h, H)
  const across = bicubicMatrix(resize.at('width'), storedWidth, width); // (w, W)
  const wide = resize.node('columns', 'FusedMatMul', [table, across], { transB: 1 }); // (D*H, w)
  const split = resize.node('columns/split', 'Reshape', [wide, graph.int64([dim, stored, -1])]);
  const turned = resize.node('columns/last', 'Transpose', [split], { perm: [1, 2, 0] }); // (H, w, D)
  const flat = resize.node('columns/flat', 'Reshape', [turned, graph.int64([stored, -1])]);
  const rows = resize.node('rows', 'MatMul', [down, flat]); // (h, w*D)
  return resize.node('tokens', 'Reshape', [rows, graph.int64([1, -1, dim])]);
}

/**
 * The matrix that resizes one axis. Resizing is linear, so it is the resized identity; to apply it is
 * much cheaper than the runtime's own cubic Resize over hundreds of channels.
 * @param size one-element vector
 * @returns (size, stored)
 */
function bicubicMatrix(module: Module, stored: number, size: Value): Value {
  const { graph } = module;
  const square = module.node('square', 'ConstantOfShape', [graph.int64([stored, stored])]);
  const identity = module.node('identity', 'EyeLike', [square]);
  const picture = module.node('picture', 'Unsqueeze', [identity, graph.int64([0, 1])]);
  const sizes = module.node('sizes', 'Concat', [graph.int64([1, 1]), size, graph.int64([stored])], {
    axis: 0,
  });
  const resized = module.node('Resize', 'Resize', [picture, '', '', sizes], {
    mode: 'cubic',
    cubic_coeff_a: { float: CUBIC_COEFFICIENT },
    coordinate_transformation_mode: 'half_pixel',
  });
  return module.node('matrix', 'Squeeze', [resized, graph.int64([0, 1])]);
}

/** (B, D, h, w) -> (B, h*w, D) */
export function tokensOf(module: Module, name: string, map: Value, dim: number): Value {
  const rows = module.node(`${name}/flat`, 'Reshape', [map, module.graph.int64([0, dim, -1])]);
  return module.node(`${name}/tokens`, 'Transpose', [rows], { perm: [0, 2, 1] });
}
