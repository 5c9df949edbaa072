/** What a caller hides of a picture -> the tokens that are not given: all that any of it touches. */
import { refusal } from '../../shared/api/problem.ts';
import { itemAt } from '../../shared/lookup.ts';
import { roundHalfEven } from '../../shared/rounding.ts';
import type { VisibleTokens } from '../engine/tokenState.ts';

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
export function* inBox(
  [xmin, ymin, xmax, ymax]: readonly [number, number, number, number],
  { grid, width, height }: Frame,
): Generator<number> {
  const short = Math.min(width, height);
  const across = (x: number): number => (x * width - roundHalfEven((width - short) / 2)) / short;
  const down = (y: number): number => (y * height - roundHalfEven((height - short) / 2)) / short;
  const columns = cells(across(xmin), across(xmax), grid);
  yield* overlapped(columns, cells(down(ymin), down(ymax), grid), grid);
}

/** Pixels of a line that overlap a cell, from and up to but without. */
const pixelsOf = (cell: number, size: number, grid: number): readonly [number, number] => [
  Math.floor((cell * size) / grid),
  Math.ceil(((cell + 1) * size) / grid),
];

/** Cells of the grid that white pixels of a mask (size, size) overlap. */
export function cellsInMask(
  { data, largest }: { readonly data: Uint8Array | Uint16Array; readonly largest: number },
  size: number,
  grid: number,
): number[] {
  const half = largest / 2;
  const isWhite = (value: number): boolean => value >= half;
  const hasWhite = (row: number, column: number): boolean => {
    const [left, right] = pixelsOf(column, size, grid);
    const [top, bottom] = pixelsOf(row, size, grid);
    for (let y = top; y < bottom; y++)
      if (data.subarray(y * size + left, y * size + right).some(isWhite)) return true;
    return false;
  };
  const all = Array.from({ length: grid * grid }, (_, cell) => cell);
  return all.filter((cell) => hasWhite(Math.floor(cell / grid), cell % grid));
}

/** The tokens without those at hidden positions. @throws FailureError where none is left */
export function withoutHidden(
  tokens: VisibleTokens,
  hidden: ReadonlySet<number>,
  at: string,
): VisibleTokens {
  const visible = tokens.positions.flatMap((position, i) => (hidden.has(position) ? [] : [i]));
  if (visible.length === 0)
    throw refusal('invalid_input', 'everything that is given is hidden', at);
  const positions = visible.map((i) => itemAt(tokens.positions, i, 'the tokens'));
  const { content } = tokens;
  if (content.kind === 'ids') {
    const ids = visible.map((i) => itemAt(content.ids, i, 'the tokens'));
    return { positions, content: { kind: 'ids', ids } };
  }
  const { width } = content;
  const rows = new Float32Array(visible.length * width);
  for (const [to, from] of visible.entries())
    rows.set(content.rows.subarray(from * width, (from + 1) * width), to * width);
  return { positions, content: { kind: 'rows', rows, width } };
}
