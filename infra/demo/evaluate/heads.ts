/**
 * Heads that are fitted through the server on few examples, and judged on others: what the frozen features know.
 * Beside each stands the same head on raw pixels, and on the global embedding that the model predicts.
 */
import type { GenerateRequestBody } from '../../../shared/api/generate.ts';
import type { Client } from '../../../shared/client/index.ts';
import { itemAt } from '../../../shared/lookup.ts';
import { headLogits } from '../../../worker/heads/head.ts';
import type { Rows } from '../../../worker/heads/objective.ts';
import { confusionOf } from '../../../worker/heads/report.ts';
import { solve } from '../../../worker/tasks/fitHead.ts';
import { type Example, exampleOf, FIRST_HELD_OUT_SEED } from '../scene/scenes.ts';
import { COLOURS, type Scene, SHAPES, sampleScene } from '../scene/world.ts';
import { agreementAccuracy, type Pair } from './agreement.ts';
import { rgbUrl } from './ask.ts';
import { percent, share } from './row.ts';

/** Examples of a fit. */
const FITTED = 200;
/** Seeds of examples to fit lie this far behind those of the scenes that everything is measured on. */
const FITTED_SEED = FIRST_HELD_OUT_SEED + 500_000;
/** Examples that a head is judged on, at most. */
const JUDGED = 200;
/** Folds of a fit. */
const FOLDS = 5;
/** Items of a request. */
const AT_ONCE = 100;

/** What a head is asked of a scene. */
interface Question {
  readonly name: string;
  readonly task: string;
  /** Whether the question can be asked of it. */
  readonly fits: (scene: Scene) => boolean;
  readonly labelOf: (example: Example, index: number) => string;
  /** What is said of the picture, where words are given as well. */
  readonly captionOf?: (example: Example, index: number) => string;
}

const isSingle = ({ solids }: Scene): boolean => solids.length === 1;
const onlySolid = ({ scene }: Example) => itemAt(scene.solids, 0, 'the solids');

/** Every other caption has one word changed, of a colour or a shape in turn. */
const isTrue = (index: number): boolean => index % 2 === 0;

function changed(caption: string, index: number): string {
  const words: readonly string[] = index % 4 === 1 ? COLOURS : SHAPES;
  const found = caption.split(' ').find((word) => words.includes(word)) ?? '';
  const place = words.indexOf(found);
  const other = words[(place + 1 + (index % (words.length - 1))) % words.length] ?? found;
  return caption.replace(found, other);
}

export const QUESTIONS: readonly Question[] = [
  {
    name: 'shape',
    task: 'rgb of a single solid -> its shape, of 4',
    fits: isSingle,
    labelOf: (example) => onlySolid(example).shape,
  },
  {
    name: 'colour',
    task: 'rgb of a single solid -> its colour, of 6',
    fits: isSingle,
    labelOf: (example) => onlySolid(example).colour,
  },
  {
    name: 'number',
    task: 'rgb -> the number of solids, 1 to 3',
    fits: () => true,
    labelOf: ({ scene }) => String(scene.solids.length),
  },
  {
    name: 'entailment',
    task: 'rgb + caption -> whether the caption describes the picture',
    fits: () => true,
    labelOf: (_, index) => (isTrue(index) ? 'yes' : 'no'),
    captionOf: ({ description: { caption } }, index) =>
      isTrue(index) ? caption : changed(caption, index),
  },
];

/** The first examples from a seed on of which a question can be asked. */
function examplesFor({ fits }: Question, firstSeed: number, count: number): Example[] {
  const found: Example[] = [];
  for (let seed = firstSeed; found.length < count; seed++) {
    // Rendering takes longest, so it is done last.
    const example = fits(sampleScene(seed)) ? exampleOf(seed) : undefined;
    if (example) found.push(example);
  }
  return found;
}

async function inputsOf(
  { captionOf }: Question,
  example: Example,
  index: number,
): Promise<GenerateRequestBody['inputs']> {
  const rgb = await rgbUrl(example.rendering.rgb);
  return captionOf ? { rgb, caption: captionOf(example, index) } : { rgb };
}

/** Share of the examples that a head of the server gets right. */
async function accuracyOf(
  client: Client,
  head: string,
  question: Question,
  examples: readonly Example[],
): Promise<number> {
  const hits: boolean[] = [];
  for (let start = 0; start < examples.length; start += AT_ONCE) {
    const part = examples.slice(start, start + AT_ONCE);
    const items = await Promise.all(
      part.map(async (example, i) => ({ inputs: await inputsOf(question, example, start + i) })),
    );
    const answer = await client.classify({ head, items, top_k: 1 });
    for (const [i, { classes }] of answer.items.entries())
      hits.push(classes[0]?.label === question.labelOf(itemAt(part, i, 'examples'), start + i));
  }
  return share(hits);
}

/** Side of the pictures that a head on pixels sees: each pixel is the mean of four by four. */
const SMALL = 16;

