/** What a request to classify, or to fit a head, looks at and costs: from the request and the model alone. */
import type { ClassifyRequest } from '../api/classify.ts';
import { eachInSlices, failureAt } from '../api/failures.ts';
import type { GenerateRequest } from '../api/generate.ts';
import { type FitHeadRequest, MOST_FITTED_CLASSES } from '../api/heads.ts';
import type { Model } from '../api/models.ts';
import { pointerTo } from '../api/pointer.ts';
import { refusal } from '../api/problem.ts';
import { pixelUnits, unitsOf } from './cost.ts';
import { findModality } from './names.ts';
import { planInputs } from './plan.ts';

export interface EncodingCost {
  readonly encoderPasses: number;
  readonly decoderPasses: number;
  /** Tokens that the passes read. */
  readonly tokenSteps: number;
  readonly units: number;
}

/** @throws FailureError `head_mismatch` where the model has no head of its own and none is named */
export function assertHead({ head }: Pick<ClassifyRequest, 'head'>, model: Model): void {
  if (head !== undefined || model.head) return;
  const detail = `${model.id} was exported without a head; name one of /v1/heads`;
  throw refusal('head_mismatch', detail, pointerTo('head'));
}

/** Inputs with their place in the request. */
export interface PlacedItem {
  readonly inputs: GenerateRequest['inputs'];
  /** Pointer of what holds the inputs; empty for the request itself. */
  readonly at: string;
}

export const itemsOf = ({ items, inputs }: ClassifyRequest): PlacedItem[] =>
  items?.map((item, index) => ({ ...item, at: pointerTo('items', index) })) ??
  (inputs ? [{ inputs, at: '' }] : []);

/** None where the vectors are those of a collection. */
export const exampleItems = ({ examples = [] }: Pick<FitHeadRequest, 'examples'>): PlacedItem[] =>
  examples.map(({ inputs }, index) => ({ inputs, at: pointerTo('examples', index) }));

export interface CostOptions {
  /** What a head looks at; the encoder's features when left out. */
  readonly features?: string | undefined;
  /** Of all pictures and masks that are given. */
  readonly pixels?: number;
}

/** @throws FailureError with the fields of all items that do not fit the model */
export async function costOfInputs(
  items: readonly PlacedItem[],
  model: Model,
  { features = 'encoder', pixels = 0 }: CostOptions = {},
): Promise<EncodingCost> {
  const predicted = features === 'encoder' ? 0 : predictedTokens(features, model);
  const steps = await eachInSlices(items, (item) => visibleOf(item, model) + predicted);
  return {
    encoderPasses: items.length,
    decoderPasses: predicted === 0 ? 0 : items.length,
    tokenSteps: steps.reduce((sum, own) => sum + own, 0),
    units: steps.reduce((sum, own) => sum + unitsOf(own, model), 0) + pixelUnits(pixels),
  };
}

/** Tokens of an embedding, which one pass of the decoder predicts. */
const predictedTokens = (features: string, model: Model): number =>
  findModality(model, features)?.tokens ?? 0;

function visibleOf(item: PlacedItem, model: Model): number {
  try {
    return planInputs(item, model).reduce((sum, { visible }) => sum + visible, 0);
  } catch (error) {
    throw failureAt(error, item.at);
  }
}

/** Examples x features x classes that a fit may have: it takes about a minute. */
const MOST_WORK = 20_000_000;

/** Classes in the order of their names, and the index of each label's. */
export function classesOf(given: readonly string[]): {
  readonly labels: readonly string[];
  readonly truth: readonly number[];
} {
  const labels = [...new Set(given)].sort();
  const places = new Map(labels.map((label, place) => [label, place]));
  return { labels, truth: given.map((label) => places.get(label) ?? 0) };
}

/**
 * Whether a head can be fitted to examples with these labels, before any of them is looked at.
 * @param width numbers that the head looks at
 * @param at pointer of all of them, and of the label of one
 * @throws FailureError `invalid_examples` naming the field that does not fit
 */
export function checkLabels(
  given: readonly string[],
  width: number,
  at: { readonly all: string; readonly one: (index: number) => string },
): void {
  const refuse = (detail: string, pointer: string) => refusal('invalid_examples', detail, pointer);
  const { labels, truth } = classesOf(given);
  if (labels.length < 2) {
    const detail = `the class of all ${given.length} examples is ${labels[0] ?? 'missing'}; a head needs two classes at least`;
    throw refuse(detail, at.all);
  }
  if (labels.length > MOST_FITTED_CLASSES) {
    const detail = `the examples have ${labels.length} classes, and a fit at most ${MOST_FITTED_CLASSES}`;
    throw refuse(detail, at.all);
  }
  const counts = new Array<number>(labels.length).fill(0);
  for (const own of truth) counts[own] = (counts[own] ?? 0) + 1;
  const single = truth.findIndex((own) => counts[own] === 1);
  if (single >= 0) {
    const detail = `${given[single]} has one example; each class needs two at least, one to learn from and one to be judged by`;
    throw refuse(detail, at.one(single));
  }
  const work = given.length * width * labels.length;
  if (work <= MOST_WORK) return;
  const detail =
    `${given.length} examples of ${labels.length} classes with ${width} features are ${work} numbers to fit, ` +
    `and at most ${MOST_WORK} are taken`;
  throw refuse(detail, at.all);
}

/** As `checkLabels`, of the examples of a request. */
export const checkExamples = (
  examples: NonNullable<FitHeadRequest['examples']>,
  width: number,
): void =>
  checkLabels(
    examples.map(({ label }) => label),
    width,
    {
      all: pointerTo('examples'),
      one: (index) => pointerTo('examples', index, 'label'),
    },
  );

/** @throws FailureError `head_mismatch` where the head looks at more or fewer numbers than the model gives */
export function assertWidth(
  { features, width }: { readonly features: string; readonly width: number },
  model: Model,
  pointer: string,
): void {
  const given = widthOf(features, model, pointer);
  if (width === given) return;
  const what = features === 'encoder' ? 'features' : features;
  const detail = `the head looks at ${width} numbers, and the ${what} of ${model.id} have ${given}`;
  throw refusal('head_mismatch', detail, pointer);
}

/**
 * Numbers that a head looks at.
 * @param features `encoder`, or a global embedding by its public or own name
 * @throws FailureError `head_mismatch` where the model has no such thing
 */
export function widthOf(features: string, model: Model, pointer: string): number {
  const refuse = (detail: string) => refusal('head_mismatch', detail, pointer);
  if (features === 'encoder') {
    if (model.width !== undefined) return model.width;
    throw refuse(`the worker of ${model.id} is of an earlier version, which gives no features`);
  }
  const entry = findModality(model, features);
  if (entry?.output && entry.dimensions !== undefined) return entry.dimensions;
  const others = model.modalities.filter((one) => one.output && one.dimensions !== undefined);
  const names = ['encoder', ...others.map(({ name }) => name)].join(', ');
  throw refuse(
    `${model.id} does not predict the embedding ${features}; heads of it look at ${names}`,
  );
}
