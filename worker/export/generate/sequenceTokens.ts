/** Tokens of sequences that are being written, as vectors: their places for a whole run, their contents one by one. */
import { fieldOf } from '../../../shared/lookup.ts';
import type { FmConfig } from '../../../shared/model/config.ts';
import { targetName, vocabularyOf } from '../../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import { tableRows } from '../blocks/matrix.ts';
import { modalityModule } from '../fmTrunk.ts';
import type { Module } from '../module.ts';

type Modalities = Readonly<Record<string, ModalityInfo>>;

/** Positions and modality of the tokens of a run. @returns (steps, g, D) */
export function sequencePlaces(
  root: Module,
  targets: readonly string[],
  { dim, share_modality_embeddings }: FmConfig,
  modalities: Modalities,
): Value {
  const { graph } = root;
  const steps = root.node('steps', 'Range', [
    graph.int64(0),
    graph.input('iterations'),
    graph.int64(1),
  ]);
  const column = root.node('steps/column', 'Unsqueeze', [steps, graph.int64([1])]);
  const position = root.node('position', 'Add', [column, graph.input('start')]); // (steps, g)
  const parts = targets.map((name) => {
    const info = fieldOf(modalities, name, 'modalities');
    const module = root.at('decoder_embeddings', name);
    const modality = modalityModule(root, 'decoder', name, share_modality_embeddings);
    const rows = module.weights.shape('pos_emb')[1] ?? 0;
    const table = module.weight('pos_emb', [1, rows, dim], [rows, dim]);
    // Beyond its bound a sequence's positions count as the first, as in the reference.
    const bound = graph.int64(Math.min(info.max_length ?? info.max_tokens, rows));
    const inside = module.node('inside', 'Less', [position, bound]);
    const at = module.node('position', 'Where', [inside, position, graph.int64(0)]);
    const own = module.node('position/own', 'Slice', [
      module.node('position/one', 'Unsqueeze', [at, graph.int64([0])]),
      graph.int64([0]),
      graph.input(targetName(name, info)),
      graph.int64([0]),
    ]); // (1, steps, g), or none of them
    const place = module.node('pos_emb', 'Gather', [table, own], { axis: 0 });
    return module.node('place', 'Add', [place, modality.weight('mod_emb', [1, 1, dim])]);
  });
  const all = root.node('places/all', 'Concat', parts, { axis: 0 }); // (1, steps, g, D)
  return root.node('places', 'Squeeze', [all, graph.int64([0])]);
}

export interface LastTokens {
  /** int64 (g, 1) */
  readonly ids: Value;
  /** (steps, g, D) */
  readonly places: Value;
  /** int64 scalar */
  readonly iteration: Value;
}

/** The last token of each sequence. @returns (g, 1, D) */
export function sequenceTokens(
  root: Module,
  targets: readonly string[],
  { dim }: FmConfig,
  modalities: Modalities,
  { ids, places, iteration }: LastTokens,
): Value {
  const { graph } = root;
  const parts = targets.map((name) => {
    const info = fieldOf(modalities, name, 'modalities');
    const module = root.at('decoder_embeddings', name);
    const range = [graph.int64([0]), graph.input(targetName(name, info)), graph.int64([1])];
    const own = module.node('own_ids', 'Slice', [ids, ...range]); // (g, 1), or (g, 0)
    return tableRows(module, 'token_emb.weight', own, [vocabularyOf(name, modalities), dim]);
  });
  const content = root.node('contents', 'Concat', parts, { axis: 1 }); // (g, 1, D)
  const place = root.node('place', 'Gather', [places, iteration], { axis: 0 }); // (g, D)
  const rows = root.node('place/rows', 'Unsqueeze', [place, graph.int64([1])]);
  return root.node('targets', 'Add', [content, rows]);
}
