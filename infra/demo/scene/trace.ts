/** One ray at a time: what it meets, and the colour of that place. */
import { itemAt } from '../../../shared/lookup.ts';
import { type Hit, intersect } from './intersect.ts';
import {
  AXES,
  type Axis,
  COLOUR_VALUES,
  FAR,
  GROUND_VALUES,
  HALF_WIDTH,
  type Scene,
  type Vector,
} from './world.ts';

/** 0 sky, 1 ground, 2 + i the i-th solid. */
export interface Sample {
  instance: number;
  /** Metric depth along the optical axis, FAR for the sky. */
  depth: number;
  /** Normal in world coordinates. */
  nx: number;
  ny: number;
  nz: number;
}

export interface Tracer {
  /** Casts the ray through (u, v), both in [-1, 1], v up. */
  cast(u: number, v: number): Sample;
  /** RGB in [0, 1] (may exceed it) of the last cast. */
  shade(): Vector;
  /** Normal in camera space of a sample: x right, y up, z towards the camera. */
  cameraNormal(sample: Sample): Vector;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const HALF_FIELD = 0.345;
const TARGET_HEIGHT = 0.5;

/** A solid with its turn's sine and cosine at hand. */
interface Placed {
  readonly shape: Scene['solids'][number]['shape'];
  readonly s: number;
  readonly x: number;
  readonly y: number;
  readonly sin: number;
  readonly cos: number;
}

export function createTracer(scene: Scene): Tracer {
  const placed: Placed[] = scene.solids.map((solid) => ({
    shape: solid.shape,
    s: HALF_WIDTH[solid.size],
    x: solid.x,
    y: solid.y,
    sin: Math.sin(solid.yaw),
    cos: Math.cos(solid.yaw),
  }));
  const { distance, height } = scene.camera;
  const length = Math.hypot(distance, height - TARGET_HEIGHT);
  const forward: Vector = [0, distance / length, (TARGET_HEIGHT - height) / length];
  const up: Vector = [0, -forward[2], forward[1]];
  const { azimuth, elevation, power } = scene.light;
  const sun: Vector = [
    Math.cos(elevation) * Math.cos(azimuth),
    Math.cos(elevation) * Math.sin(azimuth),
    Math.sin(elevation),
  ];
  const origin: Vector = [0, -distance, height];
  const direction: Writable<Vector> = [0, 0, 0];
  const localOrigin: Writable<Vector> = [0, 0, 0];
  const localDirection: Writable<Vector> = [0, 0, 0];
  const hit: Hit = { t: Infinity, nx: 0, ny: 0, nz: 0 };
  const sample: Sample = { instance: 0, depth: FAR, nx: 0, ny: 0, nz: 1 };
  let heightInView = 0;

  const meet = (solid: Placed, from: Vector, towards: Vector): void => {
    const x = from[0] - solid.x;
    const y = from[1] - solid.y;
    localOrigin[0] = solid.cos * x + solid.sin * y;
    localOrigin[1] = -solid.sin * x + solid.cos * y;
    localOrigin[2] = from[2];
    localDirection[0] = solid.cos * towards[0] + solid.sin * towards[1];
    localDirection[1] = -solid.sin * towards[0] + solid.cos * towards[1];
    localDirection[2] = towards[2];
    intersect(hit, solid.shape, solid.s, localOrigin, localDirection);
  };

  const cast = (u: number, v: number): Sample => {
    heightInView = v;
    // The component along the optical axis is 1, so distance along the ray is metric depth.
    for (const k of AXES) {
      direction[k] = forward[k] + HALF_FIELD * v * up[k] + (k === 0 ? HALF_FIELD * u : 0);
    }
    const ground = direction[2] < -1e-4 ? -origin[2] / direction[2] : FAR;
    sample.instance = ground < FAR ? 1 : 0;
    sample.depth = Math.min(ground, FAR);
    sample.nx = 0;
    sample.ny = 0;
    sample.nz = 1;
    for (const [i, solid] of placed.entries()) {
      meet(solid, origin, direction);
      if (hit.t >= sample.depth) continue;
      sample.instance = 2 + i;
      sample.depth = hit.t;
      sample.nx = solid.cos * hit.nx - solid.sin * hit.ny;
      sample.ny = solid.sin * hit.nx + solid.cos * hit.ny;
      sample.nz = hit.nz;
    }
    return sample;
  };

  const inShadow = (): boolean => {
    const { depth, nx, ny, nz } = sample;
    const from: Vector = [
      origin[0] + depth * direction[0] + 2e-3 * nx,
      origin[1] + depth * direction[1] + 2e-3 * ny,
      origin[2] + depth * direction[2] + 2e-3 * nz,
    ];
    return placed.some((solid) => {
      meet(solid, from, sun);
      return hit.t < Infinity;
    });
  };

  const shade = (): Vector => {
    const blend = Math.min(1, Math.max(0, heightInView * 1.2 - 0.1));
    const high: Vector = [0.45 + 0.2 * scene.sky, 0.65 + 0.1 * scene.sky, 0.95 - 0.2 * scene.sky];
    const mixed = (low: number, k: Axis): number => low * (1 - blend) + high[k] * blend;
    const skyColour: Vector = [mixed(0.86, 0), mixed(0.9, 1), mixed(0.95, 2)];
    if (sample.instance === 0) return skyColour;
    const solid = scene.solids[sample.instance - 2];
    const albedo = solid
      ? COLOUR_VALUES[solid.colour]
      : itemAt(GROUND_VALUES, scene.ground, 'grounds');
    const facing = Math.max(0, sample.nx * sun[0] + sample.ny * sun[1] + sample.nz * sun[2]);
    const lit = facing > 0 && !inShadow();
    const diffuse = 0.4 + (lit ? 0.68 * power * facing : 0);
    let shine = 0;
    if (lit && solid) {
      const norm = Math.hypot(direction[0], direction[1], direction[2]);
      const towardsHalf = (k: Axis): number => sun[k] - direction[k] / norm;
      const half: Vector = [towardsHalf(0), towardsHalf(1), towardsHalf(2)];
      const size = Math.hypot(half[0], half[1], half[2]);
      const aligned = (sample.nx * half[0] + sample.ny * half[1] + sample.nz * half[2]) / size;
      shine = 0.3 * Math.max(0, aligned) ** 40;
    }
    // The ground fades into the sky towards the horizon.
    const fog = solid ? 0 : Math.min(1, Math.max(0, (sample.depth - 7) / (FAR - 7))) ** 2;
    const at = (k: Axis): number => (albedo[k] * diffuse + shine) * (1 - fog) + skyColour[k] * fog;
    return [at(0), at(1), at(2)];
  };

  return {
    cast,
    shade,
    cameraNormal: (s) =>
      s.instance === 0
        ? [0, 0, 1]
        : [s.nx, s.ny * up[1] + s.nz * up[2], -(s.ny * forward[1] + s.nz * forward[2])],
  };
}
