/** The nearest of all vectors to each question, found by comparison while the vectors are made. */
import { inThread } from '../../../worker/threads/inThread.ts';
import type { Best } from '../../../worker/values/nearest.ts';

export interface Truth {
  /** Compares vectors (rows, D), whose ids are `first`, `first` + `step` ... */
  readonly compare: (vectors: Float32Array, ids: readonly number[]) => Promise<void>;
  /** Ids of the nearest of each question. */
  readonly nearest: () => readonly (readonly number[])[];
}

export function createTruth(questions: Float32Array, dimensions: number, k: number): Truth {
  const found = Array.from(
    { length: questions.length / dimensions },
    (): { id: number; score: number }[] => [],
  );
  return {
    async compare(vectors, ids) {
      if (ids.length === 0) return;
      const given = { vectors, queries: questions, dimensions, k };
      const best: Best[] = await inThread('nearest', given);
      for (const [question, { ids: places, scores }] of best.entries()) {
        const list = found[question] ?? [];
        for (const [i, place] of places.entries())
          list.push({ id: ids[place] ?? -1, score: scores[i] ?? 0 });
        list.sort((a, b) => b.score - a.score);
        list.length = Math.min(list.length, k);
      }
    },
    nearest: () => found.map((list) => list.map(({ id }) => id)),
  };
}
