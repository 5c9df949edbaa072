/** The decoder with the keys and values of earlier tokens, and a token for each of its outputs. */
import { itemAt } from '../../../shared/lookup.ts';
import type { FmConfig } from '../../../shared/model/config.ts';
import { vocabularyOf } from '../../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import { attend, crossQuery, type Heads, selfHeads } from '../blocks/attention.ts';
import { linear } from '../blocks/linear.ts';
import { LOWEST } from '../blocks/lowest.ts';
import { drawTokens } from '../blocks/sampling.ts';
import { decoderBlocks } from '../decoderBlocks.ts';
import { attentionShape } from '../fmTrunk.ts';
import type { Module } from '../module.ts';
import { type Masks, shapeOf } from './targets.ts';

/** A size of zero in a shape is zero, and does not copy the size there was. */
const EXACT = { allowzero: 1 };

type KeyValue = Pick<Heads, 'key' | 'value'>;

/**
 * The decoder's blocks over the tokens of this iteration, which see those before them.
 * @param tokens (B, m, D)
 * @param context keys and values of the context, by layer
 * @param past keys and values from before the run, by layer
 * @param recent keys and values of the run's earlier iterations, by layer
 * @returns the states (B, m, D), and `recent` with those of this iteration
 */
export function decode(
  root: Module,
  config: FmConfig,
  tokens: Value,
  context: readonly KeyValue[],
  past: readonly KeyValue[],
  recent: readonly KeyValue[],
  masks: Masks,
): { readonly y: Value; readonly caches: readonly KeyValue[] } {
  const { dim } = config;
  const shape = attentionShape(config);
  const caches: KeyValue[] = [];
  // What was written before is visible to all that comes after.
  const before = root.node('past/before', 'Shape', [itemAt(past, 0, 'caches before the run').key], {
    start: 2,
    end: 3,
  });
  const now = root.node('past/now', 'Shape', [itemAt(recent, 0, 'caches of the run').key], {
    start: 2,
    end: 3,
  });
  const own = root.node('past/own', 'Add', [
    now,
    root.node('past/new', 'Shape', [masks.target], { start: 3, end: 4 }),
  ]);
  const lengths = root.node('past/lengths', 'Concat', [before, own], { axis: 0 });
  const written = root.node('past/length', 'Add', [before, now]);
  const rowsOf = root.node('past/rows', 'Shape', [masks.target], { start: 0, end: 3 });
  const sizes = root.node('past/sizes', 'Concat', [rowsOf, written], { axis: 0 }); // (u, 1, v, l)
  const seen = root.node(
    'past/seen',
    'Cast',
    [root.node('past/zeros', 'ConstantOfShape', [sizes])],
    { to: ELEMENT_TYPES.bool },
  );
  const hidden = root.node('hidden_keys', 'Concat', [seen, masks.target], { axis: 3 });
  const rows = shapeOf(root, 'target_hidden', dim);
  const shapeOfTokens = root.node('targets/shape', 'Shape', [tokens]);
  const y = decoderBlocks(root, config, tokens, {
    self: (module, x, layer) => {
      const { key, value } = itemAt(recent, layer, 'caches of the run');
      const heads = selfHeads(module, module.node('rows', 'Reshape', [x, rows], EXACT), shape);
      const all = {
        key: module.node('all_keys', 'Concat', [key, heads.key], { axis: 2 }),
        value: module.node('all_values', 'Concat', [value, heads.value], { axis: 2 }),
      };
      caches.push(all);
      const queried = { query: heads.query, ...all };
      const earlier = { ...itemAt(past, layer, 'caches before the run'), lengths };
      const read = attend(module, queried, shape, hidden, undefined, earlier); // (u, v, D)
      return module.node('rows/back', 'Reshape', [read, shapeOfTokens], EXACT);
    },
    cross: (module, x, layer) => {
      const query = crossQuery(module, x, shape);
      const keyValue = itemAt(context, layer, 'keys and values of the context');
      return attend(module, { query, ...keyValue }, shape, masks.context, masks.nothing);
    },
  });
  return { y, caches };
}

/** Guided decoder outputs -> logits -> a token each. Heads are linear: outputs are summed before them. */
export function predict(
  root: Module,
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  states: Value,
  iteration: Value,
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
  const vocabulary = graph.input('vocabulary');
  const logits = config.domains_out.map((name, i) => {
    const size = vocabularyOf(name, modalities);
    const head = root.at('decoder_embeddings', name).at('to_logits');
    const own = linear(head, itemAt(split, i, 'states per modality'), [dim, size], false); // (P_M, V_M)
    const missing = head.node('missing', 'Sub', [vocabulary, graph.int64([size])]);
    const pads = head.node('pads', 'Concat', [graph.int64([0, 0, 0]), missing], { axis: 0 });
    return head.node('padded', 'Pad', [own, pads, graph.float32(LOWEST)]);
  });
  const draw = root.node('draw', 'Gather', [graph.input('draws'), iteration], { axis: 0 }); // (P)
  return drawTokens(root.at('sampling'), root.node('logits', 'Concat', logits, { axis: 0 }), {
    temperature: graph.input('temperature'),
    topK: graph.input('top_k'),
    topKMost: graph.input('top_k_most'),
    topP: graph.input('top_p'),
    draw,
  });
}
