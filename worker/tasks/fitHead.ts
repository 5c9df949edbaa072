/**
 * The task of fitting a head: features of the examples, then multinomial logistic regression on them, its strength
 * chosen and its probabilities calibrated by predictions of examples that a fit has not seen. All arithmetic is
 * done in threads, a fold each.
 */
import type { Progress } from '../../shared/api/generate.ts';
import type { FitHeadRequest, FitReport } from '../../shared/api/heads.ts';
import type { Model } from '../../shared/api/models.ts';
import { pointerTo } from '../../shared/api/pointer.ts';
import { refusal } from '../../shared/api/problem.ts';
import type { MadeHead } from '../../shared/api/worker.ts';
import { itemAt } from '../../shared/lookup.ts';
import { checkExamples, classesOf, exampleItems, widthOf } from '../../shared/plan/classify.ts';
import type { LaneOptions } from '../batching/scheduler.ts';
import { writeHead } from '../heads/file.ts';
import { dealFolds, splitOf } from '../heads/folds.ts';
import { type HeadWeights, rowsOf } from '../heads/head.ts';
import type { Examples } from '../heads/objective.ts';
import { STRENGTHS } from '../heads/regression.ts';
import { inThread } from '../threads/inThread.ts';
import { headFeatures } from './headFeatures.ts';
import type { Lender } from './lender.ts';
import { startReading } from './reading.ts';

export interface FitOptions {
  readonly signal?: AbortSignal | undefined;
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

type Told = Pick<FitOptions, 'signal' | 'onProgress'>;

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
    { signal, lane: 'long' },
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
    const found = await inThread('fitFold', args, { signal, lane: 'long' });
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
      ...(await inThread('judgeStrength', { logits, classes, truth }, { signal })),
    })),
  );
  const best = bestOf(compared);
  const { l2 } = itemAt(compared, best, 'strengths');
  const predictions = { logits: itemAt(all, best, 'strengths'), classes, truth };
  const judged = await inThread('judge', { predictions, labels }, { signal });
  const { weights, fit } = await inThread(
    'fitAll',
    { examples, classes, l2 },
    { signal, lane: 'long' },
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

/** @throws FailureError for what is wrong with the request or its examples; the signal's reason */
export async function runFitHead(
  request: FitHeadRequest,
  model: Model,
  lender: Lender,
  { signal, turn, onProgress }: FitOptions,
): Promise<MadeHead> {
  const { features } = request;
  const width = widthOf(features, model, pointerTo('features'));
  checkExamples(request, width);
  const items = exampleItems(request);
  const onItem = (done: number): void => onProgress?.(stageOf('features', done, items.length));
  const vectors = await lender.use(model, (own) =>
    headFeatures(items, features, own, { reading: startReading(signal), signal, turn, onItem }),
  );
  assertFinite(vectors);
  const { labels, truth } = classesOf(request.examples);
  const examples = { rows: rowsOf(vectors, width), classes: truth };
  const { weights, report } = await solve({ examples, labels, request }, { signal, onProgress });
  const file = writeHead(weights, labels, { features, model: model.id });
  return {
    head: {
      name: request.name,
      source: 'examples',
      ...{
        model: model.id,
        model_digest: model.digest,
        features,
        width,
        labels: [...labels],
        report,
      },
    },
    file: Buffer.from(file).toString('base64'),
  };
}
