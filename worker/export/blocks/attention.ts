/**
 * Multi-head attention. Where everything is visible it is the standard's own operator, which writes no mask
 * and moves heads about by itself; otherwise it is written out, as the operator takes neither empty inputs
 * nor a mask without a pass over all scores. Both give the same numbers. What goes in and comes out is float32; rows and heads
 * are as narrow as the precision has them, and where they have 16 bits all attention is written out.
 */
import type { Value } from '../../onnx/graph.ts';
import type { Attribute } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import { narrowConstant } from './half.ts';
import {
  type AttentionShape,
  crossQuery,
  crossRows,
  type KeyValue,
  type Projections,
  project,
  scaledQueries,
  selfRows,
} from './projections.ts';
import type { Visibility } from './visibility.ts';

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
  const sizes = { q_num_heads: shape.heads, kv_num_heads: shape.heads, ...scaleOf(module, shape) };
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
  if (module.weights.form === 'half') return writtenOut();
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
  if (module.weights.form === 'half') return writtenOut();
  return module.branch('attended', seen.isPartial, writtenOut, () =>
    module.node(
      'Attention',
      'Attention',
      [heads.query, heads.key, heads.value],
      scaleOf(module, shape),
    ),
  );
}

/** The scale of the standard's own operator, where it is not by the width of a head. */
const scaleOf = (module: Module, shape: AttentionShape): Record<string, Attribute> =>
  scaledQueries(module, shape) ? { scale: { float: 1 } } : {};

/**
 * Queries in the scale of the scores. A factor of the product itself would keep the runtime from the form of a
 * single query, which reads each key once where it lies.
 */
function scaledQuery(module: Module, query: Value, shape: AttentionShape): Value {
  if (scaledQueries(module, shape)) return query;
  const factor = narrowConstant(module, (shape.dim / shape.heads) ** -0.5);
  return module.node('query/scaled', 'Mul', [query, factor]);
}

/** Products of scaled queries and keys. @returns (B, H, M, N) */
const scoresOf = (module: Module, name: string, query: Value, key: Value): Value =>
  module.node(name, 'FusedMatMul', [query, key], { transB: 1 });

const softmax = (module: Module, scores: Value): Value =>
  module.node('Softmax', 'Softmax', [scores], { axis: -1 });

/** What the queries see, without whether it is all. */
type Seen = Omit<Visibility, 'isPartial'>;

/** Attention over heads, written out. @returns (B, H, M, hd) */
export function attendHeads(
  module: Module,
  { query, key, value }: Projections,
  shape: AttentionShape,
  seen: Seen | undefined,
): Value {
  const scores = scoresOf(module, 'scores', scaledQuery(module, query, shape), key);
  const masked = seen ? module.node('masked', 'Add', [scores, seen.bias]) : scores;
  const read = module.node('mix', 'MatMul', [softmax(module, masked), value]);
  return seen?.nothing
    ? module.node('mix/visible', 'Where', [seen.nothing, narrowConstant(module, 0), read])
    : read;
}

/**
 * Attention to keys and values that are kept as heads. Values of keys that a row does not have are zeros, so that
 * one which has none at all reads zeros.
 * @param query (B, M, D)
 * @param known (B, H, N, hd)
 * @returns (B, M, D)
 */
export function attendToKept(
  module: Module,
  query: Value,
  { key, value }: KeyValue,
  shape: AttentionShape,
  seen: Seen,
): Value {
  if (module.weights.form === 'half') {
    const heads = { query: asHeads(module, 'query', query, shape), key, value };
    return asRows(module, 'merge', attendHeads(module, heads, shape, seen), shape);
  }
  const scaled = scaledQuery(module, query, shape);
  const inputs = [scaled, key, value, '', '', seen.bias] as const;
  const sizes = { num_heads: shape.heads, scale: { float: 1 } };
  return module.node('MultiHeadAttention', 'com.microsoft.MultiHeadAttention', inputs, sizes);
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
  const scaled = scaledQuery(module.at('with_past'), query, shape);
  const scores = module.node(
    'scores/all',
    'Concat',
    [
      scoresOf(module, 'scores/past', scaled, past.key),
      scoresOf(module, 'scores/own', scaled, key),
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
