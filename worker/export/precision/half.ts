/** float32 -> IEEE 754 binary16, rounding to nearest, ties to even; what is too large becomes the largest. */

const LARGEST = 0x7bff;

const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

export function toHalf(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  // Weights that large exist in no trained model; an infinity would poison every sum it enters.
  if (magnitude >= 0x477ff000) return magnitude > 0x7f800000 ? sign | 0x7e00 : sign | LARGEST;
  if (magnitude < 0x38800000) {
    // Below 2^-14 a half is a multiple of 2^-24.
    const steps = Math.abs(value) * 2 ** 24;
    const floor = Math.floor(steps);
    const rest = steps - floor;
    const up = rest > 0.5 || (rest === 0.5 && floor % 2 === 1);
    return sign | (up ? floor + 1 : floor);
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded - 0x38000000) >>> 13);
}

/** Every value of a list. */
export function toHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = toHalf(values[i]!);
  return halves;
}
