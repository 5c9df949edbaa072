/** A picture through its tokenizer and back. */
import { itemAt, present } from '../../shared/lookup.ts';
import type { Picture } from '../image/inspect.ts';
import type { LoadedInputs } from '../session/types.ts';
import { inThread, type ThreadOptions } from '../threads/inThread.ts';
import { decodeMany } from './decodeTokens.ts';
import { encode, feedContext } from './encodeValues.ts';
import { tokenizerOf } from './tokenizerOf.ts';

/**
 * How far a picture is from what its tokenizer makes of its own ids: the mean over pixels and channels, in
 * levels of 255. Undefined where pixels and values are not both colours from -1 to 1.
 * @param modality the model's own name, of tokens
 * @throws FailureError `invalid_image`
 */
export async function roundTripError(
  picture: Picture,
  modality: string,
  loaded: LoadedInputs,
  at: string,
  options: ThreadOptions = {},
): Promise<number | undefined> {
  const tokenizer = tokenizerOf(modality, loaded);
  if (tokenizer?.kind !== 'vqvae' || tokenizer.manifest.config.undo_std) return undefined;
  const context = feedContext(tokenizer, modality, loaded, at);
  const feed = await inThread('pictureFeed', { picture, context }, options);
  const { pixels } = feed;
  if (pixels?.type !== 'float32') return undefined;
  const ids = await encode(tokenizer, feed);
  const decoded = await decodeMany([{ sample: 0, ids }], modality, loaded, { seed: 0 });
  const values = itemAt(present(decoded, 'the decoded picture'), 0, 'the decoded pictures').data;
  if (values.length !== pixels.data.length) return undefined;
  const sum = values.reduce(
    (total, value, i) =>
      total + Math.abs(Math.min(1, Math.max(-1, value)) - itemAt(pixels.data, i, 'the pixels')),
    0,
  );
  return (sum / values.length) * 127.5;
}
