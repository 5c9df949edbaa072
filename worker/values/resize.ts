/** Resizing of small maps the way the reference's libraries do it. */
import { itemAt } from '../../shared/lookup.ts';

/** Weights of the four neighbours at a distance of `t` from the second; cubic with a = -0.75. */
function cubic(t: number): readonly [number, number, number, number] {
  const a = -0.75;
  const far = (d: number): number => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  const near = (d: number): number => ((a + 2) * d - (a + 3)) * d * d + 1;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}

/** One axis: `count` lines of `from` values each, resampled to `to`. */
function resizeAxis(
  values: Float32Array,
  count: number,
  from: number,
  to: number,
  at: (line: number, place: number) => number,
  put: (line: number, place: number, value: number) => void,
): void {
  for (let place = 0; place < to; place++) {
    const source = ((place + 0.5) * from) / to - 0.5;
    const first = Math.floor(source);
    const weights = cubic(source - first);
    for (let line = 0; line < count; line++) {
      let sum = 0;
      for (let tap = 0; tap < 4; tap++) {
        const clamped = Math.min(Math.max(first + tap - 1, 0), from - 1);
        sum += (weights[tap] ?? 0) * (values[at(line, clamped)] ?? 0);
      }
      put(line, place, sum);
    }
  }
}

/**
 * Cubic interpolation as OpenCV's INTER_CUBIC: pixel centres, edges repeated, no smoothing when it shrinks.
 * @param values (height, width)
 * @returns (toHeight, toWidth)
 */
export function resizeCubic(
  values: Float32Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Float32Array {
  const wide = new Float32Array(height * toWidth);
  resizeAxis(
    values,
    height,
    width,
    toWidth,
    (line, place) => line * width + place,
    (line, place, value) => {
      wide[line * toWidth + place] = value;
    },
  );
  const result = new Float32Array(toHeight * toWidth);
  resizeAxis(
    wide,
    toWidth,
    height,
    toHeight,
    (line, place) => place * toWidth + line,
    (line, place, value) => {
      result[place * toWidth + line] = value;
    },
  );
  return result;
}

/**
 * The centre square of a map, resampled to `side` by its nearest value; the same square that pictures are
 * cropped to.
 * @param values (height, width)
 */
export function nearestSquare(
  values: ArrayLike<number>,
  height: number,
  width: number,
  side: number,
  offset: (rest: number) => number,
): Float64Array {
  const short = Math.min(height, width);
  const top = offset(height - short);
  const left = offset(width - short);
  const from = (place: number): number =>
    Math.min(Math.floor(((place + 0.5) * short) / side), short - 1);
  return Float64Array.from({ length: side * side }, (_, i) => {
    const row = top + from(Math.floor(i / side));
    return itemAt(values, row * width + left + from(i % side), 'the map');
  });
}
