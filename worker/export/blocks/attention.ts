/** Multi-head attention, written out in plain operators: as fast as the fused ones, and clearer. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';
import { layerNorm } from './norm.ts';

/** What masked scores are replaced by: finite, so that a row of masked keys is uniform and never NaN. */
const MASKED_SCORE = -3.4028234663852886e38;

export interface AttentionShape {
  readonly dim: number;
  readonly heads: number;
  readonly qkvBias: boolean;
  readonly projBias: boolean;
  readonly qkNorm: boolean;
  /** Width of what is attended to across; `dim` unless given. */
  readonly contextDim?: number;
}

/**
 * Self-attention.
 * @param x (B, N, D)
 * @param mask true where a key is hidden, broadcast to (B, H, N, N)
 */
export function selfAttention(
  module: Module,
  x: Value,
  shape: AttentionShape,
  mask: Value | undefined,
): Value {
  const { dim } = shape;
  const qkv = linear(module.at('qkv'), x, [dim, 3 * dim], shape.qkvBias); // (B, N, 3D)
  const [query, key, value] = module.nodes('split', 'Split', [qkv], 3, {
    axis: -1,
    num_outputs: 3,
  });
  return attend(module, query!, key!, value!, shape, mask);
}

/**
 * Cross-attention.
 * @param x (B, M, D) queries
 * @param context (B, N, contextDim) keys and values
 * @param mask true where a key is hidden, broadcast to (B, H, M, N)
 */
export function crossAttention(
  module: Module,
  x: Value,
  context: Value,
  shape: AttentionShape,
  mask: Value | undefined,
): Value {
  const { dim, contextDim = dim } = shape;
  const query = linear(module.at('q'), x, [dim, dim], shape.qkvBias);
  const keyValue = linear(module.at('kv'), context, [contextDim, 2 * dim], shape.qkvBias);
  const [key, value] = module.nodes('split', 'Split', [keyValue], 2, { axis: -1, num_outputs: 2 });
  return attend(module, query, key!, value!, shape, mask);
}

function attend(
  module: Module,
  query: Value,
  key: Value,
  value: Value,
  shape: AttentionShape,
  mask: Value | undefined,
): Value {
  const { graph } = module;
  const { dim, heads } = shape;
  const headSize = dim / heads;
  const split = (x: Value, name: string) => {
    const parts = module.node(`${name}/heads`, 'Reshape', [
      x,
      graph.int64([0, 0, heads, headSize]),
    ]);
    return module.node(`${name}/Transpose`, 'Transpose', [parts], { perm: [0, 2, 1, 3] }); // (B, H, N, hd)
  };
  const normed = (x: Value, name: string) =>
    shape.qkNorm ? layerNorm(module.at(`${name}_norm`), x, headSize) : x;
  const product = module.node(
    'scores',
    'FusedMatMul',
    [normed(split(query, 'query'), 'q'), normed(split(key, 'key'), 'k')],
    { transB: 1, alpha: { float: headSize ** -0.5 } },
  ); // (B, H, M, N)
  const scores = mask
    ? module.node('masked', 'Where', [mask, graph.float32(MASKED_SCORE), product])
    : product;
  const weights = module.node('Softmax', 'Softmax', [scores], { axis: -1 });
  const mixed = module.node('mix', 'MatMul', [weights, split(value, 'value')]);
  const rows = module.node('merge/Transpose', 'Transpose', [mixed], { perm: [0, 2, 1, 3] });
  const merged = module.node('merge', 'Reshape', [rows, graph.int64([0, 0, dim])]); // (B, M, D)
  return linear(module.at('proj'), merged, [dim, dim], shape.projBias);
}
