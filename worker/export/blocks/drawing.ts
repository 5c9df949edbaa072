/**
 * The highest of a row of logits, and the one that a draw falls on. Both look at blocks of a row first, and then at
 * one block, since the runtime's own search for a place and its running sums pass over numbers one at a time.
 */
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';

/** Rows are as long as a multiple of this. */
const BLOCK = 128;
/** Below every draw but zero, which would fall on a token of next to no weight: draws have 32 bits. */
const LEAST_DRAW = 2 ** -33;

/** (P, V) -> (P, b, 128) */
const inBlocks = (module: Module, x: Value): Value =>
  module.node('blocks', 'Reshape', [x, module.graph.int64([0, -1, BLOCK])]);

/**
 * The highest of each row: the value, (P, 1), and the place of the first one that has it, (P).
 * @param x (P, V)
 */
export function highestOf(module: Module, x: Value) {
  const { graph } = module;
  const at = module.at('best');
  const blocks = inBlocks(at, x);
  const tops = at.node('tops', 'ReduceMax', [blocks, graph.int64([2])], { keepdims: 0 }); // (P, b)
  const block = at.node('block', 'ArgMax', [tops], { axis: 1, keepdims: 1 }); // (P, 1)
  const chosen = at.node('chosen', 'GatherND', [blocks, block], { batch_dims: 1 }); // (P, 128)
  const inside = at.node('inside', 'ArgMax', [chosen], { axis: 1, keepdims: 1 }); // (P, 1)
  return {
    highest: module.node('highest', 'GatherElements', [tops, block], { axis: 1 }),
    best: module.node('best', 'Squeeze', [placeOf(at, block, inside), graph.int64([1])]),
  };
}

/** The place in a row of what lies in a block. @returns (P, 1) */
const placeOf = (module: Module, block: Value, inside: Value): Value =>
  module.node('id', 'Add', [
    module.node('id/block', 'Mul', [block, module.graph.int64(BLOCK)]),
    inside,
  ]);

/**
 * The first token at which the running sum exceeds draw * total.
 * @param weights (P, V)
 * @param draw (P), uniform in [0, 1)
 * @param fallback (P), taken where rounding leaves none
 */
export function pick(module: Module, weights: Value, draw: Value, fallback: Value) {
  const { graph } = module;
  const blocks = inBlocks(module, weights);
  const sums = module.node('sums', 'ReduceSum', [blocks, graph.int64([2])], { keepdims: 0 }); // (P, b)
  const upTo = module.node('sums/up_to', 'CumSum', [sums, graph.int64(1)]);
  const total = module.node('total', 'ReduceSum', [sums, graph.int64([1])], { keepdims: 1 }); // (P, 1)
  const above = module.node('draw/above', 'Max', [draw, graph.float32(LEAST_DRAW)]);
  const column = module.node('draw', 'Unsqueeze', [above, graph.int64([1])]);
  const goal = module.node('goal', 'Mul', [column, total]); // (P, 1)
  const block = countUpTo(module.at('block'), upTo, goal, sums); // (P, 1)
  const before = module.node('before', 'Sub', [
    module.node('before/with', 'GatherElements', [upTo, block], { axis: 1 }),
    module.node('before/own', 'GatherElements', [sums, block], { axis: 1 }),
  ]);
  const chosen = module.node('chosen', 'GatherND', [blocks, block], { batch_dims: 1 }); // (P, 128)
  const within = module.node('within', 'Add', [
    module.node('within/up_to', 'CumSum', [chosen, graph.int64(1)]),
    before,
  ]);
  const inside = countUpTo(module.at('inside'), within, goal, chosen);
  const own = module.node('own', 'GatherElements', [chosen, inside], { axis: 1 });
  const id = placeOf(module, block, inside);
  // Rounding can end on a token of no weight at all.
  const isReal = module.node('is_real', 'Squeeze', [
    module.node('own/positive', 'Greater', [own, graph.float32(0)]),
    graph.int64([1]),
  ]);
  const flat = module.node('id/flat', 'Squeeze', [id, graph.int64([1])]);
  return { ids: module.node('ids', 'Where', [isReal, flat, fallback]), total };
}

/** How many of the sums are at most the goal, which is the place of the first beyond it. @returns (P, 1) */
function countUpTo(module: Module, sums: Value, goal: Value, like: Value): Value {
  const { graph } = module;
  const below = module.node(
    'below',
    'Cast',
    [module.node('at_most', 'LessOrEqual', [sums, goal])],
    {
      to: ELEMENT_TYPES.int64,
    },
  );
  const count = module.node('count', 'ReduceSum', [below, graph.int64([1])], { keepdims: 1 });
  const size = module.node('size', 'Shape', [like], { start: 1, end: 2 });
  return module.node('place', 'Min', [count, module.node('last', 'Sub', [size, graph.int64([1])])]);
}
