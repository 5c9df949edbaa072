/** A picture of a grid that is not complete: what is not there yet is transparent. */
import { traitsOf } from '../../shared/model/presentations.ts';
import { pictureWithHoles } from '../image/holes.ts';
import { inThread } from '../threads/inThread.ts';
import { decodeTokens } from './decodeTokens.ts';
import type { ServedModel } from './servedModel.ts';

/**
 * Data URL of a PNG; undefined where a decode is not cheap (diffusion) or there is none.
 * @param ids what is known, by position
 */
export async function previewOf(
  modality: string,
  ids: ReadonlyMap<number, number>,
  { loaded }: ServedModel,
): Promise<string | undefined> {
  const info = loaded.fm.modalities[modality];
  if (!info || !traitsOf(info.presentation).hasPlaces) return undefined;
  if (loaded.tokenizers[info.tokenizer ?? '']?.kind !== 'vqvae') return undefined;
  const positions = Array.from({ length: info.max_tokens }, (_, position) => position);
  const filled = positions.map((position) => ids.get(position) ?? 0);
  const values = await decodeTokens(filled, modality, loaded, { seed: 0, sample: 0 });
  const { image } = values ? await inThread('showValues', { values, info }) : {};
  if (image === undefined) return undefined;
  return await pictureWithHoles(
    image,
    positions.map((position) => ids.has(position)),
  );
}
