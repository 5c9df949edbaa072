/**
 * Top-p inside the graph without sorting the vocabulary, which would cost more than the product that made
 * the logits. Each row's border is enclosed by halving an interval of logits until few tokens are left in
 * it, and only these are sorted. A row takes the same steps whatever other rows share the run.
 */
import { present } from '../../../shared/lookup.ts';
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import type { Module } from '../module.ts';
import { LOWEST } from './lowest.ts';

/** Rows of logits, and columns that say what becomes of them. */
export interface TopPRows {
  /** (P, V) */
  readonly logits: Value;
  /** (P, 1) the highest logit. */
  readonly highest: Value;
  /** (P, V) `exp(logits - highest)` */
  readonly exponents: Value;
  /** (P, 1) the sum of `exponents`. */
  readonly total: Value;
  /** (P, 1) above 0. */
  readonly temperature: Value;
  /** (P, 1) */
  readonly p: Value;
}

/** A row's tokens are sorted once so few are left in its interval. */
const SORTED = 64;
/** More than enough: float32 has 2^32 values. */
const HALVINGS = 200;
/**
 * A token whose logit lies so far below the highest, in units of the temperature, has a weight of 1e-26:
 * sums in float32 and draws of 32 bits are the same with and without it.
 */
const NEGLIGIBLE = -60;
/** Moves a logit below all that have any weight. */
const BEYOND = -LOWEST;

/**
 * `(low, high]` of each row: more than p lies above `low`, at most p above `high`. All are float32 (P, 1);
 * counts are exact, as a vocabulary has fewer than 2^24 tokens.
 */
interface Interval {
  readonly low: Value;
  readonly high: Value;
  /** Sum of the exponents above `high`. */
  readonly highSum: Value;
  /** Tokens above `low`, and above `high`. */
  readonly lowCount: Value;
  readonly highCount: Value;
}

const either = (at: Module, name: string, condition: Value, yes: Value, no: Value): Value =>
  at.node(name, 'Where', [condition, yes, no]);

/** Which tokens lie above a logit (P, 1), as ones and zeros (P, V). */
const isAbove = (at: Module, { logits }: Pick<TopPRows, 'logits'>, logit: Value): Value =>
  at.node('is', 'Cast', [at.node('is/above', 'Greater', [logits, logit])], {
    to: ELEMENT_TYPES.float32,
  });

/** The sum of a row's numbers. @param x (P, V) @returns (P, 1) */
const sumOf = (at: Module, x: Value, name: string): Value =>
  at.node(name, 'ReduceSum', [x, at.graph.int64([1])], { keepdims: 1 });

/** The sum of the exponents of some tokens. @param is (P, V) @returns (P, 1) */
const exponentsOf = (at: Module, { exponents }: TopPRows, is: Value): Value =>
  sumOf(at, at.node('values', 'Mul', [is, exponents]), 'sum');

/** The middle of each interval, and whether it is worth halving, both (P, 1). */
function halving(at: Module, { low, high, lowCount, highCount }: Interval) {
  const { graph } = at;
  const left = at.node('left', 'Sub', [lowCount, highCount]);
  const many = at.node('many', 'Greater', [left, graph.float32(SORTED)]);
  const width = at.node('width', 'Sub', [high, low]);
  const middle = at.node('middle', 'Add', [
    low,
    at.node('width/half', 'Mul', [width, graph.float32(0.5)]),
  ]);
  // Between neighbouring floats there is none: all tokens of the interval then have one logit.
  const inside = at.node('inside', 'And', [
    at.node('inside/above', 'Greater', [middle, low]),
    at.node('inside/below', 'Less', [middle, high]),
  ]);
  return { middle, open: at.node('open', 'And', [many, inside]) };
}

/** bool scalar: is any of them true? @param flags (P, 1) */
function any(at: Module, flags: Value): Value {
  const numbers = at.node('any/numbers', 'Cast', [flags], { to: ELEMENT_TYPES.int64 });
  const most = at.node('any/most', 'ReduceMax', [numbers], { keepdims: 0 });
  return at.node('any', 'Cast', [most], { to: ELEMENT_TYPES.bool });
}

