/** The decoder with the keys and values of earlier tokens, and a token for each of its outputs. */
import { itemAt } from '../../../shared/lookup.ts';
import type { FmConfig } from '../../../shared/model/config.ts';
import { vocabularyOf } from '../../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import {
  asHeads,
  asRows,
  attendToHeads,
  attendToKept,
  attendWithPast,
} from '../blocks/attention.ts';
import { widen } from '../blocks/half.ts';
import type { Operand } from '../blocks/integerProduct.ts';
import { narrowLinear } from '../blocks/linear.ts';
import { LOWEST } from '../blocks/lowest.ts';
import { sharedOperand } from '../blocks/matrix.ts';
import { crossQuery, EXACT, type KeyValue, project, selfHeads } from '../blocks/projections.ts';
import { drawTokens, type Filters } from '../blocks/sampling.ts';
import { hiddenBias } from '../blocks/visibility.ts';
import { decoderBlocks } from '../decoderBlocks.ts';
import { attentionShape } from '../fmTrunk.ts';
import type { Module } from '../module.ts';
import { type Masks, shapeOf } from './targets.ts';

/** What the decoder's blocks look at besides their own tokens, by layer. */
export interface Sources {
  /** Keys and values of the context, computed in this run. */
  readonly context: readonly KeyValue[];
  /** The same as an earlier run has computed them; of no tokens where the run computes them itself. */
  readonly keptContext: readonly KeyValue[];
  /** Keys and values of tokens from before the run. */
  readonly past: readonly KeyValue[];
  /** Keys and values of the run's earlier iterations. */
  readonly recent: readonly KeyValue[];
}

/** The length of the first of several layers' keys, int64 (1): it is the same in all. */
const lengthOf = (root: Module, name: string, layers: readonly KeyValue[]): Value =>
  root.node(name, 'Shape', [itemAt(layers, 0, name).key], { start: 2, end: 3 });

/** bool scalar @param length int64 (1) */
const isAny = (root: Module, name: string, length: Value): Value =>
  root.node(name, 'Cast', [root.node(`${name}/size`, 'Squeeze', [length])], {
    to: ELEMENT_TYPES.bool,
  });

/**
 * What a token being written sees of itself and of those before: all but `past_hidden`.
 * @param own int64 (1), tokens of the run up to and with this iteration's
 * @returns float32 (u, 1, 1, l + own)
 */
function pastBias(root: Module, own: Value): Value {
  const { graph } = root;
  const hidden = graph.input('past_hidden');
  const rows = root.node('past/rows', 'Shape', [hidden], { start: 0, end: 1 });
  const sizes = root.node('past/sizes', 'Concat', [rows, own], { axis: 0 }); // (u, own)
  const zeros = root.node('past/zeros', 'ConstantOfShape', [sizes]);
  const seen = root.node('past/seen', 'Cast', [zeros], { to: ELEMENT_TYPES.bool });
  const all = root.node('past/hidden', 'Concat', [hidden, seen], { axis: 1 });
  const heads = root.node('past/hidden/heads', 'Unsqueeze', [all, graph.int64([1, 2])]);
  return hiddenBias(root.at('past'), heads);
}

/**
 * The decoder's blocks over the tokens of this iteration, which see those before them.
 * @param tokens (B, m, D)
 * @returns the states (B, m, D), and `recent` with those of this iteration
 */
export function decode(
  root: Module,
  config: FmConfig,
  tokens: Value,
  { context, keptContext, past, recent }: Sources,
  masks: Masks,
): { readonly y: Value; readonly caches: readonly KeyValue[] } {
  const { graph } = root;
  const { dim } = config;
  const shape = attentionShape(config);
  const caches: KeyValue[] = [];
  const before = lengthOf(root, 'past/before', past);
  const now = lengthOf(root, 'past/now', recent);
  // Only what is written is looked at again: 1 token of each row, none of a picture.
  const kept = root.node('past/new', 'Shape', [graph.input('ids')], { start: 1, end: 2 });
  const own = root.node('past/own', 'Add', [now, kept]);
  const lengths = root.node('past/lengths', 'Concat', [before, own], { axis: 0 });
  const hasPast = isAny(root, 'past/any', root.node('past/length', 'Add', [before, now]));
  const isContextKept = isAny(
    root,
    'kept_context/any',
    lengthOf(root, 'kept_context/length', keptContext),
  );
  const bias = pastBias(root, own);
  const { heads } = shape;
  const split = shapeOf(root, 'target_hidden', [3 * heads, dim / heads]);
  const shapeOfTokens = root.node('targets/shape', 'Shape', [tokens]);
  const y = decoderBlocks(root, config, tokens, {
    self: (module, x, layer) => {
      const given = selfHeads(module, x, shape, split); // (u, H, v, hd)
      const withWritten = (name: 'key' | 'value') => {
        const range = [given[name], graph.int64([0]), kept, graph.int64([2])];
        const written = module.node(`${name}/written`, 'Slice', range);
        const recently = itemAt(recent, layer, 'caches of the run')[name];
        return module.node(`${name}/all`, 'Concat', [recently, written], { axis: 2 });
      };
      const all = { key: withWritten('key'), value: withWritten('value') };
      caches.push(all);
      const read = module.branch(
        'read',
        hasPast,
        () => {
          const earlier = { ...itemAt(past, layer, 'caches before the run'), lengths };
          return attendWithPast(module, { query: given.query, ...all }, earlier, shape, bias);
        },
        () => attendToHeads(module, given, shape, masks.target),
      ); // (u, H, v, hd)
      const moved = module.node('merge/Transpose', 'Transpose', [read], { perm: [0, 2, 1, 3] });
      const back = module.node('merge', 'Reshape', [moved, shapeOfTokens], EXACT);
      return project(module, back, shape);
    },
    cross: (module, x, layer) => {
      const rows = crossQuery(module, x, shape);
      const known = itemAt(keptContext, layer, 'kept keys and values');
      const read = module.branch(
        'read',
        isContextKept,
        () => attendToKept(module.at('kept'), rows, known, shape, masks.context),
        () => {
          const own = itemAt(context, layer, 'keys and values of the context');
          const query = asHeads(module, 'query', rows, shape);
          const read = attendToHeads(module, { query, ...own }, shape, masks.context);
          return asRows(module, 'merge', read, shape);
        },
      );
      return project(module, read, shape);
    },
  });
  return { y, caches };
}

