/** Asks a server about held-out scenes and compares its answers with the truth. */
import type { Client } from '../../../shared/client/index.ts';
import { itemAt, valueAt } from '../../../shared/lookup.ts';
import type { Example } from '../scene/scenes.ts';
import { type Ask, createAsk, vectorOf } from './ask.ts';
import { inTopK, namedObjects } from './metrics.ts';
import { paint, paintedRows } from './painted.ts';
import { percent, type Row, share } from './row.ts';
import { see, seenRows } from './seen.ts';

/** Requests under way at once: enough to keep the worker busy. */
const CONCURRENCY = 2;

/** Runs a task for every example, a few at a time. @returns the results in the examples' order */
async function forAll<T>(
  examples: readonly Example[],
  task: (example: Example, index: number) => Promise<T>,
  onDone: () => void,
): Promise<T[]> {
  const results = new Map<number, T>();
  const queue = examples.entries();
  const work = async (): Promise<void> => {
    for (const [index, example] of queue) {
      results.set(index, await task(example, index));
      onDone();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return examples.map((_, index) => valueAt(results, index, 'the results'));
}

/** Vectors predicted from captions find the pictures that show what these say. */
function retrievalRows(
  queries: readonly (readonly number[])[],
  pictures: readonly (readonly number[])[],
  examples: readonly Example[],
): Row[] {
  const shown = examples.map(({ description }) => namedObjects(description.caption));
  const found = (k: number): number =>
    share(
      queries.map((query, i) => inTopK(query, pictures, k, (index) => shown[index] === shown[i])),
    );
  const row = (k: number, goal: string): Row => ({
    name: `caption_retrieval_top${k}`,
    task: 'caption -> scene_global -> nearest of all pictures',
    measure: k === 1 ? 'the nearest shows what is said' : `one of the ${k} nearest does`,
    goal,
    value: found(k),
    show: percent,
    scenes: queries.length,
  });
  return [row(1, '> 80 %'), row(10, '> 99 %')];
}

export interface EvaluationOptions {
  /** Scenes that are also painted, which takes most of the time: the first so many. */
  readonly painted: number;
  readonly onProgress?: (done: number, of: number) => void;
}

/** All rows of the quality table. */
export async function evaluate(
  client: Client,
  examples: readonly Example[],
  { painted: paintings, onProgress = () => {} }: EvaluationOptions,
): Promise<Row[]> {
  const ask: Ask = createAsk(client);
  const toPaint = examples.slice(0, paintings);
  const total = 2 * examples.length + toPaint.length;
  let done = 0;
  const onDone = (): void => onProgress(++done, total);
  const seen = await forAll(examples, (example) => see(ask, example), onDone);
  const queries = await forAll(
    examples,
    async ({ description: { caption } }) =>
      vectorOf((await ask({ caption }, ['scene_global']))('scene_global')),
    onDone,
  );
  const painted = await forAll(toPaint, (example, i) => paint(ask, example, i), onDone);
  return [
    ...seenRows(seen, examples),
    ...retrievalRows(
      queries,
      seen.map(({ vector }) => vector),
      examples,
    ),
    ...paintedRows(painted, toPaint),
  ];
}

/** The table in Markdown. */
export function table(rows: readonly Row[]): string {
  const most = itemAt(rows, 0, 'rows').scenes;
  const lines = rows.map(({ task, measure, goal, value, show, scenes }) => {
    const fewer = scenes === most ? '' : ` (of ${scenes})`;
    return `| ${task} | ${measure} | ${goal} | ${show(value)}${fewer} |`;
  });
  return [
    `| task | measure | goal | ${most} held-out scenes |`,
    '|---|---|---|---|',
    ...lines,
  ].join('\n');
}
