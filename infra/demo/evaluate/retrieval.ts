/**
 * Retrieval by global embeddings that the model predicts from whatever is given: of all candidates, those with the
 * largest cosine. Found is what shows the same solids from left to right, since a caption says no more than that.
 */
import type { EmbedRequestBody } from '../../../shared/api/embed.ts';
import type { GenerateRequestBody } from '../../../shared/api/generate.ts';
import type { Client } from '../../../shared/client/index.ts';
import { itemAt } from '../../../shared/lookup.ts';
import type { Example } from '../scene/scenes.ts';
import { RESOLUTION } from '../scene/world.ts';
import { repeated } from './ask.ts';
import { type Changed, changeOf } from './changed.ts';
import { inTopK, orderedObjects, orderedShapes } from './metrics.ts';
import { encodeGrey16, encodeRgb } from './pictures.ts';
import { percent, type Row, share } from './row.ts';

type Inputs = GenerateRequestBody['inputs'];
type Vector = readonly number[];

/** Items of one call. */
const ITEMS = 64;
/** Steps of a prediction, in place of one. */
const STEPS = 8;
/** Predictions that are averaged where much is left open: depth says nothing of colours. */
const SAMPLES = 8;
/**
 * How much the words of a change count beside the picture: the best of 0.5, 0.6 ... 1 on 200 scenes of the training
 * seeds.
 */
export const CHANGE_WEIGHT = 0.7;

async function embedAll(
  client: Client,
  inputs: readonly Inputs[],
  settings: Partial<EmbedRequestBody> = {},
): Promise<Vector[]> {
  const vectors: Vector[] = [];
  for (let start = 0; start < inputs.length; start += ITEMS) {
    const items = inputs.slice(start, start + ITEMS).map((own) => ({ inputs: own }));
    const request = { items, target: 'scene_global', ...settings };
    const answer = await repeated(() => client.embed(request));
    for (const { embedding } of answer.items) {
      if (!Array.isArray(embedding?.values)) throw new Error('the server answered no numbers');
      vectors.push(embedding.values);
    }
  }
  return vectors;
}

const png = async (rgb: Uint8Array): Promise<{ data: string }> => ({
  data: (await encodeRgb(rgb, RESOLUTION)).toString('base64'),
});

interface Search {
  readonly name: string;
  readonly task: string;
  readonly measure: string;
  readonly goals: readonly [string, string];
  readonly queries: readonly Vector[];
  readonly candidates: readonly Vector[];
  readonly isRight: (query: number, candidate: number) => boolean;
}

/** Recall at 1 and at 10. */
const rowsOf = ({ name, task, measure, goals, queries, candidates, isRight }: Search): Row[] =>
  ([1, 10] as const).map((k, i) => ({
    name: `${name}_recall${k}`,
    task,
    measure: `recall@${k}: ${measure}`,
    goal: goals[i === 0 ? 0 : 1],
    value: share(
      queries.map((query, q) => inTopK(query, candidates, k, (index) => isRight(q, index))),
    ),
    show: percent,
    scenes: queries.length,
  }));

const NO_GOAL = ['none', 'none'] as const;

/** A picture with what the words of a change add to it and take away. */
export const withChange = (
  picture: Vector,
  before: Vector,
  after: Vector,
  weight = CHANGE_WEIGHT,
): Vector =>
  picture.map(
    (value, i) => value + weight * (itemAt(after, i, 'vectors') - itemAt(before, i, 'vectors')),
  );