/**
 * How far the logits of each target are padded to those of the largest vocabulary, for the operator Pad.
 */
export function logitPads(
  root: Module,
  targets: readonly string[],
  modalities: Readonly<Record<string, ModalityInfo>>,
): readonly Value[] {
  const { graph } = root;
  const vocabulary = root.node('vocabulary/size', 'Shape', [graph.input('vocabulary')], {
    start: 1,
    end: 2,
  });
  return targets.map((name) => {
    const head = root.at('decoder_embeddings', name).at('to_logits');
    const size = graph.int64([vocabularyOf(name, modalities)]);
    const missing = head.node('missing', 'Sub', [vocabulary, size]);
    return head.node('pads', 'Concat', [graph.int64([0, 0, 0]), missing], { axis: 0 });
  });
}

/** States (P, D) of the predictions of each modality, as its head reads them: quantized once for all heads. */
function splitRows(
  root: Module,
  states: Value,
  dim: number,
  targets: readonly string[],
): readonly Operand[] {
  const counts = root.graph.input('head_counts');
  const split = (name: string, x: Value): readonly Value[] =>
    root.nodes(name, 'Split', [x, counts], targets.length, { axis: 0 });
  const rows = sharedOperand(root.at('guided'), states, dim);
  if (typeof rows === 'string') return split('per_modality', rows);
  const codes = split('per_modality/codes', rows.codes);
  const scales = split('per_modality/scales', rows.scales);
  return codes.map((own, i) => ({ codes: own, scales: itemAt(scales, i, 'scales of states') }));
}

/** What predictions are made with. */
export interface Heads {
  /** Modalities that are predicted, in the order of `head_counts`. */
  readonly targets: readonly string[];
  readonly pads: readonly Value[];
  readonly filters: Filters;
}

/**
 * Guided decoder outputs -> logits -> a token each. Heads are linear: outputs are summed before them.
 * @param states (n, D), which `combine_index` counts
 */
export function predict(
  root: Module,
  { dim }: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  states: Value,
  iteration: Value,
  before: Heads,
) {
  const { graph } = root;
  const { targets } = before;
  const parts = root.node('guided/parts', 'Gather', [states, graph.input('combine_index')], {
    axis: 0,
  }); // (P, c, D)
  const weights = root.node('guided/weights', 'Unsqueeze', [
    graph.input('combine_weight'),
    graph.int64([2]),
  ]);
  const guided = root.node(
    'guided',
    'ReduceSum',
    [root.node('guided/weighted', 'Mul', [parts, weights]), graph.int64([1])],
    { keepdims: 0 },
  ); // (P, D)
  const split = splitRows(root, guided, dim, targets);
  const logits = targets.map((name, i) => {
    const size = vocabularyOf(name, modalities);
    const head = root.at('decoder_embeddings', name).at('to_logits');
    const read = itemAt(split, i, 'states per modality');
    const own = widen(head, narrowLinear(head, read, [dim, size], false), 'wide'); // (P_M, V_M)
    const pads = itemAt(before.pads, i, 'pads of logits');
    return head.node('padded', 'Pad', [own, pads, graph.float32(LOWEST)]);
  });
  const draw = root.node('draw', 'Gather', [graph.input('draws'), iteration], { axis: 0 }); // (P)
  return drawTokens(root.at('sampling'), root.node('logits', 'Concat', logits, { axis: 0 }), {
    temperature: graph.input('temperature'),
    topK: graph.input('top_k'),
    topKMost: graph.input('top_k_most'),
    topP: graph.input('top_p'),
    draw,
    filters: before.filters,
  });
}
