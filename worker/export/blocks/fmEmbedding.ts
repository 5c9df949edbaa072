/** Tokens of one modality as vectors: what they are (content), and where and of which kind (embedding). */
import { itemAt, present } from '../../../shared/lookup.ts';
import { contentInput, idsName, positionsName } from '../../../shared/model/graphNames.ts';
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';
import { tableRows } from './matrix.ts';

/**
 * Content of an encoder modality. Rows of a text encoder are projected by one layer, or by two with a
 * bottleneck between them and no activation.
 * @returns (B, n, D)
 */
export function encoderContent(
  module: Module,
  name: string,
  info: ModalityInfo,
  dim: number,
): Value {
  const content = contentInput(name, info);
  if (content.kind === 'ids') {
    const vocabulary = present(info.vocab_size, `vocab_size of ${name}`);
    return tokenContent(module, name, vocabulary, dim);
  }
  const { width } = content;
  const rows = module.graph.input(content.name); // (B, n, width)
  if (info.pixels) return linear(module.at('proj'), rows, [width, dim], false);
  const projection = module.at('emb_proj');
  if (!projection.weights.has('0.weight')) return linear(projection, rows, [width, dim], true);
  const narrow = itemAt(projection.weights.shape('0.weight'), 0, 'the shape of a projection');
  const inner = linear(projection.at(0), rows, [width, narrow], true);
  return linear(projection.at(1), inner, [narrow, dim], true);
}

/** Rows of the token table. @returns (B, n, D) */
export function tokenContent(module: Module, name: string, vocabulary: number, dim: number): Value {
  const ids = module.graph.input(idsName(name));
  return tableRows(module, 'token_emb.weight', ids, [vocabulary, dim]);
}

/**
 * Position plus modality embedding.
 * @param modality where `mod_emb` is kept; encoder and decoder may share one
 * @returns (B, n, D)
 */
export function placeEmbedding(module: Module, modality: Module, name: string, dim: number): Value {
  const rows = module.weights.shape('pos_emb')[1] ?? 0;
  const table = module.weight('pos_emb', [1, rows, dim], [rows, dim]);
  const positions = module.graph.input(positionsName(name));
  const position = module.node('pos_emb', 'Gather', [table, positions], { axis: 0 });
  return module.node('place', 'Add', [position, modality.weight('mod_emb', [1, 1, dim])]);
}
