/** Rays against solids that stand on z = 0 around the local origin. */
import { AXES, type Shape, type Vector } from './world.ts';

/** Written by `intersect`: distance along the ray (Infinity for a miss) and local normal. */
export interface Hit {
  t: number;
  nx: number;
  ny: number;
  nz: number;
}

const NEAR = 1e-3;

function sphere(hit: Hit, s: number, o: Vector, d: Vector): void {
  const z = o[2] - s;
  const a = d[0] ** 2 + d[1] ** 2 + d[2] ** 2;
  const b = o[0] * d[0] + o[1] * d[1] + z * d[2];
  const c = o[0] ** 2 + o[1] ** 2 + z * z - s * s;
  const discriminant = b * b - a * c;
  if (discriminant <= 0) return;
  const t = (-b - Math.sqrt(discriminant)) / a;
  if (t <= NEAR) return;
  hit.t = t;
  hit.nx = (o[0] + t * d[0]) / s;
  hit.ny = (o[1] + t * d[1]) / s;
  hit.nz = (z + t * d[2]) / s;
}

function box(hit: Hit, s: number, o: Vector, d: Vector): void {
  let near = -Infinity;
  let far = Infinity;
  let axis: number = 0;
  for (const k of AXES) {
    const low = k === 2 ? 0 : -s;
    const high = k === 2 ? 2 * s : s;
    const inverse = 1 / (Math.abs(d[k]) < 1e-9 ? 1e-9 : d[k]);
    const t0 = (low - o[k]) * inverse;
    const t1 = (high - o[k]) * inverse;
    const enter = Math.min(t0, t1);
    if (enter > near) {
      near = enter;
      axis = k;
    }
    far = Math.min(far, Math.max(t0, t1));
  }
  if (near >= far || near <= NEAR) return;
  hit.t = near;
  hit.nx = axis === 0 ? -Math.sign(d[0]) : 0;
  hit.ny = axis === 1 ? -Math.sign(d[1]) : 0;
  hit.nz = axis === 2 ? -Math.sign(d[2]) : 0;
}

/** A cylinder, or a cone whose radius shrinks from s at the ground to 0 at its tip. */
function round(hit: Hit, s: number, height: number, slope: number, o: Vector, d: Vector) {
  // x^2 + y^2 = (radius + t * growth)^2
  const radius = s - slope * o[2];
  const growth = -slope * d[2];
  let a = d[0] ** 2 + d[1] ** 2 - growth * growth;
  if (Math.abs(a) < 1e-9) a = 1e-9;
  const b = o[0] * d[0] + o[1] * d[1] - radius * growth;
  const c = o[0] ** 2 + o[1] ** 2 - radius * radius;
  const discriminant = b * b - a * c;
  if (discriminant > 0) {
    const root = Math.sqrt(discriminant);
    for (const t of [(-b - root) / a, (-b + root) / a]) {
      const z = o[2] + t * d[2];
      if (t <= NEAR || t >= hit.t || z < 0 || z > height) continue;
      const x = o[0] + t * d[0];
      const y = o[1] + t * d[1];
      const outward = Math.hypot(x, y);
      const length = Math.hypot(outward, slope * outward) || 1;
      hit.t = t;
      hit.nx = x / length;
      hit.ny = y / length;
      hit.nz = (slope * outward) / length;
    }
  }
  if (slope !== 0 || Math.abs(d[2]) < 1e-9) return;
  const t = (height - o[2]) / d[2];
  if (t <= NEAR || t >= hit.t) return;
  if ((o[0] + t * d[0]) ** 2 + (o[1] + t * d[1]) ** 2 > s * s) return;
  hit.t = t;
  hit.nx = 0;
  hit.ny = 0;
  hit.nz = 1;
}

/** How much higher than wide a cone is: pointed enough to be told from everything else. */
const CONE_HEIGHT = 2.4;

/** Nearest hit of the ray o + t d with a solid of half width s, all in the solid's own frame. */
export function intersect(hit: Hit, shape: Shape, s: number, o: Vector, d: Vector): void {
  hit.t = Infinity;
  if (shape === 'sphere') sphere(hit, s, o, d);
  else if (shape === 'box') box(hit, s * 0.9, o, d);
  else if (shape === 'cylinder') round(hit, s * 0.85, 2 * s, 0, o, d);
  else round(hit, s, CONE_HEIGHT * s, 1 / CONE_HEIGHT, o, d);
}
