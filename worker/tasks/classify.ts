/** The task of classifying: inputs -> features -> logits of a head -> the likeliest classes. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  ClassifiedItem,
  ClassifyRequest,
  ClassifyResponse,
} from '../../shared/api/classify.ts';
import type { Progress } from '../../shared/api/generate.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { itemAt, present } from '../../shared/lookup.ts';
import {
  assertHead,
  assertWidth,
  costOfInputs,
  itemsOf,
  type PlacedItem,
} from '../../shared/plan/classify.ts';
import { usageOf } from '../../shared/plan/usageOf.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import type { HeadFile } from '../heads/file.ts';
import { headLogits, rowsOf } from '../heads/head.ts';
import { softmax } from '../heads/objective.ts';
import { type HeadFeatureOptions, headFeatures, ownLogits } from './headFeatures.ts';
import type { HeadAddress, HeadSource } from './headSource.ts';
import { byNeighbours, type CollectionAccess } from './labelledItems.ts';
import type { Lender } from './lender.ts';
import { startReading } from './reading.ts';
import { type Served, servedBy } from './servedModel.ts';
import { normalised } from './vectors.ts';

export interface ClassifyTask {
  readonly id: string;
  readonly request: ClassifyRequest;
  /** Absent for the head that the model was exported with. */
  readonly head?: HeadAddress | undefined;
}

export interface ClassifyOptions extends Pick<CollectionAccess, 'collections' | 'tenant'> {
  readonly heads: HeadSource;
  readonly signal: AbortSignal;
  readonly turn?: LaneOptions | undefined;
  /** Called after each item. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Indices of the largest values, the largest first; of equal ones the first. */
function largest(values: Float64Array, count: number): number[] {
  const order = [...values.keys()].sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b);
  return order.slice(0, count);
}

/** What logits (C) say, as it was asked for. */
function classified(
  logits: Float64Array,
  labels: readonly string[],
  { top_k, logits: wantsLogits }: Pick<ClassifyRequest, 'top_k' | 'logits'>,
): ClassifiedItem {
  const probabilities = logits.slice();
  softmax(probabilities);
  const classes = largest(probabilities, top_k).map((k) => ({
    label: itemAt(labels, k, 'labels'),
    probability: itemAt(probabilities, k, 'probabilities'),
  }));
  return { classes, ...(wantsLogits && { logits: [...logits] }) };
}

interface Classifying {
  readonly items: readonly PlacedItem[];
  readonly request: ClassifyRequest;
  readonly options: HeadFeatureOptions;
}

/** By the head that a backbone was exported with. */
async function byOwnHead(model: Served, { items, request, options }: Classifying) {
  assertHead(request, model.description);
  if (model.kind !== 'backbone') throw new Error('only a backbone has a head of its own');
  const { labels } = present(model.description.head, 'the head of the model');
  const all = await ownLogits(items, model, options);
  return all.map((logits) => classified(Float64Array.from(logits), labels, request));
}

async function byHead(
  { weights, labels: named, features, normalised: isUnit }: HeadFile,
  model: Served,
  { items, request, options }: Classifying,
): Promise<ClassifiedItem[]> {
  assertWidth({ features, width: weights.width }, model.description, pointerTo('head'));
  const labels = named ?? Array.from({ length: weights.classes }, (_, k) => String(k));
  const vectors = await headFeatures(items, features, model, options);
  const answers: ClassifiedItem[] = [];
  for (const vector of vectors) {
    const seen = isUnit ? normalised(vector) : vector;
    const logits = headLogits(weights, rowsOf([seen], weights.width));
    answers.push(classified(logits, labels, request));
    // A head may have millions of weights: others get their turn between two items.
    await nextTurn();
  }
  return answers;
}

/** @throws FailureError for what is wrong with the request or the head; the signal's reason */
export async function runClassify(
  { id, request, head: address }: ClassifyTask,
  model: Model,
  lender: Lender,
  { heads, signal, turn, onProgress, ...access }: ClassifyOptions,
): Promise<ClassifyResponse> {
  const started = performance.now();
  const reading = startReading(signal);
  const items = itemsOf(request);
  const onItem = (step: number): void =>
    onProgress?.({
      ...{ target: 'features', step, steps: items.length },
      fraction: step / items.length,
    });
  const work = { items, request, options: { reading, signal, turn, onItem } };
  const head = address && (await heads.load(address, signal));
  const { neighbours, top_k } = request;
  const answers = neighbours
    ? await byNeighbours(items, neighbours, top_k, { ...access, lender, signal })
    : await lender.use(model, (own) => (head ? byHead(head, own, work) : byOwnHead(own, work)));
  const cost = await costOfInputs(items, model, {
    features: head?.features,
    pixels: reading.pixels(),
  });
  return {
    id,
    model: servedBy(model),
    ...(address && { head: { name: address.name, version: address.version } }),
    items: answers,
    usage: {
      ...usageOf(cost),
      milliseconds: Math.round(performance.now() - started),
    },
    ...(reading.warnings.length > 0 && { warnings: [...reading.warnings] }),
  };
}
