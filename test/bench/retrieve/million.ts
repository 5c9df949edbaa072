/** A large collection: how fast it is filled and indexed, what it then finds, and how long that takes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Filter } from '../../../shared/api/filters.ts';
import { type Collections, openCollections } from '../../../worker/retrieval/collections.ts';
import type { Row } from '../../../worker/retrieval/rows.ts';
import type { BenchRow } from '../main.ts';
import { createTruth } from './truth.ts';
import { uniform, vectorSource } from './vectors.ts';

const DIMENSIONS = 768;
const QUESTIONS = 100;
const NEAREST = 10;
const BATCH = 5000;
const AT = { tenant: 'bench', name: 'million' };
const RARE: Filter = { field: 'kind', eq: 'rare' };

const percentile = (times: readonly number[], share: number): number =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(share * times.length))] ??
  0;

interface Asked {
  readonly recall: number;
  readonly p50: number;
  readonly p95: number;
}

/** Every question once to warm up, and once for the figures. */
async function ask(
  collections: Collections,
  questions: Float32Array,
  truth: readonly (readonly number[])[],
  filter: Filter | undefined,
): Promise<Asked> {
  const times: number[] = [];
  let found = 0;
  for (const round of [0, 1]) {
    for (let i = 0; i < QUESTIONS; i++) {
      const vector = questions.slice(i * DIMENSIONS, (i + 1) * DIMENSIONS);
      const began = performance.now();
      const question = { vector, k: NEAREST, filter, vectors: false };
      const { results } = await collections.search(AT, question);
      if (round === 0) continue;
      times.push(performance.now() - began);
      const ids = new Set(results.map(({ id }) => Number(id)));
      found += (truth[i] ?? []).filter((id) => ids.has(id)).length;
    }
  }
  const recall = found / truth.reduce((sum, own) => sum + own.length, 0);
  return { recall, p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

export async function benchMillion(rows: number): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fourm-retrieve-'));
  const upkeep: Record<string, unknown>[] = [];
  const collections = openCollections({ uri: folder, storage: {} }, (entry) => {
    upkeep.push(entry);
    console.error(JSON.stringify(entry));
  });
  try {
    await collections.create('bench', {
      name: 'million',
      embedding: { kind: 'vector', dimensions: DIMENSIONS },
      dimensions: DIMENSIONS,
      metadata: { kind: { type: 'string', filter: true } },
    });
    const made = { tenant: 'bench', description: await collections.describe(AT) };
    const source = vectorSource(DIMENSIONS, Math.max(10, Math.round(rows / 200)), 20_260_101);
    const random = uniform(7);
    const questions = new Float32Array(QUESTIONS * DIMENSIONS);
    for (let i = 0; i < QUESTIONS; i++) source.next(questions, i * DIMENSIONS);
    const all = createTruth(questions, DIMENSIONS, NEAREST);
    const rare = createTruth(questions, DIMENSIONS, NEAREST);

    let inserting = 0;
    for (let first = 0; first < rows; first += BATCH) {
      const count = Math.min(BATCH, rows - first);
      const vectors = new Float32Array(count * DIMENSIONS);
      for (let i = 0; i < count; i++) source.next(vectors, i * DIMENSIONS);
      const kinds = Array.from({ length: count }, () => (random() < 0.01 ? 'rare' : 'common'));
      const ids = Array.from({ length: count }, (_, i) => first + i);
      const rareIds = ids.filter((_, i) => kinds[i] === 'rare');
      const rareVectors = new Float32Array(rareIds.length * DIMENSIONS);
      for (const [i, id] of rareIds.entries()) {
        const at = (id - first) * DIMENSIONS;
        rareVectors.set(vectors.subarray(at, at + DIMENSIONS), i * DIMENSIONS);
      }
      await Promise.all([all.compare(vectors, ids), rare.compare(rareVectors, rareIds)]);
      const items = ids.map(
        (id, i): Row => ({
          id: String(id),
          vector: vectors.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS),
          metadata: { kind: kinds[i] ?? '' },
        }),
      );
      const began = performance.now();
      await collections.put(made, items);
      inserting += performance.now() - began;
      if (first % 100_000 === 0) console.error(`${first + count} of ${rows} items`);
    }
    await collections.settled();
    const { index, count } = await collections.get(AT);
    console.error(JSON.stringify(index));
    const builds = upkeep.filter(({ did }) => did === 'index');
    const building = Number(builds.at(-1)?.milliseconds ?? 0);
    const plain = await ask(collections, questions, all.nearest(), undefined);
    const filtered = await ask(collections, questions, rare.nearest(), RARE);
    const gigabytes = (bytes: number): number => bytes / 1e9;
    const row = (name: string, value: number, unit: string, what: string): BenchRow => ({
      name,
      value,
      unit,
      what,
    });
    return [
      row('items', count, '', `vectors of ${DIMENSIONS} numbers, half of them in clusters`),
      row('insert_s', inserting / 1000, 's', `time of putting them, ${BATCH} at a time`),
      row('build_s', building / 1000, 's', 'time of the index and of choosing its settings'),
      row(
        'nprobes',
        index.nprobes ?? 0,
        '',
        `parts of ${index.partitions ?? 0} that are looked at`,
      ),
      row('refine_factor', index.refine_factor ?? 0, '', 'candidates for each result'),
      row('recall_at_10', plain.recall, '', `share of the true 10 nearest, ${QUESTIONS} questions`),
      row('query_p50_ms', plain.p50, 'ms', 'a search, median'),
      row('query_p95_ms', plain.p95, 'ms', 'a search, of which 5 % take longer'),
      row('filtered_recall_at_10', filtered.recall, '', 'with a filter that leaves 1 %'),
      row('filtered_p50_ms', filtered.p50, 'ms', 'a filtered search, median'),
      row('filtered_p95_ms', filtered.p95, 'ms', 'a filtered search, of which 5 % take longer'),
      row(
        'memory_gb',
        gigabytes(process.memoryUsage.rss()),
        'GB',
        'of this process while it searches',
      ),
      row(
        'peak_gb',
        gigabytes(process.resourceUsage().maxRSS * 1024),
        'GB',
        'of this process at most',
      ),
    ];
  } finally {
    await collections.close();
    await rm(folder, { recursive: true, force: true });
  }
}
