/**
 * Draws a token for each row of logits, inside the graph. Filters act on the raw logits, before the
 * temperature divides them, as in the 4M sampler; the draw is by inverse CDF from a given uniform number,
 * so that it depends on its row alone.
 */

import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import { LOWEST } from './lowest.ts';
import { borderOfTopP } from './topP.ts';

export interface SamplingInputs {
  /** float (P); 0 takes the most likely token. */
  readonly temperature: Value;
  /** int64 (P); 0 is off. */
  readonly topK: Value;
  /** int64 (1), the largest of them. */
  readonly topKMost: Value;
  /** float (P); 0 is off. */
  readonly topP: Value;
  /** float (P), uniform in [0, 1). */
  readonly draw: Value;
  readonly filters: Filters;
}

/** Whether any row is filtered, each a bool scalar. */
export interface Filters {
  readonly any: Value;
  readonly topK: Value;
  readonly topP: Value;
}

/** Made outside of the loop: there the flags would be brought back from the device at every token. */
export function filtersOf(
  module: Module,
  { topKMost, topP }: Pick<SamplingInputs, 'topKMost' | 'topP'>,
): Filters {
  const { graph } = module;
  const usesTopK = module.node('top_k_used', 'Greater', [topKMost, graph.int64([0])]);
  const most = module.node('top_p_most', 'ReduceMax', [topP], { keepdims: 1 });
  const usesTopP = module.node('top_p_used', 'Greater', [most, graph.float32([0])]);
  const flag = (x: Value, name: string) => module.node(name, 'Squeeze', [x, graph.int64([0])]);
  return {
    any: flag(module.node('filters', 'Or', [usesTopK, usesTopP]), 'filters/any'),
    topK: flag(usesTopK, 'top_k_used/flag'),
    topP: flag(usesTopP, 'top_p_used/flag'),
  };
}

export interface Drawn {
  /** int64 (P) */
  readonly ids: Value;
  /** (P) probability after filters and temperature; of the model itself at temperature 0. */
  readonly confidence: Value;
  /** (P) probability at temperature 1 without filters. */
  readonly likelihood: Value;
}

/** Sums are taken over blocks of so many tokens first, and then within the one that the draw falls in. */
const BLOCK = 128;
/** Powers of less are no normal numbers of 32 bits, or nearly so. */
const LEAST_POWER = -86;
/** Logits and how they are turned into weights, a row each. */
interface Scores {
  /** (P, V) */
  readonly logits: Value;
  /** (P, V) `exp(logits - highest)`. */
  readonly exponents: Value;
  /** (P, 1) the sum of `exponents`. */
  readonly total: Value;
  /** (P, 1) the highest logit. */
  readonly highest: Value;
  /** (P, 1) above 0. */
  readonly temperature: Value;
}

/** @param logits (P, V) */
export function drawTokens(module: Module, logits: Value, given: SamplingInputs): Drawn {
  const { graph } = module;
  const node = module.node.bind(module);
  const column = (x: Value, name: string) =>
    node(`${name}/column`, 'Unsqueeze', [x, graph.int64([1])]); // (P, 1)
  const highest = node('highest', 'ReduceMax', [logits, graph.int64([-1])], { keepdims: 1 }); // (P, 1)
  const best = node('best', 'ArgMax', [logits], { axis: -1, keepdims: 0 }); // (P)
  const below = node('below_highest', 'Sub', [logits, highest]); // (P, V)
  const exponents = node('exponents', 'Exp', [below]); // (P, V)
  const total = sumOfRows(module, 'exponents/total', exponents);

  const greedy = node('greedy', 'LessOrEqual', [given.temperature, graph.float32(1e-10)]); // (P)
  const divisor = node('divisor', 'Where', [greedy, graph.float32(1), given.temperature]);
  const scaled = node('scaled', 'Div', [below, column(divisor, 'divisor')]);
  // Where the most likely token is taken, no other has any weight.
  const sharpness = node('sharpness', 'Max', [given.temperature, graph.float32(1e-30)]); // (P)
  const all = weightsOf(module, scaled); // (P, V)
  const weights = module.branch(
    'filtered',
    given.filters.any,
    () =>
      filter(
        module,
        all,
        { logits, exponents, total, highest, temperature: column(sharpness, 'sharpness') },
        given,
      ),
    () => node('unfiltered', 'Identity', [all]),
  );
  const { ids: picked, total: kept } = pick(module.at('pick'), weights, given.draw, best);
  const ids = node('ids', 'Where', [greedy, best, picked]);
  const at = column(ids, 'ids');
  const share = (of: Value, sum: Value, name: string) => {
    const own = node(`${name}/own`, 'GatherElements', [of, at], { axis: 1 });
    return node(name, 'Squeeze', [node(`${name}/share`, 'Div', [own, sum]), graph.int64([1])]);
  };
  return {
    ids,
    confidence: share(weights, kept, 'confidence'),
    likelihood: share(exponents, total, 'likelihood'),
  };
}

/**
 * `exp(x)`, of scaled logits that are 0 at most. At low temperatures most of these powers lie below the normal
 * numbers, with which a processor takes several times as long: in 8 bits they are zeros, which they are beside the
 * highest one's power of 1. The graphs of the other precisions have them as they come.
 */
