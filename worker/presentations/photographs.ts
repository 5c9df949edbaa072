/** Pictures of light: what an encoder takes of RGB, and of edges in grey. */
import { decodePicture } from '../image/decode.ts';
import type { Picture } from '../image/inspect.ts';
import { signedPlanes, standardisedPlanes } from '../image/preprocess.ts';
import { planesFeed, sideOf } from './feeds.ts';
import type { Feed, FeedContext } from './presentation.ts';

/** @param resampling `nearest` where interpolated values would mean nothing */
export async function photographFeed(
  picture: Picture,
  { info, config, at }: FeedContext,
  resampling: 'smooth' | 'nearest' = 'smooth',
): Promise<Feed> {
  const size = sideOf(info);
  const channels = config.n_channels === 1 ? 1 : 3;
  const { data } = await decodePicture(picture, { size, channels, resampling }, at);
  const planes = config.undo_std ? standardisedPlanes(data) : signedPlanes(data, channels);
  return planesFeed(planes, channels, size);
}
