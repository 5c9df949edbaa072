/** Tokens of global embeddings -> vectors, many in one run of their tokenizer. */
import { itemAt } from '../../shared/lookup.ts';
import type { LoadedInputs } from '../session/types.ts';
import { decodeMany } from './decodeTokens.ts';

/**
 * Rows of every run: the runtime multiplies one row by other sums than many, so a run is filled up, and a vector has
 * the same bytes whatever it is decoded with.
 */
const ROWS = 8;

/**
 * @param rows ids of each vector, one a codebook
 * @param modality the model's own name of the embedding
 * @returns vectors in the order given
 * @throws Error when no tokenizer is loaded; the signal's reason
 */
export async function decodeVectors(
  rows: readonly (readonly number[])[],
  modality: string,
  loaded: LoadedInputs,
  signal: AbortSignal | undefined,
): Promise<Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let start = 0; start < rows.length; start += ROWS) {
    const own = rows.slice(start, start + ROWS);
    const first = itemAt(own, 0, 'rows');
    const filled = Array.from({ length: ROWS }, (_, i) => ({ sample: i, ids: own[i] ?? first }));
    const decoded = await decodeMany(filled, modality, loaded, {
      seed: 0,
      ...(signal && { signal }),
    });
    if (!decoded) throw new Error(`no tokenizer is loaded that decodes ${modality}`);
    for (const i of own.keys()) vectors.push(itemAt(decoded, i, 'decoded vectors').data.slice());
  }
  return vectors;
}
