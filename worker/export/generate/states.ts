/** The encoder side of the graph that generates: states side by side, and what of them is seen. */
import type { FmConfig } from '../../../shared/model/config.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import { linear } from '../blocks/linear.ts';
import { visibilityOf } from '../blocks/visibility.ts';
import { embedInputs, encoderBlocks } from '../fmTrunk.ts';
import type { Module } from '../module.ts';

/** bool scalar: does a tensor hold anything? */
export const holdsAny = (root: Module, name: string, x: Value): Value =>
  root.node(`${name}/any`, 'Cast', [root.node(`${name}/size`, 'Size', [x])], {
    to: ELEMENT_TYPES.bool,
  });

/**
 * Encodes all states side by side; where there are none, the encoder is passed by.
 * @param filled the whole model, as it is where no value is empty
 * @returns the features and the context, each (N, D)
 */
export function encodeStates(
  root: Module,
  filled: Module,
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
): { readonly features: Value; readonly context: Value } {
  const { graph } = root;
  const { dim, num_register_tokens: registers } = config;
  const embedded = embedInputs(root, config, modalities, config.share_modality_embeddings);
  const contents = embedded.map(({ content }) => content);
  const places = embedded.map(({ place }) => place);
  if (registers > 0) {
    const table = root.weight('register_tokens', [1, registers, dim], [registers, dim]);
    const rows = root.node('registers', 'Gather', [table, graph.input('registers.ids')], {
      axis: 0,
    });
    contents.unshift(rows);
    places.unshift(root.node('registers/place', 'Sub', [rows, rows]));
  }
  const segments = graph.input('segments'); // (S, n)
  const shape = root.node(
    'state_shape',
    'Concat',
    [root.node('segments/shape', 'Shape', [segments]), graph.int64([dim])],
    { axis: 0 },
  );
  const ordered = (parts: readonly Value[], name: string) => {
    const all = root.node(`${name}/all`, 'Concat', parts, { axis: 1 }); // (1, N, D)
    const moved = root.node(`${name}/ordered`, 'Gather', [all, graph.input('order')], { axis: 1 });
    return root.node(name, 'Reshape', [moved, shape], { allowzero: 1 }); // (S, n, D)
  };
  const content = ordered(contents, 'content');
  const place = ordered(places, 'place');
  const same = root.node('same_state', 'Equal', [
    root.node('segments/column', 'Unsqueeze', [segments, graph.int64([2])]),
    root.node('segments/row', 'Unsqueeze', [segments, graph.int64([1])]),
  ]); // (S, n, n)
  const other = root.node('other_state', 'Not', [same]);
  const hidden = root.node('other_state/heads', 'Unsqueeze', [other, graph.int64([1])]);
  const seen = visibilityOf(root.at('tokens_seen'), hidden);
  const rows = (name: string, states: Value) =>
    root.node(name, 'Reshape', [states, graph.int64([-1, dim])]);
  const isAny = holdsAny(root, 'order', graph.input('order'));
  const [features, context] = root.branches(
    'encoded',
    isAny,
    2,
    () => {
      const features = encoderBlocks(filled, content, place, config, seen);
      const projected = linear(filled.at('decoder_proj_context'), features, [dim, dim], true);
      const context = root.node('placed_context', 'Add', [projected, place]);
      return [rows('feature_rows', features), rows('context_rows', context)];
    },
    () => [rows('no_features', content), rows('no_context', place)],
  );
  return { features, context };
}

/** The context rows that each decoder row sees, (B, n, D). */
export function contextOfRows(root: Module, context: Value, { dim }: FmConfig): Value {
  const { graph } = root;
  const nothing = root.node('nothing', 'ConstantOfShape', [graph.int64([1, dim])]);
  const all = root.node('all_context', 'Concat', [context, graph.input('kept_context'), nothing], {
    axis: 0,
  });
  return root.node('visible_context', 'Gather', [all, graph.input('context_index')], { axis: 0 });
}
