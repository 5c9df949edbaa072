/** The products around an attention: what it reads, as rows or as heads, and what becomes of what was read. */
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { narrow, widen } from './half.ts';
import { narrowLinear } from './linear.ts';
import type { ScaledOutputs } from './matrix.ts';
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

/** A size of zero in a shape is zero, and does not copy the size there was. */
export const EXACT = { allowzero: 1 };

/** Queries, keys and values: as rows (B, N, D) with the heads side by side, or as heads (B, H, N, hd). */
export interface Projections {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
}
export type KeyValue = Pick<Projections, 'key' | 'value'>;

/**
 * What the scores of an attention are multiplied by: queries that take it in on the way need no pass over them, and
 * keep the runtime from moving it into the product with the keys. A power of two changes no digit of a result.
 */
export function scaledQueries(module: Module, shape: AttentionShape): ScaledOutputs | undefined {
  const { dim, heads, qkvBias, qkNorm } = shape;
  const factor = (dim / heads) ** -0.5;
  const isExact = Number.isInteger(Math.log2(factor));
  const isTaken = module.weights.precision === 'int8' && isExact && !qkvBias && !qkNorm;
  return isTaken ? { outputs: dim, factor } : undefined;
}

/** The product that makes queries, and keys and values where it makes these as well. */
const queryProduct = (module: Module, x: Value, shape: AttentionShape, outputs: number): Value => {
  const scaled = scaledQueries(module, shape);
  return narrowLinear(module, x, [shape.dim, outputs], shape.qkvBias, 'other', scaled);
};

/** The three projections of self-attention as rows, each (B, N, D). */
export function selfRows(module: Module, x: Value, shape: AttentionShape): Projections {
  const { dim } = shape;
  const read = narrow(module, x, 'x/half');
  const qkv = queryProduct(module.at('qkv'), read, shape, 3 * dim); // (B, N, 3D)
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

/**
 * The three projections of self-attention as heads, each (u, H, v, hd).
 * @param x (B, M, D), of u * v rows
 * @param split int64 (4): u, v, 3H and hd
 */
export function selfHeads(
  module: Module,
  x: Value,
  shape: AttentionShape,
  split: Value,
): Projections {
  const { dim } = shape;
  const read = narrow(module, x, 'x/half');
  const qkv = queryProduct(module.at('qkv'), read, shape, 3 * dim); // (B, M, 3D)
  const parts = module.node('qkv/heads', 'Reshape', [qkv, split], EXACT); // (u, v, 3H, hd)
  const moved = module.node('qkv/Transpose', 'Transpose', [parts], { perm: [0, 2, 1, 3] });
  return splitHeads(module, moved, shape);
}

/** As `selfHeads`, of one token a row, whose heads need not be moved. @param x (B, 1, D) */
export function tokenHeads(module: Module, x: Value, shape: AttentionShape): Projections {
  const { dim, heads } = shape;
  const read = narrow(module, x, 'x/half');
  const qkv = queryProduct(module.at('qkv'), read, shape, 3 * dim); // (B, 1, 3D)
  const sizes = module.graph.int64([0, 3 * heads, 1, dim / heads]);
  const parts = module.node('qkv/heads', 'Reshape', [qkv, sizes]); // (B, 3H, 1, hd)
  return splitHeads(module, parts, shape);
}

/** @param parts (u, 3H, v, hd) */
function splitHeads(module: Module, parts: Value, shape: AttentionShape): Projections {
  const [query, key, value] = module.nodes('split', 'Split', [parts], 3, {
    axis: 1,
    num_outputs: 3,
  });
  return {
    query: normedHeads(module, query, 'q_norm', shape),
    key: normedHeads(module, key, 'k_norm', shape),
    value,
  };
}

/** The queries of cross-attention as rows, (B, M, D). */
export function crossQuery(module: Module, x: Value, shape: AttentionShape): Value {
  const read = narrow(module, x, 'x/half');
  return normed(module, queryProduct(module.at('q'), read, shape, shape.dim), 'q_norm', shape);
}

/** Keys and values of cross-attention as rows, each (B, N, D). @param context (B, N, contextDim) */
export function crossRows(module: Module, context: Value, shape: AttentionShape): KeyValue {
  const { dim, contextDim = dim } = shape;
  const read = narrow(module, context, 'context/half');
  const keyValue = narrowLinear(module.at('kv'), read, [contextDim, 2 * dim], shape.qkvBias);
  const [key, value] = module.nodes('split', 'Split', [keyValue], 2, { axis: -1, num_outputs: 2 });
  return { key: normed(module, key, 'k_norm', shape), value };
}

/** Queries or keys as heads (B, H, N, hd), each normed where the model has it. */
function normedHeads(
  module: Module,
  x: Value,
  norm: 'q_norm' | 'k_norm',
  { dim, heads, qkNorm }: Pick<AttentionShape, 'dim' | 'heads' | 'qkNorm'>,
): Value {
  if (!qkNorm) return x;
  const at = module.at(norm);
  return narrow(at, layerNorm(at, widen(at, x, 'x/wide'), dim / heads), 'half');
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
  const each = normedHeads(module, parts, norm, { dim, heads, qkNorm });
  return module.node(`${norm}/rows`, 'Reshape', [each, graph.int64([0, 0, dim])]);
}

/** The projection of what was read. @param read (B, M, D) */
export const project = (module: Module, read: Value, { dim, projBias }: AttentionShape): Value =>
  widen(module, narrowLinear(module.at('proj'), read, [dim, dim], projBias), 'wide');