/** The pixels of a picture, and how often its caption says each word. */
function pixelsOf({ captionOf }: Question, example: Example, index: number): number[] {
  const { rgb } = example.rendering;
  const side = Math.sqrt(rgb.length / 3);
  const step = side / SMALL;
  const pixels = new Array<number>(SMALL * SMALL * 3).fill(0);
  for (const [i, level] of rgb.entries()) {
    const [x, y] = [Math.floor(i / 3) % side, Math.floor(i / 3 / side)];
    const at = (Math.floor(y / step) * SMALL + Math.floor(x / step)) * 3 + (i % 3);
    pixels[at] = itemAt(pixels, at, 'pixels') + level / 255 / step ** 2;
  }
  const said = captionOf?.(example, index).split(' ') ?? [];
  const words = captionOf ? [...COLOURS, ...SHAPES] : [];
  return [...pixels, ...words.map((word) => said.filter((one) => one === word).length)];
}

/** The same fit on raw pixels, which pass no model: done here, by the worker's own code. */
async function accuracyOnPixels(
  question: Question,
  fitted: readonly Example[],
  judged: readonly Example[],
): Promise<number> {
  const rowsOf = (examples: readonly Example[]): Rows => {
    const rows = examples.map((example, i) => pixelsOf(question, example, i));
    const width = itemAt(rows, 0, 'rows').length;
    return { data: Float64Array.from(rows.flat()), count: rows.length, width };
  };
  const labels = [...new Set(fitted.map(question.labelOf))].sort();
  const classes = fitted.map((example, i) => labels.indexOf(question.labelOf(example, i)));
  const examples = { rows: rowsOf(fitted), classes };
  const { weights } = await solve({ examples, labels, request: { folds: FOLDS, seed: 0 } });
  const logits = headLogits(weights, rowsOf(judged));
  const truth = judged.map((example, i) => labels.indexOf(question.labelOf(example, i)));
  return confusionOf({ logits, classes: labels.length, truth }, labels).accuracy;
}

/** How often a head is right, by what it looks at. */
export interface HeadRow {
  readonly name: string;
  readonly task: string;
  readonly classes: number;
  readonly features: number;
  readonly embedding: number;
  readonly pixels: number;
  /** Without a head, by the cosine of the embeddings of picture and caption, where there are words. */
  readonly agreement?: number;
  /** Examples that it was judged on. */
  readonly judged: number;
}

/** The embedding that the demo model predicts. */
const EMBEDDING = 'scene_global';

/**
 * One row for each question.
 * @param count examples that each head is judged on, at most
 */
export async function evaluateHeads(client: Client, count: number): Promise<HeadRow[]> {
  const rows: HeadRow[] = [];
  for (const question of QUESTIONS) {
    const fitted = examplesFor(question, FITTED_SEED, FITTED);
    const judged = examplesFor(question, FIRST_HELD_OUT_SEED, Math.min(count, JUDGED));
    const labelled = await Promise.all(
      fitted.map(async (example, i) => ({
        inputs: await inputsOf(question, example, i),
        label: question.labelOf(example, i),
      })),
    );
    const accuracy = async (features: string): Promise<number> => {
      const { name } = await client.fitHead({ name: question.name, features, examples: labelled });
      return await accuracyOf(client, name, question, judged);
    };
    const pairs = (examples: readonly Example[]): Promise<Pair[]> =>
      Promise.all(
        examples.map(async (example, i) => ({
          rgb: await rgbUrl(example.rendering.rgb),
          caption: question.captionOf?.(example, i) ?? '',
          isTrue: isTrue(i),
        })),
      );
    rows.push({
      ...(question.captionOf && {
        agreement: await agreementAccuracy(
          client,
          EMBEDDING,
          await pairs(fitted),
          await pairs(judged),
        ),
      }),
      name: question.name,
      task: question.task,
      classes: new Set(labelled.map(({ label }) => label)).size,
      features: await accuracy('encoder'),
      embedding: await accuracy(EMBEDDING),
      pixels: await accuracyOnPixels(question, fitted, judged),
      judged: judged.length,
    });
  }
  return rows;
}

/** The table in Markdown. */
export function headTable(rows: readonly HeadRow[]): string {
  const [first] = rows;
  const lines = rows.map(
    ({ task, features, embedding, pixels }) =>
      `| ${task} | ${percent(features)} | ${percent(embedding)} | ${percent(pixels)} |`,
  );
  return [
    `| right on ${first?.judged} others, fitted to ${FITTED} | encoder features | predicted ${EMBEDDING} | raw pixels |`,
    '|---|---|---|---|',
    ...lines,
    ...rows.flatMap(({ agreement }) =>
      agreement === undefined
        ? []
        : [
            `| the same by the cosine of the two predicted embeddings, no head | | ${percent(agreement)} | |`,
          ],
    ),
  ].join('\n');
}
