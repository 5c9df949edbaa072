/** A confusion matrix as a picture: rows are what is true, columns what was predicted, numbered as the labels. */
import { itemAt } from '../../shared/lookup.ts';
import { png8 } from '../image/png.ts';

/** Digits, 3 wide and 5 high, a bit a pixel from the top left: no font is needed. */
const DIGITS = [
  0b111101101101111, 0b010110010010111, 0b111001111100111, 0b111001111001111, 0b101101111001001,
  0b111100111001111, 0b111100111101111, 0b111001001001001, 0b111101111101111, 0b111101111001111,
];
const [DIGIT_WIDTH, DIGIT_HEIGHT] = [3, 5];

/** Side of a cell that shows its count, and of those of larger matrices, which do not. */
const SHOWING = 28;
const MOST_SHOWING = 24;
const SMALL = 4;
/** Pixels of a digit's dot. */
const DOT = 2;
const MARGIN = 24;

type Colour = readonly [number, number, number];
const PAPER: Colour = [255, 255, 255];
const INK: Colour = [32, 44, 58];
const HIT: Colour = [44, 110, 116];
const MISS: Colour = [190, 72, 84];

const mix = (a: Colour, b: Colour, share: number): Colour => [
  Math.round(a[0] + (b[0] - a[0]) * share),
  Math.round(a[1] + (b[1] - a[1]) * share),
  Math.round(a[2] + (b[2] - a[2]) * share),
];

interface Canvas {
  readonly pixels: Uint8Array;
  readonly side: number;
}

function fill(
  { pixels, side }: Canvas,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: Colour,
) {
  for (let row = Math.max(0, y); row < Math.min(side, y + height); row++)
    for (let column = Math.max(0, x); column < Math.min(side, x + width); column++)
      pixels.set(colour, 3 * (row * side + column));
}

/** A whole number with its middle at a place. */
function write(canvas: Canvas, value: number, x: number, y: number, colour: Colour): void {
  const digits = [...String(value)].map(Number);
  const width = digits.length * (DIGIT_WIDTH + 1) * DOT - DOT;
  const [left, top] = [Math.round(x - width / 2), Math.round(y - (DIGIT_HEIGHT * DOT) / 2)];
  for (const [place, digit] of digits.entries()) {
    const bits = itemAt(DIGITS, digit, 'digits');
    for (let dot = 0; dot < DIGIT_WIDTH * DIGIT_HEIGHT; dot++) {
      if (((bits >> (DIGIT_WIDTH * DIGIT_HEIGHT - 1 - dot)) & 1) === 0) continue;
      const column = place * (DIGIT_WIDTH + 1) + (dot % DIGIT_WIDTH);
      const row = Math.floor(dot / DIGIT_WIDTH);
      fill(canvas, left + column * DOT, top + row * DOT, DOT, DOT, colour);
    }
  }
}

/**
 * Each cell is as dark as its share of what is true; the diagonal, what is right, has a colour of its own.
 * @param matrix `[truth][prediction]`
 * @returns data URL of a PNG
 */
export async function drawConfusion(matrix: readonly (readonly number[])[]): Promise<string> {
  const isShowing = matrix.length <= MOST_SHOWING;
  const cell = isShowing ? SHOWING : SMALL;
  const margin = isShowing ? MARGIN : 0;
  const side = margin + matrix.length * cell;
  const canvas: Canvas = { pixels: new Uint8Array(3 * side * side).fill(255), side };
  for (const [truth, counts] of matrix.entries()) {
    const total = Math.max(
      1,
      counts.reduce((sum, count) => sum + count, 0),
    );
    const y = margin + truth * cell;
    if (isShowing) {
      write(canvas, truth, margin / 2, y + cell / 2, INK);
      write(canvas, truth, y + cell / 2, margin / 2, INK);
    }
    for (const [prediction, count] of counts.entries()) {
      const x = margin + prediction * cell;
      const share = count / total;
      const gap = isShowing ? 1 : 0;
      const colour = mix(
        PAPER,
        truth === prediction ? HIT : MISS,
        count === 0 ? 0.04 : 0.15 + 0.85 * share,
      );
      fill(canvas, x + gap, y + gap, cell - gap, cell - gap, colour);
      if (isShowing && count > 0)
        write(canvas, count, x + cell / 2, y + cell / 2, share > 0.45 ? PAPER : INK);
    }
  }
  return await png8(canvas.pixels, side, side, 3);
}
