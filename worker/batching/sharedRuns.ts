/**
 * Runs of a tokenizer's graph that several callers share: what is asked while one is under way goes together into
 * the next. Rows do not look at each other, so that each caller is answered as if it were alone, to the last bit.
 */
import { fieldOf, itemAt } from '../../shared/lookup.ts';
import {
  type GraphSession,
  SessionError,
  type Tensor,
  ThreadEndedError,
} from '../session/types.ts';
import { joinRows, rowsOf, splitRows } from './tensorRows.ts';

/** Rows of a run that several callers share: more gain nothing, and each holds up the others. */
const MOST_ROWS = 8;

type Run = GraphSession['run'];
type Feeds = Parameters<Run>[0];

interface Asked {
  readonly feeds: Feeds;
  readonly outputs: readonly string[] | undefined;
  readonly rows: number;
  /** What the rows of one run have in common. */
  readonly kind: string;
  /** Fewer after a run of many has failed. */
  most: number;
  /** Nobody waits for its answer any more. */
  isOver: boolean;
  readonly resolve: (outputs: Record<string, Tensor>) => void;
  readonly reject: (reason: unknown) => void;
}

const kindOf = (feeds: Feeds, outputs: readonly string[] | undefined): string =>
  [
    ...Object.entries(feeds).map(
      ([name, { type, dims }]) => `${name} ${type} ${dims.slice(1).join()}`,
    ),
    outputs?.join(),
  ].join('|');

/**
 * The same graph, whose runs are shared.
 * @param graph of one input and one output whose first dimension are rows. A row of more than one token is
 *   multiplied alike however many there are; graphs of other rows are given back as they are
 */
export function sharedRuns(graph: GraphSession): GraphSession {
  const { inputs, outputs } = graph.signature;
  const hasTokens = [...inputs, ...outputs].every(({ dims }) => dims.length > 2);
  if (inputs.length !== 1 || outputs.length !== 1 || !hasTokens) return graph;
  const waiting: Asked[] = [];
  let running = false;

  /** The first that waits, and those that fit beside it. */
  function next(): Asked[] {
    const first = itemAt(waiting, 0, 'the runs that wait');
    const together: Asked[] = [];
    let rows = 0;
    for (const asked of waiting) {
      if (asked.kind !== first.kind) continue;
      const isFull =
        rows + asked.rows > MOST_ROWS || together.length >= Math.min(first.most, asked.most);
      if (together.length > 0 && isFull) break;
      together.push(asked);
      rows += asked.rows;
    }
    for (const asked of together) waiting.splice(waiting.indexOf(asked), 1);
    return together;
  }

  async function runTogether(together: readonly Asked[]): Promise<void> {
    const { feeds, outputs: names } = itemAt(together, 0, 'the runs of a batch');
    const joined = Object.fromEntries(
      Object.keys(feeds).map((name) => [
        name,
        joinRows(together.map((asked) => fieldOf(asked.feeds, name, 'the feeds'))),
      ]),
    );
    const results = await graph.run(joined, names);
    const counts = together.map(({ rows }) => rows);
    const parts = Object.entries(results).map(
      ([name, tensor]) => [name, splitRows(tensor, counts)] as const,
    );
    for (const [i, { resolve }] of together.entries())
      resolve(Object.fromEntries(parts.map(([name, all]) => [name, itemAt(all, i, name)])));
  }

  /** Those who shared a run that failed are tried with fewer, so that each bears its own failure alone. */
  function fail(together: readonly Asked[], error: unknown): void {
    const isShared = together.length > 1 && error instanceof SessionError;
    if (!isShared || error instanceof ThreadEndedError) {
      for (const { reject } of together) reject(error);
      return;
    }
    for (const asked of together) asked.most = Math.ceil(together.length / 2);
    waiting.unshift(...together.filter(({ isOver }) => !isOver));
  }

  async function loop(): Promise<void> {
    running = true;
    while (waiting.length > 0) {
      const together = next();
      await runTogether(together).catch((error: unknown) => fail(together, error));
    }
    running = false;
  }

  return {
    ...graph,
    async run(feeds, names, { signal } = {}) {
      signal?.throwIfAborted();
      let leave = (): void => {};
      try {
        return await new Promise((resolve, reject) => {
          const rows = rowsOf(feeds);
          const kind = kindOf(feeds, names);
          const most = Number.POSITIVE_INFINITY;
          const asked = { feeds, outputs: names, rows, kind, most, isOver: false, resolve, reject };
          leave = () => {
            asked.isOver = true;
            const place = waiting.indexOf(asked);
            if (place >= 0) waiting.splice(place, 1);
            reject(signal?.reason);
          };
          signal?.addEventListener('abort', leave, { once: true });
          waiting.push(asked);
          if (!running) void loop();
        });
      } finally {
        signal?.removeEventListener('abort', leave);
      }
    },
  };
}
