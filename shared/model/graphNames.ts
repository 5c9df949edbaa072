/**
 * Names of the inputs and outputs that an FM's graphs have for each modality and layer, and the widths of
 * rows. Signatures, the exporter, and everybody who feeds a graph read them here.
 */
import { fieldOf, present } from '../lookup.ts';
import type { Manifest } from './manifest.ts';
import type { ModalityInfo } from './modalities.ts';

/** Where the tokens of a modality lie: (B, n). */
export const positionsName = (modality: string): string => `${modality}.positions`;

/** Token ids of a modality: (B, n). */
export const idsName = (modality: string): string => `${modality}.ids`;

/** Logits of a target: (B, m, V). */
export const logitsName = (modality: string): string => `${modality}.logits`;

/** Width of the rows of a text encoder where nothing else is said: that of T5-XXL. */
const EMBEDDING_WIDTH = 4096;

/** What tells the tokens of an input modality: ids, or rows of floats. */
export type ContentInput =
  | { readonly kind: 'ids'; readonly name: string }
  | { readonly kind: 'rows'; readonly name: string; readonly width: number };

/**
 * The input of a modality's content: `M.ids` (B, n), `M.patches` (B, n, 3*P*P) of pixels with the channel
 * fastest, or `M.embeddings` (B, n, embedding_size).
 * @throws Error for pixels without a patch size
 */
export function contentInput(modality: string, info: ModalityInfo): ContentInput {
  if (info.pixels) {
    const side = present(info.patch_size, `patch_size of ${modality}`);
    return { kind: 'rows', name: `${modality}.patches`, width: 3 * side ** 2 };
  }
  if (info.type === 'seq_emb') {
    const width = info.embedding_size ?? EMBEDDING_WIDTH;
    return { kind: 'rows', name: `${modality}.embeddings`, width };
  }
  return { kind: 'ids', name: idsName(modality) };
}

/** How `generate` is told a target: whether a sequence is the one written, or the positions of a grid. */
export const targetName = (modality: string, { type }: Pick<ModalityInfo, 'type'>): string =>
  type === 'seq' ? `target.${modality}.selected` : `target.${modality}.positions`;

/**
 * Keys and values of the tokens before a run of `generate`, as inputs (`cache`), and of those that it writes, as
 * outputs (`next`); and those of the context, which one run gives and later ones take.
 */
export const cacheNames = (
  side: 'cache' | 'next' | 'context_cache' | 'context_next',
  layers: number,
): readonly { readonly key: string; readonly value: string }[] =>
  Array.from({ length: layers }, (_, layer) => ({
    key: `${side}.${layer}.key`,
    value: `${side}.${layer}.value`,
  }));

/** Element type of these keys and values. */
export const cacheType = (precision: Manifest['precision']): 'float16' | 'float32' =>
  precision === 'fp16' ? 'float16' : 'float32';

/** Ids that a target can have. @throws Error for a modality without tokens */
export const vocabularyOf = (
  name: string,
  modalities: Readonly<Record<string, ModalityInfo>>,
): number => present(fieldOf(modalities, name, 'modalities').vocab_size, `vocab_size of ${name}`);
