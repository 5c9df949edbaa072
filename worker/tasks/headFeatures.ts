/** What a head looks at: a vector for each item, the mean of its encoder's features or a predicted embedding. */
import type { PlacedItem } from '../../shared/plan/classify.ts';
import { planInputs } from '../../shared/plan/plan.ts';
import { runBackbone } from '../batching/backbone.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import { itemFeatures } from './features.ts';
import { predictEmbeddings } from './predictEmbeddings.ts';
import type { Reading } from './reading.ts';
import { asGenerator, type Served, type ServedBackbone } from './servedModel.ts';
import { readStage } from './stage.ts';
import { inWindows } from './windows.ts';

export interface HeadFeatureOptions {
  readonly reading: Reading;
  readonly signal?: AbortSignal | undefined;
  readonly turn?: LaneOptions | undefined;
  /** Called after each item. */
  readonly onItem?: (done: number) => void;
}

/** Embeddings are predicted in one pass, each token the likeliest: nothing is drawn. */
const SEED = 0;

/**
 * @param features `encoder`, or the global embedding that is predicted
 * @throws FailureError with the fields of every item that does not fit; the signal's reason
 */
export async function headFeatures(
  items: readonly PlacedItem[],
  features: string,
  model: Served,
  options: HeadFeatureOptions,
): Promise<Float32Array[]> {
  if (features === 'encoder') return await itemFeatures(items, model, options);
  const seeded = items.map((item) => ({ ...item, seed: SEED }));
  const predicted = await predictEmbeddings(seeded, features, {}, asGenerator(model), options);
  return predicted.map(({ vector }) => vector);
}

/** Logits (classes) of the head that a backbone was exported with. Errors as `headFeatures`. */
export async function ownLogits(
  items: readonly PlacedItem[],
  { description, ...model }: ServedBackbone,
  { reading, signal, onItem }: HeadFeatureOptions,
): Promise<Float32Array[]> {
  const { fm, encoder } = model.loaded;
  const served = { description, ...model };
  let done = 0;
  return await inWindows(items, {
    read: (item) => readStage(planInputs(item, description), item, served, reading, item.at),
    run: async (window) => {
      const all: Float32Array[] = [];
      for (const { read } of window) {
        const { logits } = await runBackbone(fm, encoder, read, signal);
        if (logits) all.push(logits);
        onItem?.(++done);
      }
      return all;
    },
    signal,
  });
}
