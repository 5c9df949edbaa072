/** What the model says of a picture that it is shown. */
import type { Example } from '../scene/scenes.ts';
import { CLASSES } from '../scene/world.ts';
import { type Ask, boxesOf, dataOf, imageOf, rgbUrl, textOf } from './ask.ts';
import {
  absoluteRelativeError,
  bestIous,
  createIouCounter,
  edgeCounts,
  meanAngle,
  namedObjects,
} from './metrics.ts';
import { coloursFound, countsOf } from './numbers.ts';
import { decodeGrey16, decodeLabels, decodeRgb } from './pictures.ts';
import { f1, mean, percent, type Row, share } from './row.ts';

export interface Seen {
  readonly depthError: number;
  readonly angle: { readonly sum: number; readonly count: number };
  readonly labels: Uint8Array;
  readonly edges: ReturnType<typeof edgeCounts>;
  readonly captionRight: boolean;
  readonly ious: readonly number[];
  /** For each solid, whether its colour is in the palette. */
  readonly coloursFound: readonly boolean[];
  readonly countsRight: boolean;
}

const TARGETS = [
  'depth',
  'normal',
  'semseg',
  'canny_edge',
  'caption',
  'det',
  'color_palette',
  'metadata',
];

export async function see(ask: Ask, { rendering, description }: Example): Promise<Seen> {
  const of = await ask({ rgb: await rgbUrl(rendering.rgb) }, TARGETS, { chained: false });
  const solid = rendering.semseg.map((label) => (label > 0 ? 1 : 0));
  const edges = await decodeGrey16(imageOf(of('canny_edge')));
  return {
    depthError: absoluteRelativeError(
      await decodeGrey16(dataOf(of('depth'))),
      rendering.depth,
      solid,
    ),
    angle: meanAngle(await decodeRgb(imageOf(of('normal'))), rendering.normal, solid),
    labels: decodeLabels(dataOf(of('semseg'))),
    edges: edgeCounts(edges, rendering.edges),
    captionRight: namedObjects(textOf(of('caption'))) === namedObjects(description.caption),
    ious: bestIous(boxesOf(of('det')), description.boxes),
    coloursFound: coloursFound(textOf(of('color_palette')), rendering),
    countsRight: countsOf(textOf(of('metadata'))) === countsOf(description.metadata),
  };
}

export function seenRows(seen: readonly Seen[], examples: readonly Example[]): Row[] {
  const segmentation = createIouCounter(CLASSES.length);
  for (const [i, { rendering }] of examples.entries()) {
    const { labels } = seen[i] ?? {};
    if (labels) segmentation.add(labels, rendering.semseg);
  }
  const pixels = seen.reduce((sum, { angle }) => sum + angle.count, 0);
  const angle = seen.reduce((sum, one) => sum + one.angle.sum, 0) / pixels;
  const rows: Omit<Row, 'scenes'>[] = [
    {
      name: 'rgb_to_depth_absrel',
      task: 'rgb -> depth',
      measure: 'absolute relative error, after scale and shift, without sky',
      goal: '< 0.02',
      value: mean(seen.map((one) => one.depthError)),
      show: (v) => v.toFixed(4),
    },
    {
      name: 'rgb_to_normal_degrees',
      task: 'rgb -> normal',
      measure: 'mean angle, without sky',
      goal: '< 4°',
      value: angle,
      show: (v) => `${v.toFixed(1)}°`,
    },
    {
      name: 'rgb_to_semseg_miou',
      task: 'rgb -> semseg',
      measure: 'mIoU of 6 classes',
      goal: '> 0.95',
      value: segmentation.mean(),
      show: (v) => v.toFixed(3),
    },
    {
      name: 'rgb_to_edges_f1',
      task: 'rgb -> canny_edge',
      measure: 'F1 of edge pixels, each at its very place',
      goal: '> 0.85',
      value: f1(seen.map(({ edges }) => edges)),
      show: (v) => v.toFixed(3),
    },
    {
      name: 'rgb_to_caption_right',
      task: 'rgb -> caption',
      measure: 'all shapes and colours right',
      goal: '> 99 %',
      value: share(seen.map((one) => one.captionRight)),
      show: percent,
    },
    {
      name: 'rgb_to_det_iou',
      task: 'rgb -> det',
      measure: 'mean IoU with the best box of the right class',
      goal: '> 0.92',
      value: mean(seen.flatMap((one) => one.ious)),
      show: (v) => v.toFixed(3),
    },
    {
      name: 'rgb_to_palette_found',
      task: 'rgb -> color_palette',
      measure: 'solids whose mean colour is in it, each channel within 12 of 255',
      goal: '> 95 %',
      value: share(seen.flatMap((one) => one.coloursFound)),
      show: percent,
    },
    {
      name: 'rgb_to_counts_right',
      task: 'rgb -> metadata',
      measure: 'numbers of solids and of kinds of solids both exact',
      goal: '> 98 %',
      value: share(seen.map((one) => one.countsRight)),
      show: percent,
    },
  ];
  return rows.map((row) => ({ ...row, scenes: seen.length }));
}
