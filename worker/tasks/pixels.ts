/**
 * Pictures that a model sees as pixels. People ask for several things of one picture, often at once: its patches
 * are remembered for a while, so that it is decoded once, and states that hold it are equal and encoded once.
 */
import { fieldOf, present } from '../../shared/lookup.ts';
import { fullRows, type VisibleTokens } from '../engine/tokenState.ts';
import type { Picture } from '../image/inspect.ts';
import { inThread } from '../threads/inThread.ts';
import { laneOf, type Reading } from './reading.ts';
import type { InputModel } from './servedModel.ts';

/** Bytes of remembered patches at most, in the whole worker: about a hundred pictures of 224 pixels. */
const MOST_BYTES = 2 ** 26;

/** By the hash of the picture, its side and that of a patch, on which alone patches depend; the last used is last. */
const known = new Map<string, Float32Array>();
let bytes = 0;

function remember(key: string, patches: Float32Array): Float32Array {
  // Another may have read the same picture meanwhile: there is one array of it.
  const same = known.get(key) ?? patches;
  if (!known.delete(key)) bytes += same.byteLength;
  known.set(key, same);
  for (const [oldest, { byteLength }] of known) {
    if (bytes <= MOST_BYTES) break;
    known.delete(oldest);
    bytes -= byteLength;
  }
  return same;
}

/** The patches of a picture (N, 3 * P * P), which nobody may change. @throws FailureError `invalid_image` */
export async function pixelTokens(
  picture: Picture,
  modality: string,
  { loaded }: Pick<InputModel, 'loaded'>,
  at: string,
  { signal }: Pick<Reading, 'signal'>,
): Promise<VisibleTokens> {
  const info = fieldOf(loaded.fm.modalities, modality, 'the model');
  const size = present(info.input_size, `the input_size of ${modality}`);
  const patchSize = present(info.patch_size, `the patch_size of ${modality}`);
  const key = `${picture.sha256} ${size} ${patchSize}`;
  const lane = laneOf(picture.width * picture.height);
  const patches =
    known.get(key) ??
    (await inThread('pixelRows', { picture, size, patchSize, at }, { signal, lane }));
  return fullRows(remember(key, patches), 3 * patchSize ** 2);
}
