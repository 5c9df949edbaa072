/** Asks a server for predictions of held-out scenes and compares them with the truth. */
import * as z from 'zod';
import type { GenerateRequestBody, Output } from '../../../shared/api/generate.ts';
import type { Client } from '../../../shared/client/index.ts';
import type { Example } from '../scene/scenes.ts';
import { CLASSES, RESOLUTION } from '../scene/world.ts';
import {
  absoluteRelativeError,
  bestIous,
  createIouCounter,
  inTopK,
  type LabelledBox,
  meanAngle,
  namedObjects,
} from './metrics.ts';
import { decodeGrey16, decodeLabels, decodeRgb, encodeRgb, toDataUrl } from './pictures.ts';

export interface Row {
  /** Key in the JSON output. */
  readonly name: string;
  readonly task: string;
  readonly measure: string;
  readonly goal: string;
  readonly value: number;
  readonly shown: string;
}

/** Requests under way at once: enough to keep the worker busy. */
const CONCURRENCY = 2;

interface Observation {
  readonly truth: string;
  readonly depthError: number;
  readonly angle: { sum: number; count: number };
  readonly labels: Uint8Array;
  readonly captionRight: boolean;
  readonly ious: readonly number[];
  /** Global embedding predicted from the picture, and from the caption. */
  readonly fromPicture: readonly number[];
  readonly fromCaption: readonly number[];
  readonly repainted: boolean;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const boxSchema = z.object({
  xmin: z.number(),
  ymin: z.number(),
  xmax: z.number(),
  ymax: z.number(),
  class: z.string(),
});

/** The boxes of a `det` output. @throws ZodError when the server answers in another form */
const boxesOf = (output: Output): LabelledBox[] =>
  z
    .array(boxSchema)
    .parse(output.value)
    .map((b) => ({ box: [b.xmin, b.ymin, b.xmax, b.ymax], label: b.class }));

async function observe(client: Client, example: Example): Promise<Observation> {
  const { rendering, description } = example;
  const only = async (request: GenerateRequestBody): Promise<Record<string, Output>> => {
    const { outputs } = await client.generate(request);
    return Object.fromEntries(Object.entries(outputs).map(([name, list]) => [name, list[0]!]));
  };
  const seen = await only({
    inputs: { rgb: toDataUrl(await encodeRgb(rendering.rgb, RESOLUTION)) },
    targets: ['depth', 'normal', 'semseg', 'caption', 'det', 'scene_global'],
    chained: false,
  });
  const said = await only({
    inputs: { caption: description.caption },
    targets: ['scene_global', 'rgb'],
    chained: false,
  });
  const again = await only({ inputs: { rgb: said.rgb!.image! }, targets: ['caption'] });
  const solid = rendering.semseg.map((label) => (label > 0 ? 1 : 0));
  return {
    truth: namedObjects(description.caption),
    depthError: absoluteRelativeError(
      await decodeGrey16(seen.depth!.data!),
      rendering.depth,
      solid,
    ),
    angle: meanAngle(await decodeRgb(seen.normal!.image!), rendering.normal, solid),
    labels: decodeLabels(seen.semseg!.data!),
    captionRight: namedObjects(seen.caption!.text ?? '') === namedObjects(description.caption),
    ious: bestIous(boxesOf(seen.det!), description.boxes),
    fromPicture: seen.scene_global!.value as number[],
    fromCaption: said.scene_global!.value as number[],
    repainted: namedObjects(again.caption!.text ?? '') === namedObjects(description.caption),
  };
}

/** All rows of the quality table. */
export async function evaluate(
  client: Client,
  examples: readonly Example[],
  onProgress: (done: number) => void = () => {},
): Promise<Row[]> {
  const observations: Observation[] = new Array(examples.length);
  let next = 0;
  let done = 0;
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (let i = next++; i < examples.length; i = next++) {
        observations[i] = await observe(client, examples[i]!);
        onProgress(++done);
      }
    }),
  );
  const segmentation = createIouCounter(CLASSES.length);
  for (const [i, { labels }] of observations.entries()) {
    segmentation.add(labels, examples[i]!.rendering.semseg);
  }
  const pictures = observations.map((o) => o.fromPicture);
  const found = observations.map((o) =>
    inTopK(o.fromCaption, pictures, 10, (i) => observations[i]!.truth === o.truth),
  );
  const angles = observations.map((o) => o.angle);
  const share = (hits: readonly boolean[]): number => mean(hits.map(Number));
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const row = (
    name: string,
    task: string,
    measure: string,
    goal: string,
    value: number,
    show: (value: number) => string,
  ): Row => ({ name, task, measure, goal, value, shown: show(value) });
  const angle =
    angles.reduce((sum, a) => sum + a.sum, 0) / angles.reduce((sum, a) => sum + a.count, 0);
  return [
    row(
      'rgb_to_depth_absrel',
      'rgb -> depth',
      'absolute relative error, after scale and shift, without sky',
      '< 0.08',
      mean(observations.map((o) => o.depthError)),
      (v) => v.toFixed(3),
    ),
    row(
      'rgb_to_normal_degrees',
      'rgb -> normal',
      'mean angle, without sky',
      '< 15°',
      angle,
      (v) => `${v.toFixed(1)}°`,
    ),
    row(
      'rgb_to_semseg_miou',
      'rgb -> semseg',
      'mIoU of 6 classes',
      '> 0.80',
      segmentation.mean(),
      (v) => v.toFixed(3),
    ),
    row(
      'rgb_to_caption_right',
      'rgb -> caption',
      'all shapes and colours right',
      '> 90 %',
      share(observations.map((o) => o.captionRight)),
      percent,
    ),
    row(
      'rgb_to_det_iou',
      'rgb -> det',
      'mean IoU with the best box of the right class',
      '> 0.6',
      mean(observations.flatMap((o) => o.ious)),
      (v) => v.toFixed(3),
    ),
    row(
      'caption_to_rgb_agrees',
      'caption -> rgb -> caption',
      'all shapes and colours agree',
      '> 80 %',
      share(observations.map((o) => o.repainted)),
      percent,
    ),
    row(
      'caption_retrieval_top10',
      'caption -> scene_global -> nearest of all pictures',
      'the right description in the top 10',
      '> 80 %',
      share(found),
      percent,
    ),
  ];
}
