/** A scene in words and numbers: the text modalities in 4M's formats, and the global descriptor. */
import { itemAt } from '../../../shared/lookup.ts';
import type { Rendering } from './render.ts';
import { COLOURS, RESOLUTION, type Scene, SHAPES, type Shape } from './world.ts';

/** Values of `v0=..` in the demo's vocabulary. */
export const COORDINATE_BINS = 64;
export const DESCRIPTOR_LENGTH = 54;

export interface Box {
  /** xmin, ymin, xmax, ymax in [0, 1]. */
  readonly box: readonly [number, number, number, number];
  readonly label: Shape;
}

export interface Description {
  readonly caption: string;
  readonly boxes: readonly Box[];
  readonly det: string;
  readonly palette: string;
  readonly metadata: string;
  /** What the caption says, as a vector of length 1. */
  readonly descriptor: Float32Array;
}

/** Solids come left to right, so the caption does too. */
export function captionOf(scene: Scene): string {
  const [first] = scene.solids;
  if (scene.solids.length === 1 && first) return `a ${first.size} ${first.colour} ${first.shape}`;
  return scene.solids.map((s) => `a ${s.colour} ${s.shape}`).join(' left of ');
}

function boxesOf(scene: Scene, instance: Uint8Array): Box[] {
  return scene.solids
    .map((solid, i): Box => {
      let [xmin, ymin, xmax, ymax] = [RESOLUTION, RESOLUTION, 0, 0];
      for (let p = 0; p < instance.length; p++) {
        if (instance[p] !== i + 2) continue;
        const x = p % RESOLUTION;
        const y = Math.floor(p / RESOLUTION);
        xmin = Math.min(xmin, x);
        ymin = Math.min(ymin, y);
        xmax = Math.max(xmax, x + 1);
        ymax = Math.max(ymax, y + 1);
      }
      const scale = (value: number): number => value / RESOLUTION;
      return { box: [scale(xmin), scale(ymin), scale(xmax), scale(ymax)], label: solid.shape };
    })
    .sort((a, b) => a.box[0] ** 2 + a.box[1] ** 2 - (b.box[0] ** 2 + b.box[1] ** 2));
}

/** 4M's detection text: corners in bins, then the class, nearest to the origin first. */
const detOf = (boxes: readonly Box[]): string =>
  boxes
    .map(({ box, label }) =>
      [...box.map((c, k) => `v${k}=${Math.round(c * (COORDINATE_BINS - 1))}`), label].join(' '),
    )
    .join(' ');

/** Mean colours of the regions, largest first, in bins of the channel. */
function paletteOf({ rgb, instance }: Rendering): string {
  const sums = new Map<number, [r: number, g: number, b: number, n: number]>();
  for (let p = 0; p < instance.length; p++) {
    const sum = sums.get(itemAt(instance, p, 'instance')) ?? [0, 0, 0, 0];
    for (let c = 0; c < 3; c++) sum[c] = itemAt(sum, c, 'sum') + itemAt(rgb, 3 * p + c, 'rgb');
    sum[3]++;
    sums.set(itemAt(instance, p, 'instance'), sum);
  }
  const colours = [...sums.values()].sort((a, b) => b[3] - a[3]);
  const bins = colours.flatMap(([r, g, b, n]) =>
    [r, g, b].map((v) => `v0=${Math.round((v / n / 255) * (COORDINATE_BINS - 1))}`),
  );
  return [`v1=${colours.length}`, ...bins].join(' ');
}

const bin = (value: number, low: number, high: number): number =>
  Math.trunc(((Math.min(high, Math.max(low, value)) - low) / (high - low)) * 49);

/**
 * The reference's metadata fields that a rendering determines: 7 instances, 8 distinct classes,
 * 9 colourfulness (Hasler and Suesstrunk 2003), 10 brightness, 11 contrast, 12 saturation (both of HSV
 * and luma as Pillow's), 13 entropy of the luma histogram in bits.
 */
function metadataOf(scene: Scene, { rgb }: Rendering): string {
  const n = rgb.length / 3;
  const histogram = new Float64Array(256);
  let [luma, luma2, saturation] = [0, 0, 0];
  let [rg, rg2, yb, yb2] = [0, 0, 0, 0];
  for (let p = 0; p < n; p++) {
    const [r, g, b] = [
      itemAt(rgb, 3 * p, 'rgb'),
      itemAt(rgb, 3 * p + 1, 'rgb'),
      itemAt(rgb, 3 * p + 2, 'rgb'),
    ];
    const y = 0.299 * r + 0.587 * g + 0.114 * b;
    luma += y;
    luma2 += y * y;
    histogram[Math.round(y)] = itemAt(histogram, Math.round(y), 'histogram') + 1;
    const high = Math.max(r, g, b);
    saturation += high === 0 ? 0 : ((high - Math.min(r, g, b)) / high) * 255;
    rg += r - g;
    rg2 += (r - g) ** 2;
    yb += (r + g) / 2 - b;
    yb2 += ((r + g) / 2 - b) ** 2;
  }
  const variance = (sum: number, squares: number): number => squares / n - (sum / n) ** 2;
  const spread = Math.sqrt(variance(rg, rg2) + variance(yb, yb2));
  const colourful = spread + 0.3 * Math.hypot(rg / n, yb / n);
  let entropy = 0;
  for (const count of histogram) if (count > 0) entropy -= (count / n) * Math.log2(count / n);
  const fields: [kind: number, value: number][] = [
    [7, scene.solids.length],
    [8, new Set(scene.solids.map((s) => s.shape)).size],
    [9, bin(colourful, 0, 150)],
    [10, bin(luma / n, 0, 255)],
    [11, bin(Math.sqrt(variance(luma, luma2)), 0, 127)],
    [12, bin(saturation / n, 0, 255)],
    [13, bin(entropy, 0, 10)],
  ];
  return fields.map(([kind, value]) => `v1=${kind} v0=${value}`).join(' ');
}

/**
 * Colour x shape counts (24 numbers), then for each place from left to right a one-hot colour and shape
 * (3 x 10 numbers): the caption determines it, and scenes that share objects are near each other.
 */
function descriptorOf(scene: Scene): Float32Array {
  const vector = new Float32Array(DESCRIPTOR_LENGTH);
  for (const [place, solid] of scene.solids.entries()) {
    const colour = COLOURS.indexOf(solid.colour);
    const shape = SHAPES.indexOf(solid.shape);
    vector[colour * 4 + shape] = itemAt(vector, colour * 4 + shape, 'vector') + 1;
    vector[24 + 10 * place + colour] = itemAt(vector, 24 + 10 * place + colour, 'vector') + 0.7;
    vector[24 + 10 * place + 6 + shape] =
      itemAt(vector, 24 + 10 * place + 6 + shape, 'vector') + 0.7;
  }
  const length = Math.hypot(...vector);
  return vector.map((v) => v / length);
}

export function describe(scene: Scene, rendering: Rendering): Description {
  const boxes = boxesOf(scene, rendering.instance);
  return {
    caption: captionOf(scene),
    boxes,
    det: detOf(boxes),
    palette: paletteOf(rendering),
    metadata: metadataOf(scene, rendering),
    descriptor: descriptorOf(scene),
  };
}
