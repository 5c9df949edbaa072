/** The scenes of the data set: those in which every solid can be made out. */
import { itemAt } from '../../../shared/lookup.ts';
import { type Description, describe } from './describe.ts';
import { type Rendering, renderInstances, renderScene } from './render.ts';
import { RESOLUTION, type Scene, sampleScene } from './world.ts';

export interface Example {
  readonly scene: Scene;
  readonly rendering: Rendering;
  readonly description: Description;
}

/** Seeds below this are for training, from it on for evaluation. */
export const FIRST_HELD_OUT_SEED = 1_000_000_000;

const LEAST_PIXELS = 90;
const LEAST_VISIBLE = 0.6;

/** True when each solid shows enough of itself, neither hidden by another nor cut by the frame. */
function isClear(scene: Scene, instance: Uint8Array): boolean {
  const shown = new Array<number>(scene.solids.length).fill(0);
  for (let p = 0; p < instance.length; p++) {
    const solid = itemAt(instance, p, 'instance') - 2;
    if (solid < 0) continue;
    shown[solid] = itemAt(shown, solid, 'shown') + 1;
    const x = p % RESOLUTION;
    if (x === 0 || x === RESOLUTION - 1) return false;
  }
  if (shown.some((pixels) => pixels < LEAST_PIXELS)) return false;
  if (scene.solids.length === 1) return true;
  return scene.solids.every((solid, i) => {
    const alone = renderInstances({ ...scene, solids: [solid] });
    const whole = alone.reduce((sum, id) => sum + (id === 2 ? 1 : 0), 0);
    return itemAt(shown, i, 'shown') >= LEAST_VISIBLE * whole;
  });
}

/** The example of a seed, or undefined where the scene is not clear enough to be asked about. */
export function exampleOf(seed: number): Example | undefined {
  const scene = sampleScene(seed);
  if (!isClear(scene, renderInstances(scene))) return undefined;
  const rendering = renderScene(scene);
  return { scene, rendering, description: describe(scene, rendering) };
}

/** The first `count` examples from a seed on. */
export function* examples(firstSeed: number, count: number): Generator<Example> {
  for (let seed = firstSeed, found = 0; found < count; seed++) {
    const example = exampleOf(seed);
    if (!example) continue;
    found++;
    yield example;
  }
}
