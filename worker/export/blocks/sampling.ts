/**
 * Draws a token for each row of logits, inside the graph. Filters act on the raw logits, before the
 * temperature divides them, as in the 4M sampler; the draw is by inverse CDF from a given uniform number,
 * so that it depends on its row alone.
 */

import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import { highestOf, pick } from './drawing.ts';
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

/** @param logits (P, V), where V is a multiple of 128 */
export function drawTokens(module: Module, logits: Value, given: SamplingInputs): Drawn {
  const { graph } = module;
  const node = module.node.bind(module);
  const column = (x: Value, name: string) =>
    node(`${name}/column`, 'Unsqueeze', [x, graph.int64([1])]); // (P, 1)
  const { highest, best } = highestOf(module, logits);
  const below = node('below_highest', 'Sub', [logits, highest]); // (P, V)
  const exponents = node('exponents', 'Exp', [below]); // (P, V)
  const total = sumOfRows(module, 'exponents/total', exponents);

  const greedy = node('greedy', 'LessOrEqual', [given.temperature, graph.float32(1e-10)]); // (P)
  const divisor = node('divisor', 'Where', [greedy, graph.float32(1), given.temperature]);
  const scaled = node('scaled', 'Div', [below, column(divisor, 'divisor')]);
  // Where the most likely token is taken, no other has any weight.
  const sharpness = node('sharpness', 'Max', [given.temperature, graph.float32(1e-30)]); // (P)
  const scores = { logits, exponents, total, highest, temperature: column(sharpness, 'sharpness') };
  const [border, cuts] = module.branches(
    'filters/border',
    given.filters.any,
    2,
    () => filterBorder(module, scores, given),
    () => [node('open', 'Identity', [highest]), node('uncut', 'Identity', [given.filters.any])],
  );
  const weights = module.branch(
    'filtered',
    cuts,
    () => keptWeights(module, weightsOf(module.at('cut'), scaled), logits, border),
    () => weightsOf(module.at('whole'), scaled),
  ); // (P, V)
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

/** Weights of zero for what lies below the border. @param border (P, 1) */
function keptWeights(module: Module, weights: Value, logits: Value, border: Value): Value {
  const is = module.node('kept/rows', 'GreaterOrEqual', [logits, border]);
  const kept = module.node('kept', 'Cast', [is], { to: ELEMENT_TYPES.float32 });
  return module.node('kept/weights', 'Mul', [weights, kept]);
}

/**
 * What top-k, and then top-p on what it leaves, keep.
 * @returns the lowest logit that is kept (P, 1), and whether anything of weight is taken away, a bool scalar
 */
function filterBorder(module: Module, scores: Scores, given: SamplingInputs): readonly Value[] {
  const { graph } = module;
  const { filters } = given;
  const p = module.node('top_p/column', 'Unsqueeze', [given.topP, graph.int64([1])]);
  // Of what top-k leaves, top-p sees the sums anew.
  return module.branches(
    'by_top_k',
    filters.topK,
    2,
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
      const border = topK.branch(
        'by_top_p',
        filters.topP,
        () => topK.node('higher', 'Max', [least, keptByTopP(topK.at('top_p'), left, p).border]),
        () => topK.node('only', 'Identity', [least]),
      );
      return [border, topK.node('cuts', 'Identity', [filters.topK])];
    },
    () => {
      const { border, cuts } = keptByTopP(module.at('top_p'), scores, p);
      return [border, cuts];
    },
  );
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

/**
 * @param p (P, 1)
 * @returns the lowest logit that top-p keeps (P, 1), below all where it keeps all or is off; whether it takes any
 *   away, a bool scalar
 */
function keptByTopP(module: Module, scores: Scores, p: Value) {
  const isOff = module.node('off_rows', 'LessOrEqual', [p, module.graph.float32(0)]);
  // A row that keeps everything is settled at once.
  const share = module.node('share', 'Where', [isOff, module.graph.float32(2), p]);
  return borderOfTopP(module, { ...scores, p: share });
}
