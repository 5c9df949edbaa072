/** What a collection is made as: every setting filled in, and the model named by its weights. */
import type {
  CollectionEmbedding,
  CreateCollectionRequest,
  SettledEmbedding,
} from '../../shared/api/collections.ts';
import type { NewCollection } from '../../shared/api/collectionWork.ts';
import { failureAt } from '../../shared/api/failures.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import { embeddingTarget } from '../../shared/plan/embed.ts';
import { selectModel } from '../../shared/plan/names.ts';

interface Settled {
  readonly embedding: SettledEmbedding;
  readonly dimensions: number;
}

function modelOf(name: string | undefined, models: readonly Model[]): Model {
  try {
    return selectModel(name, models);
  } catch (error) {
    throw failureAt(error, pointerTo('embedding'));
  }
}

/** @throws FailureError for a model or target that is not there, or has no such vectors */
function settleEmbedding(embedding: CollectionEmbedding, models: readonly Model[]): Settled {
  if (embedding.kind === 'vector') return { embedding, dimensions: embedding.dimensions };
  const chosen = modelOf(embedding.model, models);
  const { id: model, digest, width } = chosen;
  if (embedding.kind === 'features') {
    if (width !== undefined)
      return { embedding: { kind: 'features', model, digest }, dimensions: width };
    const detail = `the worker of ${model} is of an earlier version, which gives no features`;
    throw refusal('invalid_target', detail, pointerTo('embedding', 'kind'));
  }
  const { target, steps = 1, samples = 1, guidance_scale = 1, ready_vectors } = embedding;
  const at = pointerTo('embedding', 'target');
  const entry = embeddingTarget(target, chosen, at);
  const settings = { steps, samples, guidance_scale, ready_vectors };
  return {
    embedding: { kind: 'target', model, digest, target: entry.name, ...settings },
    dimensions: entry.dimensions,
  };
}

/** @param models asked for only where the collection has one. @throws as `settleEmbedding` */
export async function settleCollection(
  { name, embedding, metadata }: CreateCollectionRequest,
  models: () => Promise<readonly Model[]>,
): Promise<NewCollection> {
  const loaded = embedding.kind === 'vector' ? [] : await models();
  return { name, metadata, ...settleEmbedding(embedding, loaded) };
}
