/** A scene as pictures: every modality exact, per pixel centre; rgb with smooth edges. */
import { itemAt } from '../../../shared/lookup.ts';
import { canny } from './canny.ts';
import { createTracer } from './trace.ts';
import { CLASSES, FAR, RESOLUTION, type Scene } from './world.ts';

export interface Rendering {
  /** (64, 64, 3) bytes. */
  readonly rgb: Uint8Array;
  /** (64, 64), 65535 = FAR metres. */
  readonly depth: Uint16Array;
  /** (64, 64, 3) bytes, 127.5 = 0: x right, y up, z towards the camera; the sky is (0, 0, 1). */
  readonly normal: Uint8Array;
  /** (64, 64) indices into CLASSES. */
  readonly semseg: Uint8Array;
  /** (64, 64): 0 sky, 1 ground, 2 + i the i-th solid. */
  readonly instance: Uint8Array;
  /** (64, 64): 0 or 255. */
  readonly edges: Uint8Array;
}

const byte = (value: number): number => Math.min(255, Math.max(0, Math.round(value * 255)));
/** Pixel coordinate (in pixels, from the left or the top) -> [-1, 1]. */
const ray = (pixel: number): number => (pixel / RESOLUTION) * 2 - 1;

/** The instance map alone, for a fraction of the cost. */
export function renderInstances(scene: Scene): Uint8Array {
  const tracer = createTracer(scene);
  return Uint8Array.from({ length: RESOLUTION * RESOLUTION }, (_, p) => {
    const x = p % RESOLUTION;
    const y = Math.floor(p / RESOLUTION);
    return tracer.cast(ray(x + 0.5), -ray(y + 0.5)).instance;
  });
}

export function renderScene(scene: Scene): Rendering {
  const pixels = RESOLUTION * RESOLUTION;
  const rgb = new Uint8Array(3 * pixels);
  const depth = new Uint16Array(pixels);
  const normal = new Uint8Array(3 * pixels);
  const semseg = new Uint8Array(pixels);
  const instance = new Uint8Array(pixels);
  const tracer = createTracer(scene);

  for (let y = 0; y < RESOLUTION; y++) {
    for (let x = 0; x < RESOLUTION; x++) {
      const at = y * RESOLUTION + x;
      const sample = tracer.cast(ray(x + 0.5), -ray(y + 0.5));
      instance[at] = sample.instance;
      depth[at] = Math.round((Math.min(sample.depth, FAR) / FAR) * 65535);
      const solid = scene.solids[sample.instance - 2];
      semseg[at] = solid ? CLASSES.indexOf(solid.shape) : sample.instance;
      const facing = tracer.cameraNormal(sample);
      const colour = tracer.shade();
      for (let c = 0; c < 3; c++) {
        normal[3 * at + c] = byte(itemAt(facing, c, 'facing') * 0.5 + 0.5);
        rgb[3 * at + c] = byte(itemAt(colour, c, 'colour'));
      }
    }
  }
  smooth(rgb, instance, tracer);
  return { rgb, depth, normal, semseg, instance, edges: canny(rgb, RESOLUTION) };
}

/** Four rays instead of one where a pixel borders on another instance; elsewhere one is enough. */
function smooth(
  rgb: Uint8Array,
  instance: Uint8Array,
  tracer: ReturnType<typeof createTracer>,
): void {
  for (let y = 0; y < RESOLUTION; y++) {
    for (let x = 0; x < RESOLUTION; x++) {
      const at = y * RESOLUTION + x;
      const here = instance[at];
      const border =
        (x > 0 && instance[at - 1] !== here) ||
        (x < RESOLUTION - 1 && instance[at + 1] !== here) ||
        (y > 0 && instance[at - RESOLUTION] !== here) ||
        (y < RESOLUTION - 1 && instance[at + RESOLUTION] !== here);
      if (!border) continue;
      const sum = [0, 0, 0];
      for (const [dx, dy] of [
        [0.25, 0.25],
        [0.75, 0.25],
        [0.25, 0.75],
        [0.75, 0.75],
      ] as const) {
        tracer.cast(ray(x + dx), -ray(y + dy));
        const colour = tracer.shade();
        for (let c = 0; c < 3; c++)
          sum[c] = itemAt(sum, c, 'sum') + Math.min(1, itemAt(colour, c, 'colour'));
      }
      for (let c = 0; c < 3; c++) rgb[3 * at + c] = byte(itemAt(sum, c, 'sum') / 4);
    }
  }
}
