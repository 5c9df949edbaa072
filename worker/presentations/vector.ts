/** Vectors, of which a token stands for a codebook. */
import { refusal } from '../../shared/api/problem.ts';
import { ofRank } from '../values/arrays.ts';
import { NPY, npyUrl } from './npyUrl.ts';
import type { Feed, GridPresentation } from './presentation.ts';

/** @throws FailureError `invalid_input` for another length */
export function vectorFeed(values: ArrayLike<number>, channels: number, at: string): Feed {
  if (values.length !== channels) {
    const detail = `the vector has ${values.length} numbers; it must have ${channels}`;
    throw refusal('invalid_input', detail, at);
  }
  return { vector: { type: 'float32', dims: [1, channels], data: Float32Array.from(values) } };
}

export const vector: GridPresentation = {
  /** Of (C); no axis of length 1 counts. */
  fromArray(array, { config: { n_channels: channels }, at }) {
    const axes = array.dims.filter((length) => length !== 1);
    const flat = { ...array, dims: axes.length === 0 ? [array.data.length] : axes };
    return vectorFeed(ofRank(flat, 1, `(${channels})`, at).data, channels, at);
  },
  async show({ data }) {
    return { value: Array.from(data), data: npyUrl(data, [data.length]), data_type: NPY };
  },
};
