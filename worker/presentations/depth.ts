/** Depth: without a scale, as the published models standardise it. */
import { itemAt } from '../../shared/lookup.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { decodePicture } from '../image/decode.ts';
import { writeTurbo } from '../image/palettes.ts';
import { PNG, png8, png16 } from '../image/png.ts';
import { standardisedDepth } from '../image/preprocess.ts';
import { axesOf, ofRank } from '../values/arrays.ts';
import { nearestSquare } from '../values/resize.ts';
import { halves, planesFeed, sideOf } from './feeds.ts';
import { npyUrl } from './npyUrl.ts';
import type { GridPresentation } from './presentation.ts';

export const depth: GridPresentation = {
  async fromPicture(picture, { info, config, at }) {
    const size = sideOf(info);
    const channels = config.n_channels === 1 ? 1 : 3;
    const readsSixteenBits = traitsOf(info.presentation).readsSixteenBits;
    // Interpolated depth would belong to no surface.
    const options = { size, channels, resampling: 'nearest', readsSixteenBits } as const;
    const { data, largest } = await decodePicture(picture, options, at);
    return planesFeed(standardisedDepth(data, largest), channels, size);
  },
  /** Floats count as they are, whole numbers by the largest of their type. */
  fromArray(array, { info, at }) {
    const size = sideOf(info);
    const { dims, data, largest } = ofRank(array, 2, '(H, W)', at);
    const [height, width] = axesOf(dims);
    const square = nearestSquare(data, height, width, size, halves);
    return planesFeed(standardisedDepth(square, largest ?? 1), 1, size);
  },
  /**
   * The nearest pixel is 0 and the farthest 1 (65535 in the 16-bit file). The array has the values as they
   * were decoded, standardised.
   */
  async show({ data, width, height }) {
    const { length } = data;
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < length; i++) {
      const value = itemAt(data, i, 'depth values');
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    const range = high - low || 1;
    const colours = new Uint8Array(3 * length);
    const exact = new Uint16Array(length);
    for (let i = 0; i < length; i++) {
      const relative = (itemAt(data, i, 'depth values') - low) / range;
      writeTurbo(relative, colours, 3 * i);
      exact[i] = Math.round(relative * 65535);
    }
    // Each takes a thread of the picture library.
    const [image, exactFile] = await Promise.all([
      png8(colours, width, height, 3),
      png16(exact, width, height),
    ]);
    return { image, data: exactFile, data_type: PNG, array: npyUrl(data, [height, width]) };
  },
};
