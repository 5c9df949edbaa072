/**
 * Picture files -> pixels, with the colours that Pillow's `Image.convert('RGB')` gives: profiles are
 * ignored, and transparency is dropped before anything is resized.
 */
import sharp, { type Sharp } from 'sharp';
import { refusal } from '../../shared/api/problem.ts';
import { PIXEL_LIMIT } from '../../shared/pictureSize.ts';
import { roundHalfEven } from '../../shared/rounding.ts';
import { rgbOfCmyk } from './cmyk.ts';
import type { Picture } from './inspect.ts';

export interface DecodeOptions {
  /** Side of the result in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  /** `smooth` for photographs, `nearest` where mixing neighbours would invent values. */
  readonly resampling: 'smooth' | 'nearest';
  /**
   * Grey of 16 bits stays as it is, where it measures or counts something. Otherwise what is above 255 becomes
   * white: Pillow's conversion to RGB takes such values as they are, and cuts them at its largest.
   */
  readonly readsSixteenBits?: boolean;
}

export interface Pixels {
  /** (size, size, channels) */
  readonly data: Uint8Array | Uint16Array;
  /** The value that stands for white. */
  readonly largest: number;
}

type Strictness = 'warning' | 'error';

/** What decoders warn of and go on: oddities that cameras write, which spoil no pixel. */
const HARMLESS =
  /Invalid SOS parameters|extraneous bytes before marker|Unknown Adobe color transform|unknown JFIF revision|bad ICC marker/;

/** The upright centre square, at its own size. */
function square({ bytes, width, height, cmyk }: Picture, failOn: Strictness): Sharp {
  const side = Math.min(width, height);
  const file = sharp(bytes, { limitInputPixels: PIXEL_LIMIT, failOn, ignoreIcc: true });
  // The library would convert the colours of print by a profile of its own.
  const pipeline = (cmyk ? file.pipelineColourspace('cmyk') : file).autoOrient();
  if (width === height) return pipeline;
  return pipeline.extract({
    left: roundHalfEven((width - side) / 2),
    top: roundHalfEven((height - side) / 2),
    width: side,
    height: side,
  });
}

const opaqueSquare = (picture: Picture, failOn: Strictness): Sharp =>
  square(picture, failOn).removeAlpha();

/** What becomes of grey of 16 bits; undefined where there is none, or where it is 8 bits by then. */
type Sixteen = 'whole' | 'clipped' | undefined;

function sixteenOf(picture: Picture, { channels, readsSixteenBits }: DecodeOptions): Sixteen {
  if (!picture.sixteenBit) return undefined;
  if (readsSixteenBits && channels === 1) return 'whole';
  // Of colours and of grey with opacity, Pillow takes the higher byte, as the library does.
  return picture.channels === 1 ? 'clipped' : undefined;
}

/** The square in memory as RGB or grey, where the library's order of steps would not be Pillow's. */
async function plainSquare(picture: Picture, failOn: Strictness, sixteen: Sixteen): Promise<Sharp> {
  const space = picture.cmyk ? 'cmyk' : sixteen ? 'grey16' : 'srgb';
  const { data, info } = await opaqueSquare(picture, failOn)
    .toColourspace(space)
    .raw({ depth: sixteen ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  if (picture.cmyk) return sharp(rgbOfCmyk(data), { raw: { width, height, channels: 3 } });
  if (!sixteen) return sharp(data, { raw: { width, height, channels: info.channels } });
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const raw = { width, height, channels: 1 } as const;
  if (sixteen === 'whole') return sharp(values, { raw }).pipelineColourspace('grey16');
  return sharp(
    Uint8Array.from(values, (value) => Math.min(value, 255)),
    { raw },
  );
}

async function decode(picture: Picture, options: DecodeOptions, failOn: Strictness) {
  const { size, channels, resampling } = options;
  const isResized = Math.min(picture.width, picture.height) !== size;
  // Resizing weighs colours by their opacity, where Pillow has dropped it by then.
  const sixteen = sixteenOf(picture, options);
  const isPlain = !picture.cmyk && sixteen !== 'clipped' && !(picture.alpha && isResized);
  let pipeline = isPlain
    ? opaqueSquare(picture, failOn)
    : await plainSquare(picture, failOn, sixteen);
  if (isResized) {
    const kernel = resampling === 'nearest' ? 'nearest' : 'cubic';
    pipeline = pipeline.resize(size, size, { kernel, fastShrinkOnLoad: false });
  }
  const isWhole = sixteen === 'whole';
  const space = channels === 3 ? 'srgb' : isWhole ? 'grey16' : 'b-w';
  return await pipeline
    .toColourspace(space)
    .raw({ depth: isWhole ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
}

/** Decodes in spite of what is harmless. @throws FailureError `invalid_image` */
async function tolerantly<T>(
  decodeWith: (failOn: Strictness) => Promise<T>,
  pointer: string,
): Promise<T> {
  try {
    return await decodeWith('warning').catch((cause: unknown) => {
      if (cause instanceof Error && HARMLESS.test(cause.message)) return decodeWith('error');
      throw cause;
    });
  } catch (cause) {
    const detail = 'the picture cannot be decoded; it may be damaged';
    throw refusal('invalid_image', detail, pointer, { cause });
  }
}

/**
 * How transparent the upright centre square is at its own size (side, side): 0 where it is opaque, 255 where nothing of
 * it is seen. @throws FailureError `invalid_image` when the file is damaged
 */
export async function decodeTransparency(picture: Picture, pointer: string): Promise<Uint8Array> {
  const transparency = new Uint8Array(Math.min(picture.width, picture.height) ** 2);
  if (!picture.alpha) return transparency;
  const { data, info } = await tolerantly(
    (failOn) =>
      square(picture, failOn).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true }),
    pointer,
  );
  const { channels } = info;
  for (let pixel = 0; pixel < transparency.length; pixel++)
    transparency[pixel] = 255 - (data[(pixel + 1) * channels - 1] ?? 255);
  return transparency;
}

/**
 * Pixels (size, size, channels): upright, cropped to the centre square, resized unless they have the
 * size already. Values are 0 to 65535 where all 16 bits are read, else 0 to 255.
 * @throws FailureError `invalid_image` when the file is damaged
 */
export async function decodePicture(
  picture: Picture,
  options: DecodeOptions,
  pointer: string,
): Promise<Pixels> {
  const { channels } = options;
  const { data, info } = await tolerantly((failOn) => decode(picture, options, failOn), pointer);
  if (info.channels !== channels) {
    const detail = `the picture decodes to ${info.channels} channels, not ${channels}`;
    throw refusal('invalid_image', detail, pointer);
  }
  // A copy of its own, which can be handed to another thread.
  const copy = new Uint8Array(data);
  if (sixteenOf(picture, options) !== 'whole') return { data: copy, largest: 255 };
  return { data: new Uint16Array(copy.buffer), largest: 65535 };
}
