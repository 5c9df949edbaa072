/** The world of 4M Shapes: what can be in a scene, and how a seed becomes one. */
import { itemAt } from '../../../shared/lookup.ts';
import { createRandom, type Random } from './random.ts';

export const RESOLUTION = 64;
/** Depth in metres that the value 65535 stands for; the sky is there. */
export const FAR = 14;
export const SHAPES = ['sphere', 'box', 'cylinder', 'cone'] as const;
export const COLOURS = ['red', 'green', 'blue', 'yellow', 'purple', 'cyan'] as const;
export const SIZES = ['small', 'large'] as const;
export type Shape = (typeof SHAPES)[number];
export type Colour = (typeof COLOURS)[number];
export type Size = (typeof SIZES)[number];
/** Semantic segmentation classes; the index is the label. */
export const CLASSES = ['sky', 'ground', ...SHAPES] as const;

export type Vector = readonly [number, number, number];
/** The places of a vector's components. */
export const AXES = [0, 1, 2] as const;
export type Axis = (typeof AXES)[number];

export const COLOUR_VALUES: Readonly<Record<Colour, Vector>> = {
  red: [0.85, 0.1, 0.1],
  green: [0.1, 0.65, 0.15],
  blue: [0.12, 0.22, 0.88],
  yellow: [0.92, 0.8, 0.1],
  purple: [0.58, 0.15, 0.75],
  cyan: [0.1, 0.75, 0.8],
};
export const GROUND_VALUES: readonly Vector[] = [
  [0.62, 0.6, 0.56],
  [0.52, 0.56, 0.5],
  [0.66, 0.6, 0.52],
  [0.47, 0.48, 0.52],
];
/** Half the width of a solid in metres; every solid is twice that high, cones a little more. */
export const HALF_WIDTH: Readonly<Record<Size, number>> = { small: 0.46, large: 0.68 };

export interface Solid {
  readonly shape: Shape;
  readonly colour: Colour;
  readonly size: Size;
  /** Place on the ground plane in metres: x to the right, y away from the camera. */
  readonly x: number;
  readonly y: number;
  /** Turn about the vertical, in radians. */
  readonly yaw: number;
}

export interface Scene {
  readonly seed: number;
  readonly solids: readonly Solid[];
  readonly light: { readonly azimuth: number; readonly elevation: number; readonly power: number };
  readonly camera: { readonly distance: number; readonly height: number };
  readonly ground: number;
  /** Hue of the sky, 0 to 1. */
  readonly sky: number;
}

function pick<T>(random: Random, values: readonly T[]): T {
  return itemAt(values, random.integer(values.length), 'values');
}

function sampleSolids(random: Random, count: number): Solid[] | undefined {
  const solids: Solid[] = [];
  for (let i = 0; i < count; i++) {
    solids.push({
      shape: pick(random, SHAPES),
      colour: pick(random, COLOURS),
      size: pick(random, SIZES),
      x: random.uniform(-1.25, 1.25),
      y: random.uniform(-0.8, 0.8),
      // Boxes are seen over an edge, so that two faces tell them from cylinders.
      yaw: random.uniform(0.3, 1.27),
    });
  }
  for (const [i, a] of solids.entries()) {
    for (const b of solids.slice(i + 1)) {
      const widths = HALF_WIDTH[a.size] + HALF_WIDTH[b.size];
      // Apart on the ground, and far enough sideways that "left of" is never a matter of taste.
      if (Math.hypot(a.x - b.x, a.y - b.y) < 1.15 * widths) return undefined;
      if (Math.abs(a.x - b.x) < 0.62 * widths) return undefined;
    }
  }
  return solids.sort((a, b) => a.x - b.x);
}

/** A scene of one to three solids; the same seed gives the same scene. Solids come left to right. */
export function sampleScene(seed: number): Scene {
  const random = createRandom(seed);
  const draw = random.uniform(0, 1);
  // Crowded scenes are often refused later for hiding something, so they are drawn more often.
  const count = draw < 0.2 ? 1 : draw < 0.55 ? 2 : 3;
  for (;;) {
    const solids = sampleSolids(random, count);
    if (!solids) continue;
    return {
      seed,
      solids,
      light: {
        azimuth: random.uniform(-2.5, -0.6),
        elevation: random.uniform(0.65, 1.2),
        power: random.uniform(0.8, 1.05),
      },
      camera: { distance: random.uniform(4.7, 5.5), height: random.uniform(2.1, 3.1) },
      ground: random.integer(GROUND_VALUES.length),
      sky: random.uniform(0, 1),
    };
  }
}
