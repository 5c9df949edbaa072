/** Asks a server about held-out scenes and compares its answers with the truth. */
import type { Client } from '../../../shared/client/index.ts';
import { itemAt, valueAt } from '../../../shared/lookup.ts';
import type { Example } from '../scene/scenes.ts';
import { type Ask, createAsk } from './ask.ts';
import { paint, paintedRows } from './painted.ts';
import { retrievalRows } from './retrieval.ts';
import type { Row } from './row.ts';
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

/** Groups of rows that can be measured by themselves. */
export const GROUPS = ['seen', 'retrieval', 'painted'] as const;
export type Group = (typeof GROUPS)[number];

export interface EvaluationOptions {
  /** Scenes that are also painted, which takes most of the time: the first so many. */
  readonly painted: number;
  /** All of them when left out. */
  readonly groups?: readonly Group[];
  readonly onProgress?: (done: number, of: number) => void;
}

/** All rows of the quality table. */
export async function evaluate(
  client: Client,
  examples: readonly Example[],
  { painted: paintings, groups = GROUPS, onProgress = () => {} }: EvaluationOptions,
): Promise<Row[]> {
  const ask: Ask = createAsk(client);
  const toSee = groups.includes('seen') ? examples : [];
  const toPaint = groups.includes('painted') ? examples.slice(0, paintings) : [];
  const total = toSee.length + toPaint.length;
  let done = 0;
  const onDone = (): void => onProgress(++done, total);
  const seen = await forAll(toSee, (example) => see(ask, example), onDone);
  const retrieved = groups.includes('retrieval') ? await retrievalRows(client, examples) : [];
  const painted = await forAll(toPaint, (example, i) => paint(ask, example, i), onDone);
  return [
    ...(toSee.length > 0 ? seenRows(seen, examples) : []),
    ...retrieved,
    ...(toPaint.length > 0 ? paintedRows(painted, toPaint) : []),
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
