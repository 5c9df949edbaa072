/**
 * Global embeddings of a list of items, predicted from whatever each of them gives: the target's tokens, in one
 * pass or several steps, decoded by their tokenizer. Items share the runs of the model, and each has the same bytes
 * as alone.
 */
import { itemAt, present, valueAt } from '../../shared/lookup.ts';
import {
  embeddingTarget,
  type PlannedPrediction,
  type Prediction,
  planPrediction,
} from '../../shared/plan/embed.ts';
import { targetModality } from '../../shared/plan/names.ts';
import type { Stage } from '../../shared/plan/plan.ts';
import type { PassCount } from '../batching/passes.ts';
import type { TokenState } from '../engine/tokenState.ts';
import { decodeVectors } from './decodeVectors.ts';
import { type FeatureOptions, type Item, tokensOf } from './features.ts';
import { type Reading, startReading } from './reading.ts';
import type { ServedModel } from './servedModel.ts';
import { readStage, runTargets } from './stage.ts';
import { type MeanDirection, meanDirection } from './vectors.ts';
import { inWindows } from './windows.ts';

export interface PredictedItem extends Item {
  /** What its samples are drawn by. */
  readonly seed: number;
}

export interface PredictedEmbedding extends MeanDirection {
  /** Tokens of each sample, in order of position. */
  readonly samples: readonly (readonly number[])[];
}

export interface PredictOptions extends FeatureOptions {
  /** Receives the passes that were needed. */
  readonly passes?: PassCount;
}

interface ReadItem {
  readonly planned: PlannedPrediction;
  readonly stage: Stage;
  readonly state: TokenState;
}

async function readItem(
  planned: PlannedPrediction,
  model: ServedModel,
  reading: Reading,
): Promise<ReadItem> {
  const { item, plan } = planned;
  const stage = itemAt(plan.stages, 0, 'stages');
  const state = await readStage(stage.inputs, item, model, reading, item.at);
  return { planned, stage, state };
}

/**
 * @param items their pictures have `REQUEST_PIXELS` at most together
 * @param target a global embedding, by its public or own name
 * @returns one vector for each item, in their order: of several samples their mean direction, as long as they are
 *   on average
 * @throws FailureError with the pointer of every item that does not fit; the signal's reason
 */
export async function predictEmbeddings(
  items: readonly PredictedItem[],
  target: string,
  settings: Prediction,
  model: ServedModel,
  options: PredictOptions = {},
): Promise<PredictedEmbedding[]> {
  const { signal, turn, onItem, reading = startReading(signal) } = options;
  const entry = embeddingTarget(target, model.description);
  const modality = present(targetModality(entry, target), `the tokens of ${target}`);
  const passes: PassCount = options.passes ?? { encoder: 0, decoder: 0 };
  const lane = model.scheduler.join(turn);
  let done = 0;

  async function predict({ planned, stage, state }: ReadItem, seed: number): Promise<number[][]> {
    const { request } = planned;
    const own: PassCount = { encoder: 0, decoder: 0 };
    const how = { request, seed, reading, passes: own, signal, turn, made: [], reused: [] };
    const { samples } = await runTargets(stage, model, state, how, lane.run);
    passes.encoder += own.encoder;
    passes.decoder += own.decoder;
    onItem?.(++done, tokensOf(state));
    return samples.map((ids) => [...valueAt(ids, modality, 'targets')]);
  }

  const predictAll = (): Promise<number[][][]> =>
    inWindows(items, {
      read: async (item) => {
        const planned = planPrediction(item, target, settings, model.description);
        return await readItem(planned, model, reading);
      },
      run: (window) => Promise.all(window.map(({ item, read }) => predict(read, item.seed))),
      signal,
    });
  const tokens = await predictAll().finally(lane.leave);
  const vectors = await decodeVectors(tokens.flat(), modality, model.loaded, signal);
  let next = 0;
  return tokens.map((samples) => {
    const own = samples.map(() => itemAt(vectors, next++, 'vectors'));
    return { ...meanDirection(own), samples };
  });
}
