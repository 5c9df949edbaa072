/** Tokens of one modality as vectors: what they are (content), and where and of which kind (embedding). */
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
  const { graph } = module;
  if (info.pixels) {
    const patches = graph.input(`${name}.patches`); // (B, n, P*P*3), channel fastest
    return linear(module.at('proj'), patches, [3 * info.patch_size! ** 2, dim], false);
  }
  if (info.type === 'seq_emb') {
    const rows = graph.input(`${name}.embeddings`); // (B, n, 4096)
    const projection = module.at('emb_proj');
    const width = info.embedding_size!;
    if (!projection.weights.has('0.weight')) return linear(projection, rows, [width, dim], true);
    const narrow = projection.weights.shape('0.weight')[0]!;
    const inner = linear(projection.at(0), rows, [width, narrow], true);
    return linear(projection.at(1), inner, [narrow, dim], true);
  }
  return tokenContent(module, name, info.vocab_size!, dim);
}

/** Rows of the token table. @returns (B, n, D) */
export function tokenContent(module: Module, name: string, vocabulary: number, dim: number): Value {
  const ids = module.graph.input(`${name}.ids`);
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
  const positions = module.graph.input(`${name}.positions`);
  const position = module.node('pos_emb', 'Gather', [table, positions], { axis: 0 });
  return module.node('place', 'Add', [position, modality.weight('mod_emb', [1, 1, dim])]);
}