function weightsOf(module: Module, x: Value): Value {
  if (module.weights.precision !== 'int8') return module.node('weights', 'Exp', [x]);
  const bounded = module.node('weights/bounded', 'Max', [x, module.graph.float32(LEAST_POWER)]);
  const powers = module.node('weights/powers', 'Exp', [bounded]);
  const alpha = { float: Math.exp(LEAST_POWER + 1) };
  return module.node('weights', 'ThresholdedRelu', [powers], { alpha });
}

/** (P, V) -> (P, 1) */
const sumOfRows = (module: Module, name: string, x: Value): Value =>
  module.node(name, 'ReduceSum', [x, module.graph.int64([-1])], { keepdims: 1 });

/** Weights of zero for what top-k, and then top-p on what it leaves, take away. */
function filter(module: Module, weights: Value, scores: Scores, given: SamplingInputs): Value {
  const { graph } = module;
  const { filters } = given;
  const p = module.node('top_p/column', 'Unsqueeze', [given.topP, graph.int64([1])]);
  // Of what top-k leaves, top-p sees the sums anew.
  const border = module.branch(
    'by_top_k',
    filters.topK,
    () => {
      const topK = module.at('top_k');
      const { logits } = scores;
      const least = borderOfTopK(topK, logits, given);
      const out = topK.node('below_border', 'Less', [logits, least]);
      const without = (x: Value, none: number, name: string) =>
        topK.node(name, 'Where', [out, graph.float32(none), x]);
      const exponents = without(scores.exponents, 0, 'kept_exponents');
      const left = {
        ...scores,
        logits: without(logits, LOWEST, 'kept_logits'),
        exponents,
        total: sumOfRows(topK, 'kept_total', exponents),
      };
      return topK.branch(
        'by_top_p',
        filters.topP,
        () => topK.node('higher', 'Max', [least, keptByTopP(topK.at('top_p'), left, p)]),
        () => topK.node('only', 'Identity', [least]),
      );
    },
    () => keptByTopP(module.at('top_p'), scores, p),
  ); // (P, 1)
  const kept = module.node(
    'kept',
    'Cast',
    [module.node('kept/rows', 'GreaterOrEqual', [scores.logits, border])],
    { to: ELEMENT_TYPES.float32 },
  );
  return module.node('kept/weights', 'Mul', [weights, kept]);
}

/** The k-th highest of each row: lower ones go. @returns (P, 1) */
function borderOfTopK(module: Module, logits: Value, { topK, topKMost }: SamplingInputs): Value {
  const { graph } = module;
  const [sorted] = module.nodes('TopK', 'TopK', [logits, topKMost], 2, { axis: -1 }); // (P, k)
  const off = module.node('off_rows', 'Equal', [topK, graph.int64(0)]);
  const place = module.node('place', 'Sub', [topK, graph.int64(1)]);
  const safe = module.node('place/safe', 'Max', [place, graph.int64(0)]);
  const border = module.node(
    'border',
    'GatherElements',
    [sorted, module.node('place/column', 'Unsqueeze', [safe, graph.int64([1])])],
    { axis: 1 },
  );
  return module.node('border/open', 'Where', [
    module.node('off_rows/column', 'Unsqueeze', [off, graph.int64([1])]),
    graph.float32(LOWEST),
    border,
  ]);
}

/** @param p (P, 1) @returns (P, 1) the lowest logit that top-p keeps; below all of them where it is off */
function keptByTopP(module: Module, scores: Scores, p: Value): Value {
  const isOff = module.node('off_rows', 'LessOrEqual', [p, module.graph.float32(0)]);
  // A row that keeps everything is settled at once.
  const share = module.node('share', 'Where', [isOff, module.graph.float32(2), p]);
  const border = borderOfTopP(module, { ...scores, p: share });
  return module.node('border/open', 'Where', [isOff, module.graph.float32(LOWEST / 2), border]);
}

/**
 * The first token at which the running sum exceeds draw * total.
 * @param weights (P, V)
 * @param fallback (P), taken where rounding leaves none
 */
function pick(module: Module, weights: Value, draw: Value, fallback: Value) {
  const { graph } = module;
  const size = module.node('size', 'Shape', [weights], { start: 1, end: 2 });
  const missing = module.node('missing', 'Mod', [
    module.node('size/negative', 'Neg', [size]),
    graph.int64([BLOCK]),
  ]);
  const pads = module.node('pads', 'Concat', [graph.int64([0, 0, 0]), missing], { axis: 0 });
  const padded = module.node('padded', 'Pad', [weights, pads]);
  const blocks = module.node('blocks', 'Reshape', [padded, graph.int64([0, -1, BLOCK])]); // (P, b, 128)
  const sums = module.node('sums', 'ReduceSum', [blocks, graph.int64([2])], { keepdims: 0 }); // (P, b)
  const upTo = module.node('sums/up_to', 'CumSum', [sums, graph.int64(1)]);
  const total = module.node('total', 'ReduceSum', [sums, graph.int64([1])], { keepdims: 1 }); // (P, 1)
  const column = module.node('draw', 'Unsqueeze', [draw, graph.int64([1])]);
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
  const id = module.node('id', 'Add', [
    module.node('id/block', 'Mul', [block, graph.int64(BLOCK)]),
    inside,
  ]);
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
