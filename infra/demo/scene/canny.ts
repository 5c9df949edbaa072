/** Canny's edge detector (Canny 1986): smooth, gradient, thin, two thresholds with hysteresis. */
import { itemAt } from '../../../shared/lookup.ts';

const GAUSSIAN = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16];
/** On the Sobel magnitude of luma in 0..255. */
const LOW = 36;
const HIGH = 80;

/** @param rgb (size, size, 3) bytes @returns (size, size), 0 or 255 */
export function canny(rgb: Uint8Array, size: number): Uint8Array {
  const clamp = (i: number): number => Math.min(size - 1, Math.max(0, i));
  const luma = Float32Array.from(
    { length: size * size },
    (_, i) =>
      itemAt(rgb, 3 * i, 'rgb') * 0.299 +
      itemAt(rgb, 3 * i + 1, 'rgb') * 0.587 +
      itemAt(rgb, 3 * i + 2, 'rgb') * 0.114,
  );
  const blur = (source: Float32Array, dx: number, dy: number): Float32Array =>
    source.map((_, i) =>
      GAUSSIAN.reduce((sum, weight, k) => {
        const x = clamp((i % size) + dx * (k - 2));
        const y = clamp(Math.floor(i / size) + dy * (k - 2));
        return sum + weight * itemAt(source, y * size + x, 'source');
      }, 0),
    );
  const smooth = blur(blur(luma, 1, 0), 0, 1);
  const at = (x: number, y: number): number => itemAt(smooth, clamp(y) * size + clamp(x), 'smooth');

  const magnitude = new Float32Array(size * size);
  const direction = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const gx =
        at(x + 1, y - 1) +
        2 * at(x + 1, y) +
        at(x + 1, y + 1) -
        at(x - 1, y - 1) -
        2 * at(x - 1, y) -
        at(x - 1, y + 1);
      const gy =
        at(x - 1, y + 1) +
        2 * at(x, y + 1) +
        at(x + 1, y + 1) -
        at(x - 1, y - 1) -
        2 * at(x, y - 1) -
        at(x + 1, y - 1);
      magnitude[y * size + x] = Math.hypot(gx, gy);
      // 0: across x, 1: diagonal, 2: across y, 3: the other diagonal.
      direction[y * size + x] = Math.round((Math.atan2(gy, gx) / Math.PI) * 4 + 4) % 4;
    }
  }

  const STEP = [
    [1, 0],
    [1, 1],
    [0, 1],
    [-1, 1],
  ] as const;
  const inside = (x: number, y: number): boolean => x >= 0 && y >= 0 && x < size && y < size;
  const strength = (x: number, y: number): number =>
    inside(x, y) ? itemAt(magnitude, y * size + x, 'magnitude') : 0;
  const edges = new Uint8Array(size * size);
  const queue: number[] = [];
  const peak = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const i = y * size + x;
      const [dx, dy] = itemAt(STEP, itemAt(direction, i, 'direction'), 'STEP');
      const m = itemAt(magnitude, i, 'magnitude');
      if (m < LOW || m < strength(x - dx, y - dy) || m <= strength(x + dx, y + dy)) continue;
      peak[i] = 1;
      if (m >= HIGH) {
        edges[i] = 255;
        queue.push(i);
      }
    }
  }
  for (let i = queue.pop(); i !== undefined; i = queue.pop()) {
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const x = (i % size) + dx;
        const y = Math.floor(i / size) + dy;
        const j = y * size + x;
        if (!inside(x, y) || !peak[j] || edges[j]) continue;
        edges[j] = 255;
        queue.push(j);
      }
    }
  }
  return edges;
}
