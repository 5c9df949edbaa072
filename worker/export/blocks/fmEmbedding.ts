/** Tokens of one modality as vectors: what they are (content), and where and of which kind (embedding). */
import type { ModalityInfo } from '../../../shared/model/modalities.ts';
import type { Value } from '../../onnx/graph.ts';
import type { Module } from '../module.ts';
import { linear } from './linear.ts';

/**
 * Content of an encoder modality.
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
    return linear(module.at('emb_proj'), rows, [info.embedding_size!, dim], true);
  }
  return tokenContent(module, name, info.vocab_size!, dim);
}

/** Rows of the token table. @returns (B, n, D) */
export function tokenContent(module: Module, name: string, vocabulary: number, dim: number): Value {
  const table = module.weight('token_emb.weight', [vocabulary, dim]);
  return module.node('token_emb', 'Gather', [table, module.graph.input(`${name}.ids`)], {
    axis: 0,
  });
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
