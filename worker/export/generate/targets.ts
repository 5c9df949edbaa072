/** What is decoded, as vectors, and what it may see. */
import { fieldOf } from '../../../shared/lookup.ts';
import type { FmConfig } from '../../../shared/model/config.ts';
import { targetName, vocabularyOf } from '../../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import { ELEMENT_TYPES } from '../../onnx/model.ts';
import { middlesOf } from '../blocks/integerProduct.ts';
import { tableRows } from '../blocks/matrix.ts';
import { type Visibility, visibilityOf } from '../blocks/visibility.ts';
import { modalityModule } from '../fmTrunk.ts';
import type { Module } from '../module.ts';

export interface Masks {
  /** Broadcast to (B, H, m, n). */
  readonly context: Visibility;
  /** Broadcast to (u, H, v, v). */
  readonly target: Visibility;
}

export function decoderMasks(root: Module): Masks {
  const { graph } = root;
  const hidden = graph.input('context_hidden');
  const visible = root.node(
    'context_visible',
    'Cast',
    [root.node('context_visible/not', 'Not', [hidden])],
    { to: ELEMENT_TYPES.int64 },
  );
  const counts = root.node('context_visible/count', 'ReduceSum', [visible, graph.int64([2])], {
    keepdims: 1,
  }); // (B, m, 1)
  const none = root.node('context_visible/none', 'Equal', [counts, graph.int64(0)]);
  const heads = (x: Value, name: string) => root.node(name, 'Unsqueeze', [x, graph.int64([1])]);
  return {
    context: {
      ...visibilityOf(root.at('context_seen'), heads(hidden, 'hidden_context')),
      nothing: heads(none, 'hidden_context/all'),
    },
    target: visibilityOf(
      root.at('targets_seen'),
      heads(graph.input('target_hidden'), 'hidden_targets'),
    ),
  };
}

/** The code of zero for each row that is decoded, uint8 (B, m, 1). */
export function decoderMiddles(root: Module): Value {
  const { graph } = root;
  const rows = root.node('middles/rows', 'Shape', [graph.input('context_hidden')], {
    start: 0,
    end: 2,
  });
  const sizes = root.node('middles/sizes', 'Concat', [rows, graph.int64([1])], { axis: 0 });
  return middlesOf(root, root.node('middles/zeros', 'ConstantOfShape', [sizes]), 'middles');
}

/** Targets as vectors: mask tokens for pictures, the last id of each sequence. @returns (B, m, D) */
export function targetTokens(
  root: Module,
  config: FmConfig,
  modalities: Readonly<Record<string, ModalityInfo>>,
  ids: Value,
  iteration: Value,
): Value {
  const { graph } = root;
  const { dim } = config;
  const position = root.node('position', 'Add', [graph.input('start'), iteration]); // (g)
  const parts = config.domains_out.map((name) => {
    const info = fieldOf(modalities, name, 'modalities');
    const module = root.at('decoder_embeddings', name);
    const modality = modalityModule(root, 'decoder', name, config.share_modality_embeddings);
    const kind = modality.weight('mod_emb', [1, 1, dim]);
    const rows = module.weights.shape('pos_emb')[1] ?? 0;
    const table = module.weight('pos_emb', [1, rows, dim], [rows, dim]);
    if (info.type !== 'seq') {
      const places = graph.input(targetName(name, info));
      const place = module.node('pos_emb', 'Gather', [table, places], { axis: 0 }); // (B, m, D)
      const placed = module.node('place', 'Add', [place, kind]);
      return module.node('token', 'Add', [root.weight('mask_token', [1, 1, dim]), placed]);
    }
    const own = module.node('own_ids', 'Slice', [
      ids,
      graph.int64([0]),
      graph.input(targetName(name, info)),
      graph.int64([1]),
    ]); // (g, 1), or (g, 0)
    const content = tableRows(module, 'token_emb.weight', own, [
      vocabularyOf(name, modalities),
      dim,
    ]);
    // Beyond its bound a sequence's positions count as the first, as in the reference.
    const bound = graph.int64(Math.min(info.max_length ?? info.max_tokens, rows));
    const inside = module.node('inside', 'Less', [position, bound]);
    const at = module.node('position', 'Where', [inside, position, graph.int64(0)]);
    const place = module.node('pos_emb', 'Gather', [table, at], { axis: 0 }); // (g, D)
    const rowPlace = module.node('pos_emb/rows', 'Unsqueeze', [place, graph.int64([1])]);
    const placed = module.node('place', 'Add', [rowPlace, kind]); // (g, 1, D)
    return module.node('token', 'Add', [content, placed]);
  });
  const all = root.node('targets/all', 'Reshape', [
    root.node('targets/given', 'Concat', parts, { axis: 1 }),
    graph.int64([-1, dim]),
  ]);
  const moved = root.node('targets/ordered', 'Gather', [all, graph.input('target_order')], {
    axis: 0,
  });
  const shape = shapeOf(root, 'context_hidden', [dim]);
  return root.node('targets', 'Reshape', [moved, shape], { allowzero: 1 });
}

/** Rows and columns of a mask, with sizes behind them: a shape to look at tokens in. */
export function shapeOf(root: Module, mask: string, sizes: readonly number[]): Value {
  const rows = root.node(`${mask}/shape`, 'Shape', [root.graph.input(mask)], { start: 0, end: 2 });
  return root.node(`${mask}/tokens`, 'Concat', [rows, root.graph.int64(sizes)], { axis: 0 });
}
