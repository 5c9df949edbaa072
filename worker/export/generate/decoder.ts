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
  attend,
  attendHeads,
  attendToHeads,
  attendWithPast,
  crossQuery,
  type KeyValue,
  project,
  selfRows,
} from '../blocks/attention.ts';
import { linear } from '../blocks/linear.ts';
import { LOWEST } from '../blocks/lowest.ts';
import { drawTokens, type Filters } from '../blocks/sampling.ts';
import { hiddenBias } from '../blocks/visibility.ts';
import { decoderBlocks } from '../decoderBlocks.ts';
import { attentionShape } from '../fmTrunk.ts';
import type { Module } from '../module.ts';
import { type Masks, shapeOf } from './targets.ts';

/** A size of zero in a shape is zero, and does not copy the size there was. */
const EXACT = { allowzero: 1 };

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
  const rows = shapeOf(root, 'target_hidden', dim);
  const shapeOfTokens = root.node('targets/shape', 'Shape', [tokens]);
  const y = decoderBlocks(root, config, tokens, {
    self: (module, x, layer) => {
      const given = selfRows(module, module.node('rows', 'Reshape', [x, rows], EXACT), shape);
      const written = (name: 'key' | 'value') =>
        module.node(`${name}/written`, 'Slice', [
          given[name],
          graph.int64([0]),
          kept,
          graph.int64([1]),
        ]);
      const { key, value } = itemAt(recent, layer, 'caches of the run');
      const withKey = [key, asHeads(module, 'key/own', written('key'), shape)];
      const withValue = [value, asHeads(module, 'value/own', written('value'), shape)];
      const all = {
        key: module.node('all_keys', 'Concat', withKey, { axis: 2 }),
        value: module.node('all_values', 'Concat', withValue, { axis: 2 }),
      };
      caches.push(all);
      const read = module.branch(
        'read',
        hasPast,
        () => {
          const query = asHeads(module.at('with_past'), 'query', given.query, shape);
          const earlier = { ...itemAt(past, layer, 'caches before the run'), lengths };
          const heads = attendWithPast(module, { query, ...all }, earlier, shape, bias);
          return asRows(module, 'with_past/merge', heads, shape);
        },
        () => attend(module, given, shape, masks.target),
      ); // (u, v, D)
      const back = project(module, read, shape);
      return module.node('rows/back', 'Reshape', [back, shapeOfTokens], EXACT);
    },
    cross: (module, x, layer) => {
      const query = asHeads(module, 'query', crossQuery(module, x, shape), shape);
      const own = { query, ...itemAt(context, layer, 'keys and values of the context') };
      const known = { query, ...itemAt(keptContext, layer, 'kept keys and values') };
      const read = module.branch(
        'read',
        isContextKept,
        () => attendHeads(module.at('kept'), known, shape, masks.context),
        () => attendToHeads(module, own, shape, masks.context),
      );
      return project(module, asRows(module, 'merge', read, shape), shape);
    },
  });
  return { y, caches };
}

/**
 * How far the logits of each target are padded to those of the largest vocabulary, for the operator Pad.
 */
export function logitPads(
  root: Module,
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
): readonly Value[] {
  const { graph } = root;
  const vocabulary = root.node('vocabulary/size', 'Shape', [graph.input('vocabulary')], {
    start: 1,
    end: 2,
  });
  return config.domains_out.map((name) => {
    const head = root.at('decoder_embeddings', name).at('to_logits');
    const size = graph.int64([vocabularyOf(name, modalities)]);
    const missing = head.node('missing', 'Sub', [vocabulary, size]);
    return head.node('pads', 'Concat', [graph.int64([0, 0, 0]), missing], { axis: 0 });
  });
}

/** Guided decoder outputs -> logits -> a token each. Heads are linear: outputs are summed before them. */
export function predict(
  root: Module,
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  states: Value,
  iteration: Value,
  before: { readonly pads: readonly Value[]; readonly filters: Filters },
) {
  const { graph } = root;
  const { dim } = config;
  const all = root.node('all_states', 'Concat', [states, graph.input('kept_states')], { axis: 0 });
  const parts = root.node('guided/parts', 'Gather', [all, graph.input('combine_index')], {
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
  const counts = graph.input('head_counts');
  const split = root.nodes('per_modality', 'Split', [guided, counts], config.domains_out.length, {
    axis: 0,
  });
  const logits = config.domains_out.map((name, i) => {
    const size = vocabularyOf(name, modalities);
    const head = root.at('decoder_embeddings', name).at('to_logits');
    const own = linear(head, itemAt(split, i, 'states per modality'), [dim, size], false); // (P_M, V_M)
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