/** What a first look at all tokens that have any weight tells of each row. */
interface FirstLook {
  /** (P, 1) no token of weight lies at or below it. */
  readonly negligible: Value;
  /** (P, V) ones for the tokens above `negligible`. */
  readonly is: Value;
  /** (P, 1) the sum of their exponents. */
  readonly sum: Value;
  /** bool (P, 1): more than p lies below or at `negligible`, so that all of weight is kept. */
  readonly keepsAll: Value;
}

function firstLook(module: Module, rows: TopPRows, goal: Value): FirstLook {
  const distance = module.node('negligible/distance', 'Mul', [
    rows.temperature,
    module.graph.float32(NEGLIGIBLE),
  ]);
  const negligible = module.node('negligible', 'Add', [rows.highest, distance]);
  const is = isAbove(module, rows, negligible);
  const sum = exponentsOf(module, rows, is);
  return { negligible, is, sum, keepsAll: module.node('keeps_all', 'LessOrEqual', [sum, goal]) };
}

/** From the lowest logit that has any weight up to the highest. */
function firstInterval(module: Module, rows: TopPRows, look: FirstLook): Interval {
  const { graph } = module;
  const { keepsAll, sum } = look;
  const least = module.node('least', 'ReduceMin', [rows.logits, graph.int64([1])], { keepdims: 1 });
  const below = module.node('least/below', 'Sub', [least, graph.float32(1)]);
  const low = module.node('low', 'Max', [below, look.negligible]);
  const count = sumOf(module, look.is, 'count');
  // Where all that has weight is kept, nothing is left to look at.
  const zero = module.node('zero', 'Mul', [rows.total, graph.float32(0)]);
  return {
    low,
    high: either(module, 'high', keepsAll, low, rows.highest),
    highSum: either(module, 'high/sum', keepsAll, sum, zero),
    lowCount: count,
    highCount: either(module, 'high/count', keepsAll, count, zero),
  };
}

/** One halving; rows that are settled stay as they are. */
function halved(module: Module, rows: TopPRows, goal: Value, interval: Interval): Interval {
  const { middle, open } = halving(module, interval);
  const at = module.at('middle');
  const is = isAbove(at, rows, middle);
  const [sum, count] = [exponentsOf(at, rows, is), sumOf(at, is, 'count')];
  const within = module.node('within', 'LessOrEqual', [sum, goal]);
  const lowers = module.node('lowers', 'And', [open, within]);
  const raises = module.node('raises', 'And', [open, module.node('beyond', 'Not', [within])]);
  return {
    low: either(module, 'low', raises, middle, interval.low),
    high: either(module, 'high', lowers, middle, interval.high),
    highSum: either(module, 'high/sum', lowers, sum, interval.highSum),
    lowCount: either(module, 'low/count', raises, count, interval.lowCount),
    highCount: either(module, 'high/count', lowers, count, interval.highCount),
  };
}

/** Halves the intervals until each holds few tokens, or tokens of one logit only. */
function settledInterval(module: Module, rows: TopPRows, goal: Value, look: FirstLook): Interval {
  const { graph } = module;
  const first = firstInterval(module.at('first'), rows, look);
  const names = ['low', 'high', 'highSum', 'lowCount', 'highCount'] as const;
  const listed = (interval: Interval) => names.map((name) => interval[name]);
  const asInterval = (values: readonly Value[]): Interval => {
    const [low, high, highSum, lowCount, highCount] = values;
    return {
      low: present(low, 'low'),
      high: present(high, 'high'),
      highSum: present(highSum, 'highSum'),
      lowCount: present(lowCount, 'lowCount'),
      highCount: present(highCount, 'highCount'),
    };
  };
  const start = module.at('start');
  const body = module.at('halved');
  return asInterval(
    graph.loop(
      `${module.path}/halving`,
      graph.int64(HALVINGS),
      any(start, halving(start, first).open),
      names.map((name) => ({
        name,
        type: 'float32' as const,
        dims: ['top_p_rows', 1] as const,
        value: first[name],
      })),
      (_, carried) => {
        const next = halved(body, rows, goal, asInterval(carried));
        const after = body.at('next');
        return {
          going: any(after, halving(after, next).open),
          carried: listed(next),
          collected: [],
        };
      },
    ),
  );
}

