/** Pictures with holes where a grid has no tokens. */
import sharp from 'sharp';

const PNG_URL = 'data:image/png;base64,';

/**
 * Makes the cells that are not known transparent.
 * @param image data URL of a square PNG
 * @param known whether each cell of the square grid is, row-major
 */
export async function pictureWithHoles(image: string, known: readonly boolean[]): Promise<string> {
  const side = Math.sqrt(known.length);
  const picture = sharp(Buffer.from(image.slice(PNG_URL.length), 'base64')).ensureAlpha();
  const { width, height } = await picture.metadata();
  const cells = Buffer.from(known.flatMap((is) => [255, 255, 255, is ? 255 : 0]));
  const raw = { width: side, height: side, channels: 4 } as const;
  const mask = await sharp(cells, { raw })
    .resize(width, height, { kernel: 'nearest', fit: 'fill' })
    .png()
    .toBuffer();
  const png = await picture
    .composite([{ input: mask, blend: 'dest-in' }])
    .png()
    .toBuffer();
  return PNG_URL + png.toString('base64');
}
