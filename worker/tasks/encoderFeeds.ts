/** Pictures and arrays of numbers -> what a tokenizer's encoder takes, by the modality's presentation. */

import { refusal } from '../../shared/api/problem.ts';
import type { QuantizingConfig } from '../../shared/model/config.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { roundHalfEven } from '../../shared/schedule.ts';
import { decodePicture, PIXEL_LIMIT, type Picture } from '../image/decode.ts';
import { decodeIndexed } from '../image/indexedPng.ts';
import {
  classesOfColours,
  signedPlanes,
  standardisedDepth,
  standardisedPlanes,
} from '../image/preprocess.ts';
import type { Tensor } from '../session/types.ts';
import { ofRank } from '../values/arrays.ts';
import type { NumberArray } from '../values/npy.ts';
import { nearestSquare } from '../values/resize.ts';

type Feed = Readonly<Record<string, Tensor>>;

/** "No class" of the published label pictures, which 8 bits wrap to class 0. */
const NO_CLASS = 255;
/** How far beyond 1 a component of a normal may be. */
const NORMAL_SLACK = 1e-3;

const halves = (rest: number): number => roundHalfEven(rest / 2);

/** Class ids (size, size), checked. */
function labelsFeed(classes: ArrayLike<number>, count: number, size: number, at: string): Feed {
  const ids = Array.from(classes, (id) => (id === NO_CLASS ? 0 : id));
  const beyond = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= count);
  if (beyond !== undefined)
    throw refusal('invalid_input', `class ${beyond} does not exist; there are ${count}`, at);
  return {
    labels: { type: 'int64', dims: [1, size, size], data: BigInt64Array.from(ids, BigInt) },
  };
}

/**
 * Classes of a PNG with a palette: its colours when all of those in use are colours of classes (such a
 * file may have been made smaller, and its palette sorted), else its indices.
 */
function indexedClasses(
  picture: Picture,
  palette: ModalityInfo['palette'],
  size: number,
): Float64Array | undefined {
  const indexed = picture.palette ? decodeIndexed(picture.bytes, PIXEL_LIMIT) : undefined;
  if (!indexed) return undefined;
  const { indices, width, height } = indexed;
  const seen = nearestSquare(indices, height, width, size, halves);
  const used = [...new Set(seen)];
  const colours = used.flatMap((index) => indexed.palette[index] ?? []);
  const found = palette && classesOfColours(colours, palette);
  const classOf = new Map(used.map((index, i) => [index, found?.[i] ?? index]));
  return seen.map((index) => classOf.get(index)!);
}

async function pictureClasses(picture: Picture, info: ModalityInfo, at: string) {
  const size = info.input_size!;
  const indexed = indexedClasses(picture, info.palette, size);
  if (indexed) return indexed;
  const grey = picture.channels <= 2 && !picture.palette;
  const options = { size, channels: grey ? 1 : 3, resampling: 'nearest' } as const;
  const { data } = await decodePicture(picture, options, at);
  if (grey) return data;
  const classes = info.palette && classesOfColours(data, info.palette);
  if (classes) return classes;
  const detail =
    'a class picture is grey or indexed with class ids, or in the colours of the palette';
  throw refusal('invalid_input', detail, at);
}

const planesFeed = (data: Float32Array, channels: number, size: number): Feed => ({
  pixels: { type: 'float32', dims: [1, channels, size, size], data },
});

/**
 * Of a picture file: photographs, edges, normals in colours, depth in grey, classes in grey (COCO id + 1
 * for the published models, 255 none), as indices, or in the palette's colours.
 * @throws FailureError `invalid_image`, `invalid_input`
 */
export async function pictureFeed(
  picture: Picture,
  info: ModalityInfo,
  config: QuantizingConfig,
  at: string,
): Promise<Feed> {
  const size = info.input_size!;
  if (config.n_labels !== null)
    return labelsFeed(await pictureClasses(picture, info, at), config.n_labels, size, at);
  const channels = config.n_channels === 1 ? 1 : 3;
  // Interpolated depth or normals would belong to no surface.
  const invents = info.presentation === 'depth' || info.presentation === 'normal';
  const resampling = invents ? 'nearest' : 'smooth';
  const { data, largest } = await decodePicture(picture, { size, channels, resampling }, at);
  if (info.presentation === 'depth')
    return planesFeed(standardisedDepth(data, largest), channels, size);
  const planes = config.undo_std ? standardisedPlanes(data) : signedPlanes(data, channels);
  return planesFeed(planes, channels, size);
}

