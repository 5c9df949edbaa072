/**
 * Multi-head attention. Where everything is visible it is the standard's own operator, which writes no mask
 * and moves heads about by itself; otherwise it is written out, as the operator takes neither empty inputs
 * nor a mask without a pass over all scores. Both give the same numbers. What goes in and comes out is float32; rows and heads
 * are as narrow as the precision has them, and where they have 16 bits all attention is written out.
 */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { narrow, narrowConstant, widen } from './half.ts';
import { narrowLinear } from './linear.ts';
import { layerNorm } from './norm.ts';
import type { Visibility } from './visibility.ts';

export interface AttentionShape {
  readonly dim: number;
  readonly heads: number;
  readonly qkvBias: boolean;
  readonly projBias: boolean;
  readonly qkNorm: boolean;
  /** Width of what is attended to across; `dim` unless given. */
  readonly contextDim?: number;
}

/** Queries, keys and values: as rows (B, N, D) with the heads side by side, or as heads (B, H, N, hd). */
export interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}
export type KeyValue = Pick<Projections, 'key' | 'value'>;

/**
 * Self-attention.
 * @param x (B, N, D)
 * @param seen broadcast to (B, H, N, N); absent where everything is visible and nothing ever empty
 */
export function selfAttention(
  module: Module,
  x: Value,
  shape: AttentionShape,
  seen: Visibility | undefined,
): Value {
  return project(module, attend(module, selfRows(module, x, shape), shape, seen), shape);
}

/**
 * Cross-attention.
 * @param x (B, M, D) queries
 * @param context (B, N, contextDim) keys and values
 * @param seen broadcast to (B, H, M, N); as of `selfAttention`
 */
export function crossAttention(
  module: Module,
  x: Value,
  context: Value,
  shape: AttentionShape,
  seen: Visibility | undefined,
): Value {
  const query = crossQuery(module, x, shape);
  const rows = { query, ...crossRows(module, context, shape) };
  return project(module, attend(module, rows, shape, seen), shape);
}

/** The three projections of self-attention as rows, each (B, N, D). */
export function selfRows(module: Module, x: Value, shape: AttentionShape): Projections {
  const { dim } = shape;
  const read = narrow(module, x, 'x/half');
  const qkv = narrowLinear(module.at('qkv'), read, [dim, 3 * dim], shape.qkvBias); // (B, N, 3D)
  const [query, key, value] = module.nodes('split', 'Split', [qkv], 3, {
    axis: -1,
    num_outputs: 3,
  });
  return {
    query: normed(module, query, 'q_norm', shape),
    key: normed(module, key, 'k_norm', shape),
    value,
  };
}

/** The queries of cross-attention as rows, (B, M, D). */
export function crossQuery(module: Module, x: Value, shape: AttentionShape): Value {
  const { dim, qkvBias } = shape;
  const read = narrow(module, x, 'x/half');
  return normed(module, narrowLinear(module.at('q'), read, [dim, dim], qkvBias), 'q_norm', shape);
}

/** Keys and values of cross-attention as rows, each (B, N, D). @param context (B, N, contextDim) */
export function crossRows(module: Module, context: Value, shape: AttentionShape): KeyValue {
  const { dim, contextDim = dim } = shape;
  const read = narrow(module, context, 'context/half');
  const keyValue = narrowLinear(module.at('kv'), read, [contextDim, 2 * dim], shape.qkvBias);
  const [key, value] = module.nodes('split', 'Split', [keyValue], 2, { axis: -1, num_outputs: 2 });
  return { key: normed(module, key, 'k_norm', shape), value };
}

/** Queries or keys (B, N, D), each head normed where the model has it. */
function normed(
  module: Module,
  x: Value,
  norm: 'q_norm' | 'k_norm',
  { dim, heads, qkNorm }: AttentionShape,
): Value {
  if (!qkNorm) return x;
  const { graph } = module;
  const size = dim / heads;
  const parts = module.node(`${norm}/heads`, 'Reshape', [x, graph.int64([0, 0, heads, size])]);
  const at = module.at(norm);
  const each = narrow(at, layerNorm(at, widen(at, parts, 'x/wide'), size), 'half');
  return module.node(`${norm}/rows`, 'Reshape', [each, graph.int64([0, 0, dim])]);
}

/** Rows (B, N, D) as heads (B, H, N, hd). */
export function asHeads(
  module: Module,
  name: string,
  rows: Value,
  { dim, heads }: Pick<AttentionShape, 'dim' | 'heads'>,
): Value {
  const split = module.graph.int64([0, 0, heads, dim / heads]);
  const parts = module.node(`${name}/heads`, 'Reshape', [rows, split]);
  return module.node(`${name}/Transpose`, 'Transpose', [parts], { perm: [0, 2, 1, 3] });
}

