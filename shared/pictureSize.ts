/**
 * Sizes of pictures by their headers: PNG, JPEG and WebP. Nothing is decoded, so that a picture's work is known
 * where only its bytes are.
 */

export interface PictureSize {
  /** In pixels, as the file holds them: not turned upright. */
  readonly width: number;
  readonly height: number;
}

/** Pixels that a picture may have at most: decoding holds all of them. */
export const PIXEL_LIMIT = 50_000_000;

/** What is wrong with the size of a picture; undefined where nothing is. */
export function sizeProblem({ width, height }: PictureSize): string | undefined {
  if (width * height <= PIXEL_LIMIT) return undefined;
  return `the picture has ${width} x ${height} pixels; at most ${PIXEL_LIMIT} are accepted`;
}

/** Segments before the size of a JPEG at most. */
const MOST_SEGMENTS = 1000;

const text = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, to));

/** PNG 1.2, 11.2.2: the header chunk comes first. */
function pngSize(view: DataView): PictureSize | undefined {
  if (view.byteLength < 24) return undefined;
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** ITU T.81, B.2.2: the frame header is a segment with a marker from C0 to CF, three of them excepted. */
function jpegSize(view: DataView): PictureSize | undefined {
  let at = 2;
  for (let segment = 0; segment < MOST_SEGMENTS && at + 9 <= view.byteLength; segment++) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    // A marker may stand behind any number of fill bytes.
    if (marker === 0xff) {
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

/** RFC 9649, 2.5 to 2.7: lossy, lossless and extended files. */
function webpSize(bytes: Uint8Array, view: DataView): PictureSize | undefined {
  if (view.byteLength < 30) return undefined;
  switch (text(bytes, 12, 16)) {
    case 'VP8 ':
      return {
        width: view.getUint16(26, true) & 0x3fff,
        height: view.getUint16(28, true) & 0x3fff,
      };
    case 'VP8L': {
      const sizes = view.getUint32(21, true);
      return { width: (sizes & 0x3fff) + 1, height: ((sizes >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return {
        width: (view.getUint32(24, true) & 0xffffff) + 1,
        height: (view.getUint32(26, true) >>> 8) + 1,
      };
    default:
      return undefined;
  }
}

/** @returns undefined for other files, and where the header does not tell */
export function pictureSize(bytes: Uint8Array): PictureSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = text(bytes, 0, 12);
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return pngSize(view);
  if (start.startsWith('\xff\xd8')) return jpegSize(view);
  if (start.startsWith('RIFF') && start.endsWith('WEBP')) return webpSize(bytes, view);
  return undefined;
}
