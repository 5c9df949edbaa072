/**
 * Bytes from a caller -> pixels. Only PNG, JPEG and WebP are read, told by their first bytes and never by
 * what the caller calls them; size is checked from the header, before any pixel is decoded.
 */
import sharp, { type Sharp } from 'sharp';
import { type ProblemCode, refusal } from '../../shared/api/problem.ts';
import { roundHalfEven } from '../../shared/schedule.ts';

/** Pixels of a picture at most. */
export const PIXEL_LIMIT = 50_000_000;

/**
 * The bytes of a data URL, or of plain base64.
 * @throws FailureError of the given code when it is neither
 */
export function bytesFromText(
  text: string,
  pointer: string,
  code: ProblemCode = 'invalid_image',
): Buffer {
  const comma = text.indexOf(',');
  const isDataUrl = text.startsWith('data:');
  if (isDataUrl && (comma < 0 || !text.slice(0, comma).endsWith(';base64'))) {
    throw refusal(code, 'the data URL is not in base64', pointer);
  }
  const base64 = (isDataUrl ? text.slice(comma + 1) : text).replace(/\s|=+\s*$/g, '');
  // The decoder skips what is not base64, so the length tells whether all of it was.
  const bytes = Buffer.from(base64, 'base64');
  if (base64 === '' || bytes.length !== Math.floor((base64.length * 3) / 4)) {
    throw refusal(code, 'the file is neither a base64 data URL nor base64', pointer);
  }
  return bytes;
}

function hasKnownMagic(bytes: Buffer): boolean {
  const starts = (hex: string): boolean =>
    bytes.subarray(0, hex.length / 2).toString('hex') === hex;
  const webp =
    bytes.subarray(0, 4).toString('latin1') === 'RIFF' &&
    bytes.subarray(8, 12).toString('latin1') === 'WEBP';
  return starts('89504e470d0a1a0a') || starts('ffd8ff') || webp;
}

/** True for an animated PNG: its control chunk comes before the picture's data. */
function isAnimatedPng(bytes: Buffer): boolean {
  const control = bytes.indexOf('acTL', 0, 'latin1');
  const data = bytes.indexOf('IDAT', 0, 'latin1');
  return bytes[0] === 0x89 && control >= 0 && (data < 0 || control < data);
}

export interface Picture {
  readonly bytes: Buffer;
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly sixteenBit: boolean;
  readonly palette: boolean;
}

const open = (bytes: Buffer): Sharp =>
  // The limit is checked beforehand, so that the caller is told which one it is.
  sharp(bytes, { limitInputPixels: PIXEL_LIMIT, failOn: 'warning', animated: false });

/**
 * Reads a picture's header.
 * @throws FailureError `invalid_image` (not one of the formats, animated, damaged) or `image_too_large`
 */
export async function inspectPicture(bytes: Buffer, pointer: string): Promise<Picture> {
  if (!hasKnownMagic(bytes))
    throw refusal('invalid_image', 'the picture is not a PNG, JPEG or WebP file', pointer);
  // The limit of the library would answer with the same error as for a damaged file.
  const header = await sharp(bytes, { limitInputPixels: false })
    .metadata()
    .catch((cause: unknown) => {
      throw refusal('invalid_image', 'the picture cannot be decoded; it may be damaged', pointer, {
        cause,
      });
    });
  if ((header.pages ?? 1) > 1 || isAnimatedPng(bytes)) {
    throw refusal('invalid_image', 'animated pictures are not accepted', pointer);
  }
  const { width, height } = header.autoOrient;
  if (width * height > PIXEL_LIMIT) {
    const detail = `the picture has ${width} x ${height} pixels; at most ${PIXEL_LIMIT} are accepted`;
    throw refusal('image_too_large', detail, pointer);
  }
  return {
    bytes,
    width,
    height,
    channels: header.channels,
    sixteenBit: header.depth === 'ushort',
    palette: header.isPalette ?? false,
  };
}

export interface DecodeOptions {
  /** Side of the result in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  /** `smooth` for photographs, `nearest` where mixing neighbours would invent values. */
  readonly resampling: 'smooth' | 'nearest';
}

/**
 * Pixels (size, size, channels): upright, cropped to the centre square, resized unless they have the
 * size already. Values are 0 to 65535 for one channel of a 16-bit file, else 0 to 255.
 * @throws FailureError `invalid_image` when the file is damaged
 */
export async function decodePicture(
  picture: Picture,
  options: DecodeOptions,
  pointer: string,
): Promise<{ readonly data: Uint8Array | Uint16Array; readonly largest: number }> {
  const { size, channels, resampling } = options;
  const { width, height } = picture;
  const side = Math.min(width, height);
  const sixteen = picture.sixteenBit && channels === 1;
  let pipeline = open(picture.bytes).autoOrient();
  if (width !== height) {
    pipeline = pipeline.extract({
      left: roundHalfEven((width - side) / 2),
      top: roundHalfEven((height - side) / 2),
      width: side,
      height: side,
    });
  }
  pipeline = pipeline.removeAlpha();
  if (side !== size) {
    const kernel = resampling === 'nearest' ? 'nearest' : 'cubic';
    pipeline = pipeline.resize(size, size, { kernel, fastShrinkOnLoad: false });
  }
  const space = channels === 3 ? 'srgb' : sixteen ? 'grey16' : 'b-w';
  const { data, info } = await pipeline
    .toColourspace(space)
    .raw({ depth: sixteen ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw refusal('invalid_image', 'the picture cannot be decoded; it may be damaged', pointer, {
        cause,
      });
    });
  if (info.channels !== channels) {
    throw refusal(
      'invalid_image',
      `the picture decodes to ${info.channels} channels, not ${channels}`,
      pointer,
    );
  }
  if (!sixteen) return { data: new Uint8Array(data), largest: 255 };
  const copy = new Uint8Array(data);
  return { data: new Uint16Array(copy.buffer), largest: 65535 };
}
