/** Feature maps: shown as the colours of their principal components. */
import { refusal } from '../../shared/api/problem.ts';
import { present } from '../../shared/lookup.ts';
import { principalColours } from '../image/pca.ts';
import { png8 } from '../image/png.ts';
import { enlarged } from '../image/postprocess.ts';
import { ofRank } from '../values/arrays.ts';
import { planesFeed, sideOf } from './feeds.ts';
import { NPY, npyUrl } from './npyUrl.ts';
import type { GridPresentation } from './presentation.ts';

/** Side of the picture that is shown, at least. */
const SHOWN = 224;

export const features: GridPresentation = {
  fromArray(array, { info, config: { n_channels: channels }, at }) {
    const side = sideOf(info) / present(info.patch_size, 'the patch_size of a grid');
    const form = `(${channels}, ${side}, ${side}) or (1, ${channels}, ${side}, ${side})`;
    const { dims, data } = ofRank(array, 3, form, at);
    if (dims[0] !== channels || dims[1] !== side || dims[2] !== side) {
      const detail = `the array has shape (${array.dims.join(', ')}); it must be ${form}`;
      throw refusal('invalid_input', detail, at);
    }
    return planesFeed(Float32Array.from(data), channels, side);
  },
  async show({ data, channels, width, height }) {
    const colours = principalColours(data, channels, width * height);
    const scale = Math.max(1, Math.round(SHOWN / width));
    const pixels = enlarged(colours, width, height, scale);
    return {
      image: await png8(pixels, width * scale, height * scale, 3),
      data: npyUrl(data, [channels, height, width]),
      data_type: NPY,
    };
  },
};
