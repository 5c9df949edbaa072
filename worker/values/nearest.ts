/** Nearest neighbours by comparison with every vector: the truth that an index is measured by. */

/** The best of what was seen so far of one query, best first. */
export interface Best {
  readonly ids: readonly number[];
  readonly scores: readonly number[];
}

export interface NearestArguments {
  /** (rows, D), of length 1. */
  readonly vectors: Float32Array;
  /** (queries, D), of length 1. */
  readonly queries: Float32Array;
  readonly dimensions: number;
  readonly k: number;
}

/** Queries that are compared with a vector while it is at hand. */
const TOGETHER = 4;

/** Puts a row in its place among the best. */
function insert(ids: number[], scores: number[], k: number, id: number, score: number): void {
  if (scores.length === k && score <= (scores[k - 1] ?? 0)) return;
  let at = scores.length;
  while (at > 0 && (scores[at - 1] ?? 0) < score) at--;
  scores.splice(at, 0, score);
  ids.splice(at, 0, id);
  if (scores.length <= k) return;
  scores.pop();
  ids.pop();
}

/** Of each query the k rows with the greatest dot products. It takes rows x queries x D multiplications. */
export function nearest({ vectors, queries, dimensions, k }: NearestArguments): Best[] {
  const rows = vectors.length / dimensions;
  const count = queries.length / dimensions;
  const best = Array.from({ length: count }, () => ({
    ids: [] as number[],
    scores: [] as number[],
  }));
  for (let query = 0; query < count; query += TOGETHER) {
    const offsets = Array.from(
      { length: TOGETHER },
      (_, i) => Math.min(query + i, count - 1) * dimensions,
    );
    const [p = 0, q = 0, r = 0, s = 0] = offsets;
    for (let row = 0; row < rows; row++) {
      const at = row * dimensions;
      let [a, b, c, d] = [0, 0, 0, 0];
      for (let i = 0; i < dimensions; i++) {
        const number = vectors[at + i] ?? 0;
        a += number * (queries[p + i] ?? 0);
        b += number * (queries[q + i] ?? 0);
        c += number * (queries[r + i] ?? 0);
        d += number * (queries[s + i] ?? 0);
      }
      for (const [i, score] of [a, b, c, d].entries()) {
        const own = best[query + i];
        if (own) insert(own.ids, own.scores, k, row, score);
      }
    }
  }
  return best;
}
