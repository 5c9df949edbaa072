/** Hidden patches of a picture, by their positions in its grid -> what the API takes as `hide`. */
import type { Hidden } from '../../shared/api/inputs.ts';

/** Boxes that a request may name for one picture. */
const MOST_BOXES = 64;

interface Rectangle {
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** Rectangles that cover exactly these cells of a grid with `side` columns: runs of a row, merged downwards. */
export function rectanglesOf(cells: ReadonlySet<number>, side: number): Rectangle[] {
  const left = new Set(cells);
  const found: Rectangle[] = [];
  const isLeft = (row: number, column: number): boolean =>
    column < side && left.has(row * side + column);
  for (const cell of [...cells].sort((a, b) => a - b)) {
    if (!left.has(cell)) continue;
    const [row, column] = [Math.floor(cell / side), cell % side];
    let columns = 1;
    while (isLeft(row, column + columns)) columns++;
    const isWhole = (below: number): boolean =>
      Array.from({ length: columns }, (_, i) => isLeft(below, column + i)).every(Boolean);
    let rows = 1;
    while (isWhole(row + rows)) rows++;
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++) left.delete((row + r) * side + column + c);
    found.push({ row, column, rows, columns });
  }
  return found;
}

/** How far a box stays inside of its outermost cells, so that rounding touches no further one. */
const INSET = 0.25;

/** A picture in base64 with a pixel a cell, white where it is hidden. */
function maskOf(cells: ReadonlySet<number>, side: number): string {
  const canvas = document.createElement('canvas');
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('the browser draws no pictures');
  context.fillRect(0, 0, side, side);
  context.fillStyle = '#fff';
  for (const cell of cells) context.fillRect(cell % side, Math.floor(cell / side), 1, 1);
  return canvas.toDataURL('image/png').replace(/^.*,/, '');
}

/**
 * The hidden cells as boxes in shares of the picture, or as a mask where that takes too many boxes.
 * @returns undefined for none
 */
export function hideOf(cells: ReadonlySet<number>, side: number): Hidden[] | undefined {
  if (cells.size === 0) return undefined;
  const rectangles = rectanglesOf(cells, side);
  if (rectangles.length > MOST_BOXES) return [{ mask: maskOf(cells, side) }];
  const share = (cell: number): number => Math.round((cell / side) * 1e5) / 1e5;
  return rectangles.map(({ row, column, rows, columns }) => ({
    box: [
      share(column + INSET),
      share(row + INSET),
      share(column + columns - INSET),
      share(row + rows - INSET),
    ],
  }));
}
