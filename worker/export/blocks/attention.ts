/**
 * Multi-head attention, written out in plain operators: as fast as the fused ones, and clearer. What goes in
 * and comes out is float32; heads are as narrow as the precision has them.
 */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { narrow, narrowConstant, widen } from './half.ts';
import { narrowLinear } from './linear.ts';
import { LOWEST } from './lowest.ts';
import { layerNorm } from './norm.ts';

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
  return attend(module, selfHeads(module, x, shape), shape, mask);
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
  const query = crossQuery(module, x, shape);
  return attend(module, { query, ...crossKeyValue(module, context, shape) }, shape, mask);
}

/** Keys and values that come before an attention's own. */
export interface Past extends Pick<Heads, 'key' | 'value'> {
  /** int64 (2): how many there are, and how many own ones; the same in every layer. */
  readonly lengths: Value;
}

function mixBoth(module: Module, weights: Value, past: Past, own: Value): Value {
  const [pastWeights, ownWeights] = module.nodes('weights', 'Split', [weights, past.lengths], 2, {
    axis: 3,
  });
  return module.node('mix', 'Add', [
    module.node('mix/past', 'MatMul', [pastWeights, past.value]),
    module.node('mix/own', 'MatMul', [ownWeights, own]),
  ]);
}

/** The three projections of self-attention as heads, each (B, H, N, hd). */
export function selfHeads(module: Module, x: Value, shape: AttentionShape): Heads {
  const { dim } = shape;
  const read = narrow(module, x, 'x/half');
  const qkv = narrowLinear(module.at('qkv'), read, [dim, 3 * dim], shape.qkvBias); // (B, N, 3D)
  const [query, key, value] = module.nodes('split', 'Split', [qkv], 3, {
    axis: -1,
    num_outputs: 3,
  });
  return {
    query: splitHeads(module, query, 'query', shape),
    key: splitHeads(module, key, 'key', shape),
    value: splitHeads(module, value, 'value', shape),
  };
}

/** The queries of cross-attention as heads, (B, H, M, hd). */
export function crossQuery(module: Module, x: Value, shape: AttentionShape): Value {
  const { dim, qkvBias } = shape;
  const read = narrow(module, x, 'x/half');
  const query = narrowLinear(module.at('q'), read, [dim, dim], qkvBias);
  return splitHeads(module, query, 'query', shape);
}

/** Keys and values of cross-attention as heads, each (B, H, N, hd). @param context (B, N, contextDim) */
export function crossKeyValue(
  module: Module,
  context: Value,
  shape: AttentionShape,
): Pick<Heads, 'key' | 'value'> {
  const { dim, contextDim = dim } = shape;
  const read = narrow(module, context, 'context/half');
  const keyValue = narrowLinear(module.at('kv'), read, [contextDim, 2 * dim], shape.qkvBias);
  const [key, value] = module.nodes('split', 'Split', [keyValue], 2, { axis: -1, num_outputs: 2 });
  return {
    key: splitHeads(module, key, 'key', shape),
    value: splitHeads(module, value, 'value', shape),
  };
}

export interface Heads {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}

/** (B, N, D) -> (B, H, N, hd), queries and keys normed where the model has it. */
function splitHeads(
  module: Module,
  x: Value,
  name: 'query' | 'key' | 'value',
  { dim, heads, qkNorm }: AttentionShape,
): Value {
  const headSize = dim / heads;
  const parts = module.node(`${name}/heads`, 'Reshape', [
    x,
    module.graph.int64([0, 0, heads, headSize]),
  ]);
  const split = module.node(`${name}/Transpose`, 'Transpose', [parts], { perm: [0, 2, 1, 3] });
  if (!qkNorm || name === 'value') return split;
  const norm = module.at(name === 'query' ? 'q_norm' : 'k_norm');
  return narrow(norm, layerNorm(norm, widen(norm, split, 'x/wide'), headSize), 'half');
}

/**
 * Softmax attention over heads, and the projection of what was read.
 * @param mask true where a key is hidden, broadcast to (B, H, M, N)
 * @param nothing true where a query has no key at all and reads zeros, broadcast to (B, H, M, hd)
 * @param past further keys and values that come first; apart, so that nothing copies them at every token
 * @returns (B, M, D)
 */
export function attend(
  module: Module,
  { query, key, value }: Heads,
  shape: AttentionShape,
  mask: Value | undefined,
  nothing?: Value,
  past?: Past,
): Value {
  const { graph } = module;
  const { dim, heads } = shape;
  const match = (keys: Value, name: string) =>
    module.node(name, 'FusedMatMul', [query, keys], {
      transB: 1,
      alpha: { float: (dim / heads) ** -0.5 },
    }); // (B, H, M, N)
  const own = match(key, 'scores');
  const product = past
    ? module.node('scores/all', 'Concat', [match(past.key, 'scores/past'), own], { axis: 3 })
    : own;
  const scores = mask
    ? module.node('masked', 'Where', [mask, narrowConstant(module, LOWEST), product])
    : product;
  const weights = module.node('Softmax', 'Softmax', [scores], { axis: -1 });
  const read = past
    ? mixBoth(module, weights, past, value)
    : module.node('mix', 'MatMul', [weights, value]);
  const mixed = nothing
    ? module.node('mix/visible', 'Where', [nothing, narrowConstant(module, 0), read])
    : read;
  const rows = module.node('merge/Transpose', 'Transpose', [mixed], { perm: [0, 2, 1, 3] });
  const merged = module.node('merge', 'Reshape', [rows, graph.int64([0, 0, dim])]); // (B, M, D)
  return widen(module, narrowLinear(module.at('proj'), merged, [dim, dim], shape.projBias), 'wide');
}