/** Heads (B, H, N, hd) as rows (B, N, D). */
export function asRows(
  module: Module,
  name: string,
  heads: Value,
  { dim }: Pick<AttentionShape, 'dim'>,
): Value {
  const rows = module.node(`${name}/Transpose`, 'Transpose', [heads], { perm: [0, 2, 1, 3] });
  return module.node(name, 'Reshape', [rows, module.graph.int64([0, 0, dim])]);
}

/**
 * Softmax attention.
 * @param rows queries (B, M, D), keys and values (B, N, D)
 * @returns what was read, (B, M, D)
 */
export function attend(
  module: Module,
  rows: Projections,
  shape: AttentionShape,
  seen: Visibility | undefined,
): Value {
  const sizes = { q_num_heads: shape.heads, kv_num_heads: shape.heads };
  const whole = () =>
    module.node('Attention', 'Attention', [rows.query, rows.key, rows.value], sizes);
  const writtenOut = () => {
    const heads = {
      query: asHeads(module, 'query', rows.query, shape),
      key: asHeads(module, 'key', rows.key, shape),
      value: asHeads(module, 'value', rows.value, shape),
    };
    return asRows(module, 'merge', attendHeads(module, heads, shape, seen), shape);
  };
  if (module.weights.halves) return writtenOut();
  if (!seen) return whole();
  return module.branch('attended', seen.isPartial, writtenOut, whole);
}

/** As `attend`, on heads: queries (B, H, M, hd), keys and values (B, H, N, hd). @returns (B, H, M, hd) */
export function attendToHeads(
  module: Module,
  heads: Projections,
  shape: AttentionShape,
  seen: Visibility,
): Value {
  const writtenOut = () => attendHeads(module, heads, shape, seen);
  if (module.weights.halves) return writtenOut();
  return module.branch('attended', seen.isPartial, writtenOut, () =>
    module.node('Attention', 'Attention', [heads.query, heads.key, heads.value]),
  );
}

/** Products of queries and keys. @returns (B, H, M, N) */
const scoresOf = (
  module: Module,
  name: string,
  query: Value,
  key: Value,
  { dim, heads }: AttentionShape,
): Value =>
  module.node(name, 'FusedMatMul', [query, key], {
    transB: 1,
    alpha: { float: (dim / heads) ** -0.5 },
  });

const softmax = (module: Module, scores: Value): Value =>
  module.node('Softmax', 'Softmax', [scores], { axis: -1 });

/** Attention over heads, written out. @returns (B, H, M, hd) */
export function attendHeads(
  module: Module,
  { query, key, value }: Projections,
  shape: AttentionShape,
  seen: Visibility | undefined,
): Value {
  const scores = scoresOf(module, 'scores', query, key, shape);
  const masked = seen ? module.node('masked', 'Add', [scores, seen.bias]) : scores;
  const read = module.node('mix', 'MatMul', [softmax(module, masked), value]);
  return seen?.nothing
    ? module.node('mix/visible', 'Where', [seen.nothing, narrowConstant(module, 0), read])
    : read;
}

/** Keys and values that come before an attention's own, as heads. */
export interface Past extends KeyValue {
  /** int64 (2): how many there are, and how many own ones; the same in every layer. */
  readonly lengths: Value;
}

/**
 * Attention over heads to what came before and to what is given, apart, so that nothing copies the former at
 * every token.
 * @param bias broadcast to (B, H, M, past and own): `LOWEST` where a key is hidden
 * @returns (B, H, M, hd)
 */
export function attendWithPast(
  module: Module,
  { query, key, value }: Projections,
  past: Past,
  shape: AttentionShape,
  bias: Value,
): Value {
  const scores = module.node(
    'scores/all',
    'Concat',
    [
      scoresOf(module, 'scores/past', query, past.key, shape),
      scoresOf(module, 'scores/own', query, key, shape),
    ],
    { axis: 3 },
  );
  const weights = softmax(
    module.at('with_past'),
    module.node('scores/masked', 'Add', [scores, bias]),
  );
  const [before, own] = module.nodes('weights', 'Split', [weights, past.lengths], 2, { axis: 3 });
  return module.node('mix/all', 'Add', [
    module.node('mix/past', 'MatMul', [before, past.value]),
    module.node('mix/own', 'MatMul', [own, value]),
  ]);
}

/** The projection of what was read. @param read (B, M, D) */
export const project = (module: Module, read: Value, { dim, projBias }: AttentionShape): Value =>
  widen(module, narrowLinear(module.at('proj'), read, [dim, dim], projBias), 'wide');
