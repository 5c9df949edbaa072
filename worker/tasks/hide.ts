/** What a caller hides of a picture -> the positions that are not given. */
import type { Hidden } from '../../shared/api/generate.ts';
import { pointerBelow } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { inThread } from '../threads/inThread.ts';
import { type Frame, inBox } from '../values/hide.ts';
import { openPicture } from './files.ts';
import { laneOf, type Reading } from './reading.ts';

type Mask = Extract<Hidden, { readonly mask: unknown }>;

/** What hides of a mask; it is as large as the picture, as what the model sees, or has a pixel a token. */
async function inMask(
  { mask, hides = 'white' }: { readonly mask: string; readonly hides?: Mask['hides'] | undefined },
  frame: Frame,
  at: string,
  reading: Reading,
): Promise<number[]> {
  const { grid, side, width, height } = frame;
  const picture = await openPicture(mask, 'the mask', at, reading);
  const asPicture = picture.width === width && picture.height === height;
  const square = picture.width === picture.height && [side, grid].includes(picture.width);
  if (!asPicture && !square) {
    const sizes = new Set([`${width} x ${height}`, `${side} x ${side}`, `${grid} x ${grid}`]);
    const detail = `the mask has ${picture.width} x ${picture.height} pixels; it must have ${[...sizes].join(' or ')}`;
    throw refusal('invalid_input', detail, at);
  }
  const pixels = picture.width * picture.height;
  reading.countPixels(pixels, at);
  const options = { signal: reading.signal, lane: laneOf(pixels) };
  const cells = await inThread('maskCells', { picture, grid, hides, at }, options);
  if (cells.length > 0 || hides === 'white') return cells;
  const detail = 'the mask has no transparent pixel that the model sees, so that it hides nothing';
  throw refusal('invalid_input', detail, at);
}

/** @throws FailureError `invalid_input` for one that only an edge can have taken in */
function givenMask({ mask, hides }: Mask, place: string) {
  if (typeof mask === 'string') return { mask, hides };
  const detail = 'a mask cannot be given by an upload or an address here; give its bytes';
  throw refusal('invalid_input', detail, pointerBelow(place, 'mask'));
}

/**
 * Grid positions that are hidden.
 * @param at pointer of the `hide` field
 * @throws FailureError `invalid_image`, `image_too_large`, `invalid_input` for a mask of another shape
 */
export async function hiddenPositions(
  hide: Hidden | readonly Hidden[],
  frame: Frame,
  at: string,
  reading: Reading,
): Promise<Set<number>> {
  const isOne = 'box' in hide || 'mask' in hide;
  const hidden = new Set<number>();
  for (const [index, part] of (isOne ? [hide] : hide).entries()) {
    const place = isOne ? at : pointerBelow(at, index);
    const found =
      'box' in part
        ? inBox(part.box, frame)
        : await inMask(givenMask(part, place), frame, pointerBelow(place, 'mask'), reading);
    for (const position of found) hidden.add(position);
  }
  return hidden;
}
