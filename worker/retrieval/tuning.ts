/**
 * How thoroughly the index is to be searched, measured on the collection itself: some of its vectors are searched
 * with cheap settings first, and compared with the truth, until they find what they should. No constant would
 * do: on clustered vectors a twentieth of the partitions finds as much as all of them do on others. Nor does one for
 * what a partition costs beside a candidate: candidates are read from where the items lie, a disk or an object store.
 */
import { inThread } from '../threads/inThread.ts';
import type { Best } from '../values/nearest.ts';
import type { Tuning } from './description.ts';
import type { Table } from './lance.ts';
import { type Answer, vectorOf } from './rows.ts';

/** Vectors that are searched for, and neighbours of each that are compared. */
const SAMPLE = 64;
const NEIGHBOURS = 10;
/** Above the 0.95 that is promised, since a sample of 640 neighbours is right to about 0.01. */
const TARGET = 0.965;
/** Rows that are compared in one go. */
const BATCH = 4096;

const SHARES = [0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.7, 1] as const;
const REFINES = [10, 20, 40, 100] as const;
/** What counts as finding more. */
const GAIN = 0.002;
/** Steps that find no more before no further one is tried. */
const MOST_VAIN = 2;
/** Searches that show that settings are hopeless, and how far below the target these are. */
const FIRST_LOOK = 16;
const HOPELESS = 0.2;
/** After this time no further settings are tried where some find enough already; after three times of it none. */
const PATIENCE_MILLISECONDS = 60_000;

export interface Sample {
  /** (queries, D) */
  readonly queries: readonly Float32Array[];
  /** Ids of the queries themselves: each finds itself, which proves nothing. */
  readonly own: readonly string[];
  /** Ids of the nearest others of each. */
  readonly truth: readonly (readonly string[])[];
}

/** Rows at random, all of them different. */
async function drawRows(table: Table, rows: number): Promise<Answer[]> {
  const offsets = new Set<number>();
  while (offsets.size < Math.min(SAMPLE, rows)) offsets.add(Math.floor(Math.random() * rows));
  return await table
    .takeOffsets([...offsets])
    .select(['id', 'vector'])
    .toArray();
}

/** The nearest others of some vectors, found by comparison with all, a batch at a time. */
export async function drawSample(table: Table, rows: number, signal: AbortSignal): Promise<Sample> {
  const drawn = await drawRows(table, rows);
  const queries = drawn.map(vectorOf);
  const own = drawn.map(({ id }) => String(id));
  const dimensions = queries[0]?.length ?? 0;
  const together = new Float32Array(queries.length * dimensions);
  for (const [i, query] of queries.entries()) together.set(query, i * dimensions);
  const found = queries.map((): { id: string; score: number }[] => []);
  const stream = table.query().select(['id', 'vector']);
  for await (const batch of stream) {
    const ids = batch.getChild('id');
    const child = batch.getChild('vector')?.data[0]?.children[0];
    if (!ids || !child) continue;
    const all = child.values as Float32Array;
    for (let from = 0; from < batch.numRows; from += BATCH) {
      signal.throwIfAborted();
      const end = Math.min(batch.numRows, from + BATCH);
      const vectors = all.slice(from * dimensions, end * dimensions);
      const given = { vectors, queries: together, dimensions, k: NEIGHBOURS + 1 };
      const options = { signal, transfer: [vectors.buffer], lane: 'long' } as const;
      const best: Best[] = await inThread('nearest', given, options);
      for (const [query, { ids: places, scores }] of best.entries()) {
        const list = found[query] ?? [];
        for (const [i, place] of places.entries())
          list.push({ id: String(ids.get(from + place)), score: scores[i] ?? 0 });
        list.sort((a, b) => b.score - a.score);
        list.length = Math.min(list.length, NEIGHBOURS + 1);
      }
    }
  }
  const truth = found.map((list, query) =>
    list
      .map(({ id }) => id)
      .filter((id) => id !== own[query])
      .slice(0, NEIGHBOURS),
  );
  return { queries, own, truth };
}

/** What some settings find of the true neighbours, as a share, and the median time of a search with them. */
export interface Measured {
  readonly nprobes: number;
  readonly refine: number;
  readonly recall: number;
  readonly milliseconds: number;
}

async function measure(
  table: Table,
  sample: Sample,
  nprobes: number,
  refine: number,
): Promise<Measured> {
  const times: number[] = [];
  let [found, all] = [0, 0];
  for (const [i, query] of sample.queries.entries()) {
    const began = performance.now();
    const answers: Answer[] = await table
      .query()
      .nearestTo(query)
      .distanceType('cosine')
      .nprobes(nprobes)
      .refineFactor(refine)
      .limit(NEIGHBOURS + 1)
      .select(['id', '_distance'])
      .toArray();
    times.push(performance.now() - began);
    const ids = answers.map(({ id }) => String(id)).filter((id) => id !== sample.own[i]);
    const truth = sample.truth[i] ?? [];
    found += truth.filter((id) => ids.slice(0, NEIGHBOURS).includes(id)).length;
    all += truth.length;
    if (i + 1 === FIRST_LOOK && found < all * (TARGET - HOPELESS)) break;
  }
  times.sort((a, b) => a - b);
  const milliseconds = times[times.length >> 1] ?? 0;
  return { nprobes, refine, recall: all === 0 ? 1 : found / all, milliseconds };
}

/**
 * The fastest settings that find what they should, or else those that find most. More partitions are tried for ever
 * more candidates, as long as that is not slower than what has been found, and finds more.
 * @param partitions of the index
 * @param milliseconds that have passed since this began
 * @throws what measuring throws
 */
export async function fastestSettings(
  partitions: number,
  measured: (nprobes: number, refine: number) => Promise<Measured>,
  milliseconds: () => number = () => 0,
): Promise<Measured | undefined> {
  const probes = [...new Set(SHARES.map((share) => Math.max(1, Math.round(share * partitions))))];
  let most: Measured | undefined;
  let fastest: Measured | undefined;
  for (const refine of REFINES) {
    let [highest, vain] = [0, 0];
    for (const nprobes of probes) {
      const patience = fastest ? PATIENCE_MILLISECONDS : 3 * PATIENCE_MILLISECONDS;
      if (most && milliseconds() > patience) return fastest ?? most;
      const now = await measured(nprobes, refine);
      if (!most || now.recall > most.recall + GAIN) most = now;
      if (fastest && now.milliseconds >= fastest.milliseconds) break;
      if (now.recall >= TARGET) {
        fastest = now;
        break;
      }
      vain = now.recall > highest + GAIN ? 0 : vain + 1;
      if (vain === MOST_VAIN) break;
      highest = Math.max(highest, now.recall);
    }
  }
  return fastest ?? most;
}

/**
 * @param partitions of the index
 * @param trained items that the index was trained on
 * @throws the signal's reason
 */
export async function measureTuning(
  table: Table,
  { partitions, trained }: Pick<Tuning, 'partitions' | 'trained'>,
  signal: AbortSignal,
): Promise<Tuning> {
  const items = await table.countRows();
  const sample = await drawSample(table, items, signal);
  // Partitions are read when they are first searched, which says nothing of later searches.
  await measure(table, sample, partitions, 1);
  const began = performance.now();
  const settings = await fastestSettings(
    partitions,
    (nprobes, refine) => {
      signal.throwIfAborted();
      return measure(table, sample, nprobes, refine);
    },
    () => performance.now() - began,
  );
  const { nprobes, refine, recall } = settings ?? { nprobes: partitions, refine: 100, recall: 0 };
  return { partitions, nprobes, refine, recall, items, trained };
}