/** Queries of a picture and a change, and what they look for among pictures before and after it. */
async function changeRows(
  client: Client,
  examples: readonly Example[],
  pictures: readonly Vector[],
): Promise<Row[]> {
  const changes = examples.map(changeOf);
  const embedTexts = (of: (change: Changed) => string) =>
    embedAll(
      client,
      changes.map((change) => ({ caption: of(change) })),
    );
  const afterwards = await embedAll(
    client,
    await Promise.all(changes.map(async ({ rgb }) => ({ rgb: await png(rgb) }))),
  );
  const [before, after] = [
    await embedTexts((change) => change.before),
    await embedTexts((change) => change.after),
  ];
  const both = await embedAll(
    client,
    await Promise.all(
      examples.map(async ({ rendering }, i) => ({
        rgb: await png(rendering.rgb),
        caption: itemAt(changes, i, 'changes').caption,
      })),
    ),
  );
  const shown = [
    ...examples.map(({ description }) => orderedObjects(description.caption)),
    ...changes.map(({ caption }) => orderedObjects(caption)),
  ];
  const common = {
    measure: 'shows the scene after the change',
    goals: NO_GOAL,
    candidates: [...pictures, ...afterwards],
    isRight: (query: number, candidate: number) =>
      shown[candidate] === shown[examples.length + query],
  };
  return [
    ...rowsOf({
      ...common,
      name: 'rgb_change_to_rgb',
      task: 'rgb - "a small red cone" + "a small blue cone" -> pictures before and after such changes',
      queries: pictures.map((picture, i) =>
        withChange(picture, itemAt(before, i, 'vectors'), itemAt(after, i, 'vectors')),
      ),
    }),
    ...rowsOf({
      ...common,
      name: 'rgb_caption_to_rgb',
      task: 'rgb + caption of the changed scene, in one prediction -> the same pictures',
      queries: both,
    }),
  ];
}

/** Rows of all searches, measured by `/v1/embed`. */
export async function retrievalRows(client: Client, examples: readonly Example[]): Promise<Row[]> {
  const captions = examples.map(({ description }) => description.caption);
  const words = await embedAll(
    client,
    captions.map((caption) => ({ caption })),
  );
  const stepwise = await embedAll(
    client,
    captions.map((caption) => ({ caption })),
    { steps: STEPS },
  );
  const pictures = await embedAll(
    client,
    await Promise.all(examples.map(async ({ rendering: { rgb } }) => ({ rgb: await png(rgb) }))),
  );
  const depths = await embedAll(
    client,
    await Promise.all(
      examples.map(async ({ rendering }) => ({
        depth: { data: (await encodeGrey16(rendering.depth, RESOLUTION)).toString('base64') },
      })),
    ),
    { samples: SAMPLES },
  );
  const objects = captions.map(orderedObjects);
  const shapes = captions.map(orderedShapes);
  const showsSame = (query: number, candidate: number) => objects[query] === objects[candidate];
  return [
    ...rowsOf({
      name: 'caption_to_rgb',
      task: 'caption -> scene_global -> all pictures',
      measure: 'shows what is said',
      goals: ['> 80 %', '> 99 %'],
      queries: words,
      candidates: pictures,
      isRight: showsSame,
    }),
    ...rowsOf({
      name: 'caption_to_rgb_in_steps',
      task: `the same, predicted in ${STEPS} steps`,
      measure: 'shows what is said',
      goals: NO_GOAL,
      queries: stepwise,
      candidates: pictures,
      isRight: showsSame,
    }),
    ...rowsOf({
      name: 'rgb_to_caption',
      task: 'rgb -> scene_global -> all captions',
      measure: 'says what is shown',
      goals: ['> 80 %', '> 99 %'],
      queries: pictures,
      candidates: words,
      isRight: showsSame,
    }),
    ...rowsOf({
      name: 'depth_to_rgb',
      task: `depth -> scene_global, ${SAMPLES} samples -> all pictures`,
      measure: 'the same shapes from left to right',
      goals: NO_GOAL,
      queries: depths,
      candidates: pictures,
      isRight: (query, candidate) => shapes[query] === shapes[candidate],
    }),
    ...rowsOf({
      name: 'depth_to_its_rgb',
      task: `depth -> scene_global, ${SAMPLES} samples -> all pictures`,
      measure: 'the very scene, whose colours depth does not show',
      goals: NO_GOAL,
      queries: depths,
      candidates: pictures,
      isRight: (query, candidate) => query === candidate,
    }),
    ...(await changeRows(client, examples, pictures)),
  ];
}
