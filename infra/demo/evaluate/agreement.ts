/**
 * Whether a caption describes a picture, without a head: the global embedding is predicted from each alone, and the
 * cosine between the two is held against a threshold that a few examples have settled.
 */
import type { Client } from '../../../shared/client/index.ts';
import { itemAt } from '../../../shared/lookup.ts';
import { share } from './row.ts';

/** A picture and what is said of it. */
export interface Pair {
  readonly rgb: string;
  readonly caption: string;
  readonly isTrue: boolean;
}

/** Items of a request. */
const AT_ONCE = 100;

/** Cosine of the two embeddings of each pair. */
async function cosines(client: Client, target: string, pairs: readonly Pair[]): Promise<number[]> {
  const all: number[] = [];
  for (let start = 0; start < pairs.length; start += AT_ONCE) {
    const part = pairs.slice(start, start + AT_ONCE);
    const [pictures, captions] = await Promise.all(
      [
        part.map(({ rgb }) => ({ inputs: { rgb } })),
        part.map(({ caption }) => ({ inputs: { caption } })),
      ].map(async (items) => {
        const answer = await client.embed({ items, target });
        return answer.items.map(({ embedding }) => {
          if (!Array.isArray(embedding?.values)) throw new Error('the server answered no numbers');
          return embedding.values;
        });
      }),
    );
    // Vectors have length 1.
    for (const [i, picture] of (pictures ?? []).entries()) {
      const caption = itemAt(captions ?? [], i, 'captions');
      all.push(picture.reduce((sum, value, d) => sum + value * itemAt(caption, d, 'vector'), 0));
    }
  }
  return all;
}

/** Share of the pairs that a threshold calls rightly. */
const rightAt = (threshold: number, scores: readonly number[], pairs: readonly Pair[]): number =>
  share(scores.map((score, i) => score >= threshold === itemAt(pairs, i, 'pairs').isTrue));

/** @returns the share of the judged pairs that are right, at the threshold that is best for the fitted ones */
export async function agreementAccuracy(
  client: Client,
  target: string,
  fitted: readonly Pair[],
  judged: readonly Pair[],
): Promise<number> {
  const known = await cosines(client, target, fitted);
  const best = known.reduce((a, b) =>
    rightAt(b, known, fitted) > rightAt(a, known, fitted) ? b : a,
  );
  return rightAt(best, await cosines(client, target, judged), judged);
}