function depthFeed(array: NumberArray, size: number, at: string): Feed {
  const { dims, data, largest } = ofRank(array, 2, '(H, W)', at);
  const square = nearestSquare(data, dims[0]!, dims[1]!, size, halves);
  return planesFeed(standardisedDepth(square, largest ?? 1), 1, size);
}

function classFeed(array: NumberArray, count: number, size: number, at: string): Feed {
  const { dims, data } = ofRank(array, 2, '(H, W) of class ids', at);
  return labelsFeed(nearestSquare(data, dims[0]!, dims[1]!, size, halves), count, size, at);
}

function normalFeed(array: NumberArray, size: number, at: string): Feed {
  const form = '(3, H, W) from -1 to 1, or of bytes';
  const { dims, data, kind, largest } = ofRank(array, 3, form, at);
  const [channels, height, width] = dims as [number, number, number];
  if (channels !== 3 || (kind === 'int' && largest !== 255))
    throw refusal(
      'invalid_input',
      `the array has shape (${dims.join(', ')}); it must be ${form}`,
      at,
    );
  const planes = new Float32Array(3 * size * size);
  for (let channel = 0; channel < 3; channel++) {
    const plane = data.subarray(channel * height * width, (channel + 1) * height * width);
    const square = nearestSquare(plane, height, width, size, halves);
    planes.set(
      kind === 'int' ? square.map((v) => (v / 255) * 2 - 1) : square,
      channel * size * size,
    );
  }
  if (planes.some((value) => Math.abs(value) > 1 + NORMAL_SLACK))
    throw refusal('invalid_input', 'normals have components beyond -1 to 1', at);
  return planesFeed(planes, 3, size);
}

function featureFeed(array: NumberArray, info: ModalityInfo, channels: number, at: string): Feed {
  const side = info.input_size! / info.patch_size!;
  const form = `(${channels}, ${side}, ${side}) or (1, ${channels}, ${side}, ${side})`;
  const { dims, data } = ofRank(array, 3, form, at);
  if (dims[0] !== channels || dims[1] !== side || dims[2] !== side)
    throw refusal(
      'invalid_input',
      `the array has shape (${array.dims.join(', ')}); it must be ${form}`,
      at,
    );
  return planesFeed(Float32Array.from(data), channels, side);
}

/** Of a vector (C); axes of length 1 do not count. */
export function vectorFeed(values: ArrayLike<number>, channels: number, at: string): Feed {
  if (values.length !== channels)
    throw refusal(
      'invalid_input',
      `the vector has ${values.length} numbers; it must have ${channels}`,
      at,
    );
  return { vector: { type: 'float32', dims: [1, channels], data: Float32Array.from(values) } };
}

/**
 * Of an array: depth (H, W) (floats as they are, integers by their type's largest), normals (3, H, W),
 * classes (H, W), feature maps (C, h, w), vectors (C); leading axes of length 1 do not count.
 * @throws FailureError `invalid_input`
 */
export function arrayFeed(
  array: NumberArray,
  info: ModalityInfo,
  config: QuantizingConfig,
  at: string,
): Feed {
  const size = info.input_size!;
  switch (info.presentation) {
    case 'depth':
      return depthFeed(array, size, at);
    case 'normal':
      return normalFeed(array, size, at);
    case 'semseg':
      return classFeed(array, config.n_labels ?? 0, size, at);
    case 'features':
      return featureFeed(array, info, config.n_channels, at);
    case 'vector': {
      const axes = array.dims.filter((length) => length !== 1);
      const flat = { ...array, dims: axes.length === 0 ? [array.data.length] : axes };
      return vectorFeed(ofRank(flat, 1, `(${config.n_channels})`, at).data, config.n_channels, at);
    }
    default:
      throw refusal(
        'invalid_input',
        `${info.presentation} values are given as a picture, not an array`,
        at,
      );
  }
}