/**
 * The most likely tokens are kept up to and with the one at which their sum crosses p. At a low temperature it often
 * lies beyond all that have any weight: then there is nothing to look for, and nothing is taken away.
 * @returns (P, 1) the lowest logit that is kept, or one that no kept token lies below, below all where all of
 *   weight are kept; and whether any row keeps less, a bool scalar
 */
export function borderOfTopP(module: Module, rows: TopPRows) {
  const goal = module.node('goal', 'Mul', [rows.p, rows.total]);
  const look = firstLook(module.at('first'), rows, goal);
  const all = module.node('border/all', 'Where', [
    look.keepsAll,
    module.graph.float32(LOWEST / 2),
    rows.highest,
  ]);
  const cuts = any(module, module.node('cuts', 'Not', [look.keepsAll]));
  const border = module.branch(
    'border',
    cuts,
    () => either(module, 'border/rows', look.keepsAll, all, foundBorder(module, rows, goal, look)),
    () => module.node('border/none', 'Identity', [all]),
  );
  return { border, cuts };
}

/** As `borderOfTopP`, of rows that do not keep all. @returns (P, 1) */
function foundBorder(module: Module, rows: TopPRows, goal: Value, look: FirstLook): Value {
  const { graph } = module;
  const { high, highSum, lowCount, highCount } = settledInterval(module, rows, goal, look);
  const left = module.node('left', 'Sub', [lowCount, highCount]);
  const beyond = module.node(
    'beyond',
    'Cast',
    [module.node('beyond/above', 'Greater', [rows.logits, high])],
    { to: ELEMENT_TYPES.float32 },
  );
  const candidates = module.node('candidates', 'Sub', [
    rows.logits,
    module.node('beyond/distance', 'Mul', [beyond, graph.float32(BEYOND)]),
  ]);
  const vocabulary = module.node('vocabulary', 'Shape', [rows.logits], { start: 1, end: 2 });
  const count = module.node('sorted/count', 'Min', [vocabulary, graph.int64([SORTED])]);
  const [sorted] = module.nodes('sorted', 'TopK', [candidates, count], 2, { axis: -1 });
  const best = present(sorted, 'sorted'); // (P, k)
  const values = module.node('sorted/exponents', 'Exp', [
    module.node('sorted/below', 'Sub', [best, rows.highest]),
  ]);
  const before = module.node('sorted/before', 'Add', [
    module.node('sorted/sums', 'CumSum', [values, graph.int64(1)], { exclusive: 1 }),
    highSum,
  ]);
  const kept = module.node(
    'kept',
    'Cast',
    [module.node('kept/within', 'LessOrEqual', [before, goal])],
    { to: ELEMENT_TYPES.float32 },
  );
  const keptCount = module.node('kept/count', 'ReduceSum', [kept, graph.int64([1])], {
    keepdims: 1,
  });
  // Beyond the interval's tokens the list goes on with those below it, which are not kept.
  const last = module.node('last', 'Sub', [
    module.node('last/count', 'Min', [keptCount, left]),
    graph.float32(1),
  ]);
  const none = module.node('none', 'Less', [last, graph.float32(0)]);
  const place = module.node(
    'last/place',
    'Cast',
    [module.node('last/safe', 'Max', [last, graph.float32(0)])],
    { to: ELEMENT_TYPES.int64 },
  );
  const border = module.node('border/found', 'GatherElements', [best, place], { axis: 1 });
  return either(module, 'border/inside', none, high, border);
}
