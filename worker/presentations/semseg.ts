/** Classes of pixels: ids, in grey, as indices of a palette, or in the colours of the classes. */
import { refusal } from '../../shared/api/problem.ts';
import { itemAt, valueAt } from '../../shared/lookup.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { traitsOf } from '../../shared/model/presentations.ts';
import { PIXEL_LIMIT } from '../../shared/pictureSize.ts';
import { decodePicture } from '../image/decode.ts';
import { decodeIndexed } from '../image/indexedPng.ts';
import type { Picture } from '../image/inspect.ts';
import { type Colour, classPalette, hexOf } from '../image/palettes.ts';
import { indexedPng, PNG, png8 } from '../image/png.ts';
import { classesOfColours } from '../image/preprocess.ts';
import { axesOf, ofRank } from '../values/arrays.ts';
import { nearestSquare } from '../values/resize.ts';
import { halves, sideOf } from './feeds.ts';
import { photographFeed } from './photographs.ts';
import type { DecodedValues, Feed, GridPresentation } from './presentation.ts';

/** "No class" of the published label pictures, which 8 bits wrap to class 0. */
const NO_CLASS = 255;

/** Class ids (size, size), checked. */
function labelsFeed(classes: ArrayLike<number>, count: number, size: number, at: string): Feed {
  const ids = Array.from(classes, (id) => (id === NO_CLASS ? 0 : id));
  const beyond = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= count);
  if (beyond !== undefined) {
    const detail = `class ${beyond} does not exist; there are ${count}`;
    throw refusal('invalid_input', detail, at);
  }
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
  return seen.map((index) => valueAt(classOf, index, 'the palette'));
}

async function pictureClasses(
  picture: Picture,
  info: ModalityInfo,
  at: string,
): Promise<ArrayLike<number>> {
  const size = sideOf(info);
  const indexed = indexedClasses(picture, info.palette, size);
  if (indexed) return indexed;
  const grey = picture.channels <= 2 && !picture.palette;
  const options = {
    size,
    channels: grey ? 1 : 3,
    resampling: 'nearest',
    readsSixteenBits: traitsOf(info.presentation).readsSixteenBits,
  } as const;
  const { data } = await decodePicture(picture, options, at);
  if (grey) return data;
  const classes = info.palette && classesOfColours(data, info.palette);
  if (classes) return classes;
  const detail =
    'a class picture is grey or indexed with class ids, or in the colours of the palette';
  throw refusal('invalid_input', detail, at);
}

/** The most likely class of each pixel. */
function likeliest({ data, channels, width, height }: DecodedValues): Uint8Array {
  const count = width * height;
  const ids = new Uint8Array(count);
  const best = data.slice(0, count);
  for (let channel = 1; channel < channels; channel++) {
    // Many millions of values: a plain loop takes a tenth of the time of any iterator.
    for (let i = 0; i < count; i++) {
      const value = data[channel * count + i] ?? -Infinity;
      if (value <= (best[i] ?? -Infinity)) continue;
      best[i] = value;
      ids[i] = channel;
    }
  }
  return ids;
}

export const semseg: GridPresentation = {
  async fromPicture(picture, context) {
    const { info, config, at } = context;
    // A tokenizer without classes of its own takes their colours.
    if (config.n_labels === null) return await photographFeed(picture, context);
    return labelsFeed(await pictureClasses(picture, info, at), config.n_labels, sideOf(info), at);
  },
  fromArray(array, { info, config, at }) {
    const size = sideOf(info);
    const { dims, data } = ofRank(array, 2, '(H, W) of class ids', at);
    const [height, width] = axesOf(dims);
    const square = nearestSquare(data, height, width, size, halves);
    return labelsFeed(square, config.n_labels ?? 0, size, at);
  },
  /** In colours, and as the indices of a PNG in the same colours. */
  async show(values, info) {
    const { channels, width, height } = values;
    const ids = likeliest(values);
    const palette: readonly Colour[] = info.palette ?? classPalette(channels);
    const colourOf = (id: number): Colour => palette[id] ?? [0, 0, 0];
    const classColours = Array.from({ length: channels }, (_, id) => colourOf(id));
    const pixels = new Uint8Array(3 * ids.length);
    for (const [i, id] of ids.entries()) pixels.set(itemAt(classColours, id, 'the palette'), 3 * i);
    const present = [...new Set(ids)].sort((a, b) => a - b);
    return {
      image: await png8(pixels, width, height, 3),
      data: indexedPng({ width, height, indices: ids, palette: classColours }),
      data_type: PNG,
      legend: present.map((id) => ({
        id,
        name: info.classes?.[id] ?? `class ${id}`,
        colour: hexOf(colourOf(id)),
      })),
    };
  },
};
