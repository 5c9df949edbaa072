/** What the queries of an attention see, prepared once for all layers that look the same way. */
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import { narrowConstant } from './half.ts';
import { LOWEST } from './lowest.ts';

export interface Visibility {
  /** As narrow as scores are, broadcast to (B, H, M, N): `LOWEST` where a key is hidden, 0 where it is seen. */
  readonly bias: Value;
  /** bool scalar: something is hidden, or there are no queries or no keys. */
  readonly isPartial: Value;
  /** bool (B, 1, M, 1): true where a query has no key at all and reads zeros. Absent where all have one. */
  readonly nothing?: Value;
}

/** What is added to the scores of hidden keys. @param hidden bool (...) */
export const hiddenBias = (module: Module, hidden: Value): Value =>
  module.node('bias', 'Where', [hidden, narrowConstant(module, LOWEST), narrowConstant(module, 0)]);

/** @param hidden bool, broadcast to (B, H, M, N): true where a key is hidden */
export function visibilityOf(module: Module, hidden: Value): Visibility {
  const { graph } = module;
  const numbers = module.node('hidden/numbers', 'Cast', [hidden], { to: ELEMENT_TYPES.float32 });
  const row = module.node('hidden/row', 'Reshape', [numbers, graph.int64([-1])]);
  // A zero goes in front, as CUDA adds up nothing at all where the mask is empty.
  const all = module.node('hidden/all', 'Concat', [graph.float32([0]), row], { axis: 0 });
  const count = module.node('hidden/count', 'ReduceSum', [all], { keepdims: 0 });
  const some = module.node('hidden/some', 'Cast', [count], { to: ELEMENT_TYPES.bool });
  const size = module.node('hidden/size', 'Size', [hidden]);
  const none = module.node('hidden/of_none', 'Equal', [size, graph.int64(0)]);
  return {
    bias: hiddenBias(module, hidden),
    isPartial: module.node('hidden/is_partial', 'Or', [some, none]),
  };
}
