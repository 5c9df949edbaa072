/** Small copies of pictures, for what is kept in the browser. */

const SIDE = 64;
/** Characters of a picture that is small enough as it is. */
const SMALL = 8000;

/** A picture of at most 64 pixels a side; undefined where the browser cannot draw it. */
export async function thumbnailOf(url: string): Promise<string | undefined> {
  if (url.length <= SMALL) return url;
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = SIDE / Math.max(image.naturalWidth, image.naturalHeight, SIDE);
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL('image/webp', 0.8);
  } catch {
    return undefined;
  }
}
