/** Inputs, items and ready vectors -> vectors of length 1, and what is answered to a search with them. */
import type { Found, MixPart, SearchRequest } from '../../shared/api/search.ts';
import type { Collections } from '../retrieval/collections.ts';
import type { Reference } from '../retrieval/tables.ts';
import { cosine, mixed } from '../retrieval/vectors.ts';
import { type Vectorising, vectorsOf } from './vectorise.ts';

type Path = readonly PropertyKey[];

interface Part extends MixPart {
  readonly path: Path;
}

const fromOf = ({ inputs, item }: MixPart) => (inputs ? 'inputs' : item ? 'item' : 'vector');

/** A single thing that is asked for counts as a mix of one. */
const partsOf = ({ mix, inputs, item, vector }: SearchRequest): Part[] =>
  mix?.map((part, index) => ({ ...part, path: ['mix', index] })) ?? [
    { inputs, item, vector, weight: 1, path: [] },
  ];

/**
 * @param named the collection is looked at once: one of that name that is made meanwhile may have other vectors
 * @throws FailureError as `Collections.search`, `vectorsOf`, and `unknown_item`
 */
export async function answerQuestion(
  named: Reference,
  request: SearchRequest,
  collections: Collections,
  context: Vectorising,
): Promise<Found> {
  const description = await collections.describe(named);
  const reference = { ...named, uid: description.uid };
  const parts = partsOf(request);
  const made = parts.filter(({ item }) => item === undefined);
  const vectors = await vectorsOf(
    made.map((part) => ({ source: part, path: part.path })),
    description,
    context,
  );
  const weighed = await Promise.all(
    parts.map(async (part) => {
      const { item, path, weight } = part;
      const own =
        item === undefined
          ? vectors[made.indexOf(part)]
          : { vector: await collections.vector(reference, item, [...path, 'item']) };
      if (!own) throw new Error('a part of a search came without its vector');
      return { ...own, weight, from: fromOf(part) } as const;
    }),
  );
  const vector = mixed(weighed, request.mix ? ['mix'] : []);
  const { k, filter, vectors: withVectors, explain } = request;
  const found = await collections.search(reference, { vector, k, filter, vectors: withVectors });
  const { results, items, matching, settings } = found;
  return {
    results: [...results],
    ...(explain && {
      explain: {
        method: settings ? 'index' : 'exact',
        items,
        matching,
        ...(settings && {
          nprobes: settings.nprobes,
          refine_factor: settings.refine,
          recall_at_10: settings.recall,
        }),
        vector: Array.from(vector),
        parts: weighed.map(({ weight, from, vector: own, tokens }) => ({
          weight,
          from,
          cosine: cosine(own, vector),
          ...(tokens && { tokens: [...tokens] }),
        })),
      },
    }),
  };
}
