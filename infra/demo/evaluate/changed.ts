/** Scenes in which one solid has another colour: what a picture is to become, and the words that say so. */
import { itemAt } from '../../../shared/lookup.ts';
import { captionOf } from '../scene/describe.ts';
import { renderScene } from '../scene/render.ts';
import type { Example } from '../scene/scenes.ts';
import { COLOURS, type Solid } from '../scene/world.ts';

export interface Changed {
  /** The whole scene, after the change. */
  readonly caption: string;
  /** The solid alone, before and after. */
  readonly before: string;
  readonly after: string;
  /** (64, 64, 3) bytes of the changed scene. */
  readonly rgb: Uint8Array;
}

const alone = ({ size, colour, shape }: Solid): string => `a ${size} ${colour} ${shape}`;

/** @param index decides which solid changes, and to which colour */
export function changeOf({ scene }: Example, index: number): Changed {
  const place = index % scene.solids.length;
  const solid = itemAt(scene.solids, place, 'solids');
  const others = COLOURS.filter((colour) => colour !== solid.colour);
  const repainted = { ...solid, colour: itemAt(others, index % others.length, 'colours') };
  const changed = {
    ...scene,
    solids: scene.solids.map((one, i) => (i === place ? repainted : one)),
  };
  return {
    caption: captionOf(changed),
    before: alone(solid),
    after: alone(repainted),
    rgb: renderScene(changed).rgb,
  };
}
