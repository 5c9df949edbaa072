/** Keys and values of the contexts that a run computes itself, by decoder layer. */
import { itemAt } from '../../../shared/lookup.ts';
import type { FmConfig } from '../../../shared/model/config.ts';
import type { Value } from '../../onnx/graph.ts';
import { asHeads } from '../blocks/attention.ts';
import { narrow } from '../blocks/half.ts';
import { layerNorm } from '../blocks/norm.ts';
import { crossRows, type KeyValue } from '../blocks/projections.ts';
import { attentionShape } from '../fmTrunk.ts';
import type { Module } from '../module.ts';
import { contextOfRows, holdsAny } from './states.ts';

/**
 * @param filled the whole model, as it is where no value is empty
 * @param context (N, D), of the states that the run encodes
 * @returns (B, H, n, hd) each; of no tokens where no row sees any, which passes all products by
 */
export function contextKeyValues(
  root: Module,
  filled: Module,
  context: Value,
  config: FmConfig,
): readonly KeyValue[] {
  const { graph } = root;
  const { dim, num_heads: heads, decoder_depth: layers } = config;
  const shape = attentionShape(config);
  const index = graph.input('context_index');
  const all = root.branches(
    'seen',
    holdsAny(root, 'context_index', index),
    2 * layers,
    () => {
      const visible = contextOfRows(root, context, config); // (B, n, D)
      return Array.from({ length: layers }, (_, layer): Value[] => {
        const block = filled.at('decoder', layer);
        const normed = layerNorm(block.at('context_norm'), visible, dim);
        const module = block.at('cross_attn');
        const { key, value } = crossRows(module, normed, shape);
        return [asHeads(module, 'key', key, shape), asHeads(module, 'value', value, shape)];
      }).flat();
    },
    () => {
      const rows = root.node('seen/rows', 'Shape', [index], { start: 0, end: 1 });
      const sizes = root.node(
        'seen/sizes',
        'Concat',
        [rows, graph.int64([heads, 0, dim / heads])],
        {
          axis: 0,
        },
      );
      const nothing = narrow(
        root,
        root.node('seen/none', 'ConstantOfShape', [sizes]),
        'seen/none/half',
      );
      return Array.from({ length: 2 * layers }, () => nothing);
    },
  );
  return Array.from({ length: layers }, (_, layer) => ({
    key: itemAt(all, 2 * layer, 'keys and values of the context'),
    value: itemAt(all, 2 * layer + 1, 'keys and values of the context'),
  }));
}
