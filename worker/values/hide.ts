/** What a caller hides of a picture -> the tokens that are not given: all that any of it touches. */
import type { Hidden } from '../../shared/api/generate.ts';
import { pointerBelow } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { roundHalfEven } from '../../shared/schedule.ts';
import type { VisibleTokens } from '../engine/tokenState.ts';
import { bytesFromText, decodePicture, inspectPicture } from '../image/decode.ts';

/** The tokens of a picture, and the picture they come from. */
export interface Frame {
  /** Tokens on a side. */
  readonly grid: number;
  /** Side in pixels of what the model sees. */
  readonly side: number;
  /** Of the file, upright; the same as `side` where there is none. */
  readonly width: number;
  readonly height: number;
}

/** Cells of the grid that an interval of the model's square overlaps, from and up to but without. */
function cells(low: number, high: number, grid: number): readonly [number, number] {
  return [Math.max(Math.floor(low * grid), 0), Math.min(Math.ceil(high * grid), grid)];
}

function* overlapped(
  [left, right]: readonly [number, number],
  [top, bottom]: readonly [number, number],
  grid: number,
): Generator<number> {
  for (let row = top; row < bottom; row++)
    for (let column = left; column < right; column++) yield row * grid + column;
}

/** A box relative to the file's picture, of which the model sees the centre square. */
function* inBox(box: readonly number[], { grid, width, height }: Frame): Generator<number> {
  const [xmin, ymin, xmax, ymax] = box as [number, number, number, number];
  const short = Math.min(width, height);
  const across = (x: number): number => (x * width - roundHalfEven((width - short) / 2)) / short;
  const down = (y: number): number => (y * height - roundHalfEven((height - short) / 2)) / short;
  const columns = cells(across(xmin), across(xmax), grid);
  yield* overlapped(columns, cells(down(ymin), down(ymax), grid), grid);
}

/** White of a mask; it is as large as the picture, as what the model sees, or has a pixel a token. */
async function inMask(mask: string, frame: Frame, at: string): Promise<number[]> {
  const { grid, side, width, height } = frame;
  const picture = await inspectPicture(bytesFromText(mask, at), at);
  const asPicture = picture.width === width && picture.height === height;
  const square = picture.width === picture.height && [side, grid].includes(picture.width);
  if (!asPicture && !square) {
    const sizes = new Set([`${width} x ${height}`, `${side} x ${side}`, `${grid} x ${grid}`]);
    const detail = `the mask has ${picture.width} x ${picture.height} pixels; it must have ${[...sizes].join(' or ')}`;
    throw refusal('invalid_input', detail, at);
  }
  const size = Math.min(picture.width, picture.height);
  const options = { size, channels: 1, resampling: 'nearest' } as const;
  const { data, largest } = await decodePicture(picture, options, at);
  const hidden = new Set<number>();
  for (let i = 0; i < data.length; i++) {
    if (data[i]! * 2 < largest) continue;
    const [x, y] = [i % size, Math.floor(i / size)];
    const columns = cells(x / size, (x + 1) / size, grid);
    for (const cell of overlapped(columns, cells(y / size, (y + 1) / size, grid), grid))
      hidden.add(cell);
  }
  return [...hidden];
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
): Promise<Set<number>> {
  const parts: readonly Hidden[] = Array.isArray(hide) ? hide : [hide as Hidden];
  const hidden = new Set<number>();
  for (const [index, part] of parts.entries()) {
    const place = Array.isArray(hide) ? pointerBelow(at, index) : at;
    const found =
      'box' in part
        ? inBox(part.box, frame)
        : await inMask(part.mask, frame, pointerBelow(place, 'mask'));
    for (const position of found) hidden.add(position);
  }
  return hidden;
}

/** The tokens without those at hidden positions. @throws FailureError where none is left */
export function withoutHidden(
  tokens: VisibleTokens,
  hidden: ReadonlySet<number>,
  at: string,
): VisibleTokens {
  const kept = tokens.positions.flatMap((position, i) => (hidden.has(position) ? [] : [i]));
  if (kept.length === 0) throw refusal('invalid_input', 'everything that is given is hidden', at);
  const positions = kept.map((i) => tokens.positions[i]!);
  const { content } = tokens;
  if (content.kind === 'ids') {
    return { positions, content: { kind: 'ids', ids: kept.map((i) => content.ids[i]!) } };
  }
  const { width } = content;
  const rows = new Float32Array(kept.length * width);
  for (const [to, from] of kept.entries())
    rows.set(content.rows.subarray(from * width, (from + 1) * width), to * width);
  return { positions, content: { kind: 'rows', rows, width } };
}
