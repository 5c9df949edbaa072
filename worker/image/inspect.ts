/**
 * What a picture file is, by its first bytes and its header. Only PNG, JPEG and WebP are read, whatever the
 * caller calls them; size is checked before any pixel is decoded.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { refusal } from '../../shared/api/problem.ts';
import { sizeProblem } from '../../shared/pictureSize.ts';
import { bufferOf } from './bytes.ts';

export interface Picture {
  readonly bytes: Uint8Array;
  /** Of the bytes: what is known of one picture holds for the same one again. */
  readonly sha256: string;
  /** Upright, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly sixteenBit: boolean;
  readonly palette: boolean;
  readonly alpha: boolean;
  /** In the colours of print. */
  readonly cmyk: boolean;
}

function hasKnownMagic(bytes: Buffer): boolean {
  const starts = (hex: string): boolean => bytes.toString('hex', 0, hex.length / 2) === hex;
  const webp =
    bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP';
  return starts('89504e470d0a1a0a') || starts('ffd8ff') || webp;
}

/** True for an animated PNG: its control chunk comes before the picture's data. */
function isAnimatedPng(bytes: Buffer): boolean {
  if (bytes[0] !== 0x89) return false;
  const control = bytes.indexOf('acTL', 0, 'latin1');
  const data = bytes.indexOf('IDAT', 0, 'latin1');
  return control >= 0 && (data < 0 || control < data);
}

/**
 * Reads a picture's header.
 * @throws FailureError `invalid_image` (not one of the formats, animated, damaged) or `image_too_large`
 */
export async function inspectPicture(given: Uint8Array, pointer: string): Promise<Picture> {
  const bytes = bufferOf(given);
  if (!hasKnownMagic(bytes))
    throw refusal('invalid_image', 'the picture is not a PNG, JPEG or WebP file', pointer);
  // The limit of the library would answer with the same error as for a damaged file.
  const header = await sharp(bytes, { limitInputPixels: false, failOn: 'error' })
    .metadata()
    .catch((cause: unknown) => {
      const detail = 'the picture cannot be decoded; it may be damaged';
      throw refusal('invalid_image', detail, pointer, { cause });
    });
  if ((header.pages ?? 1) > 1 || isAnimatedPng(bytes))
    throw refusal('invalid_image', 'animated pictures are not accepted', pointer);
  const { width, height } = header.autoOrient;
  const vast = sizeProblem({ width, height });
  if (vast !== undefined) throw refusal('image_too_large', vast, pointer);
  return {
    bytes: given,
    sha256: createHash('sha256').update(given).digest('base64'),
    width,
    height,
    channels: header.channels,
    sixteenBit: header.depth === 'ushort',
    palette: header.isPalette ?? false,
    alpha: header.hasAlpha ?? false,
    cmyk: header.space === 'cmyk',
  };
}
