/**
 * The task of fitting a head: features of the examples, then multinomial logistic regression on them, its strength
 * chosen and its probabilities calibrated by predictions of examples that a fit has not seen. All arithmetic is
 * done in threads, a fold each.
 */
import type { Progress } from '../../shared/api/generate.ts';
import type { FitHeadRequest, FitReport, LabelledCollection } from '../../shared/api/heads.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { MadeHead } from '../../shared/api/worker.ts';
import { itemAt } from '../../shared/lookup.ts';
import {
  checkExamples,
  checkLabels,
  classesOf,
  exampleItems,
  widthOf,
} from '../../shared/plan/classify.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import { writeHead } from '../heads/file.ts';
import { dealFolds, splitOf } from '../heads/folds.ts';
import { type HeadWeights, rowsOf } from '../heads/head.ts';
import type { Examples } from '../heads/objective.ts';
import { STRENGTHS } from '../heads/regression.ts';
import { inThread } from '../threads/inThread.ts';
import { headFeatures } from './headFeatures.ts';
import { type CollectionAccess, labelledVectors } from './labelledItems.ts';
import { startReading } from './reading.ts';

export interface FitOptions extends CollectionAccess {
  readonly turn?: LaneOptions | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Stages of a fit, and the share of its time at which each begins. */
const STAGES = { features: 0, separability: 0.6, folds: 0.65, fit: 0.9 } as const;
const ENDS = { features: 0.6, separability: 0.65, folds: 0.9, fit: 1 } as const;

const stageOf = (target: keyof typeof STAGES, step: number, steps: number): Progress => ({
  ...{ target, step, steps },
  fraction: STAGES[target] + ((ENDS[target] - STAGES[target]) * step) / steps,
});

/** What a head is fitted to. */
export interface Problem {
  readonly examples: Examples;
  /** Names of the classes, in the order of their indices. */
  readonly labels: readonly string[];
  readonly request: Pick<FitHeadRequest, 'l2' | 'folds' | 'seed'>;
}

type Told = Partial<Pick<FitOptions, 'signal' | 'onProgress'>>;

/** @throws FailureError `invalid_examples` for examples whose features are no numbers */
function assertFinite(features: readonly Float32Array[]): void {
  const wrong = features.findIndex((vector) => !vector.every(Number.isFinite));
  if (wrong < 0) return;
  const detail = `the features of example ${wrong} are not finite`;
  throw refusal('invalid_examples', detail, pointerTo('examples', wrong));
}

/** Whether the classes can be parted; without a penalty their fit would then have no end. */
async function settleSeparability(
  { examples, labels, request }: Problem,
  { signal, onProgress }: Told,
): Promise<boolean> {
  const classes = labels.length;
  const separable = await inThread(
    'findSeparation',
    { examples, classes },
    { signal, lane: 'fit' },
  );
  onProgress?.({ ...stageOf('separability', 1, 1), separable });
  if (!separable || request.l2 !== 0) return separable;
  const detail =
    'a hyperplane parts the classes of these examples, so that a fit without a penalty has no optimum: its weights ' +
    'would grow for ever; give l2 above 0, or leave it out';
  throw refusal('invalid_examples', detail, pointerTo('l2'));
}

/** For each strength the logits (n, C) of all examples, each by a fit that has not seen it. */
async function heldOutLogits(
  { examples, labels, request }: Problem,
  strengths: readonly number[],
  folds: number,
  { signal, onProgress }: Told,
): Promise<Float64Array[]> {
  const classes = labels.length;
  const dealt = dealFolds(examples.classes, folds, request.seed);
  const logits = strengths.map(() => new Float64Array(examples.rows.count * classes));
  let done = 0;
  const fitOne = async (fold: number): Promise<void> => {
    const args = { examples, classes, dealt, fold, strengths };
    const found = await inThread('fitFold', args, { signal, lane: 'fit' });
    const { held } = splitOf(dealt, fold);
    for (const [i, own] of found.entries())
      for (const [row, index] of held.entries())
        itemAt(logits, i, 'strengths').set(
          own.subarray(row * classes, (row + 1) * classes),
          index * classes,
        );
    onProgress?.(stageOf('folds', ++done, folds));
  };
  await Promise.all(Array.from({ length: folds }, (_, fold) => fitOne(fold)));
  return logits;
}

/** Folds that every class has examples for. */
function foldsOf({ labels, examples, request }: Problem): number {
  const counts = labels.map((_, k) => examples.classes.filter((own) => own === k).length);
  return Math.min(request.folds, ...counts);
}

/** Of equal ones the stronger, which comes first. */
const bestOf = (compared: FitReport['strengths']): number =>
  compared.reduce(
    (best, { loss }, i) => (loss < itemAt(compared, best, 'strengths').loss ? i : best),
    0,
  );

/** The temperature goes into the weights, so that the file alone says what the head says. */
function cooled({ linear, ...weights }: HeadWeights, temperature: number): HeadWeights {
  return { ...weights, linear: linear.map((value) => value / temperature) };
}

/** The head of a problem, and what held-out predictions say of it. @throws as `runFitHead` */
export async function solve(
  problem: Problem,
  told: Told = {},
): Promise<{ weights: HeadWeights; report: FitReport }> {
  const { examples, labels, request } = problem;
  const { signal, onProgress } = told;
  const classes = labels.length;
  const separable = await settleSeparability(problem, told);
  const strengths = request.l2 === undefined ? STRENGTHS : [request.l2];
  const folds = foldsOf(problem);
  const all = await heldOutLogits(problem, strengths, folds, told);
  const truth = examples.classes;
  const compared = await Promise.all(
    all.map(async (logits, i) => ({
      l2: itemAt(strengths, i, 'strengths'),
      ...(await inThread('judgeStrength', { logits, classes, truth }, { signal, lane: 'fit' })),
    })),
  );
  const best = bestOf(compared);
  const { l2 } = itemAt(compared, best, 'strengths');
  const predictions = { logits: itemAt(all, best, 'strengths'), classes, truth };
  const judged = await inThread('judge', { predictions, labels }, { signal, lane: 'fit' });
  const { weights, fit } = await inThread(
    'fitAll',
    { examples, classes, l2 },
    { signal, lane: 'fit' },
  );
  onProgress?.(stageOf('fit', 1, 1));
  const { loss, iterations, converged } = fit;
  return {
    weights: cooled(weights, judged.temperature),
    report: {
      examples: examples.rows.count,
      ...{ separable, l2, strengths: compared, folds, loss, iterations, converged },
      ...judged,
    },
  };
}

/** What a head is to be fitted to. */
interface Learnt {
  readonly vectors: readonly Float32Array[];
  readonly labels: readonly string[];
  readonly features: string;
  readonly source: 'examples' | 'collection';
}

async function fromExamples(
  examples: NonNullable<FitHeadRequest['examples']>,
  features: string,
  model: Model,
  { lender, signal, turn, onProgress }: FitOptions,
): Promise<Learnt> {
  checkExamples(examples, widthOf(features, model, pointerTo('features')));
  const items = exampleItems({ examples });
  const onItem = (done: number): void => onProgress?.(stageOf('features', done, items.length));
  const vectors = await lender.use(model, (own) =>
    headFeatures(items, features, own, { reading: startReading(signal), signal, turn, onItem }),
  );
  assertFinite(vectors);
  return { vectors, labels: examples.map(({ label }) => label), features, source: 'examples' };
}

/** Vectors of a collection that a head can look at again: not ready ones, nor those made in other ways. */
async function fromCollection(
  collection: LabelledCollection,
  model: Model,
  options: FitOptions,
): Promise<Learnt> {
  const { vectors, labels, description } = await labelledVectors(collection, options);
  const { name, dimensions, embedding } = description;
  const { kind, target, steps = 1, samples = 1, guidance_scale = 1 } = embedding;
  const at = pointerTo('collection', 'name');
  if (kind === 'vector' || embedding.model !== model.id || embedding.digest !== model.digest) {
    const detail = `the vectors of ${name} are not those of ${model.id} as it is loaded, so that a head of them could look at no inputs`;
    throw refusal('head_mismatch', detail, at);
  }
  if (steps > 1 || samples > 1 || guidance_scale !== 1) {
    const detail = `the vectors of ${name} are predicted in several steps or samples, and a head looks at those of one pass`;
    throw refusal('head_mismatch', detail, at);
  }
  const label = pointerTo('collection', 'label_field');
  checkLabels(labels, dimensions, { all: label, one: () => label });
  options.onProgress?.(stageOf('features', 1, 1));
  const features = kind === 'target' ? (target ?? '') : 'encoder';
  return { vectors, labels, features, source: 'collection' };
}

/** @throws FailureError for what is wrong with the request or its examples; the signal's reason */
export async function runFitHead(
  request: FitHeadRequest,
  model: Model,
  options: FitOptions,
): Promise<MadeHead> {
  const { examples = [], collection, name, features: asked = 'encoder' } = request;
  const learnt = collection
    ? await fromCollection(collection, model, options)
    : await fromExamples(examples, asked, model, options);
  const { vectors, features, source } = learnt;
  const width = widthOf(features, model, pointerTo('features'));
  const { labels, truth } = classesOf(learnt.labels);
  const rows = rowsOf(vectors, width);
  const { weights, report } = await solve(
    { examples: { rows, classes: truth }, labels, request },
    options,
  );
  const isUnit = source === 'collection';
  const metadata = { features, model: model.id, ...(isUnit && { normalised: 'true' }) };
  const file = writeHead(weights, labels, metadata);
  return {
    head: {
      ...{ name, source, model: model.id, model_digest: model.digest, features, width },
      ...(isUnit && { normalised: true }),
      labels: [...labels],
      report,
    },
    file: Buffer.from(file).toString('base64'),
  };
}
