/** Masks of instances as pictures and run lengths. Runs in a thread: it goes over every pixel of each one. */
import { classPalette } from '../image/palettes.ts';
import { png8 } from '../image/png.ts';
import {
  annotation,
  groupInstances,
  type InstanceMask,
  mergeInstances,
  overlay,
  PICTURE,
  type PixelBox,
  paint,
  type SoftInstance,
} from '../values/instances.ts';

/** A mask as it was decoded, in the frame of its box. */
export interface DecodedMask {
  readonly box: PixelBox;
  /** (side, side) */
  readonly logits: Float32Array;
}

export interface DrawnInstances {
  /** `votes` counts the masks that an instance stands for, where several samples were merged. */
  readonly instances: readonly (InstanceMask & { readonly votes?: number })[];
  /** Data URL: all of them in colours over each other. */
  readonly image: string;
  /** Masks that have no clear shape. */
  readonly unclear: number;
  /** Instances that lie outside of the picture. */
  readonly outside: number;
}

const softened = ({ box, logits }: DecodedMask): SoftInstance => ({
  box,
  mask: logits.map((logit) => 1 / (1 + Math.exp(-logit))),
});

/** @param isMerged whether the samples become one dense set, see `mergeInstances` */
export async function drawInstances({
  samples,
  isMerged,
}: {
  readonly samples: readonly (readonly DecodedMask[])[];
  readonly isMerged: boolean;
}): Promise<DrawnInstances> {
  const soft = samples.map((masks) => masks.map(softened));
  const found = isMerged ? mergeInstances(soft) : groupInstances(soft.flat());
  const shown = found.flatMap((instance) => {
    const mask = paint(instance);
    const annotated = annotation(mask);
    return annotated
      ? [{ mask, value: { ...annotated, ...(isMerged && { votes: instance.votes }) } }]
      : [];
  });
  const colours = classPalette(Math.max(shown.length, 1) + 1).slice(1);
  const pixels = overlay(
    shown.map(({ mask }) => mask),
    colours,
  );
  return {
    instances: shown.map(({ value }) => value),
    image: await png8(pixels, PICTURE, PICTURE, 3),
    unclear: soft.flat().length - found.reduce((sum, { votes }) => sum + votes, 0),
    outside: found.length - shown.length,
  };
}
