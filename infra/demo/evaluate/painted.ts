/** What the model makes of words, layouts, depth and half-hidden pictures, read back by the model itself. */
import { itemAt } from '../../../shared/lookup.ts';
import { ORDERED_PHRASINGS, phrasingsOf } from '../scene/phrasings.ts';
import type { Example } from '../scene/scenes.ts';
import { CLASSES, RESOLUTION } from '../scene/world.ts';
import { type Ask, dataOf, imageOf, textOf } from './ask.ts';
import { createIouCounter, namedObjects, orderedObjects } from './metrics.ts';
import { decodeLabels, encodeGrey16, encodeLabels, encodeRgb, toDataUrl } from './pictures.ts';
import { percent, type Row, share } from './row.ts';

export interface Painted {
  readonly single: boolean;
  /** The caption of the painting names the same solids. */
  readonly fromCaption: boolean;
  readonly fromPhrasing: boolean;
  /** And in the same order from left to right. */
  readonly orderFromPhrasing: boolean;
  readonly completed: boolean;
  /** Classes seen in what was painted. */
  readonly fromDepth: Uint8Array;
  readonly fromLayout: Uint8Array;
}

/** One phrasing of each scene that fixes the places: the first that differs from the caption, if any does. */
export function freePhrasing({ scene, description }: Example): string {
  const phrasings = phrasingsOf(scene).slice(0, ORDERED_PHRASINGS);
  return phrasings.find((one) => one !== description.caption) ?? itemAt(phrasings, 0, 'phrasings');
}

export async function paint(ask: Ask, example: Example, index: number): Promise<Painted> {
  const { scene, rendering, description } = example;
  const truth = description.caption;
  const phrasing = freePhrasing(example);
  const captionOf = async (image: string): Promise<string> =>
    textOf((await ask({ rgb: image }, ['caption']))('caption'));
  const labelsOf = async (image: string): Promise<Uint8Array> =>
    decodeLabels(dataOf((await ask({ rgb: image }, ['semseg']))('semseg')));
  const rgbFrom = async (inputs: Parameters<Ask>[0]): Promise<string> =>
    imageOf((await ask(inputs, ['rgb']))('rgb'));

  const said = await captionOf(await rgbFrom({ caption: truth }));
  const freely = await captionOf(await rgbFrom({ caption: phrasing }));
  // A quarter: one of the four corners, in turn.
  const [left, top] = [(index % 2) / 2, (Math.floor(index / 2) % 2) / 2];
  const hide = { box: [left, top, left + 0.5, top + 0.5] as [number, number, number, number] };
  const data = (await encodeRgb(rendering.rgb, RESOLUTION)).toString('base64');
  const completed = await captionOf(await rgbFrom({ caption: truth, rgb: { data, hide } }));
  const depth = toDataUrl(await encodeGrey16(rendering.depth, RESOLUTION));
  const layout = toDataUrl(await encodeLabels(rendering.semseg, RESOLUTION));
  return {
    single: scene.solids.length === 1,
    fromCaption: namedObjects(said) === namedObjects(truth),
    fromPhrasing: namedObjects(freely) === namedObjects(truth),
    orderFromPhrasing: orderedObjects(freely) === orderedObjects(truth),
    completed: namedObjects(completed) === namedObjects(truth),
    fromDepth: await labelsOf(await rgbFrom({ depth })),
    fromLayout: await labelsOf(await rgbFrom({ semseg: layout })),
  };
}

export function paintedRows(painted: readonly Painted[], examples: readonly Example[]): Row[] {
  const miou = (of: (one: Painted) => Uint8Array): number => {
    const counter = createIouCounter(CLASSES.length);
    for (const [i, one] of painted.entries())
      counter.add(of(one), itemAt(examples, i, 'scenes').rendering.semseg);
    return counter.mean();
  };
  const singles = painted.filter(({ single }) => single);
  const same = 'all shapes and colours agree';
  const scenes = painted.length;
  return [
    {
      name: 'caption_to_rgb_agrees',
      task: 'caption -> rgb -> caption',
      measure: same,
      goal: '> 90 %',
      value: share(painted.map((one) => one.fromCaption)),
      show: percent,
      scenes,
    },
    {
      name: 'single_to_rgb_agrees',
      task: 'caption of a single solid -> rgb -> caption',
      measure: 'shape and colour agree',
      goal: '> 95 %',
      value: share(singles.map((one) => one.fromCaption)),
      show: percent,
      scenes: singles.length,
    },
    {
      name: 'phrasing_to_rgb_agrees',
      task: 'caption in free word order and sizes -> rgb -> caption',
      measure: same,
      goal: '> 90 %',
      value: share(painted.map((one) => one.fromPhrasing)),
      show: percent,
      scenes,
    },
    {
      name: 'phrasing_to_rgb_ordered',
      task: 'caption in free word order and sizes -> rgb -> caption',
      measure: 'and they stand in the order that was asked for',
      goal: '> 90 %',
      value: share(painted.map((one) => one.orderFromPhrasing)),
      show: percent,
      scenes,
    },
    {
      name: 'depth_to_rgb_miou',
      task: 'depth -> rgb -> semseg',
      measure: 'mIoU of 6 classes with the truth',
      goal: '> 0.85',
      value: miou((one) => one.fromDepth),
      show: (v) => v.toFixed(3),
      scenes,
    },
    {
      name: 'semseg_to_rgb_miou',
      task: 'semseg -> rgb -> semseg',
      measure: 'mIoU of 6 classes with the truth',
      goal: '> 0.85',
      value: miou((one) => one.fromLayout),
      show: (v) => v.toFixed(3),
      scenes,
    },
    {
      name: 'hidden_quarter_agrees',
      task: 'caption + rgb with a hidden quarter -> rgb -> caption',
      measure: same,
      goal: '> 90 %',
      value: share(painted.map((one) => one.completed)),
      show: percent,
      scenes,
    },
  ];
}
