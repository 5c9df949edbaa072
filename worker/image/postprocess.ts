/** Decoded values of a tokenizer -> pictures a person can use, and the exact values as files. */
import type { Output } from '../../shared/api/generate.ts';
import type { ModalityInfo } from '../../shared/model/modalities.ts';
import { type Colour, classPalette, hexOf, turbo } from './palettes.ts';
import { principalColours } from './pca.ts';
import { indexedPng, npy, png8, png16 } from './png.ts';

/** Values (C, H, W), or (C) with height and width 1. */
export interface DecodedValues {
  readonly data: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}
export type Presented = Pick<
  Output,
  'image' | 'data' | 'data_type' | 'array' | 'value' | 'legend' | 'warnings'
>;

const PNG = 'image/png';
const NPY = 'application/x-npy';

const byte = (signed: number): number =>
  Math.round(Math.min(Math.max(0.5 * (signed + 1), 0), 1) * 255);

/** Channels last, [-1, 1] -> 0 to 255. */
function interleaved({ data, channels }: DecodedValues): Uint8Array {
  const count = data.length / channels;
  return Uint8Array.from({ length: data.length }, (_, i) =>
    byte(data[(i % channels) * count + Math.floor(i / channels)]!),
  );
}

/** Normals as vectors of length one. */
function unitNormals(values: DecodedValues): DecodedValues {
  const count = values.height * values.width;
  const data = new Float32Array(values.data.length);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [0, 1, 2].map((c) => values.data[c * count + i]!) as [number, number, number];
    const length = Math.hypot(x, y, z) || 1;
    data[i] = x / length;
    data[count + i] = y / length;
    data[2 * count + i] = z / length;
  }
  return { ...values, data };
}

async function presentNormals(values: DecodedValues): Promise<Presented> {
  const { data, width, height } = values;
  return {
    image: await png8(interleaved(values), width, height, 3),
    data: npy(data, [3, height, width]),
    data_type: NPY,
  };
}

/**
 * Depth has no scale: the nearest pixel is 0 and the farthest 1 (65535 in the 16-bit file). The array has
 * the values as they were decoded, standardised.
 */
async function presentDepth({ data, width, height }: DecodedValues): Promise<Presented> {
  let [low, high] = [Infinity, -Infinity];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const range = high - low || 1;
  const relative = Float64Array.from(data, (value) => (value - low) / range);
  const colours = Uint8Array.from([...relative].flatMap((value) => turbo(value)));
  const exact = Uint16Array.from(relative, (value) => Math.round(value * 65535));
  return {
    image: await png8(colours, width, height, 3),
    data: await png16(exact, width, height),
    data_type: PNG,
    array: npy(data, [height, width]),
  };
}

/** The most likely class of each pixel, in colours and as the indices of a PNG in the same colours. */
async function presentClasses(values: DecodedValues, info: ModalityInfo): Promise<Presented> {
  const { data, channels, width, height } = values;
  const count = width * height;
  const ids = Uint8Array.from({ length: count }, (_, i) => {
    let best = 0;
    for (let c = 1; c < channels; c++) {
      if (data[c * count + i]! > data[best * count + i]!) best = c;
    }
    return best;
  });
  const palette: readonly Colour[] = info.palette ?? classPalette(channels);
  const colourOf = (id: number): Colour => palette[id] ?? [0, 0, 0];
  const classColours = Array.from({ length: channels }, (_, id) => colourOf(id));
  const present = [...new Set(ids)].sort((a, b) => a - b);
  return {
    image: await png8(Uint8Array.from([...ids].flatMap(colourOf)), width, height, 3),
    data: indexedPng({ width, height, indices: ids, palette: classColours }),
    data_type: PNG,
    legend: present.map((id) => ({
      id,
      name: info.classes?.[id] ?? `class ${id}`,
      colour: hexOf(colourOf(id)),
    })),
  };
}

async function presentFeatures(values: DecodedValues): Promise<Presented> {
  const { data, channels, width, height } = values;
  const colours = principalColours(data, channels, width * height);
  const scale = Math.max(1, Math.round(224 / width));
  const [bigWidth, bigHeight] = [width * scale, height * scale];
  const enlarged = new Uint8Array(bigWidth * bigHeight * 3);
  for (let y = 0; y < bigHeight; y++) {
    for (let x = 0; x < bigWidth; x++) {
      const from = (Math.floor(y / scale) * width + Math.floor(x / scale)) * 3;
      enlarged.set(colours.subarray(from, from + 3), (y * bigWidth + x) * 3);
    }
  }
  return {
    image: await png8(enlarged, bigWidth, bigHeight, 3),
    data: npy(data, [channels, height, width]),
    data_type: NPY,
  };
}

/** What a person is shown of decoded values, by the modality's presentation. */
export async function present(values: DecodedValues, info: ModalityInfo): Promise<Presented> {
  const { width, height } = values;
  switch (info.presentation) {
    case 'rgb':
      return { image: await png8(interleaved(values), width, height, 3) };
    case 'normal':
      return await presentNormals(unitNormals(values));
    case 'edge':
      return { image: await png8(interleaved(values), width, height, 1) };
    case 'depth':
      return await presentDepth(values);
    case 'semseg':
      return await presentClasses(values, info);
    case 'features':
      return await presentFeatures(values);
    case 'vector':
      return {
        value: Array.from(values.data),
        data: npy(values.data, [values.data.length]),
        data_type: NPY,
      };
    default:
      return { warnings: [`${info.presentation} values cannot be shown as a picture`] };
  }
}
