/** Surface normals: vectors from -1 to 1, or the colours that stand for them. */
import { refusal } from '../../shared/api/problem.ts';
import { png8 } from '../image/png.ts';
import { interleaved } from '../image/postprocess.ts';
import { axesOf, ofRank } from '../values/arrays.ts';
import { nearestSquare } from '../values/resize.ts';
import { halves, planesFeed, sideOf } from './feeds.ts';
import { NPY, npyUrl } from './npyUrl.ts';
import { photographFeed } from './photographs.ts';
import type { DecodedValues, GridPresentation } from './presentation.ts';

const FORM = '(3, H, W) from -1 to 1, or of bytes';
/** How far beyond 1 a component may be. */
const SLACK = 1e-3;

/** Normals as vectors of length one. */
function unitNormals({ data, ...size }: DecodedValues): DecodedValues {
  const count = data.length / 3;
  const unit = new Float32Array(data.length);
  for (let i = 0; i < count; i++) {
    const [x = 0, y = 0, z = 0] = [data[i], data[count + i], data[2 * count + i]];
    const length = Math.hypot(x, y, z) || 1;
    unit[i] = x / length;
    unit[count + i] = y / length;
    unit[2 * count + i] = z / length;
  }
  return { ...size, data: unit };
}

export const normal: GridPresentation = {
  // Interpolated normals would belong to no surface.
  fromPicture: (picture, context) => photographFeed(picture, context, 'nearest'),
  fromArray(array, { info, at }) {
    const size = sideOf(info);
    const { dims, data, kind, largest } = ofRank(array, 3, FORM, at);
    const [channels, height, width] = axesOf(dims);
    if (channels !== 3 || (kind === 'int' && largest !== 255)) {
      const detail = `the array has shape (${dims.join(', ')}); it must be ${FORM}`;
      throw refusal('invalid_input', detail, at);
    }
    const planes = new Float32Array(3 * size * size);
    for (let channel = 0; channel < 3; channel++) {
      const plane = data.subarray(channel * height * width, (channel + 1) * height * width);
      const square = nearestSquare(plane, height, width, size, halves);
      const signed = kind === 'int' ? square.map((value) => (value / 255) * 2 - 1) : square;
      planes.set(signed, channel * size * size);
    }
    if (planes.some((value) => Math.abs(value) > 1 + SLACK))
      throw refusal('invalid_input', 'normals have components beyond -1 to 1', at);
    return planesFeed(planes, 3, size);
  },
  async show(values) {
    const { width, height } = values;
    const unit = unitNormals(values);
    return {
      image: await png8(interleaved(unit), width, height, 3),
      data: npyUrl(unit.data, [3, height, width]),
      data_type: NPY,
    };
  },
};
